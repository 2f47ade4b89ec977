//! Posture: what the checks came to, so that "passed" is evidence and silence is visible.
//!
//! Three parts, of which a bundle holds one: a *change* when a check's outcome changes, an hourly *vector* that sums up
//! every run since the last, and a daily *snapshot* of everything that was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

/// The part of a `posture` bundle. As JSON an object with one key: `change`, `vector` or `snapshot`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Posture {
    /// The outcome of one check changed.
    Change(OutcomeChange),
    /// A summary of all runs since the last vector.
    Vector(Vector),
    /// Everything that was last seen.
    Snapshot(Snapshot),
}

/// The outcome of one check changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeChange {
    /// The check.
    pub check: String,
    /// What it came to before; null on its first run.
    pub from: Option<Outcome>,
    /// What it comes to now.
    pub to: Outcome,
    /// When the run that differed was made.
    pub at: Time,
    /// Why it does not pass, or does not apply.
    pub reasons: Vec<String>,
    /// What was seen; empty when nothing was.
    pub observation: Observation,
}

/// A summary of all runs since the last vector, check by check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Beginning of the time that is summed up: the `to` of the vector before, or the start of the enforcer.
    pub from: Time,
    /// End of the time that is summed up.
    pub to: Time,
    /// Every check of the policy, by id; a check that did not run has `runs` 0.
    pub checks: BTreeMap<String, VectorEntry>,
}

/// What one check came to over the time of a vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorEntry {
    /// The last outcome; `not-assessable` when it never ran.
    pub outcome: Outcome,
    /// Why the last outcome is not `pass`; empty when it is.
    pub reasons: Vec<String>,
    /// Digest of the last observation; null when nothing was seen.
    pub observation: Option<Digest>,
    /// How often it ran.
    pub runs: u64,
    /// How many runs failed.
    pub failed: u64,
    /// How many runs could not be assessed. They count as run, not as passed.
    pub not_assessed: u64,
    /// The first run.
    pub first_at: Option<Time>,
    /// The last run.
    pub last_at: Option<Time>,
    /// The longest time between two runs, whole seconds rounded up. Includes the gap from the run before the vector when
    /// this process made it.
    pub longest_gap_seconds: u64,
    /// Numbers that were seen, by field.
    pub numbers: BTreeMap<String, Range>,
}

/// Least, greatest and last of a number. As JSON `[min, max, last]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, i64)", into = "(i64, i64, i64)")]
pub struct Range {
    /// The least.
    pub min: i64,
    /// The greatest.
    pub max: i64,
    /// The last.
    pub last: i64,
}

impl From<(i64, i64, i64)> for Range {
    fn from((min, max, last): (i64, i64, i64)) -> Self {
        Self { min, max, last }
    }
}

impl From<Range> for (i64, i64, i64) {
    fn from(range: Range) -> Self {
        (range.min, range.max, range.last)
    }
}

impl Range {
    /// The range of one number.
    pub fn of(n: i64) -> Self {
        Self { min: n, max: n, last: n }
    }

    /// Takes in the next number.
    pub fn take(&mut self, n: i64) {
        *self = Self { min: self.min.min(n), max: self.max.max(n), last: n };
    }
}

/// Everything that was last seen, check by check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Every check of the policy, by id.
    pub checks: BTreeMap<String, Seen>,
}

/// The last run of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// When it ran; null when it has not run yet.
    pub at: Option<Time>,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it is not `pass`.
    pub reasons: Vec<String>,
    /// What was seen; empty when nothing was.
    pub observation: Observation,
}
