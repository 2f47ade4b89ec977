//! What commands print for programs is what the schemas of reports say.

use std::process::Command;

use serde_json::Value;

use super::judge::{judged, repository};
use super::mutations;
use crate::site_new::world::World;

/// The report is valid, and nothing is that lacks a member or has one of another type. Members may be added.
fn held(schema: &str, report: &Value, least: usize) {
    let mutations: Vec<_> = mutations::below(report, "")
        .into_iter()
        .filter(|m| m.member_removed || m.what.ends_with(" is 1.5") || m.what.ends_with(" is {}"))
        .collect();
    let mut documents = vec![report.clone()];
    documents.extend(mutations.iter().map(|mutation| mutation.document.clone()));
    let verdicts = judged(schema, &documents);
    assert!(verdicts[0], "{schema}: {report}");
    let passed: Vec<&str> =
        mutations.iter().zip(&verdicts[1..]).filter(|(_, valid)| **valid).map(|(m, _)| m.what.as_str()).collect();
    assert!(passed.is_empty(), "{schema}: {passed:?}");
    assert!(mutations.len() >= least, "only {} changes", mutations.len());
}

#[test]
fn the_report_of_writ_check_is_valid() {
    let world = World::new();
    assert_eq!(world.new_site("riverside-clinic", &[]).code, Some(0));
    let clean = world.check();
    held("check-report-v1", &clean, 40);
    // Mistakes with and without places, related places, nearest names and help.
    let rule = world.tree().join("rules/files.nix");
    let text = std::fs::read_to_string(&rule).unwrap();
    std::fs::write(&rule, text.replacen("priority", "prioritie", 1)).unwrap();
    std::fs::write(world.tree().join("rules/unlisted.nix"), "{ }").unwrap();
    let site = world.tree().join("hosts/riverside-clinic/site.nix");
    let text = std::fs::read_to_string(&site).unwrap();
    std::fs::write(&site, text.replace("America/Denver", "America/Denvr")).unwrap();
    std::fs::create_dir(world.tree().join("hosts/empty-site")).unwrap();
    let found = world.check();
    assert!(found["findings"].as_array().unwrap().len() >= 4, "{found}");
    held("check-report-v1", &found, 100);
}

#[test]
fn the_report_on_this_repository_is_valid() {
    let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = writ.args(["check", "--format", "json"]).arg(repository()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(judged("check-report-v1", &[report]), [true]);
}
