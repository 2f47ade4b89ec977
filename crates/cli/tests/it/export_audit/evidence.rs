//! Documents about evidence, from the folders of a real enforcer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use writ_trust::digest::Digest;

use super::{NOW, all_are_valid, alter, copied, export, read, said};

/// Every document of evidence, by the command that makes it.
const DOCUMENTS: [(&str, &str); 3] = [
    ("assessment-plan", "assessment-plan.json"),
    ("assessment-results", "assessment-results.json"),
    ("poam", "poam.json"),
];

/// What each control comes to: its state and the reason, by its id.
fn states(results: &Value) -> BTreeMap<String, String> {
    let findings = results["assessment-results"]["results"][0]["findings"].as_array().unwrap();
    let state = |finding: &Value| {
        let status = &finding["target"]["status"];
        let said = ["state", "reason", "remarks"].map(|name| status[name].as_str().unwrap().to_owned());
        (finding["props"][0]["value"].as_str().unwrap().to_owned(), said.join(" "))
    };
    findings.iter().map(state).collect()
}

#[test]
fn what_evidence_comes_to_is_valid_and_nothing_else_is_satisfied() {
    let copy = copied();
    for (command, _) in DOCUMENTS {
        let made = export(copy.path(), &["oscal", command, "--out", "oscal"]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    }
    let oscal = copy.path().join("oscal");
    all_are_valid(&oscal, &DOCUMENTS.map(|(_, file)| file));

    let results = read(&oscal.join("assessment-results.json"));
    let states = states(&results);
    let expected = [
        ("164.310(a)(1)", "not-satisfied other procedural"),
        ("164.310(d)(1)", "not-satisfied other inherited"),
        ("164.312(a)(1)", "not-satisfied other partly demonstrated"),
        ("164.312(b)", "not-satisfied other excepted"),
        ("164.312(c)(1)", "satisfied pass demonstrated"),
        ("164.312(e)(1)", "not-satisfied fail failed"),
    ];
    assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state.to_owned())).into());
    every_resource_is_its_file(copy.path(), &results["assessment-results"]);

    let poam = &read(&oscal.join("poam.json"))["plan-of-action-and-milestones"];
    every_resource_is_its_file(copy.path(), poam);
    let titles: Vec<&str> =
        poam["poam-items"].as_array().unwrap().iter().map(|i| i["title"].as_str().unwrap()).collect();
    assert!(titles.iter().any(|title| title.contains("file.absent on front-desk")), "{titles:?}");
    assert!(titles.contains(&"Exception EX-001") && !titles.iter().any(|t| t.contains("file.motd")), "{titles:?}");
    for risk in poam["risks"].as_array().unwrap() {
        assert!(risk["deadline"].is_string() && risk["remediations"][0]["tasks"][0]["type"] == "milestone", "{risk}");
    }

    let plan = &read(&oscal.join("assessment-plan.json"))["assessment-plan"];
    let activities = plan["local-definitions"]["activities"].as_array().unwrap();
    assert_eq!((activities.len(), plan["tasks"].as_array().unwrap().len()), (4, 4), "three checks and a duty");
    let frequency = &plan["tasks"][0]["timing"]["at-frequency"];
    assert_eq!((&frequency["period"], &frequency["unit"]), (&1.into(), &"hours".into()));
    // What a policy says is text, in Markdown too.
    let whole = plan.to_string();
    assert!(whole.contains(r"\\<b\\>is\\</b\\>") && !whole.contains("<b>"), "{whole}");
}

/// Whether every resource with a digest is a file of the folder with that digest.
fn every_resource_is_its_file(copy: &Path, document: &Value) {
    let resources = document["back-matter"]["resources"].as_array().unwrap();
    assert!(!resources.is_empty());
    for resource in resources {
        let link = &resource["rlinks"][0];
        let bytes = fs::read(copy.join("audit").join(link["href"].as_str().unwrap())).unwrap();
        assert_eq!(link["hashes"][0]["value"], Digest::of(&bytes).hex(), "{resource}");
    }
}

#[test]
fn a_folder_that_does_not_verify_is_refused_or_said_to_be_one() {
    let copy = copied();
    alter(copy.path());
    for (command, file) in DOCUMENTS {
        let refused = export(copy.path(), &["oscal", command, "--out", "oscal"]);
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains("does not verify") && said(&refused).contains("--even-if-unverified"));
        assert!(!copy.path().join("oscal").exists(), "{command}");
        let made = export(copy.path(), &["oscal", command, "--out", "forced", "--even-if-unverified"]);
        assert_eq!(made.status.code(), Some(1), "{}", said(&made));
        let document = read(&copy.path().join("forced").join(file));
        let metadata = &document.as_object().unwrap().values().next().unwrap()["metadata"];
        let remarks = metadata["remarks"].as_str().unwrap();
        assert!(remarks.contains("does NOT verify") && remarks.contains("altered at evidence/"), "{remarks}");
        assert!(!document.to_string().contains("\"state\":\"satisfied\""), "{command}");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let copy = copied();
    for (arguments, code, expected) in [
        (&["oscal", "assessment-plan", "--release", "1-99"][..], 2, "there is no verified release 1-99"),
        (&["oscal", "assessment-results", "--site", "clinic-009"], 2, "clinic-009"),
        (&["oscal", "poam", "--period", "yesterday"], 2, "is not a period"),
        (&["junit", "--site", "clinic-009"], 2, "clinic-009"),
        (&["sarif", "--period", "2026-13"], 2, "is not a period"),
    ] {
        let made = export(copy.path(), arguments);
        assert_eq!(made.status.code(), Some(code), "{arguments:?}: {}", said(&made));
        assert!(said(&made).contains(expected) && made.stdout.is_empty(), "{arguments:?}: {}", said(&made));
    }
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    for command in [
        &["oscal", "assessment-results"][..],
        &["oscal", "poam"],
        &["oscal", "assessment-plan"],
        &["junit"],
        &["sarif"],
    ] {
        let made = |now: &str| {
            let copy = copied();
            let made = export(copy.path(), &[command, &["--now", now]].concat());
            assert_eq!(made.status.code(), Some(0), "{}", said(&made));
            made.stdout
        };
        assert_eq!(made(NOW), made(NOW), "{command:?}");
    }
}
