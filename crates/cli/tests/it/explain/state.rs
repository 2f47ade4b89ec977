//! The last outcome, from the state folder of an appliance.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{expected, explain, tree};

fn put(folder: &Path, file: &str, value: &Json) {
    fs::write(folder.join(file), value.to_string()).unwrap();
}

/// A folder as an enforcer leaves it, of the appliance where the exception of the site counts.
pub fn state() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = json!({
        "schema": "writ.enforcer-status.v1", "at": "2026-11-23T08:00:05Z", "site": "clinic-001", "appliance": "back-office",
        "release": "1-4", "outcomes": { "file.motd": "fail", "disk.root": "pass", "server.scanner": "not-assessable" },
        "open_incidents": [{ "incident_id": "INC-20261123-0001", "check": "file.motd", "severity": "high",
            "detected_at": "2026-11-23T07:30:00Z", "phase": "escalated", "attempts": 2 }],
        "something_newer": {},
    });
    put(folder.path(), "status.json", &status);
    let tally = |outcome: &str, reasons: Json, seen: Json| {
        json!({ "last": { "at": "2026-11-23T08:00:00Z", "outcome": outcome, "reasons": reasons, "observation": seen },
            "runs": 1, "failed": 0, "not_assessed": 0, "first_at": "2026-11-23T08:00:00Z", "longest_gap_ms": 0, "numbers": {} })
    };
    let book = json!({ "schema": "writ.posture-book.v1", "from": "2026-11-23T08:00:00Z", "checks": {
        "file.motd": tally("fail", json!(["mode eq \"0644\", seen \"0666\" \u{1b}[31m"]), json!({ "mode": "0666", "size_bytes": 4096 })),
        "disk.root": tally("pass", json!([]), json!({ "available_percent": 42 })),
    } });
    put(folder.path(), "posture.json", &book);
    folder
}

#[test]
fn the_last_outcome_comes_with_what_was_seen() {
    let (tree, state) = (tree(), state());
    let folder = state.path().to_str().unwrap();
    let output = explain(&tree, &["file.motd", "--state", folder]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(!output.stdout.contains('\u{1b}'), "{:?}", output.stdout);
    expected("check-with-state", &output.stdout);
    let json = explain(&tree, &["A.1", "--state", folder, "--format", "json"]).stdout;
    let json: Json = serde_json::from_str(&json).unwrap();
    let last = json["last"].as_array().unwrap();
    assert_eq!((&last[0]["outcome"], &last[0]["seen"]["mode"]), (&"fail".into(), &"0666".into()));
    assert_eq!((&last[1]["check"], &last[1]["outcome"]), (&"file.shadow".into(), &Json::Null));
    assert_eq!(json["applies"]["to"], json!([{ "site": "clinic-001", "appliance": "back-office" }]));
}

#[test]
fn an_outcome_without_what_was_seen_is_still_told() {
    let (tree, state) = (tree(), state());
    fs::write(state.path().join("posture.json"), "{ torn").unwrap();
    let output = explain(&tree, &["server.scanner", "--state", state.path().to_str().unwrap()]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = output.stdout;
    assert!(text.contains("Last outcome of server.scanner on clinic-001/back-office\n  not-assessable\n"), "{text}");
}

/// `posture.json` is written less often than `status.json`.
#[test]
fn what_an_earlier_run_saw_does_not_explain_another_outcome() {
    let (tree, state) = (tree(), state());
    let mut status: Json = serde_json::from_slice(&fs::read(state.path().join("status.json")).unwrap()).unwrap();
    status["outcomes"]["file.motd"] = "pass".into();
    put(state.path(), "status.json", &status);
    let text = explain(&tree, &["file.motd", "--state", state.path().to_str().unwrap()]).stdout;
    assert!(text.contains("Last outcome of file.motd on clinic-001/back-office\n  pass\n"), "{text}");
    assert!(!text.contains("0666"), "{text}");
    status["outcomes"].as_object_mut().unwrap().remove("file.motd");
    put(state.path(), "status.json", &status);
    let text = explain(&tree, &["file.motd", "--state", state.path().to_str().unwrap()]).stdout;
    assert!(text.contains("\n  fail, run at 2026-11-23 08:00:00 UTC\n") && text.contains("0666"), "{text}");
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let (tree, folder) = (tree(), tempfile::tempdir().unwrap());
    let at = folder.path().to_str().unwrap().to_owned();
    let of = || explain(&tree, &["disk.root", "--state", &at]);
    let refused = |said: &str| {
        let output = of();
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
        assert!(output.stderr.contains(said) && output.stderr.contains("status.json"), "{}", output.stderr);
    };
    refused("no state folder of an appliance");
    fs::write(folder.path().join("status.json"), "[]").unwrap();
    refused("no state folder of an appliance");
    let mut newer: Json = serde_json::from_slice(&fs::read(state().path().join("status.json")).unwrap()).unwrap();
    let mut named = newer.clone();
    named["site"] = "clinic\u{1b}[31m".into();
    put(folder.path(), "status.json", &named);
    refused("no state folder of an appliance");
    newer["schema"] = "writ.enforcer-status.v9".into();
    put(folder.path(), "status.json", &newer);
    refused("of another version");
    fs::remove_file(folder.path().join("status.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("status.json")).unwrap();
    refused("no state folder of an appliance");
}
