//! The evidence on one check of one appliance, with its arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::posture::Range;
use writ_policy::check::Check;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::model::{Arithmetic, Link, MAX_LINKS, Observed};
use super::timeline::{CheckTimeline, Gap, Point, Timeline};
use crate::period::{Period, total};

/// What is to be judged.
pub struct Question<'a> {
    /// The check as the policy in force last had it.
    pub check: &'a Check,
    /// When a policy asked for it, clipped to the period, in order, touching stretches joined.
    pub asked: &'a [Period],
    /// From when on a policy asked for it this often, in milliseconds, in order.
    pub every: &'a [(Time, i64)],
    /// The interval of the hourly vector, in seconds.
    pub posture_seconds: u64,
    /// How long the site allows itself for the check's severity.
    pub sla_seconds: Option<u64>,
}

impl Question<'_> {
    /// How long it may not be looked at, in seconds; where policies changed that meanwhile, the shortest of them.
    pub fn allowed_gap_seconds(&self) -> u64 {
        let all = self.asked.iter().flat_map(|asked| parts(self.every, asked));
        allowed(all.map(|(_, millis)| millis).min().unwrap_or(self.check.every.millis()), self.posture_seconds)
    }

    /// The same by the check itself alone: of an instant the policy of that instant counts, whatever came later.
    pub fn allowed_gap_seconds_now(&self) -> u64 {
        allowed(self.check.every.millis(), self.posture_seconds)
    }
}

fn allowed(every: i64, posture_seconds: u64) -> u64 {
    2 * seconds(every.max(1)) + posture_seconds
}

/// The parts of some time in which policies asked for something this often, in milliseconds, each with that.
fn parts<'q>(every: &'q [(Time, i64)], of: &'q Period) -> impl Iterator<Item = (Period, i64)> + 'q {
    every.iter().enumerate().filter_map(move |(i, (from, millis))| {
        let end = every.get(i + 1).map_or(of.to, |(next, _)| (*next).min(of.to));
        // What was asked for first is asked for from the beginning on.
        let from = if i == 0 { of.from } else { (*from).max(of.from) };
        (from < end).then_some((Period { from, to: end }, (*millis).max(1)))
    })
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
    pub holes: Vec<Period>,
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
        let mut holes = Holes::new(question);
        question.asked.iter().for_each(|asked| holes.look(&points, asked));
        arithmetic.longest_gap_seconds = holes.longest;
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
        let last = question.asked.last().and_then(|asked| outcome_at(&points, asked.to.plus_millis(-1)));
        Self {
            scope: Scope::Period,
            arithmetic,
            failing,
            undecided,
            holes: holes.found,
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
        let due = |(part, every): (Period, i64)| u64::try_from(part.millis() / every).unwrap_or(0);
        parts(question.every, asked).map(due).sum::<u64>().max(1)
    };
    let mut a = Arithmetic {
        asked_for_seconds: seconds(question.asked.iter().map(Period::millis).sum()),
        scheduled: question.asked.iter().map(due).sum(),
        first_at: points.iter().map(|p| p.from).min(),
        last_at: points.iter().map(|p| p.to).max(),
        allowed_gap_seconds: question.allowed_gap_seconds(),
        sla_seconds: question.sla_seconds,
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

/// The times without a run.
struct Holes<'q> {
    every: &'q [(Time, i64)],
    posture_seconds: u64,
    /// The longest, in seconds.
    longest: u64,
    /// Those that are longer than is allowed.
    found: Vec<Period>,
}

impl<'q> Holes<'q> {
    fn new(question: &'q Question<'_>) -> Self {
        Self { every: question.every, posture_seconds: question.posture_seconds, longest: 0, found: Vec::new() }
    }

    /// Takes a time without a run, of so many seconds somewhere in it. It may be no longer than the laxest policy of that time
    /// allows, nor the part under each policy than that one does: a laxer one that came later excuses nothing before it.
    fn take(&mut self, gap: u64, from: Time, to: Time) {
        self.longest = self.longest.max(gap);
        let time = Period { from, to };
        let (mut most, mut too_long) = (None, false);
        for (part, every) in parts(self.every, &time) {
            let allowed = allowed(every, self.posture_seconds);
            most = most.max(Some(allowed));
            too_long |= gap.min(seconds(part.millis())) > allowed && gap >= seconds(time.millis());
        }
        if too_long || most.is_some_and(|most| gap > most) {
            self.found.push(time);
        }
    }

    /// The longest time that may lie between two runs of a point.
    fn within(&self, point: &Point) -> u64 {
        gap_within(point, self.every)
    }

    /// Looks at a stretch, its edges included.
    fn look(&mut self, points: &[&Point], asked: &Period) {
        let mut inside: Vec<&&Point> = points.iter().filter(|p| p.to >= asked.from && p.from < asked.to).collect();
        inside.sort_by_key(|p| p.from);
        let mut last = asked.from;
        for point in inside {
            self.take(seconds(point.from.millis_since(last)), last, point.from);
            // What began earlier and goes on beyond the end is all that is known of the stretch.
            if point.from >= asked.from || point.to >= asked.to {
                // Where between its runs the time lies, and whether before the first of them, nobody says.
                self.take(self.within(point), last.min(point.from), point.to.min(asked.to));
            }
            last = last.max(point.to);
        }
        self.take(seconds(asked.to.millis_since(last)), last, asked.to);
    }
}

/// The longest time that may lie between two runs that a point sums up, in seconds. Twice what the policy asked for when a
/// summary was written may lie between two runs of a check that is steady.
pub fn gap_within(point: &Point, every: &[(Time, i64)]) -> u64 {
    match point.gap {
        Gap::Seconds(seconds) => seconds,
        Gap::Regular => 2 * seconds(every.iter().rfind(|(from, _)| *from <= point.to).map_or(0, |(_, millis)| *millis)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_summary_leaves_open_is_by_the_policy_that_was_obeyed_then() {
        const DAY: i64 = 86_400_000;
        let at = |days: i64| Time::from_unix_millis(1_795_444_856_000 + days * DAY);
        let point = |day: i64| Point {
            from: at(day),
            to: at(day + 1),
            runs: Some(1),
            failed: 0,
            not_assessed: 0,
            gap: Gap::Regular,
            outcome: Outcome::Pass,
            reasons: Vec::new(),
            link: 0,
        };
        let points = [point(0), point(1), point(2)];
        let points: Vec<&Point> = points.iter().collect();
        let asked = Period { from: at(0), to: at(3) };
        let gap = |every: &[(Time, i64)]| {
            let mut holes = Holes { every, posture_seconds: 0, longest: 0, found: Vec::new() };
            holes.look(&points, &asked);
            holes.longest
        };
        assert_eq!(gap(&[(at(0), 60_000)]), 120);
        assert_eq!(
            gap(&[(at(0), DAY), (at(2), 60_000)]),
            2 * 86_400,
            "once a day, before the policy that asks each minute"
        );
    }
    #[test]
    fn a_laxer_interval_excuses_nothing_before_it() {
        const HOUR: i64 = 3_600_000;
        let at = |hours: i64| Time::from_unix_millis(1_795_444_856_000 + hours * HOUR);
        let found = |every: &[(Time, i64)], from: i64, to: i64| {
            let mut holes = Holes { every, posture_seconds: 3600, longest: 0, found: Vec::new() };
            holes.take(u64::try_from((to - from) * 3600).unwrap(), at(from), at(to));
            holes.found.len()
        };
        // Each five minutes, and from the tenth hour on once a day.
        let laxer = [(at(0), HOUR / 12), (at(10), 24 * HOUR)];
        assert_eq!((found(&laxer, 0, 1), found(&laxer, 2, 9), found(&laxer, 12, 40)), (0, 1, 0));
        assert_eq!(found(&laxer, 5, 12), 1, "five hours of it are under the stricter one");
        assert_eq!((found(&laxer, 9, 40), found(&laxer, 9, 100)), (0, 1));
        let stricter = [(at(0), 24 * HOUR), (at(10), HOUR / 12)];
        assert_eq!((found(&stricter, 2, 10), found(&stricter, 2, 11), found(&stricter, 2, 13)), (0, 0, 1));
        let parts: Vec<i64> =
            parts(&laxer, &Period { from: at(8), to: at(34) }).map(|(p, _)| p.millis() / HOUR).collect();
        assert_eq!(parts, [2, 24]);
    }
}
