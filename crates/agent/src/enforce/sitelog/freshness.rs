//! Whether the site's log was heard of lately. Pure.
//!
//! Checkpoints carry no time; the log's key adds the time at which a checkpoint was its head, and renews it hourly. When that
//! time is old, news is withheld from this appliance, or the log stands still: it keeps enforcing and says so.
//!
//! The log's time never raises the clock floor. It is signed by one key that a server holds; the floor's times are signed by
//! the people who release. A stolen log key could otherwise claim a time at which every release has expired, and end this
//! appliance's updates for good.

use std::fmt;

use writ_trust::log::freshness::{believed, is_future};
use writ_trust::time::Time;

/// How old the log's word may be, in milliseconds: 24 hours.
pub const LIMIT_MILLIS: i64 = 24 * 3_600_000;

/// How long after it was told of as fresh it is told of as stale at the earliest, in milliseconds: 1 hour.
const BETWEEN_MILLIS: i64 = 3_600_000;

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

/// The word to judge by: the last one that was believed, of which an instant before it makes nothing (the clock was wrong
/// then), and the one with the checkpoint that is kept. A head without a word of its own does not unsay an earlier one.
pub fn last_word(before: Option<Time>, of_kept: Option<Time>, instant: Time) -> Option<Time> {
    believed(before, instant).max(believed(of_kept, instant))
}

/// What was told last of how fresh the log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether it was told of as not heard of lately.
    pub stale: bool,
    /// When.
    pub at: Option<Time>,
}

/// What is to be said after this was told and the log is now like that. Nothing while it stays, and not within an hour after
/// it was told of as fresh that it is stale: who carries the log's words could have both told with every look.
pub fn change(told: Told, now: Freshness, instant: Time) -> Option<bool> {
    let stale = !now.is_fresh();
    let lately = stale && told.at.is_some_and(|at| (0..BETWEEN_MILLIS).contains(&instant.millis_since(at)));
    (now != Freshness::NotYet && stale != told.stale && !lately).then_some(stale)
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
        let mut told = Told::default();
        let mut said = Vec::new();
        // A day on which the log is renewed for two hours, then not for a day and a half, then again.
        let mut word = noon();
        for hour in 0..60 {
            let instant = noon().plus_millis(hour * HOUR);
            if hour <= 2 || hour > 38 {
                word = instant;
            }
            if let Some(stale) = change(told, Freshness::of(Some(word), noon(), instant), instant) {
                told = Told { stale, at: Some(instant) };
                said.push((hour, stale));
            }
        }
        assert_eq!(said, [(27, true), (39, false)]);
    }

    #[test]
    fn a_log_of_which_nothing_was_heard_yet_is_told_of_after_a_day() {
        let told = |stale: bool| Told { stale, at: None };
        assert_eq!(change(told(false), Freshness::NotYet, noon()), None);
        assert_eq!(change(told(false), Freshness::Never(noon()), noon()), Some(true));
        assert_eq!(change(told(true), Freshness::Never(noon()), noon()), None);
        assert_eq!(change(told(true), Freshness::NotYet, noon()), None, "nothing that would be fresh");
    }

    #[test]
    fn a_clock_set_back_does_not_make_old_news_fresh_for_ever() {
        let (word, later) = (noon(), noon().plus_millis(48 * HOUR));
        assert!(!Freshness::of(Some(word), noon(), later).is_fresh());
        let back = noon().plus_millis(-HOUR);
        assert_eq!(Freshness::of(Some(word), noon(), back), Freshness::Future(word));
    }

    #[test]
    fn two_changes_an_hour_are_told_however_often_the_log_s_words_alternate() {
        let (mut told, mut said) = (Told::default(), 0);
        for minute in 0..=600 {
            let instant = noon().plus_millis(minute * 60_000);
            let freshness = if minute % 2 == 0 { Freshness::Old(noon()) } else { Freshness::Fresh(instant) };
            if let Some(stale) = change(told, freshness, instant) {
                (told, said) = (Told { stale, at: Some(instant) }, said + 1);
            }
        }
        assert!((10..=22).contains(&said), "{said}");
        // A clock that was set back does not silence it.
        let told = Told { stale: false, at: Some(noon()) };
        assert_eq!(change(told, Freshness::Old(noon()), noon().plus_millis(-1)), Some(true));
    }

    #[test]
    fn a_word_that_was_believed_counts_until_a_later_one_comes() {
        let at = |hours: i64| noon().plus_millis(hours * HOUR);
        assert_eq!(last_word(None, Some(at(1)), at(1)), Some(at(1)));
        assert_eq!(last_word(Some(at(1)), None, at(2)), Some(at(1)), "a larger head without a word");
        assert_eq!(last_word(Some(at(1)), Some(at(9)), at(2)), Some(at(1)), "a word from the future is none");
        assert_eq!(last_word(Some(at(9)), Some(at(1)), at(2)), Some(at(1)), "the clock was wrong when it was believed");
        assert_eq!(last_word(Some(at(2)), Some(at(1)), at(3)), Some(at(2)));
    }
}
