use writ_notify::message::Message;
use writ_policy::declared::Severity;
use writ_trust::digest::Digest;
use writ_wire::notice::NoticeEvent::{Closed, Escalated};

use crate::world::{Clinic, channel, lines};

#[test]
fn a_storm_of_500_is_one_message_for_each_contact() {
    let mut clinic = Clinic::with(|settings| settings["notify"]["hook"] = channel("webhook", &["escalated"]));
    let ids: Vec<String> = (0..500).map(|n| format!("INC-{n}")).collect();
    for id in &ids {
        clinic.says(Escalated, id, "critical");
    }
    let told = clinic.at(0);
    let mails: Vec<_> = told.iter().filter(|message| message.kind == "digest").collect();
    assert_eq!(mails.len(), 1);
    assert_eq!(told.len(), 501, "a program gets each");
    assert_eq!(mails[0].keys.len(), 500);
    assert!(mails[0].text.contains("and 460 more") && mails[0].text.len() < 16_000, "{}", mails[0].text);
    assert!(mails[0].subject.contains("500 critical"), "{}", mails[0].subject);
    // One link answers all of them.
    let group = clinic.book.groups.keys().next().unwrap().clone();
    assert!(mails[0].text.contains("Answer all of them: https://ack.example/a/"));
    clinic.hear(&group, "on-call", false);
    assert_eq!(lines(&clinic.at(20)).iter().filter(|line| line.contains("call-")).count(), 0);
    for id in &ids {
        clinic.says(Closed, id, "critical");
    }
    let told = clinic.at(21);
    assert_eq!(told.iter().filter(|message| message.kind == "digest").count(), 1, "the end of all is one as well");
}

#[test]
fn what_trickles_is_held_back_and_what_is_critical_is_not() {
    let mut clinic = Clinic::new();
    for minute in 0..8 {
        clinic.minute = minute;
        clinic.says(Escalated, &format!("INC-{minute}"), "medium");
        let told = lines(&clinic.at(minute));
        assert_eq!(told.len(), usize::from(minute < 5), "{minute}: {told:?}");
    }
    clinic.says(Escalated, "INC-9", "critical");
    let told = clinic.at(8);
    assert_eq!(lines(&told), ["digest on-call"], "at once, and with it what was held back");
    assert_eq!(told[0].keys.len(), 4);
    // What is held back goes when there is room again.
    clinic.says(Escalated, "INC-10", "medium");
    assert_eq!(lines(&clinic.at(9)), Vec::<String>::new());
    let told = clinic.until(11);
    assert_eq!(told, ["11 call-0 on-call"], "ten minutes after the second of them");
}

#[test]
fn one_appliance_takes_no_room_from_another_and_what_found_none_is_taken_later() {
    let mut clinic = Clinic::new();
    for n in 0..500 {
        clinic.says(Escalated, &format!("INC-{n}"), "medium");
    }
    let more = clinic.notice(Escalated, "INC-500", "critical");
    let (policy, moment) = (clinic.policy.clone(), clinic.moment());
    assert!(clinic.book.take(&more, &Digest::of(&more.canonical()), &policy, moment).is_err());
    let mut other = clinic.notice(Escalated, "INC-1", "critical");
    other.appliance = "back-office".parse().unwrap();
    clinic.take(&other);
    clinic.at(0);
    clinic.says(Closed, "INC-0", "medium");
    clinic.at(1);
    clinic.take(&more);
    for key in ["clinic-001/back-office/INC-1", "clinic-001/front-desk/INC-500"] {
        assert!(clinic.book.incidents.contains_key(key), "{key}");
    }
}

#[test]
fn a_full_queue_loses_what_matters_least() {
    let mut clinic = Clinic::new();
    clinic.says(Escalated, "INC-1", "high");
    let one = clinic.at(0).remove(0);
    let low = |n: usize| Message { id: n.to_string(), severity: Severity::Low, ..one.clone() };
    clinic.book.queue = (0..5_000).map(low).collect();
    clinic.says(Escalated, "INC-2", "critical");
    let told = clinic.at(1);
    assert_eq!((told.len(), clinic.book.dropped), (5_000, 1));
    assert_eq!((told[0].id.as_str(), told[4_999].severity), ("1", Severity::Critical));
}
