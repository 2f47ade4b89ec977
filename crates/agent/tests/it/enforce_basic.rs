//! The thin path: a released check, a drift, a heal, evidence that verifies.

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::incident::{ResolutionStatus, ResolutionType, Tier};

use crate::support::{Site, chmod, mode, until};

#[test]
fn one_scan_heals_a_file_mode_and_proves_it() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    site.publish(1, &policy);
    chmod(&path, 0o600);
    let said = site.once_is(0);
    assert!(said.contains("healed"), "{said}");
    assert_eq!(mode(&path), 0o644);

    let incidents = site.incidents();
    assert_eq!((incidents.opened.len(), incidents.closed.len()), (1, 1));
    let closed = incidents.closed.values().next().unwrap();
    let execution = closed.execution.as_ref().unwrap();
    assert_eq!((execution.resolution_type, execution.tier), (ResolutionType::Auto, Some(Tier::L1)));
    assert_eq!(closed.outputs.unwrap().resolution_status, ResolutionStatus::Success);
    assert_eq!(closed.actions_taken.len(), 1);
    assert_eq!(closed.release.unwrap().serial.get(), 1);
    let kinds: Vec<Kind> = site.bundles().iter().map(|b| b.kind).collect();
    assert_eq!(kinds, [Kind::Started, Kind::Switch, Kind::IncidentOpened, Kind::IncidentClosed, Kind::Posture]);
    assert!(!site.state("lock").metadata().unwrap().is_dir());
    assert!(site.state("running/release.json").is_file());
}

#[test]
fn the_daemon_sees_a_drift_at_once_and_heals_it() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    site.publish(1, &policy);
    let daemon = site.daemon();
    until("the first snapshot", || site.of_kind(Kind::Posture).first().cloned());
    for drift in [0o600, 0o777, 0o000] {
        let before = site.incidents().closed.len();
        chmod(&path, drift);
        until("the incident is closed", || (site.incidents().closed.len() > before).then_some(()));
        assert_eq!(mode(&path), 0o644);
    }
    std::fs::remove_file(&path).unwrap();
    until("a ticket, as nothing is known of its content", || {
        std::fs::read_dir(site.state("tickets")).ok()?.next().map(|_| ())
    });
    std::fs::write(&path, "by hand").unwrap();
    until("people closed it", || (site.incidents().closed.len() == 4).then_some(()));
    let closed = site.incidents().closed.into_values().last().unwrap();
    assert_eq!(closed.execution.as_ref().unwrap().resolution_type, ResolutionType::Manual);
    assert_eq!(daemon.stop(), Some(0));
    let status: Value = serde_json::from_slice(&std::fs::read(site.state("status.json")).unwrap()).unwrap();
    assert_eq!(status["schema"], "writ.enforcer-status.v1");
}

#[test]
fn a_rule_may_leave_it_to_people() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    let mut policy = writ_policy::policy::upgrade(policy);
    let why = "nobody but a person takes all rights away";
    let mut rule = policy["rules"]["L1-motd"].clone();
    rule["when"]["observation"] = json!({ "mode": { "eq": "0000" } });
    (rule["run"], rule["escalate"], rule["priority"]) = (Value::Null, json!({ "to": "L3", "why": why }), json!(200));
    policy["rules"]["L3-motd"] = rule;
    site.publish(1, &policy);
    chmod(&path, 0o600);
    site.once_is(0);
    assert_eq!(mode(&path), 0o644, "it does not match: the rule below it heals");

    chmod(&path, 0o000);
    let plan = site.command().arg("--plan").output().unwrap();
    let said = String::from_utf8(plan.stdout).unwrap();
    let tells = format!("rule L3-motd: {why}; L2: the policy enables no planner");
    assert!(said.contains(&format!("would go to people: {tells}")), "{said}");
    assert!(!said.contains("would run"), "{said}");
    let plan = site.command().args(["--plan", "--json"]).output().unwrap();
    let line = serde_json::from_slice::<Value>(&plan.stdout).unwrap()["checks"][0].clone();
    assert_eq!(line["would_escalate"], json!({ "rule": "L3-motd", "why": tells }));
    assert_eq!(line["would_run"], Value::Null);

    for _ in 0..2 {
        site.once_is(1);
        assert_eq!(mode(&path), 0o000);
    }
    let incidents = site.incidents();
    assert_eq!((incidents.opened.len(), incidents.closed.len()), (2, 1));
    let id = incidents.opened.into_keys().find(|id| !incidents.closed.contains_key(id)).unwrap();
    let ticket = std::fs::read(site.state("tickets").join(format!("{id}.json"))).unwrap();
    let ticket: Value = serde_json::from_slice(&ticket).unwrap();
    assert_eq!((&ticket["status"], &ticket["attempts"]), (&json!("open"), &json!(0)));
    let [escalation] = &ticket["escalations"].as_array().unwrap()[..] else { panic!("{ticket}") };
    let reason = escalation["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("rule L3-motd: {why}; L2: the policy enables no planner")), "{reason}");

    chmod(&path, 0o644);
    site.once_is(0);
    let closed = &site.incidents().closed[&id];
    let execution = closed.execution.as_ref().unwrap();
    assert_eq!((execution.resolution_type, execution.tier), (ResolutionType::Manual, Some(Tier::L3)));
    assert!(closed.actions_taken.is_empty());
}
