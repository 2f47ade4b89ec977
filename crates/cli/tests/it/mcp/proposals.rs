//! `propose_plan`: what it takes, what it leaves to people, and that it does nothing else.

use serde_json::{Value, json};
use writ_wire::proposal::Proposal;

use super::session::Session;
use super::{Clinic, contents};

fn proposal() -> Value {
    json!({ "site": "clinic-001", "appliance": "front-desk", "check": "file.motd", "runbooks": ["RB-FILE-001", "RB-FILE-002"],
        "reason": "The banner drifted, and this helped before." })
}

fn with(name: &str, value: Value) -> Value {
    let mut changed = proposal();
    changed[name] = value;
    changed
}

#[test]
fn a_proposal_waits_for_people_and_nothing_runs() {
    let clinic = Clinic::new();
    let before = contents(clinic.world.path());
    let mut session = Session::open(&clinic.with_proposals());
    let told = session.call("propose_plan", proposal());
    assert!(!told.refused && told.text.contains("Nothing was run"), "{}", told.text);
    assert_eq!(told.document["queued"], true);
    let waiting = clinic.waiting();
    let [(name, document)] = &waiting[..] else { panic!("{waiting:?}") };
    let id = document["id"].as_str().unwrap();
    assert_eq!((name, &told.document["proposal"]), (&format!("{id}.json"), document));
    let read = Proposal::parse(&strict(document)).unwrap();
    assert_eq!((read.excess(), read.check.as_str(), read.runbooks.len()), (None, "file.motd", 2));
    // The client's own name cannot be trusted, and cannot do anything.
    assert_eq!(read.proposed_by, "by-hand-/1.0");
    assert_eq!(read.proposed_at, Clinic::evening());
    // Who asks twice has asked once, also of another server.
    assert_eq!(session.get("propose_plan", proposal())["queued"], false);
    let mut another = Session::open(&clinic.with_proposals());
    assert_eq!(another.get("propose_plan", proposal())["queued"], false);
    assert_eq!(clinic.waiting().len(), 1);
    let incident = session.get("incidents", json!({ "status": "open" }))["incidents"][0]["incident_id"].clone();
    assert_eq!(session.get("propose_plan", with("incident", incident))["queued"], true);
    assert_eq!(clinic.waiting().len(), 2);
    assert!(contents(clinic.world.path()) == before, "the audit folder is only read");
}

fn strict(document: &Value) -> Vec<u8> {
    writ_trust::json::canonical(document)
}

#[test]
fn what_the_signed_policy_does_not_allow_is_refused() {
    let clinic = Clinic::new();
    let mut session = Session::open(&clinic.with_proposals());
    for (arguments, why) in [
        (
            with("runbooks", json!(["RB-TLS-001"])),
            "not judged by file.motd; the runbooks that are: RB-FILE-001, RB-FILE-002",
        ),
        (with("runbooks", json!(["RB-EVIL"])), "no runbook RB-EVIL"),
        (with("runbooks", json!(["RB-FILE-001", "RB-FILE-001"])), "twice"),
        (with("runbooks", json!([])), "1 to 5"),
        (with("runbooks", json!(["a", "b", "c", "d", "e", "f"])), "1 to 5"),
        (with("runbooks", json!("RB-FILE-001")), "shape"),
        (with("runbooks", json!([{ "id": "RB-FILE-001", "parameters": { "path": "/etc/shadow" } }])), "shape"),
        (with("parameters", json!({ "path": "/etc/shadow" })), "parameters"),
        (with("approve", json!(true)), "approve"),
        (with("check", json!("no.such")), "no check no.such"),
        (with("check", json!("file.tls")), "not judged by file.tls; the runbooks that are: RB-TLS-001"),
        (with("appliance", json!("back-office")), "there are: front-desk"),
        (with("site", json!("clinic-002")), "nothing of clinic-002"),
        (with("reason", json!("  ")), "reason"),
        (with("reason", json!("x".repeat(5_000))), "reason"),
        (with("reason", json!("\u{1b}]0;owned\u{7}")), "reason"),
        (with("incident", json!("INC-20261123-0999")), "no incident"),
        (with("incident", json!("../../x")), "INC-"),
        (json!({}), "missing field"),
    ] {
        let said = session.refusal("propose_plan", arguments.clone());
        assert!(said.contains(why), "{arguments}: {said}");
    }
    assert!(clinic.waiting().is_empty());
}

#[test]
fn no_more_wait_than_people_can_read() {
    let clinic = Clinic::new();
    let mut session = Session::open(&clinic.with_proposals());
    std::fs::write(clinic.proposals().join("README"), "not one of them").unwrap();
    for n in 0..100 {
        std::fs::write(clinic.proposals().join(format!("P-{n:012x}.json")), "{}").unwrap();
    }
    let why = session.refusal("propose_plan", proposal());
    assert!(why.contains("100 proposals wait already"), "{why}");
    std::fs::remove_file(clinic.proposals().join("P-000000000000.json")).unwrap();
    assert_eq!(session.get("propose_plan", proposal())["queued"], true);
    // A link in the place of one is nobody's file to write to.
    let id = session.get("propose_plan", proposal())["proposal"]["id"].as_str().unwrap().to_owned();
    let path = clinic.proposals().join(format!("{id}.json"));
    let target = clinic.beside("target");
    std::fs::write(&target, "mine").unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    assert_eq!(session.get("propose_plan", proposal())["queued"], false);
    assert_eq!(std::fs::read(&target).unwrap(), b"mine");
    // What people have answered is not put before them again.
    std::fs::create_dir(clinic.proposals().join("answered")).unwrap();
    std::fs::rename(&path, clinic.proposals().join("answered").join(format!("{id}.json"))).unwrap();
    let told = session.call("propose_plan", proposal());
    assert!(told.document["queued"] == false && told.text.contains("answered"), "{}", told.text);
    assert!(!path.exists());
}
