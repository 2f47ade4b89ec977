//! Documents about policy: of this repository's own, and of a small tree that is broken.

use serde_json::Value;

use super::{NOW, all_are_valid, read, said, writ};
use crate::check::tree::Tree;
use crate::export_schema::judge::repository;

/// The controls of a group and of the groups in it.
fn controls(group: &Value) -> Vec<&Value> {
    let items = |name: &str| group[name].as_array().into_iter().flatten();
    items("controls").chain(items("groups").flat_map(controls)).collect()
}

#[test]
fn what_this_repository_asks_is_valid_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let root = repository().canonicalize().unwrap();
    let out = folder.path().to_str().unwrap();
    let common = ["--now", NOW, "--out", out];
    for command in [&["catalog", "."][..], &["component-definition", "."], &["profile", "clinic-001"]] {
        let made = writ(&root, &[&["export", "oscal"], command, &common].concat());
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    }
    all_are_valid(folder.path(), &["catalog.json", "component-definition.json", "profile.json"]);

    let catalog = read(&folder.path().join("catalog.json"));
    let all: Vec<&Value> = catalog["catalog"]["groups"].as_array().unwrap().iter().flat_map(controls).collect();
    let backup = all.iter().find(|c| c["props"][0]["value"] == "164.308(a)(7)(ii)(A)").unwrap();
    assert!(all.len() > 60 && backup["id"] == "c-164.308_a_7_ii_A", "{} {backup}", all.len());
    assert_eq!(backup["class"], "required");
    let links: Vec<&str> = backup["links"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap()).collect();
    assert!(links.contains(&"nist-800-53 CP-9") && links.contains(&"soc2 A1.2"), "{links:?}");
    assert_eq!(catalog["catalog"]["groups"].as_array().unwrap().len(), 2, "a group for each baseline");

    let profile = read(&folder.path().join("profile.json"));
    let selected = profile["profile"]["imports"][0]["include-controls"][0]["with-ids"].as_array().unwrap();
    assert!(selected.contains(&backup["id"]) && selected.len() < all.len(), "the site has one baseline of two");
    let modify = &profile["profile"]["modify"];
    let set = modify["set-parameters"].as_array().unwrap();
    let firewall = set.iter().find(|p| p["param-id"] == "expect.access.firewall").unwrap();
    assert!(firewall["guidelines"].to_string().contains("Changed by front-desk: "), "{firewall}");
    // The catalogue has the stricter of two baselines first; the site has the other alone.
    let ssh = set.iter().find(|p| p["param-id"] == "expect.access.ssh").unwrap();
    assert_eq!(ssh["guidelines"][0]["prose"].as_str().unwrap().split(' ').nth(3), Some("hipaa"), "{ssh}");
    assert!(modify["alters"].to_string().contains("exception EX-2026-002"), "{modify}");

    let component = read(&folder.path().join("component-definition.json"));
    let implementations =
        component["component-definition"]["components"][0]["control-implementations"].as_array().unwrap();
    assert_eq!(implementations.len(), 2);
}

#[test]
fn bad_input_is_told_and_nothing_is_written() {
    let tree = Tree::new();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("oscal");
    let run = |arguments: &[&str]| {
        let made = writ(
            tree.path(),
            &[&["export", "oscal"], arguments, &["--now", NOW, "--out", out.to_str().unwrap()]].concat(),
        );
        assert!(!out.exists() || made.status.success(), "{}", said(&made));
        (made.status.code().unwrap(), said(&made))
    };
    let (code, text) = run(&["catalog", "--baseline", "smal"]);
    assert!(
        code == 1 && text.contains("there is no baseline `smal`") && text.contains("did you mean `small`?"),
        "{text}"
    );
    let (code, text) = run(&["profile", "clinic-002"]);
    assert!(code == 2 && text.contains("there is no site `clinic-002`"), "{text}");
    let (code, text) = run(&["catalog", "/nowhere"]);
    assert!(code == 2 && text.contains("/nowhere"), "{text}");
    tree.edit("baselines/small/disks.nix", "expect =", "expcet =");
    for arguments in [&["catalog"][..], &["component-definition"], &["profile", "clinic-001"]] {
        let (code, text) = run(arguments);
        assert!(code == 1 && text.contains("this tree has mistakes"), "{arguments:?}: {text}");
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let made = || {
        let made = writ(Tree::new().path(), &["export", "oscal", "profile", "clinic-001", "--now", NOW]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
        made.stdout
    };
    assert_eq!(made(), made());
}

#[test]
fn one_control_of_two_baselines_is_refused_until_one_is_chosen() {
    let tree = Tree::new();
    crate::check::tree::copy(&tree.path().join("baselines/small"), &tree.path().join("baselines/other"));
    tree.write("baselines/default.nix", "{ small = ./small; other = ./other; }\n");
    let made = writ(tree.path(), &["export", "oscal", "catalog"]);
    assert_eq!(made.status.code(), Some(1), "{}", said(&made));
    assert!(said(&made).contains("is there twice") && said(&made).contains("--baseline"), "{}", said(&made));
    let made = writ(tree.path(), &["export", "oscal", "catalog", "--baseline", "other"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
}
