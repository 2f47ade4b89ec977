//! The circuit breaker: a rule that keeps firing is stopped. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_evidence::id::IncidentId;
use writ_policy::settings::CircuitBreaker;
use writ_trust::time::Time;

/// Which incidents each rule answered, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Breaker {
    fired: BTreeMap<String, Vec<(IncidentId, Time)>>,
}

impl Breaker {
    /// Why a rule may not answer one more incident, if so. The incidents it answered count, not its attempts; `incident`
    /// itself, when the rule already answered it, does not.
    pub fn tripped(
        &self,
        rule: &str,
        incident: Option<IncidentId>,
        now: Time,
        limit: &CircuitBreaker,
    ) -> Option<String> {
        let recent = self.fired.get(rule)?.iter();
        let others = recent.filter(|(id, at)| Some(*id) != incident && within(*at, now, limit)).count();
        (others >= limit.fires as usize).then(|| {
            format!(
                "rule {rule} was stopped: it answered {others} incidents within {}, and they keep coming",
                limit.within
            )
        })
    }

    /// Until when a rule is stopped; none when it may answer one more incident now. Nothing is said of an incident that it
    /// already answers.
    pub fn stopped_until(&self, rule: &str, now: Time, limit: &CircuitBreaker) -> Option<Time> {
        let mut recent: Vec<Time> = self.fired.get(rule)?.iter().map(|(_, at)| *at).collect();
        recent.retain(|at| within(*at, now, limit));
        let least = recent.len().checked_sub(limit.fires as usize)?;
        recent.sort_unstable();
        // When as many as are too many have left the window, one more may come.
        recent.get(least).map(|at| at.plus(&limit.within))
    }

    /// Moves what was noted along with a clock that was set by so many milliseconds.
    pub fn shift(&mut self, millis: i64) {
        self.fired.values_mut().flatten().for_each(|(_, at)| *at = at.plus_millis(millis));
    }

    /// Notes that a rule answers an incident, and forgets what is too old to matter.
    pub fn fired(&mut self, rule: &str, incident: IncidentId, now: Time, limit: &CircuitBreaker) {
        for list in self.fired.values_mut() {
            list.retain(|(_, at)| within(*at, now, limit));
        }
        self.fired.retain(|_, list| !list.is_empty());
        let list = self.fired.entry(rule.to_owned()).or_default();
        if !list.iter().any(|(id, _)| *id == incident) {
            list.push((incident, now));
        }
    }
}

/// A time in the future (the clock was set back) counts as recent: a breaker errs on the side of stopping.
fn within(at: Time, now: Time, limit: &CircuitBreaker) -> bool {
    now.millis_since(at) < limit.within.millis()
}

#[cfg(test)]
mod tests {
    use writ_evidence::id::Date;

    use super::*;

    #[test]
    fn it_counts_incidents_within_the_window() {
        let limit = CircuitBreaker { fires: 2, within: "1h".parse().unwrap() };
        let start = Time::from_unix_millis(1_795_444_856_000);
        let id = |number| IncidentId { date: Date::of(start), number };
        let mut breaker = Breaker::default();
        breaker.fired("L1-A", id(1), start, &limit);
        breaker.fired("L1-A", id(1), start, &limit);
        assert!(breaker.tripped("L1-A", Some(id(2)), start, &limit).is_none());
        breaker.fired("L1-A", id(2), start.plus_millis(10), &limit);
        assert!(breaker.tripped("L1-A", Some(id(2)), start, &limit).is_none(), "its own incident does not count");
        assert!(breaker.tripped("L1-A", Some(id(3)), start.plus_millis(20), &limit).is_some());
        assert!(breaker.tripped("L1-B", Some(id(3)), start, &limit).is_none());
        assert_eq!(breaker.stopped_until("L1-A", start.plus_millis(20), &limit), Some(start.plus_millis(3_600_000)));
        assert_eq!(breaker.stopped_until("L1-A", start.plus_millis(3_600_000), &limit), None);
        assert_eq!(breaker.stopped_until("L1-B", start, &limit), None);
        let later = start.plus_millis(3_600_010);
        assert!(breaker.tripped("L1-A", Some(id(3)), later, &limit).is_none());
        breaker.fired("L1-B", id(4), later, &limit);
        assert!(!breaker.fired.contains_key("L1-A"), "what is too old is forgotten");
    }
}
