//! Is what fails repaired? And if not: why not.

use serde_json::{Value, json};
use writ_agent::clock::now;
use writ_agent::enforce::pause::Pause;
use writ_agent::enforce::state::State;

use super::house::{House, check, declared, run};

fn words(found: &Value, wanted: &[&str]) {
    let text = format!("{} {}", found["what"], found["next"]);
    wanted.iter().for_each(|words| assert!(text.contains(words), "{words}: {text}"));
}

/// An appliance whose policy is changed like this, and on which the file is then broken and looked at.
fn broken(change: impl FnOnce(&House, &mut Value)) -> (House, writ_agent::enforce::engine::Engine) {
    let house = House::new();
    let mut policy = house.policy();
    change(&house, &mut policy);
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    (house, enforcer)
}

#[test]
fn no_rule_answers() {
    let (house, _enforcer) = broken(|_, _| {});
    let found = house.says(1, "no-rule");
    words(&found, &["mode", "0666", "people have it", "no rule answers it", "tickets/INC-", "Kim Lee", " by 20"]);
    assert_eq!(found["subject"], "file.motd");
    let said = house.doctor(&["file.motd"]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    for words in ["expects", "mode", "rule      none: a failure goes to people at once", "escalated since"] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
}

#[test]
fn the_route_of_a_severity_says_whom_to_call() {
    let (house, _enforcer) = broken(|_, policy| {
        let escalation = &mut policy["settings"]["escalation"];
        escalation["contacts"] = json!(["primary on-call: Kim Lee", "security safety: Robin Fox, +1 555 0101"]);
        escalation["route"]["high"] = json!(["safety", "office"]);
    });
    words(&house.says(1, "no-rule"), &["first contact: security safety: Robin Fox, +1 555 0101"]);
    let ticket = std::fs::read_dir(house.path("state/tickets")).unwrap().next().unwrap().unwrap().path();
    let ticket: Value = serde_json::from_slice(&std::fs::read(ticket).unwrap()).unwrap();
    assert_eq!(ticket["contacts"], json!(["security safety: Robin Fox, +1 555 0101", "office"]));
}

#[test]
fn a_rule_leaves_it_to_people() {
    let (house, _enforcer) = broken(|house, policy| {
        house.add_rule(policy, true, 1);
        let rule = &mut policy["rules"]["L1-FILE-001"];
        rule["run"] = Value::Null;
        rule["escalate"] = json!({ "to": "L3", "why": "somebody opened it on purpose" });
        policy["runbooks"] = json!({});
    });
    words(&house.says(1, "left-to-people"), &["rule L1-FILE-001", "somebody opened it on purpose"]);
}

#[test]
fn attempts_that_did_not_help() {
    let (house, enforcer) = broken(|house, policy| house.add_rule(policy, false, 3));
    words(&house.says(1, "rests"), &["was tried once", "rests until", "59 min"]);
    drop(enforcer);
    let (house, _enforcer) = broken(|house, policy| house.add_rule(policy, false, 1));
    words(&house.says(1, "attempts-used"), &["as many as its rules allow", "repair it"]);
    let account = house.doctor(&["file.motd", "--format", "json"]).json()["check"].clone();
    assert_eq!((&account["rules"][0]["failed"], &account["incident"]["phase"]), (&json!(1), &json!("escalated")));
}

#[test]
fn another_runbook_has_to_end_first() {
    let (house, _enforcer) = broken(|house, policy| house.add_rule(policy, false, 3));
    house.edit_state("state.json", |state| {
        state["incidents"]["file.motd@self"]["phase"] = json!({ "waiting": null });
    });
    house.edit_state("status.json", |status| {
        status["open_incidents"] = json!([]);
        let asked = |check: &str, rule: &str| json!([{ "check": check, "rule": rule }]);
        status["runbooks"] = json!({
            "running": asked("backup.recent", "L1-BACKUP-001"), "waiting": asked("file.motd", "L1-FILE-001"),
        });
    });
    words(&house.says(1, "in-line"), &["rule L1-FILE-001 waits for its turn", "has to end first: backup.recent"]);
}

#[test]
fn the_breaker_has_tripped() {
    let house = House::new();
    let mut policy = house.policy();
    house.add_rule(&mut policy, true, 3);
    let mut enforcer = house.enforcing(&policy);
    for _ in 0..2 {
        house.break_it();
        run(&mut enforcer, &policy);
    }
    let said = house.doctor(&["--format", "json"]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let found = said.of("breaker");
    assert_eq!((&found[0]["subject"], &found[1]["subject"]), (&json!("file.motd"), &json!("rule L1-FILE-001")));
    words(&found[0], &["people have it: rule L1-FILE-001 was stopped"]);
    // The book still has the run before: the account shows what the incident saw.
    let account = house.doctor(&["file.motd", "--format", "json"]).json()["check"].clone();
    assert_eq!((&account["outcome"], &account["observation"]["mode"]), (&json!("fail"), &json!("0666")), "{account}");
    words(&found[1], &["1 incident or more within 1h", "stopped until", "keeps breaking"]);
    // It holds again, and nobody knows for how long.
    house.mend();
    run(&mut enforcer, &policy);
    words(&house.says(1, "flapping"), &["stays open until it has held until"]);
}

#[test]
fn a_runbook_waits_for_its_window_and_people_may_say_that_they_have_seen_it() {
    let (house, _enforcer) = broken(|house, policy| {
        house.add_rule(policy, true, 3);
        let step = json!({ "id": "test", "step": "restore.test", "parameters": { "name": "records" }, "timeout": "1h", "undo": null });
        policy["runbooks"]["RB-FILE-001"]["steps"] = json!([step]);
        let (from, to) = (now().plus_millis(7_200_000).to_string(), now().plus_millis(10_800_000).to_string());
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        policy["settings"]["time_zone"] = json!("Etc/UTC");
        policy["settings"]["maintenance"]["windows"] =
            json!([{ "days": days, "from": from[11..16], "to": to[11..16], "allows": ["restore-test"] }]);
    });
    words(&house.says(1, "window"), &["rule L1-FILE-001 waits for a maintenance window", "Etc/UTC"]);
    let (house, mut enforcer) = broken(|_, _| {});
    enforcer.tick();
    enforcer.write_status();
    words(&house.says(1, "no-rule"), &["1 contact called, nobody has answered (`writ-enforce ack INC-"]);
    house.edit_state("state.json", |state| {
        state["incidents"]["file.motd@self"]["people"]["acknowledged"] = json!({ "at": now(), "by": "hash" });
    });
    words(&house.says(1, "no-rule"), &["acknowledged at 20"]);
}

#[test]
fn healing_is_paused() {
    let house = House::new();
    let mut policy = house.policy();
    house.add_rule(&mut policy, true, 3);
    drop(house.enforcing(&policy));
    let pause = Pause {
        checks: vec!["file.motd".into()],
        from: now(),
        until: now().plus_millis(1_800_000),
        means: writ_evidence::records::PauseMeans::BreakGlass,
        reference: "code 1".into(),
        by: "somebody".into(),
        reason: "the printer\nis being replaced".into(),
    };
    let mut state = State::load(&house.path("state")).unwrap().unwrap();
    state.pauses.active.push(pause);
    std::fs::write(house.path("state/state.json"), state.to_bytes()).unwrap();
    let mut enforcer = house.enforcer();
    run(&mut enforcer, &policy);
    words(&house.says(0, "pause"), &["file.motd", "the printer"]);
    house.break_it();
    run(&mut enforcer, &policy);
    words(&house.says(1, "paused"), &["paused until", "code 1", "ends by itself"]);
}

#[test]
fn an_exception_lifts_it() {
    let (house, _enforcer) = broken(|_, policy| {
        policy["exceptions"]["EX-1"] = json!({
            "control": null, "check": "file.motd", "reason": "r", "risk": "k", "compensating": "c", "owner": "o",
            "approved_by": "owner", "approval": writ_trust::digest::Digest::of(b""), "approved_at": "2026-01-01T00:00:00Z",
            "expires": "2036-01-01T00:00:00Z", "declared_at": declared(),
        });
    });
    words(&house.says(0, "excepted"), &["EX-1 is in force until 2036-01-01"]);
}

#[test]
fn a_generation_is_on_trial() {
    let house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    // The journal alone says so: the trial began a moment ago.
    super::syncing::journal(&house, |j| {
        (j.course.state, j.course.activated) = (writ_agent::switch::State::Testing, true)
    });
    words(&house.says(1, "on-trial"), &["on trial", "writ-switch status"]);
}

#[test]
fn what_cannot_be_judged_what_is_not_observed_and_what_does_not_apply() {
    let (house, _enforcer) = broken(|house, policy| {
        house.mend();
        policy["checks"]["kernel.none"] =
            check(json!({ "sysctl": { "key": "kernel.no_such_thing" } }), json!({ "value": { "eq": "1" } }));
        policy["checks"]["windows.protected"] =
            check(json!({ "windows_defender": {} }), json!({ "real_time": { "eq": true } }));
        policy["checks"]["system.generation"] =
            check(json!({ "nix_generation": {} }), json!({ "matches": { "eq": true } }));
    });
    house.mend();
    words(&house.says(1, "not-assessable"), &["nobody knows whether it holds", "kernel/no_such_thing", "--look"]);
    words(&house.says(1, "not-observed"), &["1 of 4 checks"]);
    let found = house.says(1, "not-applicable");
    assert_eq!((&found["subject"], &found["question"]), (&json!("system.generation"), &json!("applicable")));
    words(&found, &["the accepted release names no system"]);
    // Asked for by name, that alone is no failure.
    for (check, code, finding) in [
        ("windows.protected", 0, "not-observed"),
        ("system.generation", 0, "not-applicable"),
        ("kernel.none", 1, "not-assessable"),
    ] {
        let said = house.doctor(&[check, "--format", "json"]);
        assert_eq!((said.code, said.of(finding).len()), (Some(code), 1), "{check}: {}{}", said.stdout, said.stderr);
    }
}

#[test]
fn a_look_now_shows_what_is_so_now() {
    let (house, _enforcer) = broken(|_, _| {});
    house.mend();
    let said = house.doctor(&["file.motd", "--look", "--format", "json"]);
    let check = said.json()["check"].clone();
    assert_eq!((&check["outcome"], &check["looked"]["outcome"]), (&json!("fail"), &json!("pass")), "{check}");
    assert_eq!(check["looked"]["observation"]["mode"], "0644");
    assert!(house.doctor(&["file.motd", "--look"]).stdout.contains("now       pass"));
}
