//! A snapshot and the summaries that build on it, one after the other.

use std::collections::BTreeMap;

use writ_evidence::Bundle;
use writ_evidence::posture::{Snapshot, Steady, Summary, TellingRef};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;

/// What was told last of every check.
#[derive(Debug)]
pub struct Series {
    last: TellingRef,
    /// Whether that was a snapshot: the next bundle may be a further part of it.
    open: bool,
    checks: BTreeMap<String, (Outcome, Vec<String>)>,
}

impl Series {
    /// What is told with a snapshot. One that is too large for a bundle stands in several, one directly after the other.
    pub fn continued(before: Option<Self>, snapshot: &Snapshot, bundle: &Bundle, digest: Digest) -> Self {
        let earlier = before.filter(|series| series.open && bundle.chain.previous == Some(series.last.digest));
        let mut checks = earlier.map(|series| series.checks).unwrap_or_default();
        for (check, seen) in &snapshot.checks {
            checks.insert(check.clone(), (seen.outcome, seen.reasons.clone()));
        }
        Self { last: TellingRef { sequence: bundle.chain.sequence, digest }, open: true, checks }
    }

    /// The same after a summary; none when it builds on something else, or does not count every check.
    pub fn with(mut self, summary: &Summary, bundle: &Bundle, digest: Digest) -> Option<Self> {
        if summary.after != self.last {
            return None;
        }
        self.checks.retain(|check, _| !summary.changed.contains_key(check));
        let counted = Steady::digest(self.checks.keys().map(String::as_str));
        if (summary.steady.ids, summary.steady.runs.len()) != (counted, self.checks.len()) {
            return None;
        }
        for (check, differing) in &summary.changed {
            self.checks.insert(check.clone(), (differing.runs.outcome, differing.runs.reasons.clone()));
        }
        self.last = TellingRef { sequence: bundle.chain.sequence, digest };
        self.open = false;
        Some(self)
    }

    /// The checks that a summary of this series only counts, in the order in which it does.
    pub fn steady(&self, summary: &Summary) -> impl Iterator<Item = (&String, &(Outcome, Vec<String>))> {
        self.checks.iter().filter(|(check, _)| !summary.changed.contains_key(*check))
    }
}
