//! How far the publication of a release has come (`writ.publication.v1`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use writ_trust::digest::Digest;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::store_path::StorePath;

use crate::MAX_ENVELOPE;
use crate::shape::document;

/// How far the newest publication of a site has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Always `writ.publication.v1`.
    pub schema: PublicationSchema,
    /// Whether appliances are given it.
    pub state: State,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial.
    pub serial: Serial,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// What has to be uploaded before it becomes active; nothing once it is.
    pub missing: Missing,
}

document!(Publication, PublicationSchema, PUBLICATION_SCHEMA, "writ.publication.v1", MAX_ENVELOPE);

/// Whether appliances are given a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Signed and accepted; something that it names is missing.
    Pending,
    /// Logged, complete, and given to appliances.
    Active,
}

/// What a pending release names and the depot does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// Policies and closures.
    pub documents: Vec<Digest>,
    /// Store paths of the closures whose documents are there.
    pub paths: Vec<HashPart>,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.paths.is_empty()
    }
}

/// The 32 characters by which a binary cache names a store path. Safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashPart(String);

/// Why text is not a [`HashPart`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the hash part of a store path: expected 32 characters of Nix's base32")]
pub struct HashPartError(String);

impl HashPart {
    /// The hash part of a store path.
    pub fn of(path: &StorePath) -> Self {
        Self(path.hash_part().to_owned())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HashPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HashPart {
    type Err = HashPartError;

    fn from_str(text: &str) -> Result<Self, HashPartError> {
        // The digits of Nix's base32 (nix: libutil/hash.cc).
        let digit = |b: u8| b.is_ascii_digit() || (b.is_ascii_lowercase() && !matches!(b, b'e' | b'o' | b'u' | b't'));
        if text.len() == 32 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HashPartError(text.chars().take(60).collect()))
        }
    }
}

impl Serialize for HashPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HashPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_parts_are_those_of_store_paths() {
        let path: StorePath = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system".parse().unwrap();
        assert_eq!(HashPart::of(&path).as_str().parse::<HashPart>().unwrap(), HashPart::of(&path));
        for bad in [
            "",
            "0123456789abcdfghijklmnpqrsvwxy",
            "e123456789abcdfghijklmnpqrsvwxyz",
            "../../../../../../etc/passwd/../.",
        ] {
            assert!(bad.parse::<HashPart>().is_err(), "{bad}");
        }
    }
}
