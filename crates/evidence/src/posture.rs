//! Posture: what the checks came to, so that "passed" is evidence and silence is visible.
//!
//! Four parts, of which a bundle holds one: a *change* when a check's outcome changes, now and then a *snapshot* of
//! everything that was seen, and every hour an account of every run since the last: a *summary* of what differs from what
//! was told before, or, where nothing was told that it could build on, a *vector* of everything.
//!
//! Checks hardly ever change, and an account of some hundred of them every hour takes gigabytes in six years. A summary
//! names those that changed, and only counts the rest; a digest over their names leaves none out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

/// The part of a `posture` bundle. As JSON an object with one key: `change`, `vector`, `snapshot` or
/// `summary`. Bundles with a summary are of schema `writ.bundle.v2`, all others of `writ.bundle.v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Posture {
    /// The outcome of one check changed.
    Change(OutcomeChange),
    /// A summary of all runs since the last vector.
    Vector(Vector),
    /// Everything that was last seen.
    Snapshot(Snapshot),
    /// What differs from what was told since the last snapshot.
    Summary(Summary),
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

    /// Whether another range lies within this one, give or take a quarter of its greater bound, and at least one.
    pub fn about(&self, other: &Self) -> bool {
        let slack = (self.min.unsigned_abs().max(self.max.unsigned_abs()) / 4).max(1);
        let slack = i64::try_from(slack).unwrap_or(i64::MAX);
        other.min >= self.min.saturating_sub(slack) && other.max <= self.max.saturating_add(slack)
    }

    /// Takes in another range that came later.
    pub fn join(&mut self, other: &Self) {
        *self = Self { min: self.min.min(other.min), max: self.max.max(other.max), last: other.last };
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

/// An account of all runs since the last one, which builds on what a snapshot and the summaries since have told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Beginning of the time that is summed up: the `to` of the account before.
    pub from: Time,
    /// End of the time that is summed up.
    pub to: Time,
    /// The bundle that it builds on: the summary before, or the last bundle of the snapshot. Without it nobody knows what
    /// the steady checks came to.
    pub after: TellingRef,
    /// The checks that are as they were told last.
    pub steady: Steady,
    /// All others, by id.
    pub changed: BTreeMap<String, Differing>,
}

/// A bundle of the same chain that told of posture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellingRef {
    /// Its place in the chain.
    pub sequence: u64,
    /// Digest of its exact bytes.
    pub digest: Digest,
}

/// Checks of which each ran, never with a longer time between two runs than twice what its policy asks for, came in every
/// run to the outcome that was told of it last, for the same reasons, saw the same but for numbers, and of whose numbers
/// those that its policy asks about stayed within what was told of them, give or take a quarter ([`Range::about`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steady {
    /// Digest of their ids in order, each ended by a line feed.
    pub ids: Digest,
    /// How often each ran, in the order of their ids.
    pub runs: Vec<u64>,
}

impl Steady {
    /// Of checks and how often each ran.
    pub fn of<'a>(runs: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let (ids, runs): (Vec<&str>, Vec<u64>) = runs.into_iter().unzip();
        Self { ids: Self::digest(ids), runs }
    }

    /// The digest of ids, which must be in order.
    pub fn digest<'a>(ids: impl IntoIterator<Item = &'a str>) -> Digest {
        let lines: String = ids.into_iter().flat_map(|id| [id, "\n"]).collect();
        Digest::of(lines.as_bytes())
    }
}

/// A check that is not as it was told last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differing {
    /// Its runs.
    pub runs: VectorEntry,
    /// What was last seen; null when it is what was told last, but for numbers.
    pub seen: Option<Observation>,
}
