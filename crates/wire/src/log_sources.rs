//! How far the logs of a site have come to a depot (`writ.log-sources.v1`). Nobody relies on it.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

use crate::MAX_ENVELOPE;
use crate::shape::document;

/// The sources of a site's appliances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSources {
    /// Always `writ.log-sources.v1`.
    pub schema: LogSourcesSchema,
    /// One per key and source.
    pub sources: Vec<LogSourceState>,
}

/// How far one source has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSourceState {
    /// The key of the appliance.
    pub public_key: PublicKey,
    /// The source.
    pub source: LogSourceId,
    /// The number of the newest batch.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
    /// Until when that batch has what the source said, by the appliance's clock.
    pub to: Time,
    /// When it came, by the depot's clock.
    pub received_at: Time,
}

document!(LogSources, LogSourcesSchema, LOG_SOURCES_SCHEMA, "writ.log-sources.v1", MAX_ENVELOPE);
