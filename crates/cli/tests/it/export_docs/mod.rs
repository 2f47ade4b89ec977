//! `writ export docs`: pages that link to one another, always the same bytes, and nothing that a policy says is markup.
//!
//! `WRIT_BLESS=1 cargo test -p writ-cli --test it export_docs` writes the expected pages anew; look at the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::check::tree::{Output, Tree};
use crate::explain::tree;

fn export(tree: &Tree, to: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = command.args(["export", "docs", "--out"]).arg(to).arg(tree.path()).output().unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The pages by name.
fn pages(tree: &Tree) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("made/reference");
    let output = export(tree, &to);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stdout.contains("pages written to "), "{}", output.stdout);
    read(&to)
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// What of a page may be markup: without what a backslash makes text.
fn markup(page: &str) -> String {
    let mut chars = page.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else {
            out.push(c);
        }
    }
    out
}

/// The anchors of a page; each stands there once.
fn anchors(page: &str) -> BTreeSet<String> {
    let all: Vec<String> =
        markup(page).split("<a id=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let once: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(all.len(), once.len(), "an anchor stands twice");
    once
}

/// Where the links of a page lead.
fn links(page: &str) -> Vec<String> {
    markup(page).split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
}

fn every_link_resolves(pages: &BTreeMap<String, String>) -> usize {
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|(name, page)| (name.as_str(), anchors(page))).collect();
    let mut looked = 0;
    for (name, page) in pages {
        for link in links(page) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let there = anchors.get(file).unwrap_or_else(|| panic!("{name} links to {link}, which is no page"));
            assert!(anchor.is_empty() || there.contains(anchor), "{name} links to {link}, which is not there");
            looked += 1;
        }
    }
    looked
}

#[test]
fn every_link_of_this_repositorys_reference_resolves() {
    let tree = Tree::of_this_repository();
    let pages = pages(&tree);
    assert!(every_link_resolves(&pages) > 1000);
    let all: BTreeSet<String> = pages.values().flat_map(|page| anchors(page)).collect();
    // What other places may link to.
    for anchor in [
        "check-backup-recent",
        "control-164-308-a-7-ii-A",
        "rule-L1-BACKUP-001",
        "runbook-RB-BACKUP-001",
        "probe-restic",
    ] {
        assert!(all.contains(anchor), "{anchor}");
    }
    let checks = &pages["checks.md"];
    assert!(checks.contains("[`backup.grace`](figures.md#figure-hipaa-backup-grace) = 2h"), "figures are linked");
    assert!(!checks.contains("*not observed by this version*"), "every check of this repository can be looked at");
}

/// Every item that a file of this repository names in the usual way has its place.
#[test]
fn nothing_is_left_out() {
    let tree = Tree::of_this_repository();
    let pages = pages(&tree);
    let mut queue = vec![tree.path().join("baselines"), tree.path().join("rules")];
    let mut counted = 0;
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                queue.push(path);
                continue;
            }
            for line in fs::read_to_string(&path).unwrap_or_default().lines() {
                for section in ["controls", "checks", "rules", "runbooks", "duties"] {
                    let Some(rest) = line.trim_start().strip_prefix(&format!("{section}.\"")) else { continue };
                    let Some((id, _)) = rest.split_once("\" = writ.") else { continue };
                    let page = &pages[&format!("{section}.md")];
                    assert!(page.contains(&format!(" `{id}` ")), "{section} {id} of {}", path.display());
                    counted += 1;
                }
            }
        }
    }
    assert!(counted > 200, "only {counted} items were looked for");
}

#[test]
fn the_same_tree_gives_the_same_bytes_also_over_an_earlier_export() {
    let tree = tree();
    let first = pages(&tree);
    let folder = tempfile::tempdir().unwrap();
    tree.edit("baselines/small/disks.nix", "\"Room to work\"", "\"Something else\"");
    assert_eq!(export(&tree, folder.path()).code, 0);
    assert_ne!(read(folder.path()), first);
    tree.edit("baselines/small/disks.nix", "\"Something else\"", "\"Room to work\"");
    assert_eq!(export(&tree, folder.path()).code, 0);
    assert_eq!(read(folder.path()), first);
}

#[test]
fn pages_are_as_expected() {
    let pages = pages(&tree());
    every_link_resolves(&pages);
    for name in ["controls.md", "checks.md", "rules.md", "runbooks.md", "duties.md", "figures.md"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/export_docs/pages").join(name.replace(".md", ".txt"));
        if std::env::var_os("WRIT_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &pages[name]).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == pages[name], "{name} is not as expected:\n{}", pages[name]);
    }
}

#[test]
fn nothing_that_a_policy_says_is_markup() {
    let tree = tree();
    let hostile = r#""<script>x</script> | [a](http://b) ![c](d) `e` *f* <a id=\"check-disk-root\"></a> # ${builtins.fromJSON "\"\\u001b\""}""#;
    tree.edit("baselines/small/files.nix", "\"The message of the day\"", hostile);
    tree.edit("baselines/strict/figures.nix", "\"Less room than this is a failure\"", "\"a | b\\n\\n# c\"");
    let pages = pages(&tree);
    every_link_resolves(&pages);
    for (name, page) in &pages {
        for bad in ["<script", "![", "\u{1b}", "\n# c"] {
            assert!(!markup(page).contains(bad), "{name}: {bad:?}");
        }
    }
    assert!(pages["checks.md"].contains("\\<script\\>"), "{}", pages["checks.md"]);
}

#[test]
fn a_folder_with_anything_else_is_left_alone() {
    let tree = tree();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.md"), "mine").unwrap();
    let output = export(&tree, folder.path());
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("notes.md") && output.stderr.contains("name a new folder"), "{}", output.stderr);
    assert_eq!(read(folder.path()).len(), 1);
    let file = folder.path().join("notes.md");
    assert_eq!(export(&tree, &file).code, 2);
}

#[test]
fn a_tree_with_mistakes_has_no_reference() {
    for (file, from, to) in [
        ("baselines/small/files.nix", "writ.control", "writ.contol"),
        ("baselines/small/files.nix", "title = \"Files are", "titel = \"Files are"),
        ("baselines/small/disks.nix", "available_percent.ge = 20", "available_percent.ge = \"20\""),
        ("rules/files.nix", "run = \"RB-FILE-001\";", ""),
    ] {
        let tree = tree();
        tree.edit(file, from, to);
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("reference");
        let output = export(&tree, &to);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{from}: {}", output.stderr);
        assert!(output.stderr.contains("`writ check`") && !to.exists(), "{from}: {}", output.stderr);
    }
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = command.args(["export", "docs", "--out", "x"]).arg(nowhere.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
