//! What programs read: `writ.explain.v1`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{explain, tree};
use crate::check::tree::Tree;

fn json(tree: &Tree, arguments: &[&str]) -> Json {
    let output = explain(tree, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

fn keys(value: &Json) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_kind_has_the_same_keys_and_one_of_its_own() {
    let tree = tree();
    for (id, kind, own) in [
        (
            "disk.root",
            "check",
            "cites controls every every_figures expect healing looks prefer severity severity_of_controls target",
        ),
        ("A.1", "control", "checks coverage duties maps not_assessed procedure requirement severity"),
        ("L1-FILE-001", "rule", "check check_title controls family healing place"),
        ("RB-FILE-001", "runbook", "digest rules steps"),
        ("training", "duty", "attach by cadence controls day figures source"),
        ("room.least", "figure", "stated"),
        ("EX-001", "exception", "approval compensating lifts now owner risk title"),
        ("probe:disk", "probe", "checks observation observed parameters"),
        ("step:exec", "step", "parameters runbooks"),
        ("code:nix-error", "code", "documents_only help level"),
    ] {
        let said = json(&tree, &[id]);
        let common =
            ["applies", "declared", "exceptions", "id", "kind", "last", "merging", "schema", "title", "touching"];
        let expected: BTreeSet<&str> = common.into_iter().chain([kind]).collect();
        assert_eq!(keys(&said).into_iter().collect::<BTreeSet<_>>(), expected, "{id}");
        assert_eq!((&said["schema"], &said["kind"]), (&"writ.explain.v1".into(), &kind.into()));
        let mut found = keys(&said[kind]);
        found.sort_unstable();
        assert_eq!(found.join(" "), own, "{id}");
    }
}

#[test]
fn a_check_says_all_that_bears_on_it() {
    let said = json(&tree(), &["disk.root"]);
    let all: Vec<String> =
        said["declared"].as_array().unwrap().iter().map(|d| format!("{} {}", d["by"], d["line"])).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    let fields = &said["check"]["looks"]["fields"];
    assert_eq!((&fields[0]["name"], &fields[0]["unit"]), (&"available_percent".into(), &"percent".into()), "{fields}");
    assert_eq!(said["check"]["looks"]["parameters"][0]["value"], "/");
    assert_eq!(said["applies"]["to"].as_array().unwrap().len(), 3);
    let merged = &said["merging"]["merged"];
    let kept: Vec<String> = merged.as_array().unwrap().iter().map(|m| format!("{} {}", m["path"], m["kept"])).collect();
    assert_eq!(kept, ["[\"every\"] \"30s\"", "[\"expect\",\"available_percent\"] {\"ge\":25}"]);
    let over = &said["merging"]["overrides"][0];
    assert_eq!(
        (&over["before"], &over["after"], &over["by"]),
        (&25.into(), &10.into(), &"clinic-001/front-desk".into())
    );
    assert_eq!((&said["exceptions"][0]["id"], &said["exceptions"][0]["in_force"]), (&"EX-001".into(), &true.into()));
    assert_eq!(said["last"], Json::Array(Vec::new()));
}

#[test]
fn where_it_does_not_apply_says_why() {
    let tree = tree();
    let why = |id: &str| -> Vec<(String, String)> {
        let said = json(&tree, &[id]);
        let not = said["applies"]["not"].as_array().unwrap().clone();
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        not.iter().map(|one| (text(&one["why"]), text(&one["appliances"][0]["appliance"]))).collect()
    };
    for (id, reason, whose) in [
        ("server.scanner", "its site does not use the baseline strict", "kiosk"),
        ("L1-FILE-001", "neither it nor its site chooses the rule family files", "kiosk"),
        ("RB-FILE-001", "rule L1-FILE-001, which runs it, is not in force there", "kiosk"),
        ("unit.sshd", "only appliance clinic-001/front-desk declares it", "back-office"),
        ("EX-001", "only site clinic-001 declares it", "kiosk"),
    ] {
        assert!(why(id).contains(&(reason.to_owned(), whose.to_owned())), "{id}: {:?}", why(id));
    }
}

#[test]
fn figures_know_what_is_made_of_them() {
    let said = json(&tree(), &["room.least"]);
    let uses = &said["figure"]["stated"][0]["uses"];
    assert_eq!(uses.as_array().unwrap().len(), 1);
    assert_eq!(
        uses[0]["path"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect::<Vec<_>>().join("/"),
        "checks/disk.root/expect/available_percent/ge"
    );
    assert_eq!(uses[0]["at"], "baselines/strict/disks.nix:18");
}
