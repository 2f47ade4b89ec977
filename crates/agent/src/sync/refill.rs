//! When a depot that lost evidence is given it again. Pure.
//!
//! A restored depot has less than what was delivered. It says so by its own numbers, which prove nothing: a lying one could
//! ask for everything again and again, so between two times lies a wait that doubles, and what did not help is not done again
//! for the same reason.

use std::ops::Bound;

/// The wait after the first time, in milliseconds.
const FIRST_WAIT: u64 = 10 * 60_000;
/// The longest wait, in milliseconds.
const LONGEST_WAIT: u64 = 24 * 3_600_000;

/// What is being sent again, and when that may begin anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refill {
    /// Delivered bundles above this sequence are sent again.
    after: Option<u64>,
    /// Which number of the depot's the last one was begun for.
    begun_at: Option<u64>,
    not_before: u64,
    wait: u64,
}

impl Refill {
    /// The sequences of delivered bundles that are to be sent again.
    pub fn range(&self) -> Option<(Bound<u64>, Bound<u64>)> {
        self.after.map(|after| (Bound::Excluded(after), Bound::Unbounded))
    }

    /// Whether something is to be sent again.
    pub fn is_wanted(&self) -> bool {
        self.after.is_some()
    }

    /// The depot told what it has: `held` without gaps from the first, `newest` at all. `delivered` is the highest sequence
    /// that was delivered. Times are milliseconds of a clock that never goes back.
    #[must_use]
    pub fn told(self, held: u64, newest: u64, delivered: u64, now: u64) -> Self {
        if held >= delivered {
            return Self { begun_at: None, wait: 0, ..self };
        }
        let lost = newest < delivered;
        if self.after.is_some() || !lost || now < self.not_before {
            return self;
        }
        self.begun(held, now)
    }

    /// As [`Refill::told`], by the answer to a batch that came after a gap: new bundles may have been taken in before the
    /// loss was noticed, and `newest` hides it then.
    #[must_use]
    pub fn told_of_gap(self, held: u64, delivered: u64, now: u64) -> Self {
        let known = self.begun_at == Some(held);
        if self.after.is_some() || held >= delivered || known || now < self.not_before {
            return self;
        }
        self.begun(held, now)
    }

    fn begun(self, held: u64, now: u64) -> Self {
        let wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        Self { after: Some(held), begun_at: Some(held), not_before: now.saturating_add(wait), wait }
    }

    /// Receipts above this sequence are by a log that was lost: what they prove, the log that took over has to say again.
    #[must_use]
    pub fn of_lost_log(self, after: u64) -> Self {
        Self { after: Some(self.after.map_or(after, |planned| planned.min(after))), ..self }
    }

    /// Bundles up to this sequence have new receipts.
    #[must_use]
    pub fn sent(self, through: u64) -> Self {
        Self { after: self.after.map(|after| after.max(through)), ..self }
    }

    /// There is nothing more to be sent again.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { after: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_depot_is_refilled_from_what_it_holds() {
        let refill = Refill::default().told(100, 100, 100, 0);
        assert!(!refill.is_wanted());
        let refill = refill.told(40, 50, 100, 1_000);
        assert_eq!(refill.range(), Some((Bound::Excluded(40), Bound::Unbounded)));
        let refill = refill.sent(60).told(60, 60, 100, 2_000);
        assert_eq!(refill.range(), Some((Bound::Excluded(60), Bound::Unbounded)));
        let refill = refill.sent(100).ended().told(100, 100, 100, 3_000);
        assert!(!refill.is_wanted());
        assert!(refill.told(70, 70, 100, refill.not_before).is_wanted(), "lost once more, later");
    }

    #[test]
    fn a_gap_that_is_not_a_loss_is_left_alone() {
        // Bundle 37 was refused: `held` stays at 36 for ever, and `newest` goes on.
        let refill = Refill::default().told(36, 100, 100, 0);
        assert!(!refill.is_wanted());
        let refill = refill.told_of_gap(36, 100, 0);
        assert!(refill.is_wanted(), "once, for it could be a loss");
        let refill = refill.ended();
        assert!(!refill.told_of_gap(36, 200, u64::MAX).is_wanted(), "not again for the same reason");
        assert!(refill.told_of_gap(20, 200, u64::MAX).is_wanted());
    }

    #[test]
    fn a_log_that_took_over_is_told_everything_the_lost_one_proved() {
        let refill = Refill::default().of_lost_log(0);
        assert_eq!(refill.range(), Some((Bound::Excluded(0), Bound::Unbounded)));
        assert_eq!(
            Refill::default().told(40, 40, 100, 0).of_lost_log(7).sent(5).range().unwrap().0,
            Bound::Excluded(7)
        );
        assert_eq!(refill.sent(30).of_lost_log(90).range().unwrap().0, Bound::Excluded(30));
    }

    #[test]
    fn a_depot_that_always_lost_everything_is_not_obeyed_for_ever() {
        let (mut refill, mut times, mut now) = (Refill::default(), 0, 0);
        while now < 30 * 24 * 3_600_000 {
            refill = refill.told(now % 7, now % 7, 100, now);
            times += u64::from(refill.is_wanted());
            refill = refill.sent(100).ended();
            now += 60_000;
        }
        assert!((30..45).contains(&times), "{times} times in 30 days");
    }
}
