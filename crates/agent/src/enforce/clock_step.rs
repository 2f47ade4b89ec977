//! A clock that was set: told as evidence, and what was planned by it goes on as planned.
//!
//! Times of day are what evidence and people go by, so they are what is kept across restarts: when a rule may be tried again,
//! when the next contact is called, since when posture is summed up. Each of them is a length of time that began at an instant.
//! When the time of day jumps and the instant does not, they are all moved by the same step: a clock that was once a year
//! ahead must not stop a rule for a year.

use std::time::{Duration, Instant};

use tracing::warn;
use writ_evidence::records::ClockStep;
use writ_trust::time::Time;

use super::engine::Engine;

/// The least that counts as a step, in milliseconds; less is what disciplining a clock does.
const LEAST: i64 = 2_000;
/// How many steps are told within [`TOLD_WITHIN`]; more are only acted upon.
const MOST_TOLD: usize = 20;
const TOLD_WITHIN: Duration = Duration::from_secs(86_400);

/// When the clocks were looked at, and which steps were told.
#[derive(Debug, Default)]
pub struct ClockWatch {
    seen: Option<(Instant, Time)>,
    told: Vec<Instant>,
}

impl ClockWatch {
    /// How far the time of day has jumped since the last look, and where it would be now without that.
    fn look(&mut self, instant: Instant, now: Time) -> Option<(Time, i64)> {
        let (since, then) = self.seen.replace((instant, now))?;
        let passed = i64::try_from(instant.saturating_duration_since(since).as_millis()).unwrap_or(i64::MAX);
        let expected = then.plus_millis(passed);
        let step = now.millis_since(expected);
        (step.unsigned_abs() >= LEAST.unsigned_abs()).then_some((expected, step))
    }

    fn may_tell(&mut self, instant: Instant) -> bool {
        self.told.retain(|told| instant.saturating_duration_since(*told) < TOLD_WITHIN);
        let may = self.told.len() < MOST_TOLD;
        if may {
            self.told.push(instant);
        }
        may
    }
}

impl Engine {
    /// Sees whether the clock was set.
    pub(super) fn watch_clock(&mut self) {
        // A machine that stood still between the two would look like a clock that was set, and set back with the next look.
        let Some((instant, now)) = self.clock.both() else { return };
        let Some((expected, step)) = self.clock_watch.look(instant, now) else { return };
        warn!(before = %expected, after = %now, "the clock was set");
        self.move_plans(step);
        // What was seen before bears the old time.
        self.doubt();
        if self.clock_watch.may_tell(instant) {
            let cause = "set, or the machine slept".to_owned();
            let step = ClockStep { before: expected, after: now, cause, offsets_ms: None };
            let draft = self.teller().clock_step(step);
            self.seal(draft);
        }
        self.commit();
        self.save_book();
    }

    /// At a start: plans that were made at a time that has not come were made by a clock that was ahead, or are read by one
    /// that is behind. Either way they are moved to it; when that one is set, they are moved with it.
    pub(super) fn recall_clock(&mut self) {
        let Some(written) = self.state.written_at else { return };
        let step = self.clock.now().millis_since(written);
        if step <= -LEAST {
            warn!(%written, "the clock is behind what was written last: plans are moved to it");
            self.move_plans(step);
        }
    }

    fn move_plans(&mut self, step: i64) {
        self.state.incidents.values_mut().for_each(|incident| incident.shift(step));
        self.state.breaker.shift(step);
        self.state.flaps.shift(step);
        self.shift_orders(step);
        self.book.shift(step);
        if let Some(mark) = &mut self.state.snapshot {
            mark.at = mark.at.plus_millis(step);
        }
        self.state.vector_to = self.state.vector_to.map(|to| to.plus_millis(step));
        self.fresh_since = self.fresh_since.map(|since| since.plus_millis(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_the_instant_does_not_explain() {
        let (began, at) = (Instant::now(), Time::from_unix_millis(1_795_444_856_000));
        let mut watch = ClockWatch::default();
        let mut look =
            |seconds: u64, millis: i64| watch.look(began + Duration::from_secs(seconds), at.plus_millis(millis));
        assert_eq!(look(0, 0), None);
        assert_eq!(look(60, 61_999), None, "less than two seconds");
        assert_eq!(look(120, 121_999), None, "and not added up");
        assert_eq!(look(180, 3_781_999), Some((at.plus_millis(181_999), 3_600_000)));
        assert_eq!(look(180, -3_600_000), Some((at.plus_millis(3_781_999), -7_381_999)));
        assert_eq!(look(240, -3_540_000), None);
    }

    #[test]
    fn a_clock_that_is_set_all_the_time_does_not_fill_the_chain() {
        let began = Instant::now();
        let mut watch = ClockWatch::default();
        let told = (0..100).filter(|n| watch.may_tell(began + Duration::from_secs(*n))).count();
        assert_eq!(told, MOST_TOLD);
        assert!(watch.may_tell(began + TOLD_WITHIN + Duration::from_secs(1)));
    }
}
