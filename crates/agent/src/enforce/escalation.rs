//! Whom people-work reaches, and when: one contact after the other until somebody answers, and word of how it stands. Pure.
//!
//! ```text
//! handed to people ─▶ the first contact is called, of low severity at the end of the business day (IR-30)
//!        │ no answer for `no_answer` ─▶ the next one (EC-07) … the last one
//!        │ every `updates.critical` or `updates.high` ─▶ those called so far hear how it stands (EC-10)
//!        └ it ends ─▶ they hear that (EC-11)
//! ```
//!
//! An answer ([`People::acknowledged`]) ends the calling and nothing else.

use serde::{Deserialize, Serialize};
use writ_policy::declared::Severity;
use writ_policy::settings::Escalation;
use writ_policy::settings::maintenance::Day;
use writ_trust::time::Time;

/// The days of business.
pub const BUSINESS_DAYS: &[Day] = &[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri];
/// When a business day ends, in minutes after midnight where the site is.
pub const END_OF_BUSINESS: u32 = 17 * 60;

/// How far an incident has come with people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// When the first contact is called.
    pub from: Time,
    /// How many contacts were called.
    #[serde(default)]
    pub called: u32,
    /// When the last of them was.
    #[serde(default)]
    pub called_at: Option<Time>,
    /// When they last heard how it stands.
    #[serde(default)]
    pub updated_at: Option<Time>,
    /// Who said that they have seen it, and when.
    #[serde(default)]
    pub acknowledged: Option<Acknowledged>,
}

/// That somebody has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// When.
    pub at: Time,
    /// A keyed hash of the name that was given.
    pub by: String,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Call this contact of the route, from 0; all before it did not answer.
    Call(u32),
    /// Tell everybody who was called how it stands.
    Update,
}

/// When people are called about an incident that was handed to them: at once, or at `end_of_day`.
pub fn begin(severity: Severity, handed_at: Time, end_of_day: Option<Time>) -> People {
    let from = if severity == Severity::Low { end_of_day.unwrap_or(handed_at) } else { handed_at };
    People { from, called: 0, called_at: None, updated_at: None, acknowledged: None }
}

impl People {
    /// What is due next and when, on a route of so many contacts; none when nothing is any more.
    pub fn next(&self, severity: Severity, contacts: u32, escalation: &Escalation) -> Option<(Time, Due)> {
        let call = self.call(contacts, escalation);
        let every = match severity {
            Severity::Critical => Some(&escalation.updates.critical),
            Severity::High => Some(&escalation.updates.high),
            Severity::Medium | Severity::Low => None,
        };
        let update = every.zip(self.updated_at).map(|(every, since)| (since.plus(every), Due::Update));
        // At the same moment the one who has not heard of it yet comes first.
        [call, update].into_iter().flatten().min_by_key(|(at, due)| (*at, *due == Due::Update))
    }

    fn call(&self, contacts: u32, escalation: &Escalation) -> Option<(Time, Due)> {
        if self.acknowledged.is_some() || self.called >= contacts {
            return None;
        }
        let at = self.called_at.map_or(self.from, |last| last.plus(&escalation.no_answer));
        Some((at, Due::Call(self.called)))
    }

    /// Moves what was planned along with a clock that was set by so many milliseconds.
    pub fn shift(&mut self, millis: i64) {
        self.from = self.from.plus_millis(millis);
        for at in [&mut self.called_at, &mut self.updated_at].into_iter().flatten() {
            *at = at.plus_millis(millis);
        }
    }

    /// What is due now; it is done from then on.
    pub fn take(&mut self, severity: Severity, contacts: u32, escalation: &Escalation, now: Time) -> Option<Due> {
        let (_, due) = self.next(severity, contacts, escalation).filter(|(at, _)| *at <= now)?;
        match due {
            Due::Call(_) => {
                // Who is called first hears how it stands by that.
                self.updated_at.get_or_insert(now);
                self.called += 1;
                self.called_at = Some(now);
            }
            Due::Update => self.updated_at = Some(now),
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use writ_policy::settings::Updates;

    use super::*;

    fn settings() -> Escalation {
        Escalation {
            l1_failures: BTreeMap::new(),
            l2_failures: 2,
            no_answer: "30m".parse().unwrap(),
            acknowledge: "15m".parse().unwrap(),
            updates: Updates { critical: "2h".parse().unwrap(), high: "4h".parse().unwrap() },
            report: "72h".parse().unwrap(),
            route: BTreeMap::new(),
            contacts: Vec::new(),
        }
    }

    fn at(minutes: i64) -> Time {
        Time::from_unix_millis(1_795_444_856_000 + minutes * 60_000)
    }

    /// What is due at each of these minutes, as `minute what`.
    fn story(people: &mut People, severity: Severity, contacts: u32, until: i64) -> Vec<String> {
        let mut told = Vec::new();
        for minute in 0..until {
            while let Some(due) = people.take(severity, contacts, &settings(), at(minute)) {
                told.push(match due {
                    Due::Call(n) => format!("{minute} call {n}"),
                    Due::Update => format!("{minute} update"),
                });
            }
        }
        told
    }

    #[test]
    fn one_after_the_other_is_called_until_somebody_answers_and_all_hear_how_it_stands() {
        let mut people = begin(Severity::Critical, at(0), None);
        assert_eq!(story(&mut people, Severity::Critical, 3, 50), ["0 call 0", "30 call 1"]);
        people.acknowledged = Some(Acknowledged { at: at(50), by: "hash".into() });
        assert_eq!(story(&mut people, Severity::Critical, 3, 400), ["120 update", "240 update", "360 update"]);
        let mut people = begin(Severity::High, at(0), None);
        assert_eq!(story(&mut people, Severity::High, 2, 300), ["0 call 0", "30 call 1", "240 update"]);
        let mut people = begin(Severity::Medium, at(0), None);
        assert_eq!(story(&mut people, Severity::Medium, 1, 3000), ["0 call 0"], "of medium severity nobody hears more");
    }

    #[test]
    fn low_severity_waits_for_the_end_of_the_business_day_and_nobody_is_called_where_there_is_nobody() {
        let mut people = begin(Severity::Low, at(0), Some(at(100)));
        assert_eq!(people.next(Severity::Low, 2, &settings()), Some((at(100), Due::Call(0))));
        assert_eq!(story(&mut people, Severity::Low, 2, 1000), ["100 call 0", "130 call 1"]);
        let mut people = begin(Severity::Critical, at(0), Some(at(100)));
        assert_eq!(story(&mut people, Severity::Critical, 0, 1000), Vec::<String>::new());
    }

    proptest! {
        /// However often the clock is looked at, and whatever it says: each contact is called once, in order, and no two
        /// within the time that one has to answer.
        #[test]
        fn nobody_is_called_twice_or_too_early(
            minutes in prop::collection::vec(0_i64..2000, 1..100),
            contacts in 0_u32..5,
            answered in prop::option::of(0_usize..100),
        ) {
            let mut people = begin(Severity::Critical, at(0), None);
            let (mut called, mut last) = (0, None);
            for (n, minute) in minutes.into_iter().enumerate() {
                if answered == Some(n) {
                    people.acknowledged = Some(Acknowledged { at: at(minute), by: String::new() });
                }
                while let Some(due) = people.take(Severity::Critical, contacts, &settings(), at(minute)) {
                    let Due::Call(which) = due else { break };
                    prop_assert!(which == called && which < contacts && people.acknowledged.is_none());
                    prop_assert!(last.is_none_or(|last| minute >= last + 30));
                    (called, last) = (called + 1, Some(minute));
                }
            }
        }
    }
}
