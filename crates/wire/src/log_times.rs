//! Which timestamps and cosignatures a depot has of a log (`writ.log-times.v1`). Nobody relies on the list.

use serde::{Deserialize, Serialize};
use writ_trust::log::witness::{CosignatureName, CosignatureNameError};
use writ_trust::timestamp::{TimestampName, TimestampNameError};

use crate::MAX_ENVELOPE;
use crate::shape::document;

/// The most names of either sort that are listed: the newest. Six authorities for ten years, or as many witnesses for two.
pub const MOST_LISTED: usize = 20_000;

/// The names under which they can be asked for, each list in the order of its days or seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTimes {
    /// Always `writ.log-times.v1`.
    pub schema: LogTimesSchema,
    /// Which of the site's logs, from 1.
    pub log: u64,
    /// Timestamps by authorities, [`TimestampName`].
    pub timestamps: Vec<String>,
    /// Checkpoints that witnesses cosigned, [`CosignatureName`].
    pub cosignatures: Vec<String>,
}

impl LogTimes {
    /// The names of the timestamps.
    pub fn timestamp_names(&self) -> Result<Vec<TimestampName>, TimestampNameError> {
        self.timestamps.iter().take(MOST_LISTED).map(|name| name.parse()).collect()
    }

    /// The names of the cosigned checkpoints.
    pub fn cosignature_names(&self) -> Result<Vec<CosignatureName>, CosignatureNameError> {
        self.cosignatures.iter().take(MOST_LISTED).map(|name| name.parse()).collect()
    }
}

document!(LogTimes, LogTimesSchema, LOG_TIMES_SCHEMA, "writ.log-times.v1", MAX_ENVELOPE);
