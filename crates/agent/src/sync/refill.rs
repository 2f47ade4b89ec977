//! When a depot that lost evidence is given it again. Pure.
//!
//! A restored depot has less than what was delivered. It says so by its own numbers, which prove nothing: a lying one could
//! ask for everything again and again, so between two times lies a wait that doubles and that no word of its own shortens, and
//! what did not help is not done again for the same reason. Nor does a restart of the courier shorten it: this is on its disk.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The wait after the first time, in milliseconds.
const FIRST_WAIT: u64 = 10 * 60_000;
/// The longest wait, in milliseconds.
const LONGEST_WAIT: u64 = 24 * 3_600_000;

/// What is being sent again, and when that may begin anew.
///
/// Times are milliseconds of the wall clock. One that was set back ends a wait, which is no more than once too often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refill {
    /// Delivered bundles above this sequence are sent again.
    after: Option<u64>,
    /// Up to this one, which was the newest delivered when that began.
    through: u64,
    /// Which number of the depot's the last one was begun for.
    begun_at: Option<u64>,
    not_before: u64,
    wait: u64,
}

impl Refill {
    /// The sequences of delivered bundles that are to be sent again.
    pub fn range(&self) -> Option<RangeInclusive<u64>> {
        self.after.map(|after| after.saturating_add(1)..=self.through)
    }

    /// Whether something is to be sent again.
    pub fn is_wanted(&self) -> bool {
        self.after.is_some()
    }

    /// The depot told what it has: `held` without gaps from the first, `newest` at all. `delivered` is the highest sequence
    /// that was delivered.
    #[must_use]
    pub fn told(self, held: u64, newest: u64, delivered: u64, now: u64) -> Self {
        if held >= delivered {
            return Self { begun_at: None, ..self };
        }
        let lost = newest < delivered;
        if self.after.is_some() || !lost || self.rests(now) {
            return self;
        }
        self.begun(held, delivered, now)
    }

    /// As [`Refill::told`], by the answer to a batch that came after a gap: new bundles may have been taken in before the
    /// loss was noticed, and `newest` hides it then.
    #[must_use]
    pub fn told_of_gap(self, held: u64, delivered: u64, now: u64) -> Self {
        let known = self.begun_at == Some(held);
        if self.after.is_some() || held >= delivered || known || self.rests(now) {
            return self;
        }
        self.begun(held, delivered, now)
    }

    fn rests(&self, now: u64) -> bool {
        self.not_before.checked_sub(now).is_some_and(|left| 0 < left && left <= self.wait)
    }

    fn begun(self, held: u64, through: u64, now: u64) -> Self {
        let wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        Self { after: Some(held), through, begun_at: Some(held), not_before: now.saturating_add(wait), wait }
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
        assert_eq!(refill.range(), Some(41..=100));
        let refill = refill.sent(60).told(60, 60, 100, 2_000);
        assert_eq!(refill.range(), Some(61..=100));
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
    fn a_clock_that_was_set_back_does_not_end_refilling_for_good() {
        let refill = Refill::default().told(0, 0, 100, 1 << 40).ended();
        assert!(!refill.told(0, 0, 100, (1 << 40) + 1).is_wanted());
        assert!(refill.told(0, 0, 100, 1 << 30).is_wanted());
    }

    /// How often a depot is obeyed in 30 days that says this, minute by minute.
    fn times(says: impl Fn(u64) -> u64) -> u64 {
        let (mut refill, mut times) = (Refill::default(), 0);
        for minute in 0..30 * 24 * 60 {
            refill = refill.told(says(minute), says(minute), 100, minute * 60_000);
            times += u64::from(refill.is_wanted());
            refill = refill.sent(100).ended();
        }
        times
    }

    #[test]
    fn a_depot_that_always_lost_everything_is_not_obeyed_for_ever() {
        for (name, times) in [
            ("at times more, at times less", times(|minute| minute % 7)),
            ("nothing and all there can be", times(|minute| (minute % 2) << 53)),
        ] {
            assert!((30..45).contains(&times), "{name}: {times} times in 30 days");
        }
    }
}
