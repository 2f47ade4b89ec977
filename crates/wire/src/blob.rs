//! Bytes inside JSON.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Exact bytes, written as base64 (RFC 4648 §4: the standard alphabet, with padding, in its one canonical spelling).
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(pub Vec<u8>);

/// Why text is not a [`Blob`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not base64: {0}; expected the standard alphabet with padding")]
pub struct BlobError(#[from] base64::DecodeError);

impl Blob {
    /// The base64 of the bytes.
    pub fn encode(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// Reads base64 in its one canonical spelling.
    pub fn decode(text: &str) -> Result<Self, BlobError> {
        Ok(Self(STANDARD.decode(text)?))
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Debug for Blob {
    /// Its size: the bytes may be megabytes, and somebody else's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64)
    }
}

struct Base64;

impl de::Visitor<'_> for Base64 {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
        Blob::decode(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        assert_eq!(Blob(b"writ".to_vec()).encode(), "d3JpdA==");
        for bad in ["d3JpdA", "d3JpdA=", "d3JpdB==", "d3Jp dA==", "d3JpdA==\n", "d3JpdA-_", "=", "é"] {
            assert!(Blob::decode(bad).is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<Blob>("null").is_err());
        assert!(serde_json::from_str::<Blob>("[1,2]").is_err());
    }

    proptest! {
        #[test]
        fn all_bytes_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let blob = Blob(bytes);
            prop_assert_eq!(Blob::decode(&blob.encode()), Ok(blob.clone()));
        }
    }
}
