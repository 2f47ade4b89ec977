//! What nobody knows is never told as if it were well.

use std::fs;

use serde_json::{Value, json};
use writ_agent::clock::now;

use super::all_done;
use super::house::{House, check, run};

fn printed(house: &House, wanted: &[&str]) {
    let said = house.doctor(&[]).stdout;
    wanted.iter().for_each(|words| assert!(said.contains(words), "{words}: {said}"));
}

#[test]
fn before_a_start_and_with_a_damaged_state_the_questions_are_unknown() {
    let house = House::new();
    printed(&house, &["Syncing: unknown: ", "Healing: unknown: ", "Applicable: unknown: ", "release unknown"]);
    let json = house.doctor(&["--format", "json"]).json();
    assert_eq!(json["unknown"], json!(["syncing", "healing", "applicable"]));
    assert_eq!((&json["as_of"], &json["stale"]), (&Value::Null, &json!(true)));
    drop(house.enforcing(&house.policy()));
    let json = house.doctor(&["--format", "json"]).json();
    assert_eq!((&json["unknown"], &json["stale"], json["as_of"].is_string()), (&json!([]), &json!(true), true));
    printed(&house, &["Healing: as of 20", "of 1 check, 1 hold"]);
    fs::write(house.path("state/state.json"), "{").unwrap();
    printed(&house, &["Syncing: unknown: ", "Healing: unknown: ", "Applicable: unknown: ", "release unknown"]);
}

#[test]
fn a_first_release_whose_policy_this_version_cannot_read() {
    let house = House::new();
    let mut policy = house.policy();
    policy["schema"] = "writ.policy.v999".into();
    house.publish(7, &policy);
    let mut enforcer = house.enforcer();
    assert!(enforcer.poll_releases(), "release 1-7 is obeyed");
    enforcer.write_status();
    let found = house.says(1, "no-policy");
    let what = found["what"].as_str().unwrap();
    assert!(what.contains("no policy is enforced") && what.contains("none from before"), "{found}");
    assert!(found["next"].as_str().unwrap().contains("brings a version that does"), "{found}");
    printed(&house, &["Healing: unknown: ", "Applicable: unknown: "]);
    assert_eq!(house.doctor(&["--format", "json"]).json()["unknown"], json!(["healing", "applicable"]));
}

#[test]
fn a_check_that_has_not_run_is_not_said_to_hold() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    for name in ["state.json", "status.json"] {
        house.edit_state(name, |value| value["outcomes"] = json!({}));
    }
    house.says(0, "not-run-yet");
    printed(&house, &["of 1 check, 1 have not run yet"]);
    let said = house.doctor(&["file.motd", "--format", "json"]);
    assert_eq!((said.of("not-run-yet").len(), said.of("holds").len()), (1, 0), "{}", said.stdout);
    assert_eq!(said.json()["checks"]["not_run_yet"], 1);
}

#[test]
fn the_newer_of_what_the_enforcer_wrote_counts() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    // The disk took no evidence: the state stayed as it was, and the status tells.
    house.edit_state("status.json", |status| status["outcomes"]["file.motd"] = "fail".into());
    house.says(1, "just-seen");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let state = fs::File::options().write(true).open(house.path("state/state.json")).unwrap();
    state.set_modified(later).unwrap();
    assert_eq!(house.doctor(&[]).code, Some(0));
}

#[test]
fn a_look_that_differs_is_wrong() {
    let house = House::new();
    let mut policy = house.policy();
    let _enforcer = house.enforcing(&policy);
    house.break_it();
    let said = house.doctor(&["file.motd", "--look", "--format", "json"]);
    let found = said.of("look-differs");
    assert_eq!((said.code, found.len()), (Some(1), 1), "{}{}", said.stdout, said.stderr);
    let what = found[0]["what"].as_str().unwrap();
    assert!(what.contains("came to fail") && what.contains("0666") && what.contains("last run came to pass"), "{what}");
    drop(_enforcer);
    house.mend();

    // Looked at as the enforcer looks: not this machine in the place of another.
    let house = House::new();
    policy["checks"]["file.motd"]["probe"]["file"]["path"] = json!(house.file());
    fs::write(house.file(), "").unwrap();
    house.mend();
    policy["checks"]["file.motd"]["target"] = "printer-1".into();
    policy["checks"]["cpu.busy"] = check(json!({ "cpu": {} }), json!({ "used_percent": { "le": 100 } }));
    let mut enforcer = house.enforcing(&policy);
    run(&mut enforcer, &policy);
    let account = house.doctor(&["file.motd", "--look", "--format", "json"]).json()["check"].clone();
    assert_eq!(account["looked"]["outcome"], "not-assessable", "{account}");
    assert!(account["looked"]["reasons"][0].as_str().unwrap().contains("printer-1 is another machine"), "{account}");
    // One look says nothing of a mean over a window.
    let said = house.doctor(&["cpu.busy", "--look"]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(said.stderr.contains("measures over a window"), "{}", said.stderr);
    assert_ne!(house.doctor(&["cpu.busy"]).code, Some(2));
}

#[test]
fn documents_that_were_lost_are_looked_for() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    fs::remove_file(house.path("state/generations/1-7/policy.json")).unwrap();
    house.says(1, "documents-lost");
    fs::remove_dir_all(house.path("spool/inbox/documents")).unwrap();
    let found = house.says(1, "release-incomplete");
    assert!(found["what"].as_str().unwrap().contains("is not there yet"), "{found}");
}

#[test]
fn times_that_have_not_come_say_nothing() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let ahead = now().plus_millis(3_600_000);
    house.courier(&all_done(), |status| status.jobs.get_mut("check-in").unwrap().done_at = Some(ahead));
    house.says(1, "check-in-overdue");
    house.edit_state("status.json", |status| status["at"] = json!(ahead));
    house.says(1, "enforcer-silent");
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    for name in ["writ_enforcer_status_age_seconds", "writ_checkin_age_seconds"] {
        assert!(text.contains(&format!("\n{name} +Inf\n")), "{text}");
    }
}

#[test]
fn a_courier_whose_configuration_is_a_dangling_link_is_no_absent_courier() {
    let house = House::new();
    std::os::unix::fs::symlink("/nonexistent", house.path("etc/sync.toml")).unwrap();
    let said = house.doctor(&[]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(said.stderr.contains("courier's configuration"), "{}", said.stderr);
}
