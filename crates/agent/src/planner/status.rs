//! `status.json` in the state directory of writ-planner: how it is, for people and `writ doctor`.

use std::path::Path;

use serde::Serialize;
use tracing::warn;
use writ_trust::time::Time;

use crate::spool;
use writ_confine::Enforced;

/// Its file.
pub const FILE: &str = "status.json";

/// How writ-planner is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Always `writ.planner-status.v1`.
    pub schema: &'static str,
    /// When this was written.
    pub at: Time,
    /// The process that wrote it.
    pub pid: u32,
    /// Plans since the start.
    pub plans: u64,
    /// What is in the way of the last request that was looked at; null when nothing is.
    pub problem: Option<String>,
    /// What keeps it in its place.
    pub confined: Enforced,
}

impl Status {
    /// Nothing was done yet.
    pub fn new(at: Time, confined: Enforced) -> Self {
        Self { schema: "writ.planner-status.v1", at, pid: std::process::id(), plans: 0, problem: None, confined }
    }

    /// Writes it. Renamed but not fsynced: after a power cut it is written anew anyway.
    pub fn write(&self, state_dir: &Path) {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        if let Err(e) = spool::put(state_dir, FILE, &bytes) {
            warn!("{}: {e}", state_dir.join(FILE).display());
        }
    }
}
