//! What a depot answers a batch of log lines with (`writ.log-receipt.v1`). No proof: that the batch was written is what the
//! evidence proves that names it.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::time::Time;

use crate::shape::document;

/// The largest receipt, in bytes.
pub const MAX_LOG_RECEIPT: usize = 4 * 1024;

/// That a depot has a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogReceipt {
    /// Always `writ.log-receipt.v1`.
    pub schema: LogReceiptSchema,
    /// The source.
    pub source: LogSourceId,
    /// The number of the batch.
    pub number: u64,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// When the depot had it first, by its own clock.
    pub received_at: Time,
    /// From the end of the batch until then, in seconds; 0 where the appliance's clock is ahead.
    pub delay_seconds: u64,
}

document!(LogReceipt, LogReceiptSchema, LOG_RECEIPT_SCHEMA, "writ.log-receipt.v1", MAX_LOG_RECEIPT);
