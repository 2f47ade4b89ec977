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
