//! Reading a document whose first question is which schema it follows.

use serde::de::DeserializeOwned;

use crate::json::{JsonError, MAX_DOCUMENT, Strict};
use crate::text::one_line;

/// Why bytes are not a document of the expected schema.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not strict JSON, too large, or not of the schema's shape.
    #[error("{}", one_line(.0))]
    Json(#[from] JsonError),
    /// There is no `schema` member that is a string.
    #[error("no \"schema\" at its top: expected {expected:?}")]
    NoSchema {
        /// The schema that was looked for.
        expected: &'static str,
    },
    /// The document follows another schema.
    #[error("schema {}: expected {expected:?}; if it is newer than this program, a newer writ reads it", one_line(format!("{found:?}")))]
    OtherSchema {
        /// The schema that the document names.
        found: String,
        /// The schema that was looked for.
        expected: &'static str,
    },
}

/// Parses a document of at most [`MAX_DOCUMENT`] bytes strictly, judging its `schema` first so that a newer document is
/// called newer and not malformed.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], schema: &'static str) -> Result<T, DocumentError> {
    parse_within(bytes, schema, MAX_DOCUMENT)
}

/// As [`parse`], for documents that have a bound of their own, in bytes.
pub fn parse_within<T: DeserializeOwned>(bytes: &[u8], schema: &'static str, limit: usize) -> Result<T, DocumentError> {
    read(bytes, &[schema], limit)
}

/// As [`parse`], for documents of which some versions are read alike, oldest first.
pub fn parse_any<T: DeserializeOwned>(bytes: &[u8], schemas: &[&'static str]) -> Result<T, DocumentError> {
    read(bytes, schemas, MAX_DOCUMENT)
}

fn read<T: DeserializeOwned>(bytes: &[u8], schemas: &[&'static str], limit: usize) -> Result<T, DocumentError> {
    let strict = Strict::judge(bytes, limit)?;
    let expected = schemas.last().copied().unwrap_or_default();
    match &strict.schema {
        None => Err(DocumentError::NoSchema { expected }),
        Some(found) if !schemas.contains(&found.as_ref()) => {
            Err(DocumentError::OtherSchema { found: found.clone().into_owned(), expected })
        }
        Some(_) => Ok(strict.read()?),
    }
}
