//! What is no text in place of a policy file costs that file alone, whatever else is wrong.

use std::fs;
use std::path::Path;

use super::tree::{Tree, run};

/// The codes of the findings and where they are, in order; of one without a place, what it says.
fn found(tree: &Tree) -> Vec<(String, String)> {
    let output = run(tree, &["--format", "json"]);
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = output.findings();
    let place = |one: &serde_json::Value| text(if one["at"].is_null() { &one["message"] } else { &one["at"]["file"] });
    findings.iter().map(|one| (text(&one["code"]), place(one))).collect()
}

fn policy_of_an_appliance(tree: &Tree) -> std::path::PathBuf {
    let host = tree.path().join("hosts/clinic-001");
    let mut files: Vec<_> = fs::read_dir(host).unwrap().map(|entry| entry.unwrap().path().join("policy.nix")).collect();
    files.sort();
    files.into_iter().find(|file| file.is_file()).unwrap()
}

fn relative(tree: &Tree, file: &Path) -> String {
    file.strip_prefix(tree.path()).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_policy_with_a_nul_or_that_is_a_folder_is_one_mistake() {
    for is_folder in [false, true] {
        let tree = Tree::new();
        let policy = policy_of_an_appliance(&tree);
        if is_folder {
            fs::remove_file(&policy).unwrap();
            fs::create_dir(&policy).unwrap();
        } else {
            fs::write(&policy, "{ writ, ... }: writ.appliance { programs = [ \0 ]; }\n").unwrap();
        }
        // Names that nobody knows: the policy may declare the check, and never the family.
        tree.edit("hosts/clinic-001/site.nix", "check = \"disk.root\"", "check = \"disk.rot\"");
        tree.edit("hosts/clinic-001/site.nix", "rule_families = [ ", "rule_families = [ \"no-such-family\" ");
        let found = found(&tree);
        let policy = relative(&tree, &policy);
        assert!(found.iter().any(|(code, at)| code == "nix-error" && at.contains(&policy)), "{found:?}");
        let unknown = |code: &&(String, String)| matches!(code.0.as_str(), "unknown-name" | "dangling-reference");
        assert_eq!(found.iter().filter(unknown).count(), 1, "{found:?}");
    }
}

#[test]
fn a_shared_file_with_a_nul_is_one_mistake() {
    let tree = Tree::new();
    let baselines = tree.path().join("baselines/small");
    let file = fs::read_dir(baselines).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|file| !file.ends_with("default.nix")).min().unwrap();
    fs::write(&file, "{ writ, ... }: { x = \0; }\n").unwrap();
    let found = found(&tree);
    assert!(found.contains(&("nix-error".to_owned(), relative(&tree, &file))), "{found:?}");
}

/// The library reads what a policy file imports, and is not to blame for it.
#[test]
fn an_error_in_what_a_policy_imports_is_of_that_policy() {
    for text in ["{ a = ; }\n", "{ a = foo; }\n"] {
        let tree = Tree::new();
        let policy = policy_of_an_appliance(&tree);
        fs::write(policy.with_file_name("x.data"), text).unwrap();
        fs::write(&policy, "import ./x.data\n").unwrap();
        let found = found(&tree);
        assert!(found.iter().any(|(code, _)| code == "nix-error"), "{found:?}");
    }
}
