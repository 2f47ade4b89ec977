//! What the enforcer makes of what it is told was seen: incidents, and nothing that is run.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::bundle::Vantage;
use writ_evidence::posture::{Posture, Seen};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::support::{Daemon, Site, now, until};

/// The check that is looked at over the network.
pub const CHECK: &str = "ehr.reachable";
/// What a runbook of it would make, if one were ever run.
const RUN: &str = "was-run";

/// A site with a check of this machine, and one that is looked at over the network; for that one there is a rule which would run a
/// runbook, as a policy document may have it that no `writ check` has seen.
pub fn site() -> Site {
    let site = Site::new();
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    let mut check = policy["checks"]["file.motd"].clone();
    check["probe"] = json!({ "reachable": { "address": "ehr.example:443" } });
    check["expect"] = json!({ "reachable": { "eq": true } });
    policy["checks"][CHECK] = check;
    let mut rule = policy["rules"].as_object().unwrap().values().next().unwrap().clone();
    rule["when"]["check"] = CHECK.into();
    rule["run"] = "RB-ehr".into();
    policy["rules"]["R-ehr"] = rule;
    let mut runbook = policy["runbooks"].as_object().unwrap().values().next().unwrap().clone();
    runbook["verify"] = json!([CHECK]);
    runbook["steps"] = json!([{
        "id": "run", "step": "file.restore", "timeout": "5s", "undo": null,
        "parameters": { "path": site.path(RUN), "mode": "0644" },
    }]);
    policy["runbooks"]["RB-ehr"] = runbook;
    site.publish(1, &policy);
    fs::create_dir(site.path("looks")).unwrap();
    site
}

fn call() -> Digest {
    let parameters = json!({ "address": "ehr.example:443" });
    writ_wire::asks::call_digest("reachable", parameters.as_object().unwrap())
}

pub fn look(result: Value, at: Time) -> Value {
    json!({
        "schema": "writ.look.v1", "check": CHECK, "call": call(), "began_at": at, "ended_at": at, "result": result,
    })
}

pub fn file(site: &Site) -> PathBuf {
    site.path("looks").join(format!("{CHECK}.json"))
}

/// Lays out a look as writ-probe does.
pub fn lay(site: &Site, look: &Value) {
    let temporary = site.path("looks/.look.writ-tmp");
    fs::write(&temporary, look.to_string()).unwrap();
    fs::rename(&temporary, file(site)).unwrap();
}

/// What the last scan says of the check.
pub fn outcome(site: &Site) -> Value {
    let output = site.command().args(["--plan", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|line| line["check"] == CHECK).unwrap().clone()
}

pub fn reason(site: &Site) -> String {
    let line = outcome(site);
    assert_eq!(line["outcome"], "not-assessable", "{line}");
    line["reasons"][0].as_str().unwrap().to_owned()
}

#[test]
fn what_the_policy_asks_for_is_laid_out_and_nothing_else() {
    let site = site();
    site.once_is(1);
    let asks: Value = serde_json::from_slice(&fs::read(site.path("asks/asks.json")).unwrap()).unwrap();
    assert_eq!(asks["schema"], "writ.asks.v1");
    assert_eq!((&asks["site"], &asks["release"]["serial"]), (&"clinic-001".into(), &1.into()));
    let every = &asks["asks"][CHECK]["every"];
    assert_eq!(
        asks["asks"],
        json!({ CHECK: { "probe": "reachable", "parameters": { "address": "ehr.example:443" }, "every": every } })
    );
}

#[test]
fn before_anything_was_seen_the_check_is_not_observed() {
    let site = site();
    site.once_is(1);
    assert_eq!(
        reason(&site),
        "not observed: writ-probe, which looks over the network, has not looked yet; see that it runs"
    );
    assert!(site.incidents().opened.is_empty());
    let snapshot = |vantage| -> Seen {
        let of = |bundle: &writ_evidence::Bundle| bundle.vantage == vantage;
        let mut bundles: Vec<_> = site.of_kind(Kind::Posture).into_iter().filter(of).collect();
        assert_eq!(bundles.len(), 1);
        let Some(Posture::Snapshot(snapshot)) = bundles.pop().unwrap().posture else { panic!() };
        assert_eq!(snapshot.checks.len(), 1);
        snapshot.checks.into_values().next().unwrap()
    };
    assert_eq!(snapshot(Vantage::Host).outcome, Outcome::Pass);
    assert_eq!(snapshot(Vantage::Network).outcome, Outcome::NotAssessable);
}

#[test]
fn what_was_seen_opens_an_incident_for_people_and_nothing_is_run() {
    let site = site();
    site.once_is(1);
    lay(&site, &look(json!({ "seen": { "reachable": false } }), now()));
    let planned = outcome(&site);
    assert_eq!((&planned["outcome"], &planned["would_run"]), (&"fail".into(), &Value::Null));
    assert!(planned["would_escalate"]["why"].as_str().unwrap().contains("over the network only"), "{planned}");
    site.once_is(1);
    site.once_is(1);
    let incidents = site.incidents();
    assert_eq!(incidents.opened.values().collect::<Vec<_>>(), [CHECK]);
    let plans = site.of_kind(Kind::Plan);
    assert!(plans.iter().any(|b| b.plan.as_ref().unwrap().reason.contains("seen over the network only")), "{plans:?}");
    for bundle in site.bundles().iter().filter(|b| matches!(b.kind, Kind::Plan | Kind::IncidentOpened)) {
        assert_eq!(bundle.vantage, Vantage::Network, "{}", bundle.kind);
    }
    assert!(!site.path(RUN).exists() && site.status()["counters"]["attempts"] == 0);
    let ticket = site.state("tickets").read_dir().unwrap().count();
    assert_eq!(ticket, 1);

    lay(&site, &look(json!({ "seen": { "reachable": true, "connect_ms": 3 } }), now()));
    site.once_is(0);
    let closed = site.incidents().closed.into_values().next().unwrap();
    assert_eq!((closed.vantage, closed.actions_taken.len()), (Vantage::Network, 0));
}

#[test]
fn a_new_look_is_judged_at_once() {
    let site = site();
    let daemon: Daemon = site.daemon();
    until("it watches", || site.log().contains("watching").then_some(()));
    let opened = || site.path("outbox").is_dir() && site.incidents().opened.len() == 1;
    let began = std::time::Instant::now();
    lay(&site, &look(json!({ "seen": { "reachable": false } }), now()));
    until("its incident opens", || opened().then_some(()));
    // Every five minutes is when it would have been looked at else.
    assert!(began.elapsed().as_secs() < 240);
    lay(&site, &look(json!({ "seen": { "reachable": true } }), now()));
    until("its incident closes", || (site.incidents().closed.len() == 1).then_some(()));
    assert_eq!(daemon.stop(), Some(0));
}
