//! The evidence on one check of one appliance, with its arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::posture::Range;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::holes::Holes;
use super::model::{Arithmetic, Link, MAX_LINKS, Observed};
use super::terms::{Term, Terms, Unseen};
use super::timeline::{CheckTimeline, Gap, Point, Timeline};
use super::untold::{self, Untold};
use crate::period::{Period, total};

/// What is to be judged.
pub struct Question<'a> {
    /// When a policy asked for it, clipped to the period, in order, touching stretches joined.
    pub asked: &'a [Period],
    /// What policies asked of it from when on.
    pub terms: &'a Terms,
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Some time, up to its end.
    Period,
    /// One instant.
    Instant,
}

/// What the evidence comes to, before any exception.
pub struct Facts {
    /// What it is about.
    pub scope: Scope,
    /// The numbers.
    pub arithmetic: Arithmetic,
    /// When it failed, within the time it was asked for; of an instant, the one failure that lasts at it, from its beginning on.
    pub failing: Vec<Period>,
    /// When it could not be decided.
    pub undecided: Vec<Period>,
    /// When it was not looked at for longer than is allowed.
    pub holes: Vec<Unseen>,
    /// When runs failed of which only the number is told.
    pub untold: Vec<Untold>,
    /// What policies asked of it.
    pub terms: Terms,
    /// What it last came to; null when it never ran.
    pub last: Option<(Outcome, Vec<String>)>,
    /// What was last seen.
    pub observed: Option<Observed>,
    /// Least, greatest, last of numbers.
    pub numbers: BTreeMap<String, Range>,
    /// How many bundles tell of it.
    pub bundles: u64,
    /// Some of them.
    pub evidence: Vec<Link>,
}

impl Scope {
    /// Whole seconds of some milliseconds: rounded up, but of what has lasted until an instant, whose own millisecond is in it.
    pub fn seconds(self, millis: i64) -> u64 {
        match self {
            Self::Period => seconds(millis),
            Self::Instant => u64::try_from(millis).unwrap_or(0) / 1000,
        }
    }
}

/// Whole seconds of some milliseconds, rounded up.
pub fn seconds(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).div_ceil(1000)
}

impl Facts {
    /// Gathers what the evidence says about a check while it was asked for.
    pub fn gather(timeline: &Timeline, question: &Question<'_>, id: &str) -> Self {
        let nothing = CheckTimeline::default();
        let told = timeline.checks.get(id).unwrap_or(&nothing);
        let within = |at: Time| question.asked.iter().any(|p| p.contains(at));
        let touches = |p: &&Point| question.asked.iter().any(|a| p.from < a.to && p.to >= a.from);
        let points: Vec<&Point> = told.points.iter().filter(touches).collect();
        let mut arithmetic = count_runs(timeline, &points, question);
        let failing = stretches(&told.points, question.asked, Outcome::Fail);
        let undecided = stretches(&told.points, question.asked, Outcome::NotAssessable);
        let longest_millis = failing.iter().map(Period::millis).max().unwrap_or(0);
        arithmetic.failures = failing.len() as u64;
        arithmetic.seconds_in_failure = seconds(total(&failing));
        arithmetic.longest_failure_seconds = seconds(longest_millis);
        arithmetic.seconds_not_assessed = seconds(total(&undecided));
        let end = question.asked.last().map(|asked| asked.to.plus_millis(-1));
        arithmetic.sla_seconds = end.and_then(|end| question.terms.told_sla_seconds(&failing, end));
        let mut holes = Holes::new(question.terms);
        question.asked.iter().for_each(|asked| holes.look(&points, asked));
        let unseen = holes.told();
        let by_last = || end.and_then(|end| question.terms.at(end)).map_or(0, Term::allowed_gap_seconds);
        arithmetic.longest_gap_seconds = unseen.map_or(0, |unseen| unseen.seconds);
        arithmetic.allowed_gap_seconds = unseen.map_or_else(by_last, |unseen| unseen.allowed);
        // A check that is steady still sees, but for numbers, what it was told to have seen before.
        let steady_until = points.iter().filter(|p| p.gap == Gap::Regular).map(|p| p.to).max();
        let still = |at: Time| within(at) || steady_until.is_some_and(|until| at <= until);
        let observed = told.seen.iter().rfind(|(at, ..)| still(*at)).map(|(at, values, link)| Observed {
            at: *at,
            values: values.clone(),
            link: timeline.links[*link].clone(),
        });
        let mut numbers: BTreeMap<String, Range> = BTreeMap::new();
        for (name, range) in told.numbers.iter().filter(|(at, _)| within(*at)).flat_map(|(_, n)| n) {
            let all = numbers.entry(name.clone()).or_insert(*range);
            *all = Range { min: all.min.min(range.min), max: all.max.max(range.max), last: range.last };
        }
        let links: BTreeSet<usize> = points.iter().map(|p| p.link).collect();
        let last = end.and_then(|end| outcome_at(&points, end));
        Self {
            scope: Scope::Period,
            arithmetic,
            failing,
            undecided,
            holes: holes.found,
            untold: untold::of(timeline, told, &points, question),
            terms: question.terms.clone(),
            last,
            observed,
            numbers,
            bundles: links.len() as u64,
            evidence: notable(timeline, &points, &links),
        }
    }
}

/// What a check came to as of an instant, with the latest reasons that were given since it began to. Points are in order of
/// [`Timeline::finish`]; null when it had not run. Of runs that are summed up beyond the instant the worst is taken.
pub fn outcome_at(points: &[&Point], at: Time) -> Option<(Outcome, Vec<String>)> {
    let done = points.partition_point(|p| p.to <= at);
    let Some(last) = points[..done].last() else {
        let summed_up = points.iter().find(|p| p.from <= at)?;
        let worst = match (summed_up.failed, summed_up.not_assessed) {
            (0, 0) => summed_up.outcome,
            (0, _) => Outcome::NotAssessable,
            _ => Outcome::Fail,
        };
        let reasons = if worst == summed_up.outcome { summed_up.reasons.clone() } else { Vec::new() };
        return Some((worst, reasons));
    };
    let since = points[..done].iter().rev().take_while(|p| p.outcome == last.outcome);
    let reasons = since.map(|p| &p.reasons).find(|r| !r.is_empty()).cloned().unwrap_or_default();
    Some((last.outcome, reasons))
}

fn count_runs(timeline: &Timeline, points: &[&Point], question: &Question<'_>) -> Arithmetic {
    let due = |asked: &Period| {
        let due = |(part, term): (Period, &Term)| u64::try_from(part.millis() / term.every).unwrap_or(0);
        question.terms.parts(*asked).map(due).sum::<u64>().max(1)
    };
    let mut a = Arithmetic {
        asked_for_seconds: seconds(question.asked.iter().map(Period::millis).sum()),
        scheduled: question.asked.iter().map(due).sum(),
        first_at: points.iter().map(|p| p.from).min(),
        last_at: points.iter().map(|p| p.to).max(),
        ..Arithmetic::default()
    };
    let mut alone = BTreeSet::new();
    for point in points {
        match point.runs {
            Some(runs) => {
                a.runs += runs;
                a.failed_runs += point.failed;
                a.not_assessed_runs += point.not_assessed;
            }
            // A run that a vector also sums up, or that several bundles tell of, is one run.
            None if !timeline.is_summed_up(point.from) && alone.insert(point.from) => {
                a.runs += 1;
                a.failed_runs += point.failed;
                a.not_assessed_runs += point.not_assessed;
            }
            None => {}
        }
    }
    a
}

/// When the check was seen to come to `sought`: from a run that did to the next that did not. Points are in order of
/// [`Timeline::finish`].
pub fn stretches(points: &[Point], asked: &[Period], sought: Outcome) -> Vec<Period> {
    let mut found = Vec::new();
    for stretch in asked {
        let (before, rest) = points.split_at(points.partition_point(|p| p.to < stretch.from));
        let mut since = before.last().filter(|p| p.outcome == sought).map(|_| stretch.from);
        for point in rest.iter().take_while(|p| p.to < stretch.to) {
            match (point.outcome == sought, since) {
                (true, None) => since = Some(point.to),
                (false, Some(from)) => {
                    found.push(Period { from, to: point.to });
                    since = None;
                }
                _ => {}
            }
        }
        found.extend(since.map(|from| Period { from, to: stretch.to }));
    }
    found
}

/// The first and last bundle, and those that tell of something other than the usual.
fn notable(timeline: &Timeline, points: &[&Point], links: &BTreeSet<usize>) -> Vec<Link> {
    let single = points.iter().filter(|p| p.runs.is_none() || p.failed > 0).map(|p| p.link);
    let mut chosen: BTreeSet<usize> = links.first().into_iter().chain(links.last()).copied().collect();
    for link in single {
        if chosen.len() >= MAX_LINKS {
            break;
        }
        chosen.insert(link);
    }
    chosen.into_iter().map(|i| timeline.links[i].clone()).collect()
}
