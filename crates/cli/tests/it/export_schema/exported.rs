//! What the command writes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::judge::{export, judged, judged_by_many, repository, schemas};

#[test]
fn every_schema_is_one_and_says_what_it_is() {
    let schemas = schemas();
    let registry = writ_agent::probes::registry();
    // The help names every one, and none that is not written.
    let help = Command::new(env!("CARGO_BIN_EXE_writ")).args(["export", "schema", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let version = |word: &&str| word.rsplit_once("-v").is_some_and(|(_, n)| n.parse::<u32>().is_ok());
    let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || "-<>/.".contains(c))).filter(version);
    let named: BTreeSet<&str> = words.filter(|word| !word.contains(['<', '/'])).collect();
    let written: BTreeSet<&str> =
        schemas.keys().map(String::as_str).filter(|name| !name.starts_with("observation-")).collect();
    assert_eq!(named, written);
    for probe in registry.probes.keys() {
        assert!(schemas.contains_key(&format!("observation-{probe}-v1")), "{probe}");
    }
    for (name, schema) in &schemas {
        assert_eq!(schema["$id"], format!("urn:writ:schema:{name}"));
        assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
    }
    // Judging anything judges the schema by its metaschema first.
    let text = Value::from("no document");
    let verdicts = judged_by_many(schemas.keys().map(|name| (name.as_str(), &text)));
    assert_eq!(verdicts, vec![false; schemas.len()]);
    // Every hand-written file is exported as it stands.
    let written = fs::read_dir(repository().join("checks/schemas")).unwrap().map(|entry| entry.unwrap().path());
    for path in written.filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if !name.starts_with("sarif") {
            assert_eq!(schemas.get(name), Some(&text), "{name}");
        }
    }
}

/// References lead to something within the same file.
#[test]
fn every_schema_stands_alone() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(entries) => entries.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    for (name, schema) in schemas() {
        let mut found = Vec::new();
        references(&schema, &mut found);
        for reference in found {
            let within = reference.strip_prefix('#').unwrap_or_else(|| panic!("{name}: {reference}"));
            assert!(schema.pointer(within).is_some(), "{name}: {reference}");
        }
    }
}

#[test]
fn the_same_version_writes_the_same_bytes_and_replaces_only_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a/b"), folder.path().join("c"));
    export(&first);
    fs::create_dir(&second).unwrap();
    fs::write(second.join("notes.txt"), "ours").unwrap();
    fs::write(second.join("trust-v1.json"), "old").unwrap();
    export(&second);
    let mut count = 0;
    for entry in fs::read_dir(&first).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(fs::read(entry.path()).unwrap(), fs::read(second.join(entry.file_name())).unwrap());
        count += 1;
    }
    assert_eq!(fs::read_dir(&second).unwrap().count(), count + 1);
    assert_eq!(fs::read_to_string(second.join("notes.txt")).unwrap(), "ours");
}

#[test]
fn a_folder_that_cannot_be_one_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_writ")).args(["export", "schema", "--out"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&file.display().to_string()));
}

/// The policies of this repository are what the schema says that policies are.
#[test]
fn the_policies_of_this_repository_are_valid() {
    let mut nix = Command::new("nix-instantiate");
    nix.current_dir(repository()).args(["--store", "dummy://", "--eval", "--strict", "--json"]);
    nix.args(["modules/policy/evaluate.nix", "--arg", "root", "./.", "-A", "policies"]);
    let output = nix.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sites: Value = serde_json::from_slice(&output.stdout).unwrap();
    let policies: Vec<Value> =
        sites.as_object().unwrap().values().flat_map(|site| site.as_object().unwrap().values().cloned()).collect();
    assert!(policies.len() >= 5);
    assert_eq!(judged("policy-v2", &policies), vec![true; policies.len()]);
}
