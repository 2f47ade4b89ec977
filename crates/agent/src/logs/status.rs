//! `status.json` in the state directory of writ-logs: how the last run went.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_trust::ids::LogSourceId;
use writ_trust::json;
use writ_trust::time::Time;

use writ_confine::Enforced;

/// Its file.
pub const FILE: &str = "status.json";
/// The largest status that is read, in bytes.
pub const MAX_STATUS: usize = 256 * 1024;

/// How the last run went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Always `writ.logs-status.v1`.
    pub schema: String,
    /// When it ended.
    pub at: Time,
    /// The sources of the configuration.
    pub sources: BTreeMap<LogSourceId, SourceStatus>,
    /// What keeps the process in its place.
    #[serde(default)]
    pub confined: Enforced,
}

/// How one source is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// The number of its newest batch; 0 before the first.
    pub number: u64,
    /// Until when that has what the source said.
    pub to: Option<Time>,
    /// Lines in the batches of this run.
    pub lines: u64,
    /// Lines that were left out of them.
    #[serde(default)]
    pub left_out: u64,
    /// Lines that were left out since its chain began here.
    pub dropped: u64,
    /// Whether there is more, for the next run.
    pub more: bool,
    /// What was in the way; null when nothing was.
    pub problem: Option<String>,
}

impl Status {
    /// Writes it.
    pub fn write(&self, state_dir: &Path) -> std::io::Result<()> {
        writ_durable::replace(&state_dir.join(FILE), &json::canonical(self), 0o644)
    }
}
