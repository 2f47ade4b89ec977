//! `status.json` in the state directory of writ-probe: how it is, for people and `writ doctor`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tracing::warn;
use writ_trust::time::Time;

use crate::spool;
use writ_confine::Enforced;

/// Its file.
pub const FILE: &str = "status.json";

/// How writ-probe is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Always `writ.probe-status.v1`.
    pub schema: &'static str,
    /// When this was written.
    pub at: Time,
    /// The process that wrote it.
    pub pid: u32,
    /// How many checks are looked at.
    pub checks: usize,
    /// Looks since the start.
    pub looks: u64,
    /// Why it does not know what to look at, or whom to trust; null when it does.
    pub problem: Option<String>,
    /// Checks whose last look saw nothing, and why.
    pub unseen: BTreeMap<String, String>,
    /// What keeps it in its place.
    pub confined: Enforced,
}

impl Status {
    /// Nothing was done yet.
    pub fn new(at: Time, confined: Enforced) -> Self {
        Self {
            schema: "writ.probe-status.v1",
            at,
            pid: std::process::id(),
            checks: 0,
            looks: 0,
            problem: None,
            unseen: BTreeMap::new(),
            confined,
        }
    }

    /// Writes it. Renamed but not fsynced: after a power cut it is written anew anyway.
    pub fn write(&self, state_dir: &Path) {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        if let Err(e) = spool::put(state_dir, FILE, &bytes) {
            warn!("{}: {e}", state_dir.join(FILE).display());
        }
    }
}
