//! Flap detection: a check that fails and holds, fails and holds. Pure.
//!
//! By the figure of the policy's circuit breaker: a check that has failed as often as it allows one rule to answer, and
//! fails once more, *flaps*. Its incident is healed on, but it stays open until the check has held for a while, people are
//! told once, and every further failure counts as an attempt that did not help. So a check that comes and goes is one story,
//! with an end, and not a new one every minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_policy::settings::CircuitBreaker;
use writ_trust::time::Time;

/// How many times are remembered of each check. A breaker that allows more cannot be held against a check.
const REMEMBERED: usize = 64;

/// When incidents of each check opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flaps {
    opened: BTreeMap<String, Vec<Time>>,
}

/// That a check flaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flap {
    /// How many incidents it had within the breaker's time, this one included.
    pub incidents: usize,
    /// That time, in words.
    pub within: String,
    /// How long it has to hold, in milliseconds.
    pub steady_ms: i64,
}

/// A check that fails and holds in turns, under one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// How long it has to hold before the incident ends, in milliseconds.
    pub steady_ms: i64,
    /// How often it failed again.
    #[serde(default)]
    pub again: u64,
    /// Since when it holds.
    #[serde(default)]
    pub holds_since: Option<Time>,
    /// Whether a rule's runbook is why.
    #[serde(default)]
    pub by_rule: bool,
}

impl Flapping {
    /// When it has held for long enough, if it holds until then.
    pub fn ends(&self) -> Option<Time> {
        Some(self.holds_since?.plus_millis(self.steady_ms))
    }

    /// Notes that it fails again, where it held as far as is known; whether it was a rule that had made it hold.
    pub fn fails(&mut self) -> bool {
        if self.holds_since.take().is_none() && !self.by_rule {
            return false;
        }
        self.again += 1;
        std::mem::take(&mut self.by_rule)
    }

    /// Notes that nobody knows whether it holds: what holds for a while is seen to hold all the while.
    pub fn is_unknown(&mut self) {
        self.holds_since = None;
    }
}

impl Flap {
    /// What people are told.
    pub fn reason(&self) -> String {
        let steady = self.steady_ms.div_euclid(1000);
        format!(
            "it flaps: it failed {} times within {}; it is healed on, and this incident stays open until it has held for {steady} s",
            self.incidents, self.within
        )
    }
}

impl Flaps {
    /// Nothing is known of any check.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty()
    }

    /// Whether a check that fails now flaps.
    pub fn flap(&self, check: &str, now: Time, limit: &CircuitBreaker) -> Option<Flap> {
        let before = self.opened.get(check)?.iter().filter(|at| within(**at, now, limit)).count();
        if before < limit.fires.max(1) as usize {
            return None;
        }
        let steady_ms = (limit.within.millis() / i64::from(limit.fires.max(1))).max(1_000);
        Some(Flap { incidents: before + 1, within: limit.within.to_string(), steady_ms })
    }

    /// Moves what was noted along with a clock that was set by so many milliseconds.
    pub fn shift(&mut self, millis: i64) {
        self.opened.values_mut().flatten().for_each(|at| *at = at.plus_millis(millis));
    }

    /// Notes that an incident of a check opened, and forgets what is too old to matter.
    pub fn opened(&mut self, check: &str, now: Time, limit: &CircuitBreaker) {
        for times in self.opened.values_mut() {
            times.retain(|at| within(*at, now, limit));
        }
        self.opened.retain(|_, times| !times.is_empty());
        let times = self.opened.entry(check.to_owned()).or_default();
        times.push(now);
        if times.len() > REMEMBERED {
            times.remove(0);
        }
    }
}

/// A time in the future (the clock was set back) counts as recent, as it does for the breaker.
fn within(at: Time, now: Time, limit: &CircuitBreaker) -> bool {
    now.millis_since(at) < limit.within.millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_flaps_from_one_more_than_the_breaker_allows_until_that_is_long_ago() {
        let limit = CircuitBreaker { fires: 3, within: "1h".parse().unwrap() };
        let at = |minutes: i64| Time::from_unix_millis(1_795_444_856_000 + minutes * 60_000);
        let mut flaps = Flaps::default();
        for minute in 0..3 {
            assert_eq!(flaps.flap("a", at(minute), &limit), None);
            flaps.opened("a", at(minute), &limit);
        }
        let flap = flaps.flap("a", at(3), &limit).unwrap();
        assert_eq!((flap.incidents, flap.steady_ms), (4, 20 * 60_000));
        assert!(flap.reason().contains("4 times within 1h") && flap.reason().contains("1200 s"), "{}", flap.reason());
        assert_eq!(flaps.flap("b", at(3), &limit), None);
        assert!(flaps.flap("a", at(-1), &limit).is_some(), "a clock that was set back hides nothing");
        assert_eq!(flaps.flap("a", at(60), &limit), None, "the first is an hour ago");
        flaps.opened("b", at(200), &limit);
        assert_eq!(flaps.opened.keys().collect::<Vec<_>>(), ["b"], "what is too old is forgotten");
        for _ in 0..1000 {
            flaps.opened("b", at(200), &limit);
        }
        assert_eq!(flaps.opened["b"].len(), REMEMBERED);
    }
}
