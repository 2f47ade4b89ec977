//! SARIF and GitHub's annotations: read as those who take them in read them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::cases::Place;
use super::tree::{Tree, run};

/// Debian's Python, which Debian's python3-jsonschema is for.
const PYTHON: &str = "/usr/bin/python3";

/// Prints, for every document of a file with a list of them, what the schema refuses.
const VALIDATE: &str = "
import json, sys
from jsonschema import Draft7Validator, FormatChecker
schema, documents = (json.load(open(path)) for path in sys.argv[1:])
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema, format_checker=FormatChecker())
wrong = [[n, '/'.join(map(str, e.path)), e.message] for n, d in enumerate(documents) for e in validator.iter_errors(d)]
print(json.dumps([' '.join(map(str, w)) for w in wrong]))
";

/// What OASIS' schema of SARIF 2.1.0 refuses in some documents, as `number path message`.
pub fn refused_by_the_schema(documents: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    fs::write(&file, serde_json::to_vec(documents).unwrap()).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/schemas/sarif-2.1.0.json");
    let output = Command::new(PYTHON).args(["-c", VALIDATE]).arg(schema).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "apt-get install python3-jsonschema (cargo xtask test does): {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The places of a SARIF document's results.
pub fn of_sarif(document: &Value) -> Vec<Place> {
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    let place = |result: &Value| {
        let id = result["ruleId"].as_str().unwrap();
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!((&rule["id"], &rule["defaultConfiguration"]["level"]), (&result["ruleId"], &result["level"]));
        let at = &result["locations"][0]["physicalLocation"];
        let number = |key: &str| at["region"][key].as_u64().unwrap_or_default();
        let file = at["artifactLocation"]["uri"].as_str().unwrap_or_default();
        let column = number("startColumn");
        (id.to_owned(), file.to_owned(), number("startLine"), column, number("endColumn") - column)
    };
    results.iter().map(place).collect()
}

/// Whether every result has one location, in a file of the tree: GitHub refuses a document in which one has none.
pub fn each_has_one_place(document: &Value, root: &Path) -> Result<(), String> {
    for result in document["runs"][0]["results"].as_array().unwrap() {
        let places = result["locations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [place] = places else { return Err(format!("{} locations: {result}", places.len())) };
        let at = &place["physicalLocation"];
        let file = at["artifactLocation"]["uri"].as_str().unwrap_or_default();
        let there = fs::symlink_metadata(root.join(file)).is_ok_and(|m| m.is_file());
        // A file that is missing is named where it is listed.
        if !there || at["region"]["startLine"].as_u64().is_none_or(|line| line == 0) {
            return Err(format!("no place in the tree: {result}"));
        }
    }
    Ok(())
}

/// The places of GitHub's annotations; they come by level, and are put in the order of places again.
pub fn of_github(text: &str) -> Vec<Place> {
    let command = |line: &str| {
        let (head, _) = line.strip_prefix("::error ").or(line.strip_prefix("::warning "))?.split_once("::")?;
        let property = |name: &str| head.split(',').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str| property(name).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
        let file = property("file").unwrap_or_default().to_owned();
        let (column, end) = (number("col"), number("endColumn"));
        Some((property("title")?.to_owned(), file, number("line"), column, end - column))
    };
    text.lines().filter_map(command).collect()
}

#[test]
fn sarif_is_what_its_schema_says_and_the_schema_refuses_what_is_not() {
    let tree = Tree::of_cases();
    let clean: Value = serde_json::from_str(&run(&tree, &["--format", "sarif"]).stdout).unwrap();
    assert_eq!((clean["version"].as_str(), of_sarif(&clean).len()), (Some("2.1.0"), 0));
    tree.edit("rules/files.nix", "RB-FILE-001", "RB-FILE-01");
    let one: Value = serde_json::from_str(&run(&tree, &["--format", "sarif"]).stdout).unwrap();
    let mut broken = [one.clone(), one.clone(), one.clone()];
    broken[0]["runs"][0]["results"][0]["level"] = json!("fatal");
    broken[1]["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"] = json!(0);
    broken[2]["runs"][0]["tool"] = json!({});
    assert_eq!(refused_by_the_schema(&[clean, one]), Vec::<String>::new());
    let refused = refused_by_the_schema(&broken);
    let numbers: Vec<&str> = refused.iter().filter_map(|text| text.split(' ').next()).collect();
    assert_eq!(numbers, ["0", "1", "2"], "{refused:?}");
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let said = || {
        let tree = Tree::of_cases();
        tree.edit("baselines/small/files.nix", "expect.mode.eq", "expcet.mode.eq");
        // Nix's own message names the file by its whole path.
        tree.edit("baselines/small/disks.nix", "\"Free space\"", "builtins.readFile ./title.txt");
        run(&tree, &["--format", "sarif"]).stdout
    };
    let (first, second) = (said(), said());
    assert!(first.contains("baselines/small/title.txt"), "{first}");
    assert_eq!(first, second);
}

#[test]
fn paths_are_the_repositorys_where_the_tree_is_a_folder_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::of_cases();
    let below = folder.path().join("our policy");
    assert!(Command::new("cp").arg("-r").arg(tree.path()).arg(&below).status().unwrap().success());
    assert!(Command::new("git").args(["init", "-q"]).arg(folder.path()).status().unwrap().success());
    let rules = below.join("rules/files.nix");
    fs::write(&rules, fs::read_to_string(&rules).unwrap().replacen("RB-FILE-001", "RB-FILE-01", 1)).unwrap();
    let said = |format| super::tree::run_in(&below, &["--format", format], None).stdout;
    let sarif: Value = serde_json::from_str(&said("sarif")).unwrap();
    let of_rules = |places: Vec<Place>| places.into_iter().map(|p| p.1).find(|file| file.ends_with("rules/files.nix"));
    assert_eq!(of_rules(of_sarif(&sarif)).as_deref(), Some("our%20policy/rules/files.nix"));
    assert_eq!(of_rules(of_github(&said("github"))).as_deref(), Some("our policy/rules/files.nix"));
}
