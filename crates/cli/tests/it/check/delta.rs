//! What evaluation says once for many policies comes, with what each has for itself, to exactly the policies.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use writ_policy::delta::{Delta, Policies};
use writ_trust::json::canonical;

use super::generated::{Chance, lay};

const TREES: u64 = 50;

/// An attribute of a tree's evaluation, as Nix prints it.
fn evaluate(root: &Path, attribute: &str) -> Vec<u8> {
    let output = Command::new("nix-instantiate")
        .args(["--store", "dummy://", "--eval", "--strict", "--json"])
        .arg(root.join("modules/policy/evaluate.nix"))
        .args(["--arg", "root"])
        .arg(root)
        .args(["-A", attribute])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Compares every appliance of a tree, and returns how many have a policy.
fn compare(root: &Path, delta: &Delta) -> usize {
    let wanted: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(&evaluate(root, "policies")).unwrap();
    let policies = Policies::of(delta).unwrap();
    assert!(delta.sites.keys().eq(wanted.keys()));
    let mut composed = 0;
    for (site, appliances) in &wanted {
        assert!(delta.sites[site].appliances.keys().eq(appliances.keys()));
        for (appliance, wanted) in appliances {
            let given = policies.policy(site, appliance).unwrap().unwrap_or_default();
            assert_eq!(
                String::from_utf8_lossy(&canonical(&given)),
                String::from_utf8_lossy(&canonical(wanted)),
                "{site}/{appliance} of {}",
                root.display()
            );
            composed += usize::from(!wanted.is_null());
        }
    }
    composed
}

#[test]
fn bases_and_what_is_set_and_dropped_come_to_the_policies() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut composed, mut bases) = (0, 0);
    for seed in 0..TREES {
        let folder = tempfile::tempdir().unwrap();
        lay(&mut Chance(seed), folder.path(), 4);
        let delta = Delta::read(&evaluate(folder.path(), "delta")).unwrap();
        composed += compare(folder.path(), &delta);
        bases += delta.bases.len();
        for own in delta.sites.values().flat_map(|site| site.appliances.values()).filter_map(|a| a.policy.as_ref()) {
            let parts = own.set.keys().map(|s| format!("set {s}")).chain(own.drop.keys().map(|s| format!("drop {s}")));
            parts.for_each(|part| *seen.entry(part).or_default() += 1);
            *seen.entry("settings".to_owned()).or_default() += usize::from(own.settings.is_some());
        }
    }
    assert_eq!(composed as u64, TREES * 8);
    assert!(bases < composed, "{bases} bases of {composed} policies");
    // Each way of being different was tried.
    for part in ["controls", "checks", "rules", "runbooks", "duties", "exceptions"] {
        assert!(seen.get(&format!("set {part}")).is_some_and(|n| *n > 9), "{part}: {seen:?}");
    }
    for part in ["drop rules", "drop runbooks", "drop exceptions", "settings"] {
        assert!(seen.get(part).is_some_and(|n| *n > 3), "{part}: {seen:?}");
    }
}

#[test]
fn the_policies_of_this_repository_are_what_their_bases_come_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let delta = Delta::read(&evaluate(&root, "delta")).unwrap();
    assert!(compare(&root, &delta) > 4);
    assert!(
        Policies::of(&delta).unwrap().merged("northfield-surgery", "ward").iter().any(|note| note.path[0] == "checks")
    );
}

#[test]
fn a_report_says_the_same_as_a_delta() {
    let folder = tempfile::tempdir().unwrap();
    lay(&mut Chance(7), folder.path(), 4);
    let report = Delta::read_report(&evaluate(folder.path(), "report")).unwrap();
    compare(folder.path(), &report);
    let delta = Delta::read(&evaluate(folder.path(), "delta")).unwrap();
    for (site, said) in &delta.sites {
        let other = &report.sites[site];
        assert_eq!((&said.title, &said.findings, &said.overrides), (&other.title, &other.findings, &other.overrides));
        for (appliance, said) in &said.appliances {
            let other = &other.appliances[appliance];
            assert_eq!((&said.findings, &said.overrides), (&other.findings, &other.overrides));
            let merged = |delta: &Delta| Policies::of(delta).unwrap().merged(site, appliance).to_vec();
            assert_eq!(merged(&delta), merged(&report));
        }
    }
}
