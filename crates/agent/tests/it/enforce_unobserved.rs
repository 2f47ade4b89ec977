//! Checks whose probe this version cannot look with: they are told as not assessable, and nothing else comes of them.

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::posture::{Posture, Seen};
use writ_policy::outcome::Outcome;

use crate::support::{Site, chmod, mode};

const NOT_OBSERVED: &str = "not observed: this version has the schema of probe `windows_service` but cannot look yet";

/// Makes the probe of a check one that is only announced.
fn blind(policy: &mut Value, check: &str) {
    policy["checks"][check]["probe"] = json!({ "windows_service": { "service": "MSSQLSERVER" } });
    policy["checks"][check]["expect"] = json!({ "running": { "eq": true } });
}

fn snapshot(site: &Site, check: &str) -> Seen {
    let bundle = site.of_kind(Kind::Posture).pop().unwrap();
    let Some(Posture::Snapshot(snapshot)) = bundle.posture else { panic!("{:?}", bundle.posture) };
    snapshot.checks[check].clone()
}

#[test]
fn they_are_told_and_never_healed() {
    let site = Site::new();
    let mut policy = site.policy();
    let healed = site.file_check(&mut policy, "motd");
    let untouched = site.file_check(&mut policy, "blind");
    blind(&mut policy, "file.blind");
    site.publish(1, &policy);
    for path in [&healed, &untouched] {
        chmod(path, 0o600);
    }
    // What could not be assessed was not seen to hold.
    let said = site.once_is(1);
    assert!(said.contains("not-assessable  file.blind") && said.contains(NOT_OBSERVED), "{said}");
    assert_eq!((mode(&healed), mode(&untouched)), (0o644, 0o600), "its rule has nothing to answer");

    let incidents = site.incidents();
    assert_eq!(incidents.opened.into_values().collect::<Vec<_>>(), ["file.motd"]);
    assert!(!site.state("tickets").exists() || site.state("tickets").read_dir().unwrap().next().is_none());
    let seen = snapshot(&site, "file.blind");
    assert_eq!((seen.outcome, seen.reasons.as_slice()), (Outcome::NotAssessable, &[NOT_OBSERVED.to_owned()][..]));
    assert!(seen.at.is_some() && seen.observation.iter().next().is_none());

    // Nor is it told of as something new when it is run again.
    site.once_is(1);
    assert_eq!(site.incidents().opened.len(), 1);
}

#[test]
fn an_open_incident_stays_as_it_is() {
    let site = Site::new();
    let mut policy = site.policy();
    let path = site.file_check(&mut policy, "motd");
    policy["rules"] = json!({});
    policy["runbooks"] = json!({});
    site.publish(1, &policy);
    chmod(&path, 0o600);
    site.once_is(1);
    let opened = site.incidents().opened;
    assert_eq!(opened.len(), 1);
    let ticket = site.state("tickets").join(format!("{}.json", opened.keys().next().unwrap()));
    let status = || serde_json::from_slice::<Value>(&std::fs::read(&ticket).unwrap()).unwrap()["status"].clone();
    assert_eq!(status(), "open");

    // The next release looks at it by a probe that only a later agent has: nobody knows whether it holds.
    let mut later = policy.clone();
    blind(&mut later, "file.motd");
    site.publish(2, &later);
    chmod(&path, 0o644);
    let said = site.once_is(1);
    assert!(said.contains("open, ") && said.contains(NOT_OBSERVED), "{said}");
    let incidents = site.incidents();
    assert_eq!((&incidents.opened, incidents.closed.len()), (&opened, 0));
    assert_eq!(status(), "open");

    site.publish(3, &policy);
    site.once_is(0);
    assert!(site.incidents().closed.keys().eq(opened.keys()), "it is closed by somebody who can see that it holds");
    assert_eq!(status(), "closed");
}
