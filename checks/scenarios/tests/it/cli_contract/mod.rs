//! What every command promises: help with an example, exit codes, JSON that parses, no colour where there is no terminal.

mod commands;
mod help;
mod operations;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use writ_scenarios::flake::repository;
use writ_scenarios::run;

use crate::clinic::Clinic;
use crate::house::{program, ran};

/// The day on which the examples of this repository are judged: its exceptions end some day.
const THEN: &str = "2026-11-23T12:00:00Z";

/// The pages of a folder of this repository and of those below it.
fn pages(folder: &str) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if repository().join(&path).is_dir() {
            pages.extend(self::pages(&path));
        } else if name.ends_with(".md") {
            pages.push(repository().join(path));
        }
    }
    pages.sort();
    pages
}

#[test]
fn the_policy_of_this_repository_is_clean() {
    let mut check = program("writ");
    let checked = ran(check.args(["check", "--deny-warnings", "--now", THEN]).arg(repository()));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
}

/// Two evaluations of one commit, in two places, give the same policies byte for byte.
#[test]
fn the_same_commit_gives_the_same_policy() {
    let clinic = Clinic::shared();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("flake");
    let mut clone = Command::new("git");
    run::checked(clone.args(["clone", "--quiet", "--no-hardlinks"]).arg(clinic.desk.flake()).arg(&copy)).unwrap();
    let policies = |flake: &std::path::Path, name: &str| {
        let to = folder.path().join(name);
        let mut draft =
            clinic.desk.writ(["release", "draft", "--site", "clinic-001", "--previous", "releases", "--json"]);
        draft
            .arg("--flake")
            .arg(flake)
            .arg("--to")
            .arg(&to)
            .arg("--ledger")
            .arg(folder.path().join(format!("{name}.ledger")));
        let drafted: Value = serde_json::from_str(&run::checked(&mut draft).unwrap()).unwrap();
        let serial = drafted[0]["serial"].as_u64().unwrap();
        let release = std::fs::read(to.join(format!("releases/clinic-001/1-{serial}/release.json"))).unwrap();
        let release: Value = serde_json::from_slice(&release).unwrap();
        ["front-desk", "back-office"].map(|a| {
            let digest = release["generations"][a]["policy"]["digest"].as_str().unwrap().to_owned();
            let hex = digest.strip_prefix("sha256:").unwrap();
            (
                std::fs::read(to.join(format!("documents/{hex}.json"))).unwrap(),
                release["generations"][a]["closure"].clone(),
            )
        })
    };
    let (first, second) = (policies(&clinic.desk.flake(), "first"), policies(&copy, "second"));
    assert!(first[0].0.len() > 10_000 && first == second);
}
