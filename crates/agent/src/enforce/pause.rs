//! Healing that people suspended for a while: bounded, in evidence, and it ends by itself. Pure.

use serde::{Deserialize, Serialize};
use writ_evidence::records::PauseMeans;
use writ_trust::time::Time;

/// The longest pause, in milliseconds (8 hours).
pub const LONGEST_MILLIS: i64 = 8 * 3_600_000;
/// The delay after the first wrong code, in milliseconds; each further one doubles it.
const FIRST_DELAY_MILLIS: i64 = 2_000;
/// The longest delay after wrong codes, in milliseconds (10 minutes).
const LONGEST_DELAY_MILLIS: i64 = 600_000;

/// A pause in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The checks that are not healed; every check when empty.
    pub checks: Vec<String>,
    /// From when.
    pub from: Time,
    /// Until when.
    pub until: Time,
    /// By what means.
    #[serde(default = "by_code", skip_serializing_if = "is_by_code")]
    pub means: PauseMeans,
    /// Which code was used, or the digest of the order.
    pub reference: String,
    /// Who asked, as a role.
    pub by: String,
    /// Why.
    pub reason: String,
}

fn by_code() -> PauseMeans {
    PauseMeans::BreakGlass
}

fn is_by_code(means: &PauseMeans) -> bool {
    *means == PauseMeans::BreakGlass
}

impl Pause {
    /// Whether it is in force. A clock that was set back cannot prolong it beyond its length, give or take a minute.
    pub fn in_force(&self, now: Time) -> bool {
        let left = self.until.millis_since(now);
        left > 0 && left <= self.until.millis_since(self.from) + 60_000
    }

    /// Whether it covers a check.
    pub fn covers(&self, check: &str) -> bool {
        self.checks.is_empty() || self.checks.iter().any(|c| c == check)
    }
}

/// All pauses, and how often a wrong code was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// Those in force.
    pub active: Vec<Pause>,
    /// Wrong codes in a row.
    #[serde(default)]
    pub wrong_codes: u32,
    /// No code is looked at before this time.
    #[serde(default)]
    pub not_before: Option<Time>,
}

impl Pauses {
    /// Whether healing of a check is suspended.
    pub fn covers(&self, check: &str, now: Time) -> bool {
        self.active.iter().any(|p| p.in_force(now) && p.covers(check))
    }

    /// Takes out those that are over.
    pub fn expire(&mut self, now: Time) -> Vec<Pause> {
        let (active, over) = std::mem::take(&mut self.active).into_iter().partition(|p| p.in_force(now));
        self.active = active;
        over
    }

    /// When the next one ends.
    pub fn next_end(&self) -> Option<Time> {
        self.active.iter().map(|p| p.until).min()
    }

    /// How long, in milliseconds, no code is looked at because of wrong ones; none when one may be given.
    pub fn delay(&self, now: Time) -> Option<i64> {
        let left = self.not_before?.millis_since(now);
        // A clock that was set back must not lock people out for longer than the longest delay.
        (left > 0).then_some(left.min(LONGEST_DELAY_MILLIS))
    }

    /// Notes a wrong code and gives the delay, in milliseconds, that it costs.
    pub fn wrong_code(&mut self, now: Time) -> i64 {
        self.wrong_codes = self.wrong_codes.saturating_add(1);
        let delay = (FIRST_DELAY_MILLIS << (self.wrong_codes - 1).min(20)).min(LONGEST_DELAY_MILLIS);
        self.not_before = Some(now.plus_millis(delay));
        delay
    }

    /// Notes a right code.
    pub fn right_code(&mut self) {
        self.wrong_codes = 0;
        self.not_before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_444_856_000 + seconds * 1000)
    }

    fn pause(checks: &[&str], until: i64) -> Pause {
        let checks = checks.iter().map(|c| (*c).to_owned()).collect();
        Pause {
            checks,
            from: at(0),
            until: at(until),
            means: PauseMeans::BreakGlass,
            reference: String::new(),
            by: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn it_ends_by_itself_whatever_the_clock_does() {
        let mut pauses = Pauses { active: vec![pause(&["a"], 60)], ..Pauses::default() };
        assert!(pauses.covers("a", at(0)) && pauses.covers("a", at(59)) && !pauses.covers("b", at(0)));
        assert!(!pauses.covers("a", at(60)) && !pauses.covers("a", at(-86_400)));
        assert!(pauses.expire(at(59)).is_empty());
        assert_eq!(pauses.expire(at(60)).len(), 1);
        assert!(pause(&[], 60).covers("anything"));
    }

    #[test]
    fn wrong_codes_cost_ever_more_time_up_to_a_bound() {
        let mut pauses = Pauses::default();
        assert_eq!((pauses.wrong_code(at(0)), pauses.wrong_code(at(0)), pauses.wrong_code(at(0))), (2000, 4000, 8000));
        assert_eq!(pauses.delay(at(0)), Some(8000));
        assert_eq!(pauses.delay(at(8)), None);
        for _ in 0..50 {
            assert!(pauses.wrong_code(at(0)) <= LONGEST_DELAY_MILLIS);
        }
        assert_eq!(pauses.delay(at(-1_000_000)), Some(LONGEST_DELAY_MILLIS));
        pauses.right_code();
        assert_eq!(pauses.delay(at(0)), None);
    }
}
