//! Whether a time at which a log's key said "this is the head" counts as fresh.
//!
//! The time is a claim of whoever holds the log's key. One that has not come yet says nothing of how old the log's word is: kept
//! as "fresh", it would let the log be silent until then and nobody would notice.

use crate::time::Time;

/// How far the log's clock may be ahead of the reader's, in milliseconds: 10 minutes.
pub const AHEAD_MILLIS: i64 = 10 * 60_000;

/// Whether a time of the log lies further ahead of `now` than clocks differ, so that it does not count as fresh.
pub fn is_future(at: Time, now: Time) -> bool {
    at.millis_since(now) > AHEAD_MILLIS
}

/// The time by which freshness is judged: the log's own (`fresh_at` of a checkpoint), unless it is [`is_future`].
pub fn believed(fresh_at: Option<Time>, now: Time) -> Option<Time> {
    fresh_at.filter(|at| !is_future(*at, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_ahead_are_the_bound() {
        let now: Time = "2026-11-23T12:00:00Z".parse().unwrap();
        for (ahead, future) in [(-86_400_000, false), (0, false), (AHEAD_MILLIS, false), (AHEAD_MILLIS + 1, true)] {
            let at = now.plus_millis(ahead);
            assert_eq!(is_future(at, now), future, "{ahead}");
            assert_eq!(believed(Some(at), now), (!future).then_some(at), "{ahead}");
        }
        assert!(is_future(Time::from_unix_millis(i64::MAX), now));
        assert_eq!(believed(None, now), None);
    }
}
