//! The same in figures.

use serde_json::json;
use writ_agent::clock::now;
use writ_agent::sync::schedule::Job;
use writ_agent::sync::trouble::Trouble;

use super::all_done;
use super::house::{DAY, House, declared, run};

fn figure<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).rsplit(' ').next().unwrap()
}

#[test]
fn what_is_exported_and_what_a_dead_enforcer_leaves() {
    let mut house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    house.courier(&all_done(), |status| status.waiting = 3);
    house.break_it();
    run(&mut enforcer, &policy);
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    for (name, value) in [
        ("writ_enforcer_up", "1"),
        ("writ_incidents_overdue", "0"),
        ("writ_sync_failures", "0"),
        ("writ_evidence_waiting", "3"),
        ("writ_outbox_budget_bytes", "536870912"),
    ] {
        assert_eq!(figure(&text, name), value, "{text}");
    }
    assert!(figure(&text, "writ_release_expires_seconds").parse::<i64>().unwrap() > 170 * 86_400, "{text}");
    let failing = "writ_check_outcome{check=\"file.motd\",severity=\"high\",outcome=\"fail\",announced=\"false\",excepted=\"false\"} 1";
    assert!(text.contains(failing) && text.contains("writ_incidents_open{severity=\"high\"} 1"), "{text}");
    assert!(text.ends_with("# EOF\n") && !text.contains("clinic-001"), "{text}");
    assert!(text.contains("writ_log_named 0\n") && !text.contains("writ_log_checkpoint"), "{text}");
    assert!(text.contains("writ_courier_configured 1\n"), "{text}");
    for (question, code, n) in [("running", "none", 0), ("healing", "no-rule", 1), ("applicable", "none", 0)] {
        let line = format!("writ_doctor_findings{{question=\"{question}\",code=\"{code}\"}} {n}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(text.contains("writ_incident_escalated_age_seconds{severity=\"low\"} 0\n"), "{text}");
    crate::alerts::judge_figures(&text);
    drop(enforcer);
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    assert_eq!(figure(&text, "writ_enforcer_up"), "0");
    assert!(!text.contains("outcome=\"fail\"") && text.contains("outcome=\"not-assessable\""), "{text}");
}

#[test]
fn what_never_happened_is_infinitely_old() {
    let house = House::new();
    house.furnish_courier(super::house::SITE, "spool");
    let said = house.doctor(&["--format", "openmetrics"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for name in ["writ_checkin_age_seconds", "writ_sync_failures", "writ_enforcer_status_age_seconds"] {
        assert_eq!(figure(&said.stdout, name), "+Inf", "{}", said.stdout);
    }
    assert!(!said.stdout.contains("writ_check_outcome") && !said.stdout.contains("writ_incidents"), "{}", said.stdout);
}

#[test]
fn what_an_exception_lifts_calls_nobody() {
    let house = House::new();
    let mut policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    run(&mut enforcer, &policy);
    // Open for a day, and with people for as long: then an exception is signed.
    let ago = json!(now().plus_millis(-DAY));
    drop(enforcer);
    house.edit_state("state.json", |state| {
        let incident = state["incidents"].as_object_mut().unwrap().values_mut().next().unwrap();
        incident["detected_at"] = ago.clone();
        incident["escalations"][0]["at"] = ago.clone();
    });
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    assert_eq!(figure(&text, "writ_incidents_overdue"), "1", "{text}");
    assert!(!text.contains("writ_incident_escalated_age_seconds{severity=\"high\"} 0\n"), "{text}");
    policy["exceptions"]["EX-1"] = json!({
        "control": null, "check": "file.motd", "reason": "r", "risk": "k", "compensating": "c", "owner": "o",
        "approved_by": "owner", "approval": writ_trust::digest::Digest::of(b""), "approved_at": "2026-01-01T00:00:00Z",
        "expires": "2036-01-01T00:00:00Z", "declared_at": declared(),
    });
    house.publish(8, &policy);
    let mut enforcer = house.enforcer();
    enforcer.poll_releases();
    enforcer.check("file.motd");
    enforcer.write_status();
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    assert!(text.contains("outcome=\"fail\",announced=\"false\",excepted=\"true\"} 1\n"), "{text}");
    assert_eq!(figure(&text, "writ_incidents_overdue"), "0", "{text}");
    assert!(text.contains("writ_incident_escalated_age_seconds{severity=\"high\"} 0\n"), "{text}");
}

#[test]
fn a_machine_without_a_policy_is_seen() {
    let house = House::new();
    let mut policy = house.policy();
    policy["schema"] = "writ.policy.v999".into();
    house.publish(7, &policy);
    let mut enforcer = house.enforcer();
    enforcer.poll_releases();
    enforcer.write_status();
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    assert!(text.contains("writ_doctor_findings{question=\"syncing\",code=\"no-policy\"} 1\n"), "{text}");
}

#[test]
fn what_is_waited_for_and_what_has_only_begun_is_no_failure() {
    let mut house = House::logged();
    let mut enforcer = house.enforcer();
    enforcer.poll_releases();
    enforcer.write_status();
    let mut jobs = all_done();
    (0..5).for_each(|_| jobs.push((Job::Deliver, Err(Trouble::Waiting("the log's key".into())))));
    house.courier(&jobs, |_| {});
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    assert_eq!(figure(&text, "writ_sync_failures"), "0", "{text}");
    // A log that was named a moment ago is as old as that.
    assert!(figure(&text, "writ_log_checkpoint_age_seconds").parse::<i64>().unwrap() < 3600, "{text}");
}

#[test]
fn figures_are_put_into_a_file_whole() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let file = house.path("writ.prom");
    // Whoever may write to the folder has put a link there.
    std::os::unix::fs::symlink(house.path("elsewhere"), &file).unwrap();
    let to = file.to_str().unwrap();
    let said = house.doctor(&["--format", "openmetrics", "--out", to]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{}", said.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with("# EOF\n") && !house.path("elsewhere").exists(), "{text}");
    assert_eq!(house.doctor(&["--out", to]).code, Some(2), "for people it is printed");
    assert_eq!(house.doctor(&["--format", "json", "--out", "/nonexistent/file"]).code, Some(2));
}

/// What standard output does not take is not printed, and that is said.
#[test]
fn a_full_disk_is_no_success() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    for format in ["human", "json", "openmetrics"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(["doctor", "--format", format, "--config"]).arg(house.path("etc/enforce.toml")).stdout(full);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{format}: {stderr}");
        assert!(stderr.contains("standard output") && stderr.contains("No space left"), "{format}: {stderr}");
    }
}
