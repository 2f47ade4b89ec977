//! A checkpoint and what an authority of time answered for it (`writ.timestamp.v1`).

use serde::{Deserialize, Serialize};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::timestamp::MAX_RESPONSE;

use crate::blob::Blob;
use crate::shape::document;

/// The largest, in bytes: both parts in base64, and a little.
pub const MAX_TIMESTAMP: usize = (MAX_NOTE + MAX_RESPONSE) / 3 * 4 + 1024;

/// A checkpoint and its timestamp. What it is worth, the token in it says to whoever verifies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// Always `writ.timestamp.v1`.
    pub schema: TimestampSchema,
    /// The exact bytes that were stamped: a signed note.
    pub checkpoint: Blob,
    /// The authority's whole answer (RFC 3161 `TimeStampResp`, DER), as `openssl ts -verify -in` takes it.
    pub response: Blob,
}

impl Timestamp {
    /// A checkpoint and its timestamp.
    pub fn new(checkpoint: Vec<u8>, response: Vec<u8>) -> Self {
        Self { schema: TimestampSchema::V1, checkpoint: Blob(checkpoint), response: Blob(response) }
    }
}

document!(Timestamp, TimestampSchema, TIMESTAMP_SCHEMA, "writ.timestamp.v1", MAX_TIMESTAMP);
