//! What commands print for programs is what the schemas of reports say.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use writ_agent::clock::now;

use super::judge::{judged, judged_by_many, repository};
use super::mutations::{self, Mutation};
use crate::diff::repo::Repo;
use crate::doctor::all_done;
use crate::doctor::house::{House, run};
use crate::doctor::syncing::journal;
use crate::explain;
use crate::site_new::world::World;

/// What of a member is for the data to say, and not for a schema.
#[derive(Clone, Copy)]
pub enum Free {
    /// All of it.
    Any,
    /// What is in it; it is an object.
    Inner,
    /// Which members it has; what they are is described.
    Names,
}

use Free::{Any, Inner, Names};

/// The members of each report that have such a part, by the end of their path without places in lists.
const FREE: [(&str, &[(&str, Free)]); 28] = [
    ("attested-v1", &[]),
    ("check-report-v1", &[]),
    ("checklist-v1", &[]),
    ("collected-v1", &[]),
    (
        "comparison-v1",
        &[("baselines", Names), ("maps", Names), ("numbers", Names), ("healed_by", Names), ("values", Names)],
    ),
    ("diff-v1", &[("before", Any), ("after", Any), ("witness", Names), ("sites", Names), ("appliances", Names)]),
    ("doctor-v1", &[("observation", Names)]),
    ("drafted-v1", &[]),
    (
        "explain-v1",
        &[
            ("predicate", Inner),
            ("steps/parameters", Inner),
            ("value", Any),
            ("maps", Names),
            ("kept", Any),
            ("dropped", Any),
            ("before", Any),
            ("after", Any),
            ("most", Any),
            ("here", Any),
            ("seen", Names),
        ],
    ),
    ("fetched-v1", &[]),
    ("fleet-v1", &[]),
    ("key-v1", &[]),
    ("learned-v1", &[]),
    ("learning-v1", &[]),
    ("new-key-v1", &[]),
    ("packet-v1", &[]),
    ("proof-v1", &[]),
    ("query-v1", &[]),
    ("recurring-v1", &[]),
    // What they hold is judged by its own schema.
    ("releases-v1", &[("release", Inner)]),
    ("restore-tested-v1", &[]),
    ("roots-v1", &[("root", Inner)]),
    ("sample-v1", &[]),
    ("secrets-v1", &[]),
    ("status-v1", &[]),
    ("verification-v1", &[]),
    ("verify-v1", &[]),
    ("watch-v1", &[]),
];

fn is_free(mutation: &Mutation, free: &[(&str, Free)]) -> bool {
    let names: Vec<&str> = mutation.pointer.split('/').filter(|name| name.parse::<usize>().is_err()).collect();
    (0..names.len()).any(|end| {
        let path = names[..=end].join("/");
        let below = names.len() - 1 - end;
        free.iter().filter(|(member, _)| path.ends_with(&format!("/{member}"))).any(|(_, free)| match (free, below) {
            (Any, 0) => mutation.change != "removed",
            (Inner | Names, 0) => mutation.change == "is {}",
            (Any | Inner, _) => true,
            (Names, 1) => mutation.change == "removed",
            (Names, _) => false,
        })
    })
}

/// Reports are valid, and nothing is that lacks a member or has one of another type. Members may be added.
#[track_caller]
pub fn held(schema: &str, reports: &[&Value], least: usize) {
    let (_, free) = FREE.iter().find(|(name, _)| *name == schema).unwrap();
    let mut seen = BTreeSet::new();
    let mutations: Vec<Mutation> = reports
        .iter()
        .flat_map(|report| mutations::below(report, ""))
        .filter(|m| m.member_removed || m.change == "is 1.5" || m.change == "is {}")
        .filter(|m| !is_free(m, free) && seen.insert(m.kind()))
        .collect();
    let mutated = mutations.iter().map(|mutation| &mutation.document);
    let verdicts = judged_by_many(reports.iter().copied().chain(mutated).map(|document| (schema, document)));
    let (whole, mutated) = verdicts.split_at(reports.len());
    for (report, valid) in reports.iter().zip(whole) {
        assert!(valid, "{schema}: {report}");
    }
    let passed: Vec<String> =
        mutations.iter().zip(mutated).filter(|(_, valid)| **valid).map(|(m, _)| m.what()).collect();
    assert!(passed.is_empty(), "{schema}: {passed:?}");
    assert!(mutations.len() >= least, "{schema}: only {} changes", mutations.len());
}

#[test]
fn the_report_of_writ_check_is_valid() {
    let world = World::new();
    assert_eq!(world.new_site("riverside-clinic", &[]).code, Some(0));
    let clean = world.check();
    held("check-report-v1", &[&clean], 40);
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
    held("check-report-v1", &[&found], 100);
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
    let rings =
        r#"{ name = "canary"; appliances = [ "ward" ]; } { name = "rest"; after = "24h"; appliances = "others"; }"#;
    let baselines = "baselines.small = \"1\";";
    repo.edit("hosts/clinic-001/site.nix", baselines, &format!("{baselines}\n  rings = [ {rings} ];"));
    repo.commit("changed");
    let forward = repo.json(0, &["--from", "start", "--to", "changed"]);
    assert_eq!(forward["weaker"], true, "{forward}");
    for part in ["groups", "exceptions", "figures", "rings"] {
        assert!(!forward[part].as_array().unwrap().is_empty(), "{part}: {forward}");
    }
    held("diff-v1", &[&forward], 200);
    // Back again an appliance is gone and an exception is shorter; and nothing at all.
    let back = repo.json(0, &["--from", "changed", "--to", "start"]);
    let nothing = repo.json(0, &["--from", "changed", "--to", "changed"]);
    assert_eq!(judged("diff-v1", &[back, nothing]), [true, true]);
}

#[test]
fn the_report_of_writ_doctor_is_valid() {
    let house = House::new();
    // Nobody has run.
    held("doctor-v1", &[&house.doctor(&["--format", "json"]).json()], 20);
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
    held("doctor-v1", &[&account], 150);
    assert_eq!(judged("doctor-v1", &[well, broken]), [true, true]);
}

#[test]
fn the_report_of_writ_status_is_valid() {
    let mut house = House::new();
    // Nobody has run.
    held("status-v1", &[&house.status(&["--json"]).json()], 20);
    let mut policy = house.policy();
    house.add_rule(&mut policy, true, 3);
    let mut enforcer = house.enforcing(&policy);
    house.courier(&all_done(), |status| status.clock_offset_ms = Some(-3));
    let well = house.status(&["--json"]).json();
    // One that was healed, and one that is stopped by the breaker; a pause, a switch, runbooks and receipts.
    for _ in 0..2 {
        house.break_it();
        run(&mut enforcer, &policy);
    }
    journal(&house, |_| {});
    house.edit_state("state.json", |state| {
        state["proven"] = json!({ "": [[1, 2], [4, 5]] });
        let pause = json!({ "checks": ["file.motd"], "from": now(), "until": now().plus_millis(60_000), "reference": "c",
                            "by": "b", "reason": "r" });
        state["pauses"]["active"] = json!([pause]);
    });
    house.edit_state("status.json", |status| {
        let asked = json!([{ "check": "file.motd", "rule": "L1-FILE-001" }]);
        status["runbooks"] = json!({ "running": asked.clone(), "waiting": asked });
    });
    let full = house.status(&["--json"]).json();
    for part in [
        "/causes/0",
        "/switch",
        "/pauses/0",
        "/runbooks/waiting/0",
        "/receipts/proven/1",
        "/incidents/open/0",
        "/incidents/closed/0",
    ] {
        assert!(full.pointer(part).is_some_and(|part| !part.is_null()), "{part}: {full}");
    }
    held("status-v1", &[&full], 150);
    assert_eq!(judged("status-v1", &[well]), [true]);
}

/// Everything that can be explained, with and without a state folder, where sites are at one and where they differ.
#[test]
fn the_explanations_of_writ_explain_are_valid() {
    let (tree, state) = (explain::tree(), explain::state::state());
    let with_state = ["file.motd", "--state", state.path().to_str().unwrap()];
    let asked: [&[&str]; 14] = [
        &["disk.root"],
        &with_state,
        &["unit.sshd"],
        &["server.scanner"],
        &["A.1"],
        &["S.1"],
        &["L1-FILE-001"],
        &["RB-FILE-001"],
        &["training"],
        &["room.least"],
        &["EX-001"],
        &["probe:disk"],
        &["step:exec"],
        &["code:nix-error"],
    ];
    let reports: Vec<Value> = asked
        .iter()
        .map(|arguments| {
            let output = explain::explain(&tree, &[*arguments, &["--format", "json"]].concat());
            assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
            serde_json::from_str(&output.stdout).unwrap()
        })
        .collect();
    held("explain-v1", &reports.iter().collect::<Vec<_>>(), 1000);
    // What only one kind has is not found in another.
    let mut other = reports[0].clone();
    other["kind"] = "control".into();
    assert_eq!(judged("explain-v1", &[other]), [false]);
}
