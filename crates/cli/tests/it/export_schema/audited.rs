//! What is printed of releases and evidence, from the folders of a real enforcer.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::judge::{judged, repository};
use super::reports::held;
use crate::doctor::house::{House, check, run};

/// A house with an incident that was healed and one that nobody answers.
fn with_incidents() -> House {
    let house = House::new();
    let mut policy = house.policy();
    house.add_rule(&mut policy, true, 2);
    policy["checks"]["file.absent"] =
        check(json!({ "file": { "path": "/nowhere" } }), json!({ "exists": { "eq": true } }));
    let mut engine = house.enforcing(&policy);
    house.break_it();
    run(&mut engine, &policy);
    house
}

/// What a command prints as JSON in the house, and its exit code.
fn said(house: &House, code: i32, arguments: &[&str]) -> Value {
    let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = writ.current_dir(house.path("")).args(arguments).arg("--json").output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complained}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {complained}"))
}

/// Some file below a folder.
fn file(folder: &Path, suffix: &str) -> std::path::PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    let found = entries.into_iter().find_map(|path| {
        if path.is_dir() { Some(file(&path, suffix)) } else { path.to_string_lossy().ends_with(suffix).then_some(path) }
    });
    found.unwrap_or_else(|| panic!("nothing in {} ends with {suffix}", folder.display()))
}

#[test]
fn what_is_printed_of_releases_and_evidence_is_valid() {
    let house = with_incidents();
    let trust = ["--trust", "etc/trust.json"];
    let verified = said(&house, 0, &[&["verify", "spool/inbox"], &trust[..]].concat());
    let gather = ["audit", "collect", "--releases", "spool/inbox", "--outbox", "spool/outbox", "--to", "audit"];
    let gathered = said(&house, 0, &gather);
    let found = said(&house, 0, &[&["audit", "query", "audit"], &trust[..]].concat());
    let found_kinds: Vec<&Value> = found.as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert!(found_kinds.contains(&&json!("incident-closed")) && found_kinds.contains(&&json!("posture")), "{found}");
    held("query-v1", &[&found, &json!([])], 40);
    let sound = said(&house, 0, &[&["audit", "verify", "audit"], &trust[..]].concat());
    let figures = ["--openmetrics", "figures.prom"];
    let compared = said(&house, 0, &[&["audit", "compare", "audit"][..], &figures, &trust[..]].concat());
    let figures = fs::read_to_string(house.path("figures.prom")).unwrap();
    assert!(
        figures.contains("writ_l1_resolution_percent{site=") && figures.contains("writ_rule_success_percent{"),
        "{figures}"
    );
    crate::alerts::judge_figures(&figures);
    let statuses: Vec<&str> =
        compared["incidents"].as_array().unwrap().iter().map(|i| i["status"].as_str().unwrap()).collect();
    assert!(statuses.contains(&"open") && statuses.contains(&"resolved"), "{compared}");
    fs::write(file(&house.path("audit/evidence"), ".json"), "{}").unwrap();
    let refused = said(&house, 1, &gather);
    assert!(!refused["refused"].as_array().unwrap().is_empty(), "{refused}");
    held("collected-v1", &[&gathered, &refused], 10);
    fs::write(file(&house.path("spool/inbox/documents"), ".json"), "{}").unwrap();
    let altered = said(&house, 1, &[&["audit", "verify", "audit"], &trust[..]].concat());
    assert!(altered["problems"]["bad"].as_u64().unwrap() > 0, "{altered}");
    let wrong = said(&house, 1, &[&["verify", "spool/inbox"], &trust[..]].concat());
    held("verify-v1", &[&verified, &wrong], 20);
    held("verification-v1", &[&sound, &altered], 100);
    let mut without = compared.clone();
    without.as_object_mut().unwrap().remove("controls");
    assert_eq!(judged("comparison-v1", &[compared, without]), [true, false]);
}

/// The report that the tests of comparisons keep: a day in which everything happens that one can tell of.
#[test]
fn a_comparison_of_an_eventful_day_is_valid() {
    let kept = fs::read(repository().join("crates/audit/tests/golden/comparison.json")).unwrap();
    let report: Value = serde_json::from_slice(&kept).unwrap();
    for part in ["controls", "matrix", "checks", "exceptions", "incidents", "changes", "switches", "events"] {
        assert!(!report[part].as_array().unwrap().is_empty(), "{part}");
    }
    assert_eq!(report["changes"][1]["weakens"], true);
    held("comparison-v1", &[&report], 450);
    assert_eq!(judged("verification-v1", &[report["verification"].clone()]), [true]);
}
