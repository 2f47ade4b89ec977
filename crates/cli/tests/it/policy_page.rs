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

/// What is typed in the first chapter, block by block.
fn typed(page: &str) -> Vec<&str> {
    let first = page.split("\n## ").nth(1).unwrap();
    first.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Types lines into a shell; returns what is printed.
#[track_caller]
fn shell(folder: &Path, lines: &str) -> String {
    let writ = Path::new(env!("CARGO_BIN_EXE_writ")).parent().unwrap();
    let path = format!("{}:{}", writ.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("set -e\n{lines}\n")]).current_dir(folder).env("PATH", path);
    for who in ["AUTHOR", "COMMITTER"] {
        shell.env(format!("GIT_{who}_NAME"), "Sam").env(format!("GIT_{who}_EMAIL"), "sam@msp.example");
    }
    let output = shell.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}{}", printed[0], printed[1]);
    printed[0].clone()
}

/// The shell blocks of the first chapter, typed in this order into an empty folder. Before the last of them, which takes over a
/// newer version, stand what its owners wrote and a version of Writ that is another one.
#[test]
fn a_tree_can_be_begun_and_brought_up_to_date_as_the_page_says() {
    let page = fs::read_to_string(repository().join("docs/policy.md")).unwrap();
    let typed = typed(&page);
    assert_eq!(typed.len(), 3, "{typed:?}");
    let folder = tempfile::tempdir().unwrap();
    let (tree, newer) = (folder.path().join("tree"), folder.path().join("released"));
    fs::create_dir(&tree).unwrap();
    let printed = shell(&tree, &format!("{}\nwrit check --deny-warnings", typed[..2].join("\n")));
    assert!(printed.contains("2 sites, 3 appliances, "), "{printed}");

    let mine: Vec<Block<'_>> = blocks(&page).into_iter().filter(|b| b.chapter.starts_with("5.")).collect();
    let mine: Vec<&Block<'_>> = mine.iter().filter(|b| !b.file.starts_with("hosts/")).collect();
    assert!(
        mine.iter().any(|b| b.file == "baselines/default.nix") && mine.iter().any(|b| b.file == "rules/default.nix")
    );
    for block in &mine {
        fs::create_dir_all(tree.join(block.file).parent().unwrap()).unwrap();
        fs::write(tree.join(block.file), block.text).unwrap();
    }
    fs::write(tree.join("rules/learned/rejected.nix"), "# Ours.\n[ ]\n").unwrap();
    shell(&tree, "git add --all && git commit --quiet --message 'Ours'");
    for name in ["modules", "baselines", "rules"] {
        copy(&repository().join(name), &newer.join(name));
    }
    let list = newer.join("rules/library.nix");
    let families = fs::read_to_string(&list).unwrap();
    fs::write(&list, families.replacen("families = {", "families = {\n    newer = ./newer.nix;", 1)).unwrap();
    fs::write(newer.join("rules/newer.nix"), "{ writ, ... }: { rules = { }; }\n").unwrap();
    shell(&newer, "git init --quiet -b main && git add --all && git commit --quiet --message 'A newer one'");

    let address = "https://github.com/writ-project/writ";
    assert!(typed[2].contains(address), "{}", typed[2]);
    let printed = shell(&tree, &typed[2].replacen(address, &newer.display().to_string(), 1));
    assert!(printed.contains("2 sites, 3 appliances, ") && printed.contains(": 1 warning in"), "{printed}");
    for block in mine {
        assert_eq!(fs::read_to_string(tree.join(block.file)).unwrap(), block.text, "{}", block.file);
    }
    assert_eq!(fs::read_to_string(tree.join("rules/learned/rejected.nix")).unwrap(), "# Ours.\n[ ]\n");
    let known =
        Command::new(env!("CARGO_BIN_EXE_writ")).args(["explain", "IMG-1"]).current_dir(&tree).output().unwrap();
    assert!(known.status.success(), "{}", String::from_utf8_lossy(&known.stderr));
    assert!(tree.join("rules/newer.nix").is_file());
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
