//! Accounts and how people prove who they are: a furnished machine holds, and one line of sudoers that lets somebody
//! become root unasked is with people at once.

use std::fs;

use writ_scenarios::outbox::Found;
use writ_scenarios::{outbox, run};

use crate::clinic::Clinic;

/// Checks of accounts that a well-kept machine holds; the container has no audit of its own.
const HOLD: [&str; 12] = [
    "accounts.dormant",
    "accounts.expired",
    "accounts.lockout",
    "accounts.password-rules",
    "accounts.password-storage",
    "accounts.second-factor",
    "accounts.service-shells",
    "elevation.asks",
    "elevation.bounded",
    "elevation.logged",
    "logins.recorded",
    "logoff.shell",
];

#[test]
fn a_line_of_sudoers_that_asks_for_no_password_is_with_people_at_once() {
    let clinic = Clinic::shared();
    let appliance = clinic.front_desk("accounts");
    let whole = |f: &Found| f.json["posture"]["snapshot"].is_object();
    let snapshot = appliance.await_bundle(0, "a snapshot of all checks", whole).unwrap();
    for check in HOLD {
        let entry = &snapshot.json["posture"]["snapshot"]["checks"][check];
        assert!(matches!(entry["outcome"].as_str(), Some("pass" | "warn")), "{check}: {entry}");
    }
    let entry = &snapshot.json["posture"]["snapshot"]["checks"]["audit.kernel"];
    assert_eq!(entry["outcome"], "not-applicable", "{entry}");

    let after = outbox::last_sequence(&appliance.outbox()).unwrap();
    let file = appliance.container.path("/etc/sudoers");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}mallory ALL=(ALL) NOPASSWD: ALL\n")).unwrap();
    let of = |kind: &'static str| {
        move |f: &Found| f.text(&["kind"]) == kind && f.text(&["incident", "check"]) == "elevation.asks"
    };
    let opened = appliance.await_bundle(after, "the incident", of("incident-opened")).unwrap();
    assert_eq!(opened.json["drift"]["before"]["passwordless_count"], 1, "{}", opened.json);
    let id = opened.text(&["incident", "incident_id"]).to_owned();
    let tickets = appliance.state().join("tickets");
    let ticket = || -> anyhow::Result<Option<String>> {
        let Ok(entries) = fs::read_dir(&tickets) else { return Ok(None) };
        let texts = entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
        Ok(texts.into_iter().find(|text| text.contains(&id)))
    };
    let ticket = run::wait("the ticket", writ_scenarios::appliance::PATIENCE, ticket).unwrap();
    assert!(ticket.contains("elevation.asks"), "{ticket}");

    fs::write(&file, good).unwrap();
    appliance.await_bundle(after, "the end of the incident", of("incident-closed")).unwrap();
    for bundle in outbox::read(&appliance.outbox()).unwrap() {
        let text = fs::read_to_string(&bundle.file).unwrap();
        assert!(!text.contains("mallory"), "names of people leave only as hashes: {text}");
    }
}
