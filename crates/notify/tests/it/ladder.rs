use serde_json::json;
use writ_notify::book::Seeming;
use writ_notify::incident::{Source, Stage};
use writ_policy::declared::Severity;
use writ_trust::minisign::SecretKey;
use writ_wire::notice::NoticeEvent::{Acknowledged, Closed, Escalated, Opened, Unanswered, Update};

use crate::world::{Clinic, DESK, SITE, channel, line, lines};

const ID: &str = "INC-20261123-0007";

#[test]
fn critical_pages_at_once_then_the_stand_in_then_the_manager_and_all_hear_how_it_stands() {
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "critical");
    let told = clinic.until(125);
    // 15 minutes to answer, then the stand-in; the manager 30 minutes after the first; then those who are left on the route, each
    // after the one before had their time, which is never longer than 30 minutes.
    assert_eq!(told[..3], ["0 call-0 on-call", "15 call-1 stand-in", "30 call-2 manager"]);
    assert_eq!(told[3..5], ["60 call-3 security", "90 call-4 office"]);
    assert_eq!(told[5..].len(), 5, "two hours after the first call all who were called hear how it stands: {told:?}");
    assert!(told[5..].iter().all(|line| line.starts_with("120 update-1 ")));
}

#[test]
fn an_answer_ends_the_calling_and_nothing_else() {
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "critical");
    assert_eq!(clinic.until(20), ["0 call-0 on-call", "15 call-1 stand-in"]);
    clinic.hear(ID, "on-call", false);
    assert_eq!(clinic.until(119), ["20 acknowledged stand-in"], "who answered knows it");
    assert_eq!(clinic.until(120), ["120 update-1 on-call", "120 update-1 stand-in"]);
    clinic.hear(ID, "stand-in", false);
    assert_eq!(clinic.incident(ID).acknowledged.as_ref().unwrap().by, "on-call", "the first counts");
    clinic.says(Closed, ID, "critical");
    assert_eq!(clinic.until(600), ["120 resolved on-call", "120 resolved stand-in"]);
}

#[test]
fn what_the_appliance_times_is_a_fact_and_no_second_call() {
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "high");
    assert_eq!(clinic.until(10), ["0 call-0 on-call"]);
    // The appliance has no ear for answers: its own clock goes on.
    clinic.hear(ID, "on-call", false);
    clinic.says(Unanswered, ID, "high");
    clinic.says(Update, ID, "high");
    assert_eq!(clinic.until(200), Vec::<String>::new());
    assert!(clinic.incident(ID).reasons[0].contains("Update"), "but how it stands is known");
    // An answer that was given there counts here.
    clinic.says(Escalated, "INC-2", "high");
    assert_eq!(clinic.until(201), ["200 call-0 on-call"]);
    clinic.says(Acknowledged, "INC-2", "high");
    assert!(clinic.until(300).iter().all(|line| line.contains("acknowledged") || line.contains("update")));
    assert_eq!(clinic.incident("INC-2").stage, Stage::Acknowledged);
}

#[test]
fn the_manager_is_called_of_what_is_high_although_no_route_names_them() {
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "high");
    assert_eq!(clinic.until(200), ["0 call-0 on-call", "15 call-1 stand-in", "30 call-2 manager"]);
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "medium");
    assert_eq!(clinic.until(200), ["0 call-0 on-call"], "of what is medium only the route");
}

#[test]
fn quiet_hours_hold_back_what_is_not_critical_until_they_end() {
    let night = 11 * 60;
    let mut clinic = Clinic::new();
    clinic.minute = night;
    clinic.says(Escalated, ID, "medium");
    clinic.says(Escalated, "INC-2", "critical");
    let told = clinic.until(night + 14);
    assert_eq!(told, [format!("{night} call-0 on-call")], "only what is critical");
    clinic.hear("INC-2", "on-call", false);
    // 07:00 is 19 hours after noon.
    let told = clinic.until(19 * 60 - 1);
    assert!(!told.iter().any(|line| line.contains("call-")), "{told:?}");
    let told = clinic.until(19 * 60);
    assert!(told.contains(&"1140 call-0 on-call".to_owned()), "{told:?}");
    // As the site says.
    let mut clinic = Clinic::with(|settings| {
        settings["quiet_hours"] = json!({ "from": "12:00", "to": "13:00", "severities": ["high"] });
    });
    clinic.says(Escalated, ID, "high");
    clinic.says(Escalated, "INC-2", "low");
    assert_eq!(clinic.until(61), ["0 call-0 on-call", "60 call-0 on-call",]);
}

#[test]
fn what_ended_before_anybody_was_told_is_told_to_nobody() {
    let mut clinic = Clinic::new();
    clinic.minute = 11 * 60;
    clinic.says(Escalated, ID, "low");
    assert_eq!(lines(&clinic.at(11 * 60)), Vec::<String>::new());
    clinic.says(Closed, ID, "low");
    assert_eq!(clinic.until(20 * 60), Vec::<String>::new());
    // A site that is looked at for the first time: what had ended is nobody's business, what is open is.
    let mut clinic =
        Clinic::with(|settings| settings["notify"]["desk"] = channel("email", &["incident-closed", "incident-opened"]));
    clinic.book.begun.clear();
    for id in ["INC-1", "INC-2"] {
        clinic.says(Opened, id, "high");
    }
    clinic.says(Closed, "INC-1", "high");
    clinic.book.begin(SITE);
    assert_eq!(clinic.until(5), ["0 opened desk"]);
}

#[test]
fn a_contact_without_mail_is_called_by_those_who_have_some_and_a_lost_call_does_not_wait() {
    let mut clinic = Clinic::with(|settings| settings["contacts"]["stand-in"]["email"] = json!(null));
    clinic.says(Escalated, ID, "high");
    assert_eq!(clinic.until(14), ["0 call-0 on-call"]);
    let told = clinic.at(15);
    assert_eq!(lines(&told), ["call-1 on-call"]);
    assert!(told[0].text.contains("Jonas Weber (stand-in, +1 555 0101)"), "{}", told[0].text);
    // Nobody can be reached at all: the next at once.
    let mut clinic = Clinic::with(|settings| settings["contacts"]["on-call"]["email"] = json!(null));
    clinic.says(Escalated, ID, "high");
    assert_eq!(clinic.until(1), ["1 call-1 stand-in"]);
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "high");
    let call = clinic.at(0).remove(0);
    clinic.lost(&call);
    assert_eq!(clinic.until(2), ["0 call-1 stand-in"]);
}

#[test]
fn the_time_that_a_site_gives_runs_out_aloud() {
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "critical");
    clinic.at(0);
    clinic.hear(ID, "on-call", false);
    let told = clinic.until(12 * 60);
    let clock: Vec<&String> = told.iter().filter(|line| line.contains("clock")).collect();
    assert_eq!(clock, ["360 clock-1 on-call", "648 clock-2 on-call", "720 clock-3 on-call"]);
    // A notifier that was away says only where it stands now.
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "critical");
    clinic.at(0);
    clinic.hear(ID, "on-call", false);
    let told = clinic.at(1000);
    assert_eq!(lines(&told), ["clock-3 on-call"]);
    assert!(told[0].subject.contains("OVERDUE"), "{}", told[0].subject);
}

#[test]
fn the_report_is_due_after_three_days_and_asked_for_once() {
    let three_days = 72 * 60;
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "high");
    clinic.at(0);
    clinic.says(Closed, ID, "high");
    assert_eq!(clinic.until(three_days - 1), ["0 resolved on-call"]);
    let told = clinic.at(three_days);
    assert_eq!(lines(&told), ["report on-call", "report manager"]);
    assert!(told[0].subject.contains("report overdue"));
    assert_eq!(lines(&clinic.at(three_days + 10_000)), Vec::<String>::new());
    assert!(clinic.book.incidents.len() == 1, "it is missing, and is not forgotten");
    clinic.hear(ID, "Kim Lee", true);
    clinic.at(three_days + 20_000);
    assert!(clinic.book.incidents.is_empty(), "it was given");
    // Given in time, nobody is asked.
    let mut clinic = Clinic::new();
    clinic.says(Escalated, ID, "high");
    clinic.at(0);
    clinic.says(Closed, ID, "high");
    clinic.at(1);
    clinic.hear(ID, "Kim Lee", true);
    assert_eq!(lines(&clinic.at(three_days + 1)), Vec::<String>::new());
}

#[test]
fn silence_goes_by_the_same_ladder_once_it_has_lasted() {
    let silent = |settle: i64| Seeming {
        site: SITE.into(),
        subject: DESK.into(),
        code: "silent".into(),
        severity: Severity::High,
        source: Source::Silence,
        title: "an appliance is silent".into(),
        what: "it was last heard of 20 min ago".into(),
        settle,
    };
    let mut clinic = Clinic::with(|settings| settings["notify"]["desk"] = channel("email", &["silence"]));
    clinic.seem(&[silent(300_000)], true);
    assert_eq!(clinic.until(4), Vec::<String>::new(), "it may be a restart");
    clinic.minute = 5;
    clinic.seem(&[silent(300_000)], true);
    assert_eq!(clinic.until(20), ["5 call-0 on-call", "5 call-0 desk", "20 call-1 stand-in", "20 call-1 desk"]);
    // Not looked at is not gone.
    clinic.seem(&[], false);
    assert_eq!(clinic.until(21), Vec::<String>::new());
    clinic.seem(&[], true);
    assert_eq!(clinic.until(22), ["21 resolved on-call", "21 resolved stand-in", "21 resolved desk"]);
    // The next time is another one.
    clinic.minute = 30;
    clinic.seem(&[silent(0)], true);
    assert_eq!(clinic.until(30), ["30 call-0 on-call", "30 call-0 desk"]);
}

#[test]
fn an_exception_that_ends_soon_is_told_once_and_asks_for_no_answer() {
    let ends = Seeming {
        site: SITE.into(),
        subject: "exceptions".into(),
        code: "exception-EX-2026-002".into(),
        severity: Severity::Low,
        source: Source::Exception,
        title: "exception EX-2026-002 ends soon".into(),
        what: "it lifts transmission.tunnel".into(),
        settle: 0,
    };
    let mut clinic = Clinic::new();
    clinic.seem(std::slice::from_ref(&ends), true);
    assert_eq!(clinic.until(300), ["0 opened on-call"], "where no channel asks for it");
    clinic.seem(&[], true);
    assert_eq!(clinic.until(301), ["300 resolved on-call"]);
    let mut clinic = Clinic::with(|settings| settings["notify"]["desk"] = channel("email", &["exception-expiring"]));
    clinic.seem(std::slice::from_ref(&ends), true);
    assert_eq!(clinic.until(300), ["0 opened desk"]);
    // Where the name of one begins like that of another they are two.
    let of = |code: &str| Seeming { code: code.into(), ..ends.clone() };
    let mut clinic = Clinic::new();
    clinic.seem(&[of("exception-a-b")], true);
    clinic.seem(&[of("exception-a-b"), of("exception-a")], true);
    assert_eq!(clinic.book.incidents.len(), 2);
    clinic.seem(&[of("exception-a-b")], true);
    let ended = clinic.book.incidents.values().filter(|incident| !incident.is_open());
    assert_eq!(ended.map(|incident| incident.about.as_str()).collect::<Vec<_>>(), ["exception-a"]);
}

#[test]
fn what_nobody_speaks_for_any_more_ends_once_and_a_new_key_begins_anew() {
    let mut clinic = Clinic::new();
    let old = clinic.key.public_key().fingerprint();
    clinic.says(Escalated, ID, "high");
    clinic.released(Some(old));
    assert_eq!(clinic.until(1), ["0 call-0 on-call"]);
    // The appliance was set up again, and counts from the beginning.
    clinic.key = SecretKey::generate(&[2; 40]);
    let new = clinic.key.public_key().fingerprint();
    clinic.says(Escalated, ID, "high");
    clinic.released(Some(new.clone()));
    assert_eq!(clinic.until(2), ["1 resolved on-call", "1 call-0 on-call"]);
    assert!(clinic.incident(ID).ended.as_ref().unwrap().how.contains("that key, no more"));
    assert!(clinic.incident(&format!("{ID}-{}", &new[..8])).is_open());
    clinic.released(Some(new));
    assert_eq!(clinic.until(3), Vec::<String>::new());
    // And then it left the release.
    clinic.released(None);
    clinic.released(None);
    assert_eq!(clinic.until(4), ["3 resolved on-call"]);
    clinic.released(None);
    assert_eq!(clinic.until(20), Vec::<String>::new());
}

#[test]
fn what_is_told_is_short_and_names_nobody_who_is_ill() {
    let mut clinic = Clinic::new();
    let mut notice = clinic.notice(Escalated, ID, "critical");
    notice.title = format!("MRN: 12345678 {}", "x".repeat(5_000));
    notice.reasons = vec!["SSN 123-45-6789\r\nBcc: everybody".into(); 16];
    clinic.take(&notice);
    let told = clinic.at(0).remove(0);
    assert!(told.subject.chars().count() < 400 && told.text.len() < 5_000, "{}", told.text.len());
    assert!(!told.text.contains("12345678") && !told.text.contains("123-45-6789"), "{}", told.text);
    assert!(!told.text.contains("\nBcc"), "{}", told.text);
    for part in [
        "Runbooks: ",
        "RB-FW-001",
        "https://ack.example/a/",
        "clinic-001/front-desk/INC-20261123-0007",
        "Without an answer by",
    ] {
        assert!(told.text.contains(part), "{part}: {}", told.text);
    }
    let mut bad = clinic.notice(Escalated, "../../x", "critical");
    let moment = clinic.moment();
    let digest = writ_trust::digest::Digest::of(b"1");
    assert!(clinic.book.take(&bad, &digest, &clinic.policy.clone(), moment).is_err());
    bad.incident_id = Some(String::new());
    assert!(clinic.book.take(&bad, &writ_trust::digest::Digest::of(b"2"), &clinic.policy.clone(), moment).is_err());
    assert_eq!(line(&told), "call-0 on-call");
}
