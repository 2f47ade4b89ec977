//! The verdict on one check of one appliance, with its arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::posture::Range;
use writ_policy::check::Check;
use writ_policy::exception::Exception;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::model::{Arithmetic, Link, MAX_LINKS, Observed, Verdict};
use super::timeline::{CheckTimeline, Gap, Point, Timeline};
use crate::period::Period;
use crate::words::lasting;

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

/// What the evidence comes to, before any exception.
pub struct Facts {
    /// The numbers.
    pub arithmetic: Arithmetic,
    /// When it failed, within the time it was asked for.
    pub failing: Vec<Period>,
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

/// Whole seconds of some milliseconds, rounded up.
fn seconds(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).div_ceil(1000)
}

impl Facts {
    /// Gathers what the evidence says about a check while it was asked for.
    pub fn gather(timeline: &Timeline, question: &Question<'_>, id: &str) -> Self {
        let nothing = CheckTimeline::default();
        let told = timeline.checks.get(id).unwrap_or(&nothing);
        let within = |at: Time| question.asked.iter().any(|p| p.contains(at));
        let points: Vec<&Point> = told.points.iter().filter(|p| within(p.from) || within(p.to)).collect();
        let mut arithmetic = count_runs(timeline, &points, question);
        let before = told.points.iter().rfind(|p| question.asked.first().is_some_and(|a| p.to < a.from));
        let failing = stretches(before, &points, question.asked, Outcome::Fail);
        arithmetic.failures = failing.len() as u64;
        arithmetic.seconds_in_failure = seconds(failing.iter().map(Period::millis).sum());
        arithmetic.longest_failure_seconds = seconds(failing.iter().map(Period::millis).max().unwrap_or(0));
        let undecided = stretches(before, &points, question.asked, Outcome::NotAssessable);
        arithmetic.seconds_not_assessed = seconds(undecided.iter().map(Period::millis).sum());
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
        Self {
            arithmetic,
            failing,
            last: last_outcome(&points),
            observed,
            numbers,
            bundles: links.len() as u64,
            evidence: notable(timeline, &points, &links),
        }
    }
}

/// The last outcome, with the latest reasons that were given since it began.
fn last_outcome(points: &[&Point]) -> Option<(Outcome, Vec<String>)> {
    let outcome = points.last()?.outcome;
    let since = points.iter().rev().take_while(|p| p.outcome == outcome);
    let reasons = since.map(|p| &p.reasons).find(|r| !r.is_empty()).cloned().unwrap_or_default();
    Some((outcome, reasons))
}

fn count_runs(timeline: &Timeline, points: &[&Point], question: &Question<'_>) -> Arithmetic {
    let every = question.check.every.millis().max(1);
    let mut a = Arithmetic {
        asked_for_seconds: seconds(question.asked.iter().map(Period::millis).sum()),
        scheduled: question.asked.iter().map(|p| u64::try_from(p.millis() / every).unwrap_or(0).max(1)).sum(),
        first_at: points.iter().map(|p| p.from).min(),
        last_at: points.iter().map(|p| p.to).max(),
        allowed_gap_seconds: 2 * seconds(every) + question.posture_seconds,
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
    a.longest_gap_seconds =
        question.asked.iter().map(|asked| longest_gap(points, asked, question.every)).max().unwrap_or(0);
    a
}

/// The longest time without a run in a stretch, its edges included. Twice what the policy asked for when a summary was written
/// may lie between two runs of a check that is steady.
fn longest_gap(points: &[&Point], asked: &Period, every: &[(Time, i64)]) -> u64 {
    let regular = |at: Time| 2 * seconds(every.iter().rfind(|(from, _)| *from <= at).map_or(0, |(_, millis)| *millis));
    let mut inside: Vec<&&Point> = points.iter().filter(|p| p.to >= asked.from && p.from < asked.to).collect();
    inside.sort_by_key(|p| p.from);
    let (mut last, mut gap) = (asked.from, 0);
    for point in inside {
        gap = gap.max(seconds(point.from.millis_since(last)));
        if point.from >= asked.from {
            gap = gap.max(match point.gap {
                Gap::Seconds(seconds) => seconds,
                Gap::Regular => regular(point.to),
            });
        }
        last = last.max(point.to);
    }
    gap.max(seconds(asked.to.millis_since(last)))
}

/// When the check was seen to come to `sought`: from a run that did to the next that did not.
fn stretches(before: Option<&Point>, points: &[&Point], asked: &[Period], sought: Outcome) -> Vec<Period> {
    let mut found = Vec::new();
    for stretch in asked {
        let mut since = before.filter(|p| p.outcome == sought).map(|_| stretch.from);
        for point in points.iter().filter(|p| stretch.contains(p.to)) {
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

/// The verdict on a check, and why. `exceptions` are those that lift it; none gives the verdict without exceptions.
pub fn judge(facts: &Facts, exceptions: &[(&str, &Exception)], end: Time) -> (Verdict, Vec<String>) {
    let a = &facts.arithmetic;
    let covered = |p: &Period| exceptions.iter().any(|(_, e)| e.approved_at <= p.from && p.to <= e.expires);
    let uncovered: Vec<&Period> = facts.failing.iter().filter(|p| !covered(p)).collect();
    let (verdict, mut reasons) = base(facts, &uncovered);
    let in_force = exceptions.iter().find(|(_, e)| e.in_force(end.plus_millis(-1)));
    if let Some((id, e)) = in_force.filter(|_| !matches!(verdict, Verdict::Demonstrated | Verdict::NotApplicable)) {
        reasons.insert(0, format!("lifted by exception {id}, approved by {} until {}", e.approved_by, e.expires));
        return (Verdict::Excepted, reasons);
    }
    if facts.failing.len() > uncovered.len() {
        reasons.push(format!("{} of its failures were excepted", facts.failing.len() - uncovered.len()));
    }
    if a.failures > 0 && verdict != Verdict::Failed {
        let times = if a.failures == 1 { "once".to_owned() } else { format!("{} times", a.failures) };
        reasons.push(format!("it failed {times}, {} in all, and holds again", lasting(a.seconds_in_failure)));
    }
    (verdict, reasons)
}

fn base(facts: &Facts, failing: &[&Period]) -> (Verdict, Vec<String>) {
    let a = &facts.arithmetic;
    let Some((last, reasons)) = &facts.last else {
        return (Verdict::NoEvidence, vec!["nothing shows that it was ever looked at".to_owned()]);
    };
    let with = |first: String| std::iter::once(first).chain(reasons.iter().take(8).cloned()).collect::<Vec<_>>();
    if *last == Outcome::Fail {
        return (Verdict::Failed, with("it does not hold at the end of the period".to_owned()));
    }
    if a.longest_gap_seconds > a.allowed_gap_seconds {
        let (gap, allowed) = (lasting(a.longest_gap_seconds), lasting(a.allowed_gap_seconds));
        return (Verdict::NoEvidence, vec![format!("not looked at for {gap}, where {allowed} are allowed")]);
    }
    if *last == Outcome::NotApplicable {
        return (Verdict::NotApplicable, reasons.clone());
    }
    if *last == Outcome::NotAssessable {
        return (Verdict::NotAssessable, with("it could not be decided at the end of the period".to_owned()));
    }
    let longest = seconds(failing.iter().map(|p| p.millis()).max().unwrap_or(0));
    if let Some(sla) = a.sla_seconds.filter(|sla| longest > *sla) {
        let why = format!("it failed for {} on end, where the site allows itself {}", lasting(longest), lasting(sla));
        return (Verdict::PartlyDemonstrated, vec![why]);
    }
    if a.seconds_not_assessed > a.allowed_gap_seconds {
        let why = format!("it could not be decided for {}", lasting(a.seconds_not_assessed));
        return (Verdict::PartlyDemonstrated, vec![why]);
    }
    match last {
        Outcome::Warn => (Verdict::Demonstrated, with("it holds, but not as preferred".to_owned())),
        _ => (Verdict::Demonstrated, Vec::new()),
    }
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
        let gap = |every: &[(Time, i64)]| longest_gap(&points, &asked, every);
        assert_eq!(gap(&[(at(0), 60_000)]), 120);
        assert_eq!(
            gap(&[(at(0), DAY), (at(2), 60_000)]),
            2 * 86_400,
            "once a day, before the policy that asks each minute"
        );
    }
}
