//! Which look answers which check. Pure: instants come in, and acts go out.
//!
//! Checks that make the same call (probe and parameters) share a *line*. A look answers all who wait in its line when it began
//! after they may no longer be told what was seen before: after what they look at was poked, and after everything became
//! doubtful (a runbook has ended, another generation runs). A look that nothing has made doubtful answers who comes within half
//! of its check's interval, too.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// A check is to be looked at.
    Wanted(String),
    /// What a check looks at may have changed: nobody is told any more what was seen before.
    Poked(String),
    /// Anything may have changed.
    Doubtful,
    /// The look of a line has come to its end.
    Seen(usize, T),
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act<T> {
    /// Look for this line, once. It is answered with [`Event::Seen`].
    Look(usize),
    /// A check that was wanted has been seen.
    Answer(String, T),
}

/// The lines of a policy.
#[derive(Debug)]
pub struct Shared<T> {
    lines: Vec<Line<T>>,
    checks: BTreeMap<String, (usize, Duration)>,
    /// Counts looks, pokes and doubts, so that what happened within one instant has an order too.
    number: u64,
    doubtful: u64,
}

#[derive(Debug)]
struct Line<T> {
    takers: usize,
    poked: u64,
    under_way: Option<Began>,
    kept: Option<(Began, T)>,
    /// Checks that wait, in the order in which they came.
    waiting: VecDeque<Want>,
}

#[derive(Debug, Clone, Copy)]
struct Began {
    number: u64,
    at: Instant,
}

#[derive(Debug)]
struct Want {
    check: String,
    since: Instant,
    /// The number that a look which answers it is beyond.
    after: u64,
    /// It was wanted once more, and the look under way does not answer that.
    again: bool,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), checks: BTreeMap::new(), number: 0, doubtful: 0 }
    }
}

impl<T: Clone> Shared<T> {
    /// Lines for checks: each with the number of its line and its interval. Numbers begin with 0 and leave none out.
    pub fn new(checks: impl IntoIterator<Item = (String, usize, Duration)>) -> Self {
        let mut shared = Self::default();
        for (check, line, every) in checks {
            while shared.lines.len() <= line {
                shared.lines.push(Line { takers: 0, poked: 0, under_way: None, kept: None, waiting: VecDeque::new() });
            }
            shared.lines[line].takers += 1;
            shared.checks.insert(check, (line, every));
        }
        shared
    }

    /// The line of a check; none when the policy does not have it.
    pub fn line(&self, check: &str) -> Option<usize> {
        self.checks.get(check).map(|(line, _)| *line)
    }

    /// Since when the check waits that waits for the longest time.
    pub fn waits_since(&self) -> Option<Instant> {
        self.lines.iter().flat_map(|line| &line.waiting).map(|want| want.since).min()
    }

    /// Takes in what happened.
    pub fn step(&mut self, event: Event<T>, now: Instant) -> Vec<Act<T>> {
        self.number += 1;
        match event {
            Event::Wanted(check) => self.wanted(check, now),
            Event::Poked(check) => {
                if let Some(line) = self.line(&check) {
                    self.lines[line].poked = self.number;
                    self.lines[line].kept = None;
                }
                Vec::new()
            }
            Event::Doubtful => {
                self.doubtful = self.number;
                for line in &mut self.lines {
                    line.kept = None;
                    for want in &mut line.waiting {
                        (want.after, want.again) = (self.number, false);
                    }
                }
                Vec::new()
            }
            Event::Seen(line, seen) => self.seen(line, &seen, now),
        }
    }

    fn wanted(&mut self, check: String, now: Instant) -> Vec<Act<T>> {
        let Some((number, every)) = self.checks.get(&check).copied() else { return Vec::new() };
        let (doubtful, current) = (self.doubtful, self.number);
        let line = &mut self.lines[number];
        let after = doubtful.max(line.poked);
        let serves = |began: &Began| began.number > after && now.saturating_duration_since(began.at) <= every / 2;
        if let Some(want) = line.waiting.iter_mut().find(|want| want.check == check) {
            // What begins later answers both.
            want.again |= line.under_way.is_some_and(|began| began.number > want.after && !serves(&began));
            return Vec::new();
        }
        if let Some((_, seen)) = line.kept.as_ref().filter(|(began, _)| serves(began)) {
            return vec![Act::Answer(check, seen.clone())];
        }
        let after = if line.under_way.as_ref().is_some_and(serves) { after } else { current };
        line.waiting.push_back(Want { check, since: now, after, again: false });
        self.look(number, now)
    }

    /// Begins the look that a line waits for, unless one is under way.
    fn look(&mut self, number: usize, now: Instant) -> Vec<Act<T>> {
        let line = &mut self.lines[number];
        if line.under_way.is_some() || line.waiting.is_empty() {
            return Vec::new();
        }
        self.number += 1;
        line.under_way = Some(Began { number: self.number, at: now });
        vec![Act::Look(number)]
    }

    fn seen(&mut self, number: usize, seen: &T, now: Instant) -> Vec<Act<T>> {
        let (doubtful, current) = (self.doubtful, self.number);
        let Some(line) = self.lines.get_mut(number) else { return Vec::new() };
        let Some(began) = line.under_way.take() else { return Vec::new() };
        let mut acts = Vec::new();
        for mut want in std::mem::take(&mut line.waiting) {
            if want.after >= began.number {
                line.waiting.push_back(want);
                continue;
            }
            acts.push(Act::Answer(want.check.clone(), seen.clone()));
            if want.again {
                (want.since, want.after, want.again) = (now, current, false);
                line.waiting.push_back(want);
            }
        }
        line.kept = (line.takers > 1 && began.number > doubtful.max(line.poked)).then(|| (began, seen.clone()));
        acts.extend(self.look(number, now));
        acts
    }
}

#[cfg(test)]
mod tests;
