//! Names of sites, appliances and sources of logs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a string is not a site's or an appliance's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a {1}: expected 3 to 40 of a-z, 0-9 and `-`")]
pub struct IdError(String, &'static str);

fn valid(text: &str) -> bool {
    (3..=40).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(IdError(text.chars().take(60).collect(), $what)) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id! {
    /// The name of a site, `[a-z0-9-]{3,40}`; `clinic-NNN` is the convention. Safe as a file name.
    SiteId, "site name"
}
id! {
    /// The name of an appliance within its site, `[a-z0-9-]{3,40}`. Safe as a file name.
    ApplianceId, "appliance name"
}
id! {
    /// The name of a source of logs on an appliance, `[a-z0-9-]{3,40}`. Safe as a file name.
    LogSourceId, "log source name"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_safe_everywhere() {
        for good in ["clinic-001", "abc", &"a".repeat(40)] {
            assert_eq!(good.parse::<SiteId>().unwrap().as_str(), good);
        }
        for bad in ["", "ab", "..", "a/b", "Clinic", "clinic 1", "clinic\n1", &"a".repeat(41), "clinîc"] {
            assert!(bad.parse::<SiteId>().is_err(), "{bad:?}");
            assert!(serde_json::from_value::<ApplianceId>(bad.into()).is_err(), "{bad:?}");
        }
    }
}
