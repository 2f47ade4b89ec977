//! docs/policy.md is a tree: its Nix blocks, laid in the order in which they stand, pass `writ check` after each chapter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A day on which the exceptions of the page hold.
const NOW: &str = "2026-11-23T00:00:00Z";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One file of the page: the chapter it stands in, its path and its text.
struct Block<'a> {
    chapter: &'a str,
    file: &'a str,
    text: &'a str,
}

/// The Nix blocks of a page; each names its file in its first line.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let chapters = page.split("\n## ").skip(1);
    chapters
        .flat_map(|chapter| {
            let title = chapter.lines().next().unwrap();
            chapter.split("```nix\n").skip(1).map(move |rest| {
                let text = rest.split("\n```").next().unwrap();
                let file = text.lines().next().unwrap().strip_prefix("# ").unwrap_or_else(|| panic!("{title}: {text}"));
                Block { chapter: title, file, text }
            })
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The shell blocks of the first chapter, typed in this order into an empty folder.
#[test]
fn a_tree_can_be_begun_as_the_page_says() {
    let page = fs::read_to_string(repository().join("docs/policy.md")).unwrap();
    let first = page.split("\n## ").nth(1).unwrap();
    let typed: Vec<&str> = first.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(typed.len(), 2, "{typed:?}");
    let folder = tempfile::tempdir().unwrap();
    let writ = Path::new(env!("CARGO_BIN_EXE_writ")).parent().unwrap();
    let path = format!("{}:{}", writ.display(), std::env::var("PATH").unwrap());
    let script = format!("set -e\n{}\nwrit check --deny-warnings\n", typed.join("\n"));
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(folder.path()).env("PATH", path).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}{}", printed[0], printed[1]);
    assert!(printed[0].contains("\n2 sites, 3 appliances, "), "{}", printed[0]);
}

#[test]
fn the_page_on_policy_can_be_followed() {
    let page = fs::read_to_string(repository().join("docs/policy.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    for name in ["modules/policy", "baselines", "rules"] {
        copy(&repository().join(name), &root.join(name));
    }
    let blocks = blocks(&page);
    assert!(blocks.len() >= 8, "only {} blocks of the page were found", blocks.len());
    for (i, block) in blocks.iter().enumerate() {
        let file = root.join(block.file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, block.text).unwrap();
        if blocks.get(i + 1).is_some_and(|next| next.chapter == block.chapter) {
            continue;
        }
        let check = ["check", "--deny-warnings", "--now", NOW];
        let output = Command::new(env!("CARGO_BIN_EXE_writ")).args(check).arg(&root).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "after chapter {}:\n{printed}", block.chapter);
    }
}
