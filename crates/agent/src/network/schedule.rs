//! When writ-probe looks at what. Pure: instants come in.
//!
//! Checks that make the same call share a look.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use writ_trust::digest::Digest;
use writ_wire::asks::{Ask, Asks};
use writ_wire::looks::file_name;

/// The shortest time between two looks, whatever is asked: servers of others are looked at.
const BREATH: Duration = Duration::from_millis(250);
/// The shortest time between two looks at one thing.
const SHORTEST: Duration = Duration::from_secs(1);
/// How many checks are looked at.
pub const MOST_ASKS: usize = 1_000;

/// What is looked at, and when next.
#[derive(Debug, Default)]
pub struct Schedule {
    calls: BTreeMap<Digest, Call>,
    looked: Option<Instant>,
}

/// One thing to look at.
#[derive(Debug, Clone)]
pub struct Call {
    /// How: every one of its checks asks the same.
    pub ask: Ask,
    /// The checks that ask for it.
    pub checks: Vec<String>,
    every: Duration,
    due: Instant,
}

impl Schedule {
    /// Takes up what is asked now. What was asked before keeps its turn; what is new is due at once.
    pub fn take(&mut self, asks: &Asks, now: Instant) {
        let before = std::mem::take(&mut self.calls);
        for (check, ask) in asks.asks.iter().filter(|(check, _)| file_name(check).is_some()).take(MOST_ASKS) {
            let digest = ask.call();
            let every = ask.every.duration().max(SHORTEST);
            let due = before.get(&digest).map_or(now, |call| call.due.min(now + every));
            let new = || Call { ask: ask.clone(), checks: Vec::new(), every, due };
            let call = self.calls.entry(digest).or_insert_with(new);
            // The file of a check that is new is not there yet.
            let known = before.get(&digest).is_some_and(|call| call.checks.contains(check));
            call.due = if known { call.due.min(due) } else { now };
            call.every = call.every.min(every);
            call.checks.push(check.clone());
        }
    }

    /// What to look at now.
    pub fn due(&self, now: Instant) -> Option<(Digest, Call)> {
        let (digest, call) = self.calls.iter().min_by_key(|(_, call)| call.due)?;
        (self.not_before(call.due) <= now).then(|| (*digest, call.clone()))
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        self.calls.values().map(|call| self.not_before(call.due)).min()
    }

    fn not_before(&self, due: Instant) -> Instant {
        self.looked.map_or(due, |looked| due.max(looked + BREATH))
    }

    /// It was looked at. The next look is a period later, give or take a tenth by `random`, so that no rhythm is foreseen.
    pub fn looked(&mut self, call: &Digest, now: Instant, random: u32) {
        self.looked = Some(now);
        if let Some(call) = self.calls.get_mut(call) {
            let share = 0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX);
            call.due = now + call.every.mul_f64(share);
        }
    }

    /// Everything is due.
    pub fn all_at(&mut self, now: Instant) {
        self.calls.values_mut().for_each(|call| call.due = now);
    }

    /// Every check that is looked at.
    pub fn checks(&self) -> impl Iterator<Item = &str> {
        self.calls.values().flat_map(|call| call.checks.iter().map(String::as_str))
    }

    /// How many different things are looked at.
    pub fn len(&self) -> usize {
        self.calls.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asks(of: &[(&str, &str, &str)]) -> Asks {
        let ask = |address: &str, every: &str| json!({ "probe": "reachable", "parameters": { "address": address }, "every": every });
        let asks: BTreeMap<&str, _> = of.iter().map(|(check, address, every)| (*check, ask(address, every))).collect();
        serde_json::from_value(json!({
            "schema": "writ.asks.v1", "site": "clinic-001", "appliance": "front-desk", "release": null, "asks": asks,
        }))
        .unwrap()
    }

    #[test]
    fn checks_of_one_call_share_a_look_at_the_shorter_period() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule
            .take(&asks(&[("a", "x:1", "10m"), ("b", "x:1", "1m"), ("c", "y:1", "1m"), ("../d", "x:1", "1m")]), now);
        assert_eq!(schedule.len(), 2);
        let (digest, call) = schedule.due(now).unwrap();
        schedule.looked(&digest, now, 0);
        assert!(schedule.due(now).is_none(), "a breath between two looks");
        let (other, _) = schedule.due(now + BREATH).unwrap();
        schedule.looked(&other, now + BREATH, u32::MAX);
        assert_ne!(digest, other);
        let x = if call.checks.len() == 2 { &call } else { &schedule.calls[&other] };
        assert_eq!(x.checks, ["a", "b"]);
        let next = schedule.next().unwrap() - now;
        assert!((54..=56).contains(&next.as_secs()), "{next:?}");
    }

    #[test]
    fn a_new_policy_keeps_turns_and_looks_at_what_is_new() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.take(&asks(&[("a", "x:1", "1m")]), now);
        let (digest, _) = schedule.due(now).unwrap();
        schedule.looked(&digest, now, 0);
        let later = now + Duration::from_secs(1);
        schedule.take(&asks(&[("a", "x:1", "1m")]), later);
        assert!(schedule.due(later).is_none());
        schedule.take(&asks(&[("a", "x:1", "1m"), ("b", "x:1", "1m")]), later);
        assert_eq!(schedule.due(later).unwrap().1.checks, ["a", "b"], "the file of b is not there yet");
        schedule.take(&asks(&[]), later);
        assert_eq!((schedule.next(), schedule.len()), (None, 0));
    }
}
