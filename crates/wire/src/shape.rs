//! What every wire document has: a schema of its own, a bound, one way to be read and one to be written.

use serde::{Deserialize, Deserializer};

/// Reads a member that may be null but must be there (serde would take a missing one for null).
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Declares the `schema` member of a document, its constant, and `parse` and `canonical` within a bound.
macro_rules! document {
    ($document:ident, $tag:ident, $constant:ident, $schema:literal, $limit:expr) => {
        #[doc = concat!("The schema of [`", stringify!($document), "`].")]
        pub const $constant: &str = $schema;

        #[doc = concat!("The `schema` member of [`", stringify!($document), "`].")]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $tag {
            #[doc = concat!("`", $schema, "`")]
            #[default]
            #[serde(rename = $schema)]
            V1,
        }

        impl $document {
            /// Reads a document within its bound. Nothing in it is proven by that.
            pub fn parse(bytes: &[u8]) -> Result<Self, writ_trust::document::DocumentError> {
                writ_trust::document::parse_within(bytes, $constant, $limit)
            }

            /// The RFC 8785 bytes, which are what we write.
            pub fn canonical(&self) -> Vec<u8> {
                writ_trust::json::canonical(self)
            }
        }
    };
}
pub(crate) use document;
