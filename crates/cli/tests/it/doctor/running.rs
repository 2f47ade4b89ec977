//! Do the programs run?

use std::fs;

use serde_json::json;

use super::all_done;
use super::house::{House, run};

#[test]
fn programs_that_never_ran() {
    let house = House::new();
    house.furnish_courier(super::house::SITE, "spool");
    let found = house.says(1, "enforcer-never-started");
    assert!(found["next"].as_str().unwrap().contains("systemctl start writ-enforce"), "{found}");
    house.says(1, "courier-never-started");
    // Nothing is known of a check.
    let said = house.doctor(&["file.motd"]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(said.stderr.contains("there is no policy here"), "{}", said.stderr);
}

#[test]
fn an_enforcer_that_ended() {
    let house = House::new();
    drop(house.enforcing(&house.policy()));
    let found = house.says(1, "enforcer-not-running");
    assert!(found["what"].as_str().unwrap().contains("nothing is looked at"), "{found}");
    assert_eq!(house.doctor(&["file.motd"]).code, Some(1), "it is said of every check");
}

#[test]
fn a_damaged_state() {
    let house = House::new();
    drop(house.enforcing(&house.policy()));
    fs::write(house.path("state/state.json"), "{").unwrap();
    let found = house.says(1, "state-damaged");
    assert!(found["what"].as_str().unwrap().contains("state.json"), "{found}");
}

#[test]
fn an_enforcer_that_says_nothing_any_more() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.edit_state("status.json", |status| status["at"] = "2026-01-01T00:00:00Z".into());
    house.says(1, "enforcer-silent");
    // A runbook that runs is no excuse: it keeps nobody waiting.
    house.edit_state("state.json", |state| {
        let incident = serde_json::json!({
            "id": "INC-20260101-0001", "check": "file.motd", "target": "self", "severity": "high",
            "detected_at": "2026-01-01T00:00:00Z", "opened_by": null, "before": {}, "reasons": [],
            "phase": { "attempting": { "rule": "L1-FILE-001", "since": "2026-01-01T00:00:00Z" } }, "attempts": 1,
            "failures": {}, "rests": {}, "worked_since": null, "rule": null, "runbook": null, "actions": [], "escalations": [],
        });
        state["incidents"] = serde_json::json!({ "file.motd@self": incident });
    });
    house.says(1, "enforcer-silent");
}

#[test]
fn a_courier_that_ended_or_is_not_vouched_for() {
    let mut house = House::new();
    let enforcer = house.enforcing(&house.policy());
    house.courier(&all_done(), |status| {
        status.not_vouched = Some("courier.json: the enforcer has not written it yet".into())
    });
    let found = house.says(1, "courier-not-vouched");
    assert!(found["next"].as_str().unwrap().contains("presence/"), "{found}");
    // The enforcer has refused the key that lies in the inbox.
    fs::write(house.path("spool/inbox/courier.pub"), "no key\n").unwrap();
    let mut enforcer = enforcer;
    enforcer.poll_releases();
    let found = house.says(1, "courier-not-vouched");
    assert!(found["next"].as_str().unwrap().contains("remove it"), "{found}");
    house.courier(&all_done(), |_| {});
    house.silence();
    house.says(1, "courier-not-running");
    drop(enforcer);
    house.courier(&[], |status| status.not_vouched = Some("not yet".into()));
    let found = house.says(1, "courier-not-vouched");
    assert!(found["next"].as_str().unwrap().starts_with("start writ-enforce"), "{found}");
}

#[test]
fn what_only_polling_finds_is_told_with_its_reason() {
    let house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    run(&mut enforcer, &policy);
    house.edit_state("status.json", |status| {
        status["sources"] = json!({
            "files": { "watches": 8192, "missing": 3, "dropped": 0, "why": "the limit fs.inotify.max_user_watches is reached" },
            "journal": { "polling": "it \u{1b}[2J ended", "missing": 0, "dropped": 7 },
            "mounts": { "missing": 0, "dropped": 0 },
        });
    });
    let found = house.says(0, "polled-only");
    assert_eq!((&found["question"], &found["weight"]), (&"running".into(), &"note".into()), "{found}");
    for words in ["3 of files: the limit fs.inotify", "journal: it", "ended"] {
        assert!(found["what"].as_str().unwrap().contains(words), "{found}");
    }
    let status = house.status(&["--json"]);
    assert_eq!(status.json()["enforcer"]["polled"].as_array().unwrap().len(), 2, "{}", status.stdout);
    let told = house.status(&[]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("by polling only: 3 of files") && !told.contains('\u{1b}'), "{told}");
    let figures = house.doctor(&["--format", "openmetrics"]).stdout;
    for line in [
        "writ_event_source_up{source=\"files\"} 1",
        "writ_event_source_missing{source=\"files\"} 3",
        "writ_event_source_up{source=\"journal\"} 0",
        "writ_event_source_dropped{source=\"journal\"} 7",
    ] {
        assert!(figures.contains(&format!("{line}\n")), "{line}: {figures}");
    }
    drop(enforcer);
    assert!(house.doctor(&["--format", "json"]).of("polled-only").is_empty(), "a dead one hears nothing anyway");
}
