//! `status.json` in the state directory of writ-planner: how it is, for people and `writ doctor`.

use std::path::Path;

use serde::Serialize;
use tracing::warn;
use writ_trust::time::Time;

use super::model::budget::{Breaker, Use};
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
    /// How asking a model goes; left out where none may be asked and none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelStatus>,
}

/// How asking a model goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelStatus {
    /// Calls since the start.
    pub calls: u64,
    /// Those of them that came to nothing.
    pub failures: u64,
    /// Calls within the last 24 hours that the machine ran; left out before the first question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_today: Option<usize>,
    /// What they cost, in millionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microdollars_today: Option<u64>,
    /// Whether calls are made: `closed`, `open`, or `trial`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<&'static str>,
    /// What the last question came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<&'static str>,
    /// Why that was no choice, one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl ModelStatus {
    /// What was used up now.
    pub fn took(&mut self, used: &Use) {
        self.calls_today = Some(used.made());
        self.microdollars_today = Some(used.spent());
        self.breaker = Some(match used.breaker {
            Breaker::Closed { .. } => "closed",
            Breaker::Open { .. } => "open",
            Breaker::Trial => "trial",
        });
    }
}

impl Status {
    /// Nothing was done yet.
    pub fn new(at: Time, confined: Enforced) -> Self {
        let schema = "writ.planner-status.v1";
        Self { schema, at, pid: std::process::id(), plans: 0, problem: None, confined, model: None }
    }

    /// Writes it. Renamed but not fsynced: after a power cut it is written anew anyway.
    pub fn write(&self, state_dir: &Path) {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        if let Err(e) = spool::put(state_dir, FILE, &bytes) {
            warn!("{}: {e}", state_dir.join(FILE).display());
        }
    }
}
