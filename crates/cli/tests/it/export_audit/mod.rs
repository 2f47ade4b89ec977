//! `writ export oscal`, `junit` and `sarif`: judged by NIST's schemas, compliance-trestle, junitparser and OASIS' schema.

mod ci;
mod evidence;
mod policy;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};
use writ_trust::digest::Digest;

use crate::doctor::house::{House, check, declared, run};
use crate::export_schema::judge::repository;

/// When documents are made.
const NOW: &str = "2026-11-23T00:00:00Z";

/// A program of an environment that `cargo xtask test` makes.
fn program(environment: &str, name: &str) -> Command {
    let path = repository().join(format!("target/{environment}-venv/bin/{name}"));
    assert!(path.exists(), "no {}: `cargo xtask test` makes it", path.display());
    Command::new(path)
}

/// What NIST's schemas refuse in each of these files.
fn refused(files: &[PathBuf]) -> Vec<Vec<String>> {
    let script = repository().join("checks/schemas/oscal.py");
    let output = program("oscal", "python").arg(script).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Has the documents of a folder judged by NIST's schemas, each as it is, and spoiled in two ways that must be seen; with `--all`
/// also by compliance-trestle.
fn all_are_valid(folder: &Path, names: &[&str]) {
    let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    assert_eq!(refused(&files), vec![Vec::<String>::new(); files.len()]);
    let mut spoiled = Vec::new();
    for (file, name) in files.iter().zip(names) {
        let whole = read(file);
        let model = whole.as_object().unwrap().keys().next().unwrap().clone();
        let mut without = whole.clone();
        without[&model].as_object_mut().unwrap().remove("metadata").unwrap();
        let mut eighth = whole;
        let uuid = eighth[&model]["uuid"].as_str().unwrap().to_owned();
        eighth[&model]["uuid"] = format!("{}8{}", &uuid[..14], &uuid[15..]).into();
        for (way, document) in [("without", without), ("eighth", eighth)] {
            let path = folder.join(format!("{way}-{name}"));
            fs::write(&path, document.to_string()).unwrap();
            spoiled.push(path);
        }
    }
    assert!(refused(&spoiled).iter().all(|wrong| !wrong.is_empty()), "{:?}", refused(&spoiled));
    if std::env::var_os("WRIT_ALL_KILLS").is_some() {
        trestle_takes(folder, &files, &spoiled);
    }
}

/// Has compliance-trestle import documents, which it must not do with those that are spoiled, and validate what it has.
fn trestle_takes(folder: &Path, files: &[PathBuf], spoiled: &[PathBuf]) {
    let workspace = folder.join("workspace");
    fs::create_dir(&workspace).unwrap();
    let trestle = |arguments: &[&str]| {
        let output = program("trestle", "trestle").current_dir(&workspace).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    assert!(trestle(&["init", "--local"]).0);
    for (i, file) in files.iter().enumerate() {
        let (taken, said) = trestle(&["import", "-f", file.to_str().unwrap(), "-o", &format!("document-{i}")]);
        assert!(taken, "{}: {said}", file.display());
    }
    for file in spoiled {
        let (taken, said) = trestle(&["import", "-f", file.to_str().unwrap(), "-o", "spoiled"]);
        assert!(!taken, "{}: {said}", file.display());
    }
    let (valid, said) = trestle(&["validate", "-a"]);
    assert!(valid && said.matches("VALID: ").count() >= files.len() && !said.contains("INVALID"), "{said}");
}

/// What of evidence there is: a drift that was healed, one that nobody answers, an exception, and controls of every coverage.
static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let house = House::new();
    let mut policy = house.policy();
    house.add_rule(&mut policy, true, 2);
    let absent = || check(json!({ "file": { "path": "/nowhere" } }), json!({ "exists": { "eq": true } }));
    policy["checks"]["file.absent"] = absent();
    policy["checks"]["file.lifted"] = absent();
    policy["checks"]["file.absent"]["title"] = "Nothing <b>is</b> & [stays](x) *there* \"so\"".into();
    let control = |title: &str, coverage: &str, checks: &[&str], duties: &[&str]| {
        json!({ "title": title, "coverage": coverage, "severity": "high", "maps": { "soc2": ["CC6.1"] }, "checks": checks,
            "procedure": (coverage == "procedural").then_some("The owner reviews the list."),
            "not_assessed": (coverage == "partial").then_some("Other machines."),
            "requirement": "required", "duties": duties, "declared_at": declared() })
    };
    policy["controls"]["164.312(e)(1)"] = control("Transmission", "automated", &["file.absent"], &[]);
    policy["controls"]["164.312(b)"] = control("Audit controls", "automated", &["file.lifted"], &[]);
    policy["controls"]["164.312(a)(1)"] = control("Access control", "partial", &["file.motd"], &[]);
    policy["controls"]["164.310(a)(1)"] = control("Facility access", "procedural", &[], &["review.keys"]);
    policy["controls"]["164.310(d)(1)"] = control("Media", "inherited", &[], &[]);
    policy["duties"]["review.keys"] = json!({ "title": "Review who holds a key", "day": null, "by": "practice owner",
        "cadence": { "every": "91d", "on": null, "within": null }, "attach": "The signed list", "source": [],
        "declared_at": declared() });
    policy["exceptions"]["EX-001"] = json!({ "control": null, "check": "file.lifted", "reason": "The update is late.",
        "risk": "Nothing is written down.", "compensating": "A notebook.", "owner": "Sam Okafor", "approved_by": "owner",
        "approval": Digest::of(b"approval"), "approved_at": "2020-01-01T00:00:00Z", "expires": "2120-01-01T00:00:00Z",
        "declared_at": declared() });
    let mut engine = house.enforcing(&policy);
    house.break_it();
    run(&mut engine, &policy);
    let gather = ["audit", "collect", "--releases", "spool/inbox", "--outbox", "spool/outbox", "--to", "audit"];
    let gathered = writ(&house.path(""), &gather);
    assert!(gathered.status.success(), "{}", said(&gathered));
    house
});

fn writ(within: &Path, arguments: &[&str]) -> Output {
    let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
    writ.current_dir(within).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A copy of the audit folder and its first trust root, to be broken and written into.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    crate::check::tree::copy(&HOUSE.path("audit"), &folder.path().join("audit"));
    fs::copy(HOUSE.path("etc/trust.json"), folder.path().join("trust.json")).unwrap();
    folder
}

/// `writ export …` on a copy of the folder.
fn export(copy: &Path, arguments: &[&str]) -> Output {
    writ(copy, &[&["export"], arguments, &["audit", "--trust", "trust.json"]].concat())
}

/// Changes a bundle, so that the folder does not verify any more.
fn alter(copy: &Path) {
    let mut folder = copy.join("audit/evidence");
    while folder.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        let bundle = |path: &&PathBuf| path.is_dir() || path.to_string_lossy().ends_with(".json");
        folder = entries.iter().find(bundle).unwrap().clone();
    }
    fs::write(folder, "{}").unwrap();
}
