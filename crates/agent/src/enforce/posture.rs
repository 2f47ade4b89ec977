//! Posture: what every run of every check came to, summed up until it is told. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_evidence::posture::{Range, Seen, Snapshot, Vector, VectorEntry};
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

/// The schema of [`Book`].
pub const SCHEMA: &str = "writ.posture-book.v1";
/// Its file in the state directory.
pub const FILE: &str = "posture.json";

/// One run of one check in the form that evidence may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// When.
    pub at: Time,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it is not `pass`.
    pub reasons: Vec<String>,
    /// What was seen; empty when nothing was.
    pub seen: Observation,
}

/// The runs since the last vector, check by check, and the last run of each.
///
/// It is kept in a file of its own, now and then: what a kill loses are runs of the last seconds, which then count as a
/// gap. It never makes silence shorter than it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// From when it sums up.
    pub from: Time,
    /// Check by check.
    pub checks: BTreeMap<String, Tally>,
}

/// The runs of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    last: Seen,
    runs: u64,
    failed: u64,
    not_assessed: u64,
    first_at: Option<Time>,
    longest_gap_ms: i64,
    numbers: BTreeMap<String, Range>,
}

impl Book {
    /// An empty book that begins now.
    pub fn new(from: Time) -> Self {
        Self { schema: SCHEMA.to_owned(), from, checks: BTreeMap::new() }
    }

    /// A book read back after a restart. One that begins before `vector_to` was already told: of it only the last runs
    /// count, so that the next gap is seen.
    pub fn resumed(mut self, vector_to: Option<Time>) -> Self {
        if let Some(told) = vector_to
            && self.from < told
        {
            self.turn(told);
        }
        self
    }

    /// Takes in a run.
    pub fn take(&mut self, check: &str, run: &Run) {
        let tally = self.checks.entry(check.to_owned()).or_insert_with(|| Tally::new(run));
        tally.take(run);
    }

    /// The last run of a check.
    pub fn last(&self, check: &str) -> Option<&Seen> {
        self.checks.get(check).map(|tally| &tally.last)
    }

    /// Forgets checks that the policy no longer has.
    pub fn keep_only(&mut self, known: impl Fn(&str) -> bool) {
        self.checks.retain(|check, _| known(check));
    }

    /// The vector of all runs until now, with an entry for every one of these checks.
    pub fn vector<'a>(&self, checks: impl Iterator<Item = &'a str>, to: Time) -> Vector {
        let entry = |check: &str| self.checks.get(check).map_or_else(never_ran, Tally::entry);
        Vector { from: self.from, to, checks: checks.map(|check| (check.to_owned(), entry(check))).collect() }
    }

    /// The last run of every one of these checks.
    pub fn snapshot<'a>(&self, checks: impl Iterator<Item = &'a str>) -> Snapshot {
        let never =
            || Seen { at: None, outcome: Outcome::NotAssessable, reasons: not_run(), observation: Observation::new() };
        let seen = |check: &str| self.last(check).cloned().unwrap_or_else(never);
        Snapshot { checks: checks.map(|check| (check.to_owned(), seen(check))).collect() }
    }

    /// Begins to sum up anew; the last runs stay, so that the gap to the next one is seen.
    pub fn turn(&mut self, from: Time) {
        self.from = from;
        for tally in self.checks.values_mut() {
            (tally.runs, tally.failed, tally.not_assessed) = (0, 0, 0);
            (tally.first_at, tally.longest_gap_ms) = (None, 0);
            tally.numbers.clear();
        }
    }
}

fn not_run() -> Vec<String> {
    vec!["it has not run yet".to_owned()]
}

fn never_ran() -> VectorEntry {
    VectorEntry {
        outcome: Outcome::NotAssessable,
        reasons: not_run(),
        observation: None,
        runs: 0,
        failed: 0,
        not_assessed: 0,
        first_at: None,
        last_at: None,
        longest_gap_seconds: 0,
        numbers: BTreeMap::new(),
    }
}

impl Tally {
    fn new(run: &Run) -> Self {
        let last = Seen { at: None, outcome: run.outcome, reasons: Vec::new(), observation: Observation::new() };
        Self { last, runs: 0, failed: 0, not_assessed: 0, first_at: None, longest_gap_ms: 0, numbers: BTreeMap::new() }
    }

    fn take(&mut self, run: &Run) {
        if let Some(before) = self.last.at {
            self.longest_gap_ms = self.longest_gap_ms.max(run.at.millis_since(before));
        }
        self.runs += 1;
        self.failed += u64::from(run.outcome == Outcome::Fail);
        self.not_assessed += u64::from(run.outcome == Outcome::NotAssessable);
        self.first_at.get_or_insert(run.at);
        for (field, value) in run.seen.iter() {
            if let Value::Int(n) = value {
                self.numbers
                    .entry(field.to_owned())
                    .and_modify(|range| range.take(*n))
                    .or_insert_with(|| Range::of(*n));
            }
        }
        self.last.at = Some(run.at);
        self.last.outcome = run.outcome;
        self.last.reasons.clone_from(&run.reasons);
        if self.last.observation != run.seen {
            self.last.observation = run.seen.clone();
        }
    }

    fn entry(&self) -> VectorEntry {
        let seen = self.last.observation.iter().next().is_some();
        VectorEntry {
            outcome: self.last.outcome,
            reasons: self.last.reasons.clone(),
            observation: seen.then(|| self.last.observation.digest()),
            runs: self.runs,
            failed: self.failed,
            not_assessed: self.not_assessed,
            first_at: self.first_at,
            last_at: self.last.at.filter(|_| self.runs > 0),
            longest_gap_seconds: u64::try_from(self.longest_gap_ms).unwrap_or(0).div_ceil(1000),
            numbers: self.numbers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_444_856_000 + seconds * 1000)
    }

    fn run(seconds: i64, outcome: Outcome, percent: i64) -> Run {
        let seen = Observation::new().with("available_percent", percent);
        Run { at: at(seconds), outcome, reasons: vec![], seen }
    }

    #[test]
    fn a_vector_sums_up_and_shows_silence() {
        let mut book = Book::new(at(0));
        for (s, percent) in [(0, 50), (60, 40), (3_000, 45)] {
            book.take("disk", &run(s, Outcome::Pass, percent));
        }
        book.take("disk", &run(3_060, Outcome::Fail, 5));
        let vector = book.vector(["disk", "never"].into_iter(), at(3_600));
        let entry = &vector.checks["disk"];
        assert_eq!((entry.runs, entry.failed, entry.longest_gap_seconds), (4, 1, 2_940));
        assert_eq!(entry.numbers["available_percent"], Range { min: 5, max: 50, last: 5 });
        assert_eq!((entry.first_at, entry.last_at), (Some(at(0)), Some(at(3_060))));
        assert_eq!((vector.checks["never"].runs, vector.checks["never"].outcome), (0, Outcome::NotAssessable));

        book.turn(at(3_600));
        assert_eq!(book.vector(["disk"].into_iter(), at(3_600)).checks["disk"].last_at, None);
        book.take("disk", &run(10_000, Outcome::Pass, 50));
        let entry = &book.vector(["disk"].into_iter(), at(10_001)).checks["disk"];
        assert_eq!((entry.runs, entry.longest_gap_seconds), (1, 6_940), "the gap reaches back over the vector before");
    }

    #[test]
    fn a_restart_keeps_the_sums_and_never_shortens_a_gap() {
        let mut book = Book::new(at(0));
        book.take("disk", &run(10, Outcome::Pass, 50));
        let bytes = serde_json::to_vec(&book).unwrap();
        let read: Book = serde_json::from_slice(&bytes).unwrap();
        let mut same = read.clone().resumed(Some(at(0)));
        assert_eq!(same, book);
        same.take("disk", &run(100, Outcome::Pass, 50));
        assert_eq!(same.vector(["disk"].into_iter(), at(100)).checks["disk"].longest_gap_seconds, 90);
        // The vector was told and committed, but the book could not be written any more.
        let told = read.resumed(Some(at(60)));
        assert_eq!(told.vector(["disk"].into_iter(), at(61)).checks["disk"].runs, 0);
        assert_eq!(told.from, at(60));
    }
}
