//! What held at one instant: by the last run at or before it and the next one after it.

use std::collections::{BTreeMap, BTreeSet};

use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::check::{Facts, Question, Scope, outcome_at, seconds, stretches};
use super::holes::gap_within;
use super::model::{Arithmetic, MAX_LINKS, Observed};
use super::terms::{Term, Terms, Unseen};
use super::timeline::{CheckTimeline, Gap, Point, Timeline};
use crate::period::{Period, total};

/// The runs around an instant.
struct Around<'t> {
    /// The last at or before it.
    before: Option<&'t Point>,
    /// Runs that are summed up together, of which some are before it and some after.
    across: Option<&'t Point>,
    /// When it ran last before the first of those.
    ahead: Option<Time>,
    /// The next after it.
    after: Option<&'t Point>,
}

impl<'t> Around<'t> {
    fn of(told: &'t CheckTimeline, at: Time) -> Self {
        let (done, rest) = told.points.split_at(told.points.partition_point(|p| p.to <= at));
        let across = rest.iter().filter(|p| p.from <= at).min_by_key(|p| p.to);
        let after = rest.iter().filter(|p| p.from > at).min_by_key(|p| (p.from, p.to));
        // One of those that are summed up comes sooner.
        let after = after.filter(|after| across.is_none_or(|p| after.from < p.to));
        let ahead = across.and_then(|across| done[..done.partition_point(|p| p.to <= across.from)].last());
        Self { before: done.last(), across, ahead: ahead.map(|p| p.to), after }
    }

    /// The time without a run that the instant lies in: at most so long. Where nothing ran after it, up to the end of `known`: the
    /// time in which the policy asked for it, as far as it is known. Null where nothing ran before it.
    fn gap(&self, at: Time, terms: &Terms, known: &Period) -> Option<Unseen> {
        if let Some(run) = self.before.filter(|p| p.to == at) {
            // It ran at this very instant; of a time that was only summed up, somewhere near its end.
            let gap = if run.gap == Gap::Regular { gap_within(run, terms) } else { 0 };
            return terms.judge(gap, Period { from: run.from, to: run.to.plus_millis(1) });
        }
        let until = self.next().map_or(known.to, |next| next.min(known.to));
        let between = self.before.map(|p| (seconds(until.millis_since(p.to)), Period { from: p.to, to: until }));
        let inside = self.across.map(|p| {
            // Of those that are summed up nobody says whether it lies before the first of them.
            let from = self.ahead.unwrap_or(known.from).min(p.from);
            (gap_within(p, terms), Period { from, to: p.to.min(known.to) })
        });
        let judged = between.into_iter().chain(inside).filter_map(|(gap, time)| terms.judge(gap, time));
        judged.min_by_key(|unseen| (unseen.is_too_long(), unseen.seconds))
    }

    /// When it ran last at or before the instant, as far as it is told.
    fn last(&self) -> Option<Time> {
        self.before.map(|p| p.to).max(self.across.map(|p| p.from))
    }

    /// When it ran next after it, at the latest.
    fn next(&self) -> Option<Time> {
        self.after.map(|p| p.from).or(self.across.map(|p| p.to))
    }

    fn all(&self) -> impl Iterator<Item = &'t Point> {
        [self.before, self.across, self.after].into_iter().flatten()
    }
}

/// What the check came to: what its last run came to, but where runs that are summed up lie across the instant, and some of
/// them failed, that it failed. Nobody knows then that it did not.
fn outcome(told: &CheckTimeline, at: Time) -> Option<(Outcome, Vec<String>)> {
    let points: Vec<&Point> = told.points.iter().collect();
    let last = outcome_at(&points, at)?;
    if last.0 == Outcome::Fail {
        return Some(last);
    }
    let (done, rest) = told.points.split_at(told.points.partition_point(|p| p.to <= at));
    let failed = rest.iter().filter(|p| p.from <= at && p.failed > 0).find(|p| !told_apart(p, done, rest, at));
    let of_summary = |p: &Point| if p.outcome == Outcome::Fail { p.reasons.clone() } else { Vec::new() };
    Some(failed.map_or(last, |p| (Outcome::Fail, of_summary(p))))
}

/// Whether more is told than that some of the runs that are summed up across an instant failed: what it came to at the instant
/// or since the first of them, or that the next that is told of failed, and so the failures lie behind it.
fn told_apart(across: &Point, done: &[Point], rest: &[Point], at: Time) -> bool {
    let mut since = done.iter().rev().take_while(|p| p.to > across.from || p.to == at);
    let behind = rest.iter().take_while(|p| p.to <= across.to).filter(|p| p.from > at);
    since.any(|p| p.from >= across.from || p.to == at)
        || behind.min_by_key(|p| (p.from, p.failed == 0)).is_some_and(|next| next.failed > 0)
}

/// Gathers what the evidence says of a check as of an instant. `question.asked` is all the time in which policies asked for it,
/// up to what is known.
pub fn gather(timeline: &Timeline, question: &Question<'_>, id: &str, at: Time) -> Facts {
    let nothing = CheckTimeline::default();
    let told = timeline.checks.get(id).unwrap_or(&nothing);
    let around = Around::of(told, at);
    let now = Period::instant(at);
    let known = question.asked.iter().find(|p| p.contains(at)).copied().unwrap_or(now);
    let last = outcome(told, at);
    let so_far = Period { from: told.points.iter().map(|p| p.from).min().unwrap_or(at).min(at), to: now.to };
    let lasts = |sought: Outcome| -> Vec<Period> {
        let mut found = stretches(&told.points, &[so_far], sought);
        found.retain(|p| p.to == now.to);
        // Of runs that are summed up beyond the instant nobody knows since when.
        let is_so = last.as_ref().is_some_and(|(outcome, _)| *outcome == sought);
        if found.is_empty() && is_so { vec![now] } else { found }
    };
    let (failing, undecided) = (lasts(Outcome::Fail), lasts(Outcome::NotAssessable));
    let term = question.terms.at(at);
    let gap = around.gap(at, question.terms, &known);
    let allowed = gap.map_or_else(|| term.map_or(0, Term::allowed_gap_seconds), |gap| gap.allowed);
    let hole = gap.map_or(Some(Unseen { time: now, seconds: 0, allowed }), |gap| {
        gap.is_too_long().then_some(Unseen { time: now, ..gap })
    });
    let arithmetic = Arithmetic {
        first_at: around.last(),
        last_at: around.next(),
        longest_gap_seconds: gap.map_or(0, |gap| gap.seconds),
        allowed_gap_seconds: allowed,
        failures: failing.len() as u64,
        seconds_in_failure: Scope::Instant.seconds(total(&failing)),
        longest_failure_seconds: Scope::Instant.seconds(total(&failing)),
        seconds_not_assessed: Scope::Instant.seconds(total(&undecided)),
        sla_seconds: term.and_then(|term| term.sla_seconds),
        ..Arithmetic::default()
    };
    let observed = told.seen.iter().rfind(|(seen, ..)| *seen <= at).map(|(at, values, link)| Observed {
        at: *at,
        values: values.clone(),
        link: timeline.links[*link].clone(),
    });
    let links: BTreeSet<usize> = around.all().map(|p| p.link).collect();
    Facts {
        scope: Scope::Instant,
        arithmetic,
        failing,
        undecided,
        holes: hole.into_iter().collect(),
        untold: Vec::new(),
        terms: question.terms.clone(),
        last,
        observed,
        numbers: BTreeMap::new(),
        bundles: links.len() as u64,
        evidence: links.iter().take(MAX_LINKS).map(|i| timeline.links[*i].clone()).collect(),
    }
}
