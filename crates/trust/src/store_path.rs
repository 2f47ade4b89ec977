//! Paths of a Nix store, as names only: nothing here looks at a disk.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One path directly in a Nix store: `<store>/<32 of nix-base32>-<name>`, usually `/nix/store/…`. Cannot climb out of
/// the store and is safe in any command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath {
    text: String,
    /// Where the base name begins.
    base: usize,
}

/// Why a string is not a [`StorePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a store path: expected an absolute store directory, 32 characters of Nix's base32, `-` and a name"
)]
pub struct StorePathError(String);

/// The digits of Nix's base32 (nix: libutil/hash.cc).
const BASE32: &[u8] = b"0123456789abcdfghijklmnpqrsvwxyz";
/// The longest name that Nix allows after the hash.
const MAX_NAME: usize = 211;
/// The longest store directory accepted.
const MAX_STORE: usize = 200;

impl StorePath {
    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The store directory, without a slash at its end.
    pub fn store_dir(&self) -> &str {
        &self.text[..self.base - 1]
    }

    /// `<hash>-<name>`.
    pub fn base_name(&self) -> &str {
        &self.text[self.base..]
    }

    /// The 32 characters by which a binary cache names the path.
    pub fn hash_part(&self) -> &str {
        &self.text[self.base..self.base + 32]
    }

    /// What follows the hash.
    pub fn name(&self) -> &str {
        &self.text[self.base + 33..]
    }
}

/// Whether text is an absolute directory without `.`, `..`, empty parts or unusual characters.
fn is_store_dir(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_');
    text.len() <= MAX_STORE
        && text.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain))
        })
}

fn is_base_name(text: &str) -> bool {
    let Some((hash, name)) = text.split_at_checked(32) else { return false };
    let Some(name) = name.strip_prefix('-') else { return false };
    hash.bytes().all(|b| BASE32.contains(&b))
        && (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b))
}

impl FromStr for StorePath {
    type Err = StorePathError;

    fn from_str(text: &str) -> Result<Self, StorePathError> {
        match text.rsplit_once('/') {
            Some((store, name)) if is_store_dir(store) && is_base_name(name) => {
                Ok(Self { text: text.to_owned(), base: store.len() + 1 })
            }
            _ => Err(StorePathError(text.chars().take(300).collect())),
        }
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for StorePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for StorePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdfghijklmnpqrsvwxyz";

    #[test]
    fn store_paths_come_apart() {
        let path: StorePath = format!("/nix/store/{HASH}-system-1.0").parse().unwrap();
        assert_eq!(path.store_dir(), "/nix/store");
        assert_eq!(path.hash_part(), HASH);
        assert_eq!(path.name(), "system-1.0");
        assert_eq!(path.base_name(), format!("{HASH}-system-1.0"));
        assert!(format!("/tmp/other.store/{HASH}-x").parse::<StorePath>().is_ok());
    }

    #[test]
    fn what_could_climb_or_surprise_is_refused() {
        for bad in [
            String::new(),
            "/nix/store".into(),
            format!("nix/store/{HASH}-x"),
            format!("/nix/../store/{HASH}-x"),
            format!("/nix//store/{HASH}-x"),
            format!("/nix/store/{HASH}"),
            format!("/nix/store/{HASH}-"),
            format!("/nix/store/{HASH}-.hidden"),
            format!("/nix/store/{HASH}-a b"),
            format!("/nix/store/{HASH}-a\n"),
            format!("/nix/store/{HASH}-x/bin"),
            format!("/nix/store/{}-x", "e".repeat(32)),
            format!("/nix/store/{}-x", &HASH[1..]),
            format!("/nix/store/{HASH}-{}", "x".repeat(212)),
            format!("/nix/st$(x)/{HASH}-x"),
            format!("/nix/store/éééééééééééééééé-{HASH}"),
            format!("{HASH}-x"),
            format!("/{HASH}-x"),
        ] {
            assert!(bad.parse::<StorePath>().is_err(), "{bad:?}");
        }
    }
}
