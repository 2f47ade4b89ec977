//! What time it is: the machine's, or a time that a simulation goes through.
//!
//! Two clocks, as every system has them: [`Clock::now`], which people and protocols set, for what is written down, and
//! [`Clock::instant`], which nobody sets, for how long something lasts. A simulated instant is an [`Instant`] too, so
//! whatever takes instants as arguments cannot tell the difference.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use writ_trust::time::Time;

/// Where the time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// From the machine.
    #[default]
    System,
    /// From a simulation.
    Simulated(Arc<Simulated>),
}

impl Clock {
    /// The time of day, which may be set, back too.
    pub fn now(&self) -> Time {
        match self {
            Self::System => now(),
            Self::Simulated(simulated) => simulated.moment().1,
        }
    }

    /// The instant, which only ever goes on.
    pub fn instant(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            Self::Simulated(simulated) => simulated.moment().0,
        }
    }

    /// How long ago an instant was; nothing when it is to come.
    pub fn since(&self, earlier: Instant) -> Duration {
        self.instant().saturating_duration_since(earlier)
    }
}

impl Clock {
    /// Both, as of one moment; none when this process is held up each time between reading the one and the other.
    pub fn both(&self) -> Option<(Instant, Time)> {
        match self {
            Self::System => together(|| (Instant::now(), now(), Instant::now())),
            Self::Simulated(simulated) => Some(simulated.moment()),
        }
    }
}

/// How far apart what was read of one moment may be, and how often it is tried.
const MOMENT: Duration = Duration::from_millis(100);
const TRIES: usize = 5;

fn together(mut read: impl FnMut() -> (Instant, Time, Instant)) -> Option<(Instant, Time)> {
    (0..TRIES).find_map(|_| {
        let (before, now, after) = read();
        (after.saturating_duration_since(before) <= MOMENT).then_some((before, now))
    })
}

/// The machine's time of day.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A time that goes on only when it is told to.
#[derive(Debug)]
pub struct Simulated {
    moment: Mutex<(Instant, Time)>,
}

impl Simulated {
    /// Time that stands still at a time of day.
    pub fn starting(at: Time) -> Arc<Self> {
        Arc::new(Self { moment: Mutex::new((Instant::now(), at)) })
    }

    /// Time goes on.
    pub fn advance(&self, by: Duration) {
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        *moment = (moment.0 + by, moment.1.plus_millis(millis));
    }

    /// Somebody sets the clock: no time goes by.
    pub fn set(&self, at: Time) {
        self.moment.lock().unwrap_or_else(PoisonError::into_inner).1 = at;
    }

    fn moment(&self) -> (Instant, Time) {
        *self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_were_read_apart_are_read_again() {
        let (instant, time) = (Instant::now(), Time::from_unix_millis(1_795_444_856_000));
        let mut pauses = [3000, 150, 100].into_iter();
        let mut read = || (instant, time, instant + Duration::from_millis(pauses.next().unwrap()));
        assert_eq!(together(&mut read), Some((instant, time)));
        assert_eq!(pauses.next(), None);
        assert_eq!(together(|| (instant, time, instant + Duration::from_secs(1))), None);
        assert!(Clock::System.both().is_some());
    }

    #[test]
    fn a_simulated_clock_goes_on_and_can_be_set_and_instants_only_go_on() {
        let start: Time = "2026-11-23T12:00:00Z".parse().unwrap();
        let simulated = Simulated::starting(start);
        let clock = Clock::Simulated(Arc::clone(&simulated));
        let began = clock.instant();
        simulated.advance(Duration::from_secs(30 * 86_400));
        assert_eq!(clock.now(), start.plus_millis(30 * 86_400_000));
        assert_eq!(clock.since(began), Duration::from_secs(30 * 86_400));
        simulated.set(start);
        assert_eq!((clock.now(), clock.since(began)), (start, Duration::from_secs(30 * 86_400)));
        assert_eq!(clock.since(began + Duration::from_secs(31 * 86_400)), Duration::ZERO);
    }
}
