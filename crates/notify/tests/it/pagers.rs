use writ_notify::message::{Page, Way};
use writ_wire::notice::NoticeEvent::{Closed, Escalated, Opened};

use crate::world::{Clinic, channel, lines};

fn clinic() -> Clinic {
    Clinic::with(|settings| {
        settings["notify"]["pager"] = channel("pagerduty", &["incident-opened", "escalated", "incident-closed"]);
        settings["contacts"]["on-call"]["email"] = serde_json::json!("on-call@msp.example");
    })
}

#[test]
fn a_pager_rings_once_and_stops_when_somebody_answers_and_when_it_ends() {
    let mut clinic = clinic();
    clinic.says(Opened, "INC-1", "critical");
    assert_eq!(lines(&clinic.at(0)), ["trigger pager"]);
    clinic.says(Escalated, "INC-1", "critical");
    assert_eq!(clinic.until(16), ["0 call-0 on-call", "15 call-1 stand-in"]);
    clinic.hear("INC-1", "on-call", false);
    assert_eq!(clinic.until(20), ["16 acknowledged stand-in", "16 acknowledge pager"]);
    clinic.says(Closed, "INC-1", "critical");
    let told = clinic.at(21);
    assert_eq!(lines(&told), ["resolved on-call", "resolved stand-in", "resolve pager"]);
    let keys = |page: Page| move |way: &Way| matches!(way, Way::Pager { page: p, dedup_key, .. } if *p == page && dedup_key == "clinic-001/front-desk/INC-1");
    assert!(told.iter().any(|message| keys(Page::Resolve)(&message.way)));
    // One that never rang is not told to stop.
    clinic.says(Closed, "INC-2", "critical");
    assert_eq!(lines(&clinic.at(22)), Vec::<String>::new());
}

#[test]
fn a_pager_that_was_held_back_does_not_ring_for_what_needs_nobody_any_more() {
    let mut clinic = clinic();
    for minute in 0..8 {
        clinic.minute = minute;
        clinic.says(Opened, &format!("INC-{minute}"), "medium");
        assert_eq!(lines(&clinic.at(minute)).len(), usize::from(minute < 5), "{minute}");
    }
    clinic.says(Closed, "INC-5", "medium");
    clinic.hear("INC-6", "on-call", false);
    let told = lines(&clinic.at(8));
    assert!(!told.iter().any(|line| line.contains("pager")), "it never rang for them: {told:?}");
    let told = clinic.at(10);
    assert_eq!(lines(&told), ["trigger pager"]);
    assert_eq!(told[0].keys, ["clinic-001/front-desk/INC-7"]);
}

#[test]
fn a_pager_that_rang_for_many_stops_when_none_of_them_is_left() {
    let mut clinic = clinic();
    let ids: Vec<String> = (0..20).map(|n| format!("INC-{n}")).collect();
    for id in &ids {
        clinic.says(Opened, id, "critical");
    }
    let told = clinic.at(0);
    assert_eq!(lines(&told), ["trigger pager"]);
    assert_eq!(told[0].keys.len(), 20);
    for id in &ids[1..] {
        clinic.says(Closed, id, "critical");
    }
    assert_eq!(lines(&clinic.at(1)), Vec::<String>::new());
    clinic.says(Closed, &ids[0], "critical");
    assert_eq!(lines(&clinic.at(2)), ["resolve pager"]);
}
