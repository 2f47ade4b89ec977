//! Posture: what every run of every check came to, summed up until it is told. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_evidence::posture::{Differing, Range, Seen, Snapshot, Steady, Summary, TellingRef, Vector, VectorEntry};
use writ_policy::check::Check;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
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
    /// What the last snapshot and the summaries since have told; none when nothing can be built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
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
    /// Whether a run was unlike the one before it, numbers aside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    differed: bool,
}

impl Book {
    /// An empty book that begins now.
    pub fn new(from: Time) -> Self {
        Self { schema: SCHEMA.to_owned(), from, checks: BTreeMap::new(), told: None }
    }

    /// A book read back after a restart. One that begins before `vector_to` was already told: of it only the last runs
    /// count, so that the next gap is seen. Nothing can be built on it unless it knows the bundle that told last.
    pub fn resumed(mut self, vector_to: Option<Time>, told_last: Option<TellingRef>) -> Self {
        if let Some(told) = vector_to
            && self.from < told
        {
            self.turn(told);
        }
        self.told = self.told.filter(|told| told_last == Some(told.last));
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

    /// The summary of all runs until now, where it has something to build on, and what was told with it.
    pub fn summary<'c>(
        &self,
        checks: impl IntoIterator<Item = (&'c String, &'c Check)>,
        to: Time,
    ) -> Option<(Summary, Told)> {
        let mut told = self.told.clone()?;
        let checks: BTreeMap<&String, &Check> = checks.into_iter().collect();
        let (mut steady, mut changed) = (Vec::new(), BTreeMap::new());
        for (id, check) in &checks {
            match (self.checks.get(*id), told.checks.get(*id)) {
                (Some(tally), Some(known)) if tally.is_steady(known, check, self.from, to) => {
                    steady.push((id.as_str(), tally.runs));
                }
                (tally, known) => {
                    let runs = tally.map_or_else(never_ran, Tally::entry);
                    let seen = tally.map(|tally| tally.last.observation.clone()).unwrap_or_default();
                    let seen = known.is_none_or(|known| known.seen != apart_from_numbers(&seen)).then_some(seen);
                    let now = Known::after(known, &runs, seen.as_ref());
                    told.checks.insert((*id).clone(), now);
                    changed.insert((*id).clone(), Differing { runs, seen });
                }
            }
        }
        told.checks.retain(|id, _| checks.contains_key(id));
        let summary = Summary { from: self.from, to, after: told.last, steady: Steady::of(steady), changed };
        Some((summary, told))
    }

    /// Moves what was noted along with a clock that was set by so many milliseconds, so that gaps stay what they were.
    pub fn shift(&mut self, millis: i64) {
        self.from = self.from.plus_millis(millis);
        for tally in self.checks.values_mut() {
            for at in [&mut tally.first_at, &mut tally.last.at].into_iter().flatten() {
                *at = at.plus_millis(millis);
            }
        }
    }

    /// Begins to sum up anew; the last runs stay, so that the gap to the next one is seen.
    pub fn turn(&mut self, from: Time) {
        self.from = from;
        for tally in self.checks.values_mut() {
            (tally.runs, tally.failed, tally.not_assessed) = (0, 0, 0);
            (tally.first_at, tally.longest_gap_ms, tally.differed) = (None, 0, false);
            tally.numbers.clear();
        }
    }
}

/// What evidence has told of the checks since the last snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The sequence of the snapshot's first bundle.
    pub first: u64,
    /// The bundle that told last.
    pub last: TellingRef,
    /// Check by check.
    pub checks: BTreeMap<String, Known>,
}

/// What evidence has told of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    outcome: Outcome,
    reasons: Vec<String>,
    /// Digest of what was seen, apart from numbers.
    seen: Digest,
    numbers: BTreeMap<String, Range>,
}

impl Told {
    /// What a snapshot tells; it may stand in several bundles, one after the other.
    pub fn by(snapshot: &Snapshot, first: u64, last: TellingRef) -> Self {
        let checks = snapshot.checks.iter().map(|(id, seen)| (id.clone(), Known::by(seen))).collect();
        Self { first, last, checks }
    }
}

impl Known {
    fn by(seen: &Seen) -> Self {
        let numbers = seen.observation.iter().filter_map(|(field, value)| match value {
            Value::Int(n) => Some((field.to_owned(), Range::of(*n))),
            _ => None,
        });
        Self {
            outcome: seen.outcome,
            reasons: seen.reasons.clone(),
            seen: apart_from_numbers(&seen.observation),
            numbers: numbers.collect(),
        }
    }

    /// What is known after a summary told of it once more. Ranges only grow, so that a number which goes up and down is
    /// told of now and then, and not each time.
    fn after(known: Option<&Self>, runs: &VectorEntry, seen: Option<&Observation>) -> Self {
        let mut numbers = known.map(|known| known.numbers.clone()).unwrap_or_default();
        for (field, range) in &runs.numbers {
            numbers.entry(field.clone()).and_modify(|told| told.join(range)).or_insert(*range);
        }
        let before = known.map_or_else(|| apart_from_numbers(&Observation::new()), |known| known.seen);
        let seen = seen.map_or(before, apart_from_numbers);
        Self { outcome: runs.outcome, reasons: runs.reasons.clone(), seen, numbers }
    }
}

fn apart_from_numbers(seen: &Observation) -> Digest {
    let rest = seen.iter().filter(|(_, value)| !matches!(value, Value::Int(_)));
    rest.fold(Observation::new(), |rest, (field, value)| rest.with(field, value.clone())).digest()
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
        Self {
            last,
            runs: 0,
            failed: 0,
            not_assessed: 0,
            first_at: None,
            longest_gap_ms: 0,
            numbers: BTreeMap::new(),
            differed: false,
        }
    }

    fn take(&mut self, run: &Run) {
        if let Some(before) = self.last.at {
            self.longest_gap_ms = self.longest_gap_ms.max(run.at.millis_since(before));
        }
        self.differed |= self.last.at.is_some() && !self.is_like(run);
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

    /// Whether a run is like the last one, numbers aside.
    fn is_like(&self, run: &Run) -> bool {
        fn rest(seen: &Observation) -> impl Iterator<Item = (&str, &Value)> {
            seen.iter().filter(|(_, value)| !matches!(value, Value::Int(_)))
        }
        self.last.outcome == run.outcome
            && self.last.reasons == run.reasons
            && rest(&self.last.observation).eq(rest(&run.seen))
    }

    /// Whether all runs since `from` were as is known ([`Steady`]). Between two runs, and from the last one until now, there
    /// may be twice the time that the check asks for.
    fn is_steady(&self, known: &Known, check: &Check, from: Time, to: Time) -> bool {
        let (failed, not_assessed) = match known.outcome {
            Outcome::Fail => (self.runs, 0),
            Outcome::NotAssessable => (0, self.runs),
            _ => (0, 0),
        };
        let longest = 2 * check.every.millis();
        let waited = self.last.at.map_or(i64::MAX, |last| to.millis_since(last));
        // What ran for the first time within this window has no gap that reaches back.
        let began = self.first_at.map_or(i64::MAX, |first| first.millis_since(from));
        let asked: Vec<_> = std::iter::once(&check.expect).chain(&check.prefer).flat_map(|p| p.clauses()).collect();
        let mut numbers = self.numbers.iter().filter(|(field, _)| asked.iter().any(|clause| clause.field == **field));
        self.runs > 0
            && !self.differed
            && (self.failed, self.not_assessed) == (failed, not_assessed)
            && self.last.outcome == known.outcome
            && self.last.reasons == known.reasons
            && self.longest_gap_ms.max(waited).max(began) <= longest
            && apart_from_numbers(&self.last.observation) == known.seen
            && numbers.all(|(field, range)| known.numbers.get(field).is_some_and(|told| told.about(range)))
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
mod tests;
