//! Rings: which appliances of a site take up a release first, and how much later the others do.
//!
//! A site's `rings` (see `modules/policy/rings.nix`) are no part of any policy. What comes of them is each appliance's
//! `not_before` in a release, which people sign.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use writ_trust::release::{Generation, until_promoted};
use writ_trust::time::{Span, Time};

/// The word for a ring that waits for people.
const PROMOTION: &str = "promotion";

/// When a ring takes up a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// So much later than the release.
    Delay(Span),
    /// Not before people sign a newer release that says so.
    Promotion,
}

/// One ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// What it is called.
    pub name: String,
    /// When it takes up a release.
    pub after: After,
    /// Its appliances.
    pub appliances: Vec<String>,
}

/// The rings of a site, the first first. Without any all appliances take up a release at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rings(pub Vec<Ring>);

impl After {
    /// The `not_before` of a ring of a release that begins at `base`.
    pub fn not_before(&self, base: Time) -> Time {
        match self {
            Self::Delay(span) => base.plus(span),
            Self::Promotion => until_promoted(),
        }
    }

    /// The same in words.
    pub fn words(&self) -> String {
        match self {
            Self::Delay(span) if span.millis() == 0 => "at once".to_owned(),
            Self::Delay(span) => format!("after {span}"),
            Self::Promotion => "once promoted".to_owned(),
        }
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(span) => span.fmt(f),
            Self::Promotion => f.write_str(PROMOTION),
        }
    }
}

/// Why a string is not an [`After`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not when a ring takes up a release: expected a duration such as \"24h\", or \"promotion\"")]
pub struct AfterError(String);

impl FromStr for After {
    type Err = AfterError;

    fn from_str(text: &str) -> Result<Self, AfterError> {
        if text == PROMOTION {
            return Ok(Self::Promotion);
        }
        text.parse().map(Self::Delay).map_err(|_| AfterError(text.chars().take(60).collect()))
    }
}

impl Serialize for After {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for After {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Rings {
    /// Whether all appliances take up a release at once.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of the ring that each appliance is in, from 0.
    pub fn places(&self) -> BTreeMap<&str, usize> {
        let each = self.0.iter().enumerate();
        each.flat_map(|(place, ring)| ring.appliances.iter().map(move |name| (name.as_str(), place))).collect()
    }

    /// The ring of this name.
    pub fn named(&self, name: &str) -> Option<&Ring> {
        self.0.iter().find(|ring| ring.name == name)
    }
}

/// The `not_before` of an appliance in a release that follows another: by its ring, but what people have signed already is
/// never put off. An entry that brings the same as the one before keeps its time, if that is earlier.
pub fn not_before(by_ring: Time, entry: &Generation, before: Option<&Generation>) -> Time {
    match before.filter(|before| before.brings_the_same_as(entry)) {
        Some(before) => before.not_before.min(by_ring),
        None => by_ring,
    }
}

/// The `not_before` of an appliance whose entry is released again, unchanged: at once, where it is promoted. Nobody is put
/// off.
pub fn promoted(before: &Generation, is_promoted: bool, now: Time) -> Time {
    if is_promoted { before.not_before.min(now) } else { before.not_before }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_read_as_nix_gives_them() {
        let json = r#"[{"name":"canary","after":"0s","appliances":["a"]},{"name":"rest","after":"promotion","appliances":["b","c"]}]"#;
        let rings: Rings = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&rings).unwrap(), json);
        assert_eq!(rings.places().into_iter().collect::<Vec<_>>(), [("a", 0), ("b", 1), ("c", 1)]);
        assert_eq!(rings.named("rest").unwrap().after.words(), "once promoted");
        assert!(rings.named("others").is_none() && !rings.is_empty() && Rings::default().is_empty());
        let base: Time = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(rings.0[0].after.not_before(base), base);
        assert_eq!(rings.0[1].after.not_before(base).to_string(), "9999-01-01T00:00:00Z");
        for bad in ["", "soon", "1", "-1h", "Promotion"] {
            assert!(bad.parse::<After>().is_err(), "{bad}");
        }
    }
}
