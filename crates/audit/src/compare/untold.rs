//! Runs that failed, where nothing tells when.

use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::check::Question;
use super::timeline::{CheckTimeline, Point, Timeline};
use crate::period::{Period, outside};

/// A time in which runs failed, by nothing but their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    /// In which they lie somewhere; as far as the check was asked for.
    pub time: Period,
    /// How many.
    pub runs: u64,
}

/// Those of a check. `points` are the runs that touch the time in which it was asked for.
///
/// What sums up runs that failed is explained by a failure that is told of within it, or had begun before it; by the last of its own
/// runs, where that failed and lies within the time; or by a generation on trial, whose failures are no incidents.
pub fn of(timeline: &Timeline, told: &CheckTimeline, points: &[&Point], question: &Question<'_>) -> Vec<Untold> {
    let asked = |at: Time| question.asked.iter().any(|p| p.contains(at));
    let (Some(first), Some(last)) = (question.asked.first(), question.asked.last()) else { return Vec::new() };
    let all = Period { from: first.from, to: last.to };
    let fails = told.points.iter().filter(|p| p.outcome == Outcome::Fail && (p.runs.is_none() || asked(p.to)));
    // In order, as the points are.
    let failures: Vec<Time> = fails.map(|p| p.to).collect();
    let is_told = |point: &Point| {
        let within = failures.get(failures.partition_point(|at| *at < point.from)).is_some_and(|at| *at <= point.to);
        let before = told.points[..told.points.partition_point(|p| p.to < point.from)].last();
        let trial = timeline.trials.get(timeline.trials.partition_point(|trial| trial.to <= point.from));
        within
            || before.is_some_and(|p| p.outcome == Outcome::Fail)
            || trial.is_some_and(|trial| trial.from <= point.to)
    };
    let summed_up = points.iter().filter(|p| p.runs.is_some() && p.failed > 0 && !is_told(p));
    summed_up
        .map(|p| Untold { time: Period { from: p.from, to: p.to.plus_millis(1) }.and(&all), runs: p.failed })
        .collect()
}

/// How many runs failed outside of some times that are in order.
pub fn outside_of(all: &[Untold], times: &[Period]) -> u64 {
    all.iter().filter(|one| !outside(&[one.time], times).is_empty()).map(|one| one.runs).sum()
}
