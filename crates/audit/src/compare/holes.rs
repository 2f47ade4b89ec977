//! The times in which a check was not looked at.

use writ_trust::time::Time;

use super::check::seconds;
use super::terms::{Terms, Unseen, worst};
use super::timeline::{Gap, Point};
use crate::period::Period;

/// The times without a run.
pub struct Holes<'q> {
    terms: &'q Terms,
    /// The longest.
    longest: Option<Unseen>,
    /// Those that are longer than is allowed.
    pub found: Vec<Unseen>,
}

impl<'q> Holes<'q> {
    /// None yet, to be held against what policies asked for.
    pub fn new(terms: &'q Terms) -> Self {
        Self { terms, longest: None, found: Vec::new() }
    }

    /// The one that is to be told: that which is too long by most, or else the longest.
    pub fn told(&self) -> Option<Unseen> {
        worst(&self.found).copied().or(self.longest)
    }

    /// Takes a time without a run, of so many seconds somewhere in it.
    fn take(&mut self, gap: u64, from: Time, to: Time) {
        let Some(unseen) = self.terms.judge(gap, Period { from, to }) else { return };
        if self.longest.is_none_or(|longest| longest.seconds < unseen.seconds) {
            self.longest = Some(unseen);
        }
        if unseen.is_too_long() {
            self.found.push(unseen);
        }
    }

    /// Looks at a stretch, its edges included.
    pub fn look(&mut self, points: &[&Point], asked: &Period) {
        let mut inside: Vec<&&Point> = points.iter().filter(|p| p.to >= asked.from && p.from < asked.to).collect();
        inside.sort_by_key(|p| p.from);
        let mut last = asked.from;
        for point in inside {
            self.take(seconds(point.from.millis_since(last)), last, point.from);
            // What began earlier and goes on beyond the end is all that is known of the stretch.
            if point.from >= asked.from || point.to >= asked.to {
                // Where between its runs the time lies, and whether before the first of them, nobody says.
                self.take(gap_within(point, self.terms), last.min(point.from), point.to.min(asked.to));
            }
            last = last.max(point.to);
        }
        self.take(seconds(asked.to.millis_since(last)), last, asked.to);
    }
}

/// The longest time that may lie between two runs that a point sums up, in seconds. Twice what the policy asked for when a
/// summary was written may lie between two runs of a check that is steady.
pub fn gap_within(point: &Point, terms: &Terms) -> u64 {
    match point.gap {
        Gap::Seconds(seconds) => seconds,
        Gap::Regular => 2 * seconds(terms.at(point.to).map_or(0, |term| term.every)),
    }
}

#[cfg(test)]
mod tests {
    use writ_policy::outcome::Outcome;

    use super::*;
    use crate::compare::terms::Term;

    const DAY: i64 = 86_400_000;

    fn at(days: i64) -> Time {
        Time::from_unix_millis(1_795_444_856_000 + days * DAY)
    }

    fn terms(all: &[(i64, i64)]) -> Terms {
        let term =
            |(from, every): &(i64, i64)| Term { from: at(*from), every: *every, posture_seconds: 0, sla_seconds: None };
        Terms::new(all.iter().map(term))
    }

    #[test]
    fn what_a_summary_leaves_open_is_by_the_policy_that_was_obeyed_then() {
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
        let gap = |terms: &Terms| {
            let mut holes = Holes::new(terms);
            holes.look(&points, &Period { from: at(0), to: at(3) });
            holes.told().map(|told| (told.seconds, told.is_too_long()))
        };
        assert_eq!(gap(&terms(&[(0, 60_000)])), Some((120, false)));
        let once_a_day_before = terms(&[(0, DAY), (2, 60_000)]);
        assert_eq!(gap(&once_a_day_before), Some((2 * 86_400, false)));
    }

    #[test]
    fn the_hole_is_told_and_not_a_longer_time_that_is_allowed() {
        let terms = terms(&[(0, 60_000), (2, DAY)]);
        let mut holes = Holes::new(&terms);
        holes.take(86_400, at(3), at(4));
        assert_eq!(holes.told().map(|told| (told.seconds, told.allowed)), Some((86_400, 2 * 86_400)));
        holes.take(3600, at(0), at(0).plus_millis(3_600_000));
        assert_eq!(holes.told().map(|told| (told.seconds, told.allowed)), Some((3600, 120)));
    }
}
