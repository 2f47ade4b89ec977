//! What commands print for programs is what the schemas of reports say.

use std::process::Command;

use serde_json::Value;

use super::judge::{judged, repository};
use super::mutations;
use crate::diff::repo::Repo;
use crate::doctor::house::{House, run};
use crate::site_new::world::World;

/// Whether a change is of a part that may be anything: a value of a policy or an observation, or members by name.
fn is_free(what: &str) -> bool {
    let (pointer, change) = what.split_once(' ').unwrap();
    let names: Vec<&str> = pointer.split('/').skip(1).collect();
    let any = |name: &&str| ["before", "after", "witness", "observation"].contains(name);
    let by_name = |name: Option<&&str>| name.is_some_and(|name| ["sites", "appliances"].contains(name));
    match names.split_last() {
        None => false,
        Some((last, above)) => {
            above.iter().any(|name| any(&name))
                || (any(&last) || by_name(Some(last))) && change != "removed"
                || by_name(above.last()) && change == "removed"
        }
    }
}

/// The report is valid, and nothing is that lacks a member or has one of another type. Members may be added.
fn held(schema: &str, report: &Value, least: usize) {
    let mutations: Vec<_> = mutations::below(report, "")
        .into_iter()
        .filter(|m| m.member_removed || m.what.ends_with(" is 1.5") || m.what.ends_with(" is {}"))
        .filter(|m| !is_free(&m.what))
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

#[test]
fn the_report_of_writ_diff_is_valid() {
    let repo = Repo::new();
    // A figure, a predicate with a witness, an exception, an appliance that is new, a system, words.
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    repo.edit("baselines/small/files.nix", "title = \"Password hashes\"", "title = \"Hashes of passwords\"");
    repo.edit("hosts/clinic-001/site.nix", "expires = \"2027-03-01T00:00:00Z\"", "expires = \"2027-06-01T00:00:00Z\"");
    repo.edit("hosts/clinic-001/front-desk/system.nix", "Welcome", "Come in");
    repo.write("hosts/clinic-001/ward/policy.nix", "{ writ, ... }: writ.appliance { }\n");
    repo.commit("changed");
    let forward = repo.json(0, &["--from", "start", "--to", "changed"]);
    assert_eq!(forward["weaker"], true, "{forward}");
    for part in ["groups", "exceptions", "figures"] {
        assert!(!forward[part].as_array().unwrap().is_empty(), "{part}: {forward}");
    }
    held("diff-v1", &forward, 200);
    // Back again an appliance is gone and an exception is shorter; and nothing at all.
    let back = repo.json(0, &["--from", "changed", "--to", "start"]);
    let nothing = repo.json(0, &["--from", "changed", "--to", "changed"]);
    assert_eq!(judged("diff-v1", &[back, nothing]), [true, true]);
}

#[test]
fn the_report_of_writ_doctor_is_valid() {
    let house = House::new();
    // Nobody has run.
    held("doctor-v1", &house.doctor(&["--format", "json"]).json(), 20);
    let mut policy = house.policy();
    house.add_rule(&mut policy, false, 1);
    let mut enforcer = house.enforcing(&policy);
    let well = house.doctor(&["--format", "json"]).json();
    house.break_it();
    run(&mut enforcer, &policy);
    let broken = house.doctor(&["--format", "json"]).json();
    assert!(!broken["findings"].as_array().unwrap().is_empty(), "{broken}");
    // With a rule that runs a runbook, and an incident that is open.
    let account = house.doctor(&["file.motd", "--format", "json"]).json();
    assert!(account["check"]["incident"].is_object() && account["check"]["rules"][0].is_object(), "{account}");
    held("doctor-v1", &account, 150);
    assert_eq!(judged("doctor-v1", &[well, broken]), [true, true]);
}
