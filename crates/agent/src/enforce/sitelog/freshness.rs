//! Whether the site's log was heard of lately. Pure.
//!
//! Checkpoints carry no time; the log's key adds the time at which a checkpoint was its head, and renews it hourly. When that
//! time is old, news is withheld from this appliance, or the log stands still: it keeps enforcing and says so.
//!
//! The log's time never raises the clock floor. It is signed by one key that a server holds; the floor's times are signed by
//! the people who release. A stolen log key could otherwise claim a time at which every release has expired, and end this
//! appliance's updates for good.

use std::fmt;

use writ_trust::time::Time;

/// How old the log's word may be, in milliseconds: 24 hours.
pub const LIMIT_MILLIS: i64 = 24 * 3_600_000;
/// How far it may lie in the future, in milliseconds: 10 minutes for clocks that differ.
pub const AHEAD_MILLIS: i64 = 10 * 60_000;

/// How fresh the log's word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The log said lately that what was seen of it is its head.
    Fresh(Time),
    /// It said so too long ago.
    Old(Time),
    /// It said so at a time that has not come: such a word says nothing of how old it is.
    Future(Time),
    /// It never said so since this appliance learnt of it, which is too long ago.
    Never(Time),
    /// It has not said so yet; this appliance learnt of it only lately.
    NotYet,
}

impl Freshness {
    /// Judges the log's last word at an instant. `since`: when this appliance learnt that there is a log.
    pub fn of(fresh_at: Option<Time>, since: Time, instant: Time) -> Self {
        match fresh_at {
            Some(at) if is_future(at, instant) => Self::Future(at),
            Some(at) if instant.millis_since(at) > LIMIT_MILLIS => Self::Old(at),
            Some(at) => Self::Fresh(at),
            None if instant.millis_since(since) > LIMIT_MILLIS => Self::Never(since),
            None => Self::NotYet,
        }
    }

    /// Whether all is well.
    pub fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh(_))
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what_to_do =
            "news may be withheld; enforcement goes on, see whether the courier runs and reaches the depot";
        match self {
            Self::Fresh(at) => write!(f, "the site's log is fresh again: its key said at {at} that this is its head"),
            Self::Old(at) => write!(
                f,
                "rule log-freshness: the site's log was last heard of at {at}, more than 24 h ago: {what_to_do}"
            ),
            Self::Future(at) => write!(
                f,
                "rule log-freshness: the site's log was last heard of at {at}, which has not come yet: this clock or the \
                 log's is wrong; enforcement goes on"
            ),
            Self::Never(since) => write!(
                f,
                "rule log-freshness: the trust root names a log for this site, and since {since}, more than 24 h ago, it \
                 was not heard of: {what_to_do}"
            ),
            Self::NotYet => f.write_str("the site's log was not heard of yet"),
        }
    }
}

/// Whether a time of the log lies too far ahead to be believed.
pub fn is_future(at: Time, instant: Time) -> bool {
    at.millis_since(instant) > AHEAD_MILLIS
}

/// What is to be said when the log was last told of as stale, or not, and is now like this. Nothing while it stays.
pub fn change(told_stale: bool, now: Freshness) -> Option<bool> {
    let stale = !now.is_fresh();
    (now != Freshness::NotYet && stale != told_stale).then_some(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn noon() -> Time {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_day_and_ten_minutes_are_the_bounds() {
        let of = |millis: i64| Freshness::of(Some(noon()), noon(), noon().plus_millis(millis));
        assert!(of(0).is_fresh() && of(24 * HOUR).is_fresh() && of(-600_000).is_fresh());
        assert_eq!(of(24 * HOUR + 1), Freshness::Old(noon()));
        assert_eq!(of(-600_001), Freshness::Future(noon()));
        let never = |millis: i64| Freshness::of(None, noon(), noon().plus_millis(millis));
        assert_eq!((never(0), never(24 * HOUR)), (Freshness::NotYet, Freshness::NotYet));
        assert_eq!(never(24 * HOUR + 1), Freshness::Never(noon()));
    }

    #[test]
    fn each_change_is_said_once() {
        let mut told = false;
        let mut said = Vec::new();
        // A day on which the log is renewed for two hours, then not for a day and a half, then again.
        let mut word = noon();
        for hour in 0..60 {
            let instant = noon().plus_millis(hour * HOUR);
            if hour <= 2 || hour > 38 {
                word = instant;
            }
            if let Some(stale) = change(told, Freshness::of(Some(word), noon(), instant)) {
                told = stale;
                said.push((hour, stale));
            }
        }
        assert_eq!(said, [(27, true), (39, false)]);
    }

    #[test]
    fn a_log_of_which_nothing_was_heard_yet_is_told_of_after_a_day() {
        assert_eq!(change(false, Freshness::NotYet), None);
        assert_eq!(change(false, Freshness::Never(noon())), Some(true));
        assert_eq!(change(true, Freshness::Never(noon())), None);
        assert_eq!(change(true, Freshness::NotYet), None, "nothing that would be fresh");
    }

    #[test]
    fn a_clock_set_back_does_not_make_old_news_fresh_for_ever() {
        let (word, later) = (noon(), noon().plus_millis(48 * HOUR));
        assert!(!Freshness::of(Some(word), noon(), later).is_fresh());
        let back = noon().plus_millis(-HOUR);
        assert_eq!(Freshness::of(Some(word), noon(), back), Freshness::Future(word));
    }
}
