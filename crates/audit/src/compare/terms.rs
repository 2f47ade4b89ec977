//! What policies asked of a check from when on, and by that how long it may not be looked at, or fail.

use writ_policy::check::Check;
use writ_policy::policy::Policy;
use writ_trust::time::Time;

use super::check::seconds;
use crate::period::Period;

/// What a policy asked of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// From when on.
    pub from: Time,
    /// How often it was to be looked at, in milliseconds.
    pub every: i64,
    /// The interval of the hourly vector, in seconds.
    pub posture_seconds: u64,
    /// How long the site allowed itself for a failure of this severity, in seconds; null where it did not say.
    pub sla_seconds: Option<u64>,
}

impl Term {
    /// What a policy asks of one of its checks.
    pub fn of(from: Time, policy: &Policy, check: &Check) -> Self {
        Self {
            from,
            every: check.every.millis().max(1),
            posture_seconds: u64::try_from(policy.settings.posture.vector.seconds()).unwrap_or(0),
            sla_seconds: policy.settings.sla.get(&check.severity).and_then(|s| u64::try_from(s.seconds()).ok()),
        }
    }

    /// How long it may not be looked at, in seconds.
    pub fn allowed_gap_seconds(&self) -> u64 {
        2 * seconds(self.every) + self.posture_seconds
    }
}

/// A time without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// It, or where it lies.
    pub time: Period,
    /// How long it is, or the part of it under the policy that it is too long for, in seconds.
    pub seconds: u64,
    /// How long that may be.
    pub allowed: u64,
}

impl Unseen {
    /// Whether it is longer than is allowed.
    pub fn is_too_long(&self) -> bool {
        self.seconds > self.allowed
    }

    /// By how much, in seconds; below 0 where it is not.
    fn excess(&self) -> i128 {
        i128::from(self.seconds) - i128::from(self.allowed)
    }
}

/// Of times without a run the one that is too long by most.
pub fn worst(all: &[Unseen]) -> Option<&Unseen> {
    all.iter().max_by_key(|unseen| unseen.excess())
}

/// What policies asked of a check, in order, each different from the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms(Vec<Term>);

impl Terms {
    /// Terms in order of time.
    pub fn new(all: impl IntoIterator<Item = Term>) -> Self {
        let mut all: Vec<Term> = all.into_iter().collect();
        all.dedup_by(|next, before| Term { from: before.from, ..*next } == *before);
        Self(all)
    }

    /// Those of an instant. What was asked for first is asked for from the beginning on.
    pub fn at(&self, at: Time) -> Option<&Term> {
        self.0.get(self.0.partition_point(|term| term.from <= at).saturating_sub(1))
    }

    /// The parts of some time, each with what was asked for then.
    pub fn parts(&self, of: Period) -> impl Iterator<Item = (Period, &Term)> {
        let first = self.0.partition_point(|term| term.from <= of.from).saturating_sub(1);
        let touching = self.0[first..].iter().enumerate().take_while(move |(i, term)| *i == 0 || term.from < of.to);
        touching.filter_map(move |(i, term)| {
            let from = if i == 0 { of.from } else { term.from };
            let to = self.0.get(first + i + 1).map_or(of.to, |next| next.from.min(of.to));
            (from < to).then_some((Period { from, to }, term))
        })
    }

    /// Judges a time without a run, of so many seconds somewhere in it; null where it is empty. It may be no longer than the laxest
    /// policy of that time allows, nor the part under each policy than that one does: a laxer one that came later excuses nothing
    /// before it.
    pub fn judge(&self, gap: u64, time: Period) -> Option<Unseen> {
        let parts = || self.parts(time).map(|(part, term)| (seconds(part.millis()), term.allowed_gap_seconds()));
        let laxest = parts().map(|(_, allowed)| allowed).max()?;
        let whole = Unseen { time, seconds: gap, allowed: laxest };
        if gap < seconds(time.millis()) {
            return Some(whole);
        }
        let of_parts = parts().map(|(seconds, allowed)| Unseen { time, seconds, allowed });
        let too_long: Vec<Unseen> = std::iter::once(whole).chain(of_parts).filter(Unseen::is_too_long).collect();
        Some(worst(&too_long).copied().unwrap_or(whole))
    }

    /// The shortest time that some of them allow without a run, in seconds, of those in force in any of some times.
    pub fn least_allowed(&self, times: &[Period]) -> Option<u64> {
        times.iter().flat_map(|time| self.parts(*time)).map(|(_, term)| term.allowed_gap_seconds()).min()
    }

    /// How long a failure of this time may last, in seconds: by the strictest policy of that time; null where none says.
    pub fn sla_seconds(&self, failing: Period) -> Option<u64> {
        self.parts(failing).filter_map(|(_, term)| term.sla_seconds).min()
    }

    /// What is to be told as allowed beside some failures: that of the one which is too long by most, otherwise of the longest, and
    /// without a failure that of the policy at this end.
    pub fn told_sla_seconds(&self, failures: &[Period], end: Time) -> Option<u64> {
        let by_each = failures.iter().map(|failing| (seconds(failing.millis()), self.sla_seconds(*failing)));
        let longest = by_each.max_by_key(|(lasted, sla)| {
            let excess = sla.map_or(0, |sla| lasted.saturating_sub(sla));
            (excess, *lasted)
        });
        longest.map_or_else(|| self.at(end)?.sla_seconds, |(_, sla)| sla)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hours: i64) -> Time {
        Time::from_unix_millis(1_795_444_856_000 + hours * HOUR)
    }

    fn time(from: i64, to: i64) -> Period {
        Period { from: at(from), to: at(to) }
    }

    /// From these hours on each so many milliseconds, and told of within an hour.
    fn terms(all: &[(i64, i64)]) -> Terms {
        let term = |(from, every): &(i64, i64)| Term {
            from: at(*from),
            every: *every,
            posture_seconds: 3600,
            sla_seconds: None,
        };
        Terms::new(all.iter().map(term))
    }

    #[test]
    fn a_laxer_interval_excuses_nothing_before_it() {
        let judged = |terms: &Terms, from: i64, to: i64| {
            terms.judge(u64::try_from((to - from) * 3600).unwrap(), time(from, to)).unwrap()
        };
        let bad = |terms: &Terms, from: i64, to: i64| judged(terms, from, to).is_too_long();
        // Each five minutes, and from the tenth hour on once a day.
        let laxer = terms(&[(0, HOUR / 12), (10, 24 * HOUR)]);
        assert_eq!((bad(&laxer, 0, 1), bad(&laxer, 2, 9), bad(&laxer, 12, 40)), (false, true, false));
        let five = judged(&laxer, 5, 12);
        assert_eq!((five.seconds, five.allowed), (5 * 3600, 4200), "five hours of it are under the stricter one");
        assert_eq!((bad(&laxer, 9, 40), bad(&laxer, 9, 100)), (false, true));
        let stricter = terms(&[(0, 24 * HOUR), (10, HOUR / 12)]);
        assert_eq!((bad(&stricter, 2, 10), bad(&stricter, 2, 11), bad(&stricter, 2, 13)), (false, false, true));
        // What lies somewhere in a longer time may lie in the laxer part of it.
        assert!(!laxer.judge(7200, time(5, 12)).unwrap().is_too_long());
        assert_eq!(laxer.judge(0, time(5, 5)), None);
    }

    #[test]
    fn each_part_has_what_was_asked_for_then() {
        let hours = |terms: &Terms, from: i64, to: i64| -> Vec<(i64, i64)> {
            terms.parts(time(from, to)).map(|(part, term)| (part.millis() / HOUR, term.every)).collect()
        };
        let three = terms(&[(0, 5), (4, 5), (10, 7), (20, 9)]);
        assert_eq!(three.0.len(), 3, "those that ask for the same are one");
        assert_eq!(hours(&three, 8, 34), [(2, 5), (10, 7), (14, 9)]);
        assert_eq!(hours(&three, 10, 20), [(10, 7)]);
        assert_eq!((hours(&three, -5, 1), hours(&three, 30, 31)), (vec![(6, 5)], vec![(1, 9)]));
        assert_eq!((hours(&three, 5, 5), hours(&terms(&[]), 0, 9)), (vec![], vec![]));
        let every = |at_hour: i64| three.at(at(at_hour)).map(|term| term.every);
        assert_eq!([-1, 9, 10, 50].map(every), [5, 5, 7, 9].map(Some));
    }

    #[test]
    fn a_failure_is_held_against_the_strictest_that_it_touches() {
        let with =
            |from: i64, sla: Option<u64>| Term { from: at(from), every: 1, posture_seconds: 0, sla_seconds: sla };
        let terms = Terms::new([with(0, Some(3600)), with(10, Some(86_400)), with(20, None)]);
        let sla = |from: i64, to: i64| terms.sla_seconds(time(from, to));
        assert_eq!([sla(1, 10), sla(1, 12), sla(11, 30), sla(21, 30)], [Some(3600), Some(3600), Some(86_400), None]);
        let told = |failures: &[Period]| terms.told_sla_seconds(failures, at(15));
        assert_eq!(told(&[]), Some(86_400), "what comes later is not told");
        assert_eq!(told(&[time(1, 3), time(11, 19)]), Some(3600), "the first is too long");
        assert_eq!(told(&[time(1, 2), time(11, 19)]), Some(86_400), "the second is longer");
    }
}
