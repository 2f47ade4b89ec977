use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use writ_wire::notice::NoticeEvent::{self, Acknowledged, Closed, Escalated, Opened, Unanswered, Update};

use crate::world::{Clinic, channel};

const EVENTS: [NoticeEvent; 6] = [Opened, Escalated, Unanswered, Update, Acknowledged, Closed];

/// What happens: minutes that go by, then an event of one of a few incidents, or an answer.
#[derive(Debug, Clone)]
enum Act {
    Says(usize, usize),
    Answers(usize),
    Again,
}

fn acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let act = prop_oneof![
        6 => (0_usize..6, 0_usize..4).prop_map(|(event, id)| Act::Says(event, id)),
        1 => (0_usize..4).prop_map(Act::Answers),
        2 => Just(Act::Again),
    ];
    prop::collection::vec((0_i64..90, act), 1..40)
}

fn clinic() -> Clinic {
    Clinic::with(|settings| {
        settings["notify"]["desk"] = channel("email", &["incident-opened"]);
        settings["notify"]["pager"] = channel("pagerduty", &["escalated"]);
    })
}

const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However notices come, again and again, and whatever the hour: no message is made twice, nobody is called twice for one
    /// step, what is critical is called at the first look, and who heard of an incident hears of its end once.
    #[test]
    fn nothing_is_told_twice_and_every_beginning_has_one_end(acts in acts(), from in 0_i64..1440) {
        let mut clinic = clinic();
        clinic.minute = from;
        let (mut said, mut ids) = (Vec::new(), BTreeSet::new());
        let mut told: Vec<writ_notify::message::Message> = Vec::new();
        let id = |n: usize| format!("INC-{n}");
        for (minutes, act) in acts {
            let mut minute = clinic.minute + minutes;
            match act {
                Act::Says(event, n) => {
                    clinic.minute = minute;
                    let notice = clinic.notice(EVENTS[event], &id(n), SEVERITIES[n]);
                    clinic.take(&notice);
                    said.push(notice);
                }
                Act::Answers(n) if clinic.book.incidents.values().any(|incident| incident.id == id(n)) => {
                    clinic.hear(&id(n), "on-call", false);
                }
                // A depot may show all of it again, in another order.
                Act::Answers(_) | Act::Again => said.iter().rev().for_each(|notice| clinic.take(notice)),
            }
            let was_new = clinic.book.incidents.values().any(|incident| {
                incident.id == id(0) && incident.stage == writ_notify::incident::Stage::People && incident.told.calls.is_empty()
            });
            let new = clinic.at(minute);
            if was_new {
                let urgent = |m: &writ_notify::message::Message| m.keys.iter().any(|k| k.ends_with("/INC-0")) && m.contact.as_deref() == Some("on-call");
                prop_assert!(new.iter().any(urgent), "critical waits for nothing");
            }
            told.extend(new);
            minute += 1;
            told.extend(clinic.at(minute));
        }
        for message in &told {
            prop_assert!(ids.insert(message.id.clone()), "twice: {message:?}");
        }
        // All that began is ended.
        for (n, severity) in SEVERITIES.into_iter().enumerate() {
            clinic.says(Closed, &id(n), severity);
        }
        let mut minute = clinic.minute;
        for _ in 0..30 {
            minute += 1;
            told.extend(clinic.at(minute));
        }
        let mut heard: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
        for message in &told {
            let ends = |key: &String| clinic.book.incidents.get(key).is_none_or(|i| i.told.resolved);
            for key in &message.keys {
                let count = heard.entry((message.way.target(), key.clone())).or_default();
                // Of a digest only that somebody was told is known here.
                let ended = usize::from(message.kind == "resolved");
                *count = (count.0 + 1 - ended, count.1 + ended);
                prop_assert!(ends(key));
            }
        }
        for ((target, key), (began, ended)) in heard {
            let digested = told.iter().any(|m| m.kind == "digest" && m.way.target() == target && m.keys.contains(&key));
            prop_assert!(ended <= 1, "{target} {key}");
            prop_assert!(digested || began == 0 || ended == 1, "{target} hears no end of {key}");
        }
    }

    /// The same notices, shown several times and in any order within one look, come to the same book.
    #[test]
    fn duplicates_change_nothing(acts in acts(), seed in any::<u64>()) {
        let (mut once, mut often) = (clinic(), clinic());
        for (minutes, act) in acts {
            let minute = once.minute + minutes;
            let Act::Says(event, n) = act else { continue };
            once.minute = minute;
            often.minute = minute;
            let notice = once.notice(EVENTS[event], &format!("INC-{n}"), SEVERITIES[n]);
            once.take(&notice);
            for _ in 0..=(seed % 3) {
                often.take(&notice);
            }
            prop_assert_eq!(once.at(minute), often.at(minute));
        }
        prop_assert_eq!(&once.book, &often.book);
        // And what is written down is read again.
        let bytes = writ_trust::json::canonical(&once.book);
        let again: writ_notify::book::Book = writ_trust::json::parse(&bytes, 64 << 20).unwrap();
        prop_assert_eq!(again, once.book);
    }
}
