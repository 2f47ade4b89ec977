//! The blocks of docs/auditor.md and docs/procedures that are marked runnable, run as they stand: each command ends as the page says,
//! and prints what the page shows.

mod blocks;
mod folder;
mod grounds;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use writ_scenarios::flake::repository;
use writ_scenarios::{binaries, run};

use self::blocks::{Block, Ground, read};

/// Whom the auditor's account is, on no list of this machine.
const AUDITOR: u32 = 60_201;
const AUDITORS_PAGE: &str = "docs/auditor.md";

fn procedures() -> Vec<String> {
    let names = fs::read_dir(repository().join("docs/procedures")).unwrap();
    let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".md"));
    names.sort();
    names.into_iter().map(|name| format!("docs/procedures/{name}")).collect()
}

fn blocks_of(page: &str) -> Vec<Block> {
    read(page, &fs::read_to_string(repository().join(page)).unwrap())
}

/// Programs of a page that is played by whoever runs the tests.
fn own_path() -> String {
    format!("{}:{}", binaries::folder().unwrap().display(), std::env::var("PATH").unwrap())
}

#[test]
fn procedures_show_what_commands_print() {
    crate::house::needs_root();
    let grounds = grounds::Grounds::lay();
    let mut ran = 0;
    let mut wrong = Vec::new();
    for page in procedures() {
        let blocks = blocks_of(&page);
        for ground in [Ground::Auditor, Ground::Desk, Ground::Depot] {
            let of_it: Vec<&Block> = blocks.iter().filter(|block| block.ground == ground).collect();
            if of_it.is_empty() {
                continue;
            }
            // What one block makes the next one of the page finds, and no other page does.
            let place = grounds.fresh(ground);
            for block in of_it {
                let mut shell = Command::new("/bin/sh");
                shell.env("PATH", own_path()).env("NIX_CONFIG", "substituters =");
                wrong.extend(block.run(shell, &place.work(), &place.scripts()));
                ran += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= 25, "only {ran} blocks of procedures are run");
}

/// The auditor's hour: an account of nobody's, a machine without a network, and nothing but what the page says was given.
#[test]
fn an_auditor_on_another_account_without_a_network_follows_the_page() {
    crate::house::needs_root();
    let home = tempfile::Builder::new().prefix("writ-auditor-").tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    folder::lay(home.path());
    fs::copy(repository().join(AUDITORS_PAGE), path("auditor.md")).unwrap();
    fs::create_dir(path("bin")).unwrap();
    fs::copy(binaries::folder().unwrap().join("writ"), path("bin/writ")).unwrap();
    mode(&path("bin/writ"), 0o755);
    packet(home.path());
    fs::create_dir(path("scripts")).unwrap();
    for own in [home.path(), &path("scripts")] {
        chown(own, Some(AUDITOR), Some(AUDITOR)).unwrap();
        mode(own, 0o700);
    }

    let shell = || {
        let mut command = Command::new("unshare");
        let id = AUDITOR.to_string();
        command.args(["--net", "--", "setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "/bin/sh"]);
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", path("bin").display())).env("HOME", home.path());
        command.current_dir(home.path());
        command
    };
    let who = run::checked(shell().args(["-c", "id -u; ip -brief link show up"])).unwrap();
    assert_eq!(who.trim(), AUDITOR.to_string(), "an account of its own, and no network that is up");

    let blocks = read("auditor.md", &fs::read_to_string(path("auditor.md")).unwrap());
    assert!(blocks.len() >= 12 && blocks.iter().all(|block| block.ground == Ground::Auditor), "{}", blocks.len());
    let mut wrong = Vec::new();
    for block in &blocks {
        wrong.extend(block.run(shell(), home.path(), &path("scripts")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(path("kept-from-2026.checkpoint").is_file(), "the hour ends with a checkpoint to keep");
}

/// The report that came with the folder, as whoever is audited made it.
fn packet(home: &Path) {
    let mut compare = crate::house::program("writ");
    compare.args(["audit", "compare", "audit", "--trust", "root-you-were-given.json", "--site", "clinic-001"]);
    compare.args(["--period", "2026-11-23..2026-11-24", "--now", "2026-11-25T06:00:00Z", "--html", "report.html"]);
    crate::house::ran(compare.current_dir(home));
}

#[test]
fn a_page_that_shows_something_else_is_found() {
    let page = "# A page\n```\n$ not run\n```\n```console runnable\n$ printf 'one\\ntwo\\nthree\\n'\none\n…\nth…e\n\
                $ test a \\\n    = b  # exit code 1\n$ n=5\n$ echo $n\n5\n```\n";
    let folder = tempfile::tempdir().unwrap();
    let scripts = tempfile::tempdir().unwrap();
    let run = |page: &str| {
        let blocks = read("page.md", page);
        assert_eq!(blocks.len(), 1);
        blocks[0].run(Command::new("/bin/sh"), folder.path(), scripts.path())
    };
    assert_eq!(run(page), Vec::<String>::new());
    for (from, to, expected) in [
        ("th…e", "thr", "page.md:6: printf"),
        ("\none\n…", "\none", "page.md:6: printf"),
        ("  # exit code 1", "", "it ended with 1"),
        ("$ n=5", "$ echo n", "page.md:12: echo n"),
        ("$ n=5", "$ exit 0", "page.md:12: exit 0: it ended the shell"),
        ("\n5\n", "\n6\n", "page.md:13: echo $n"),
    ] {
        let found = run(&page.replace(from, to));
        assert!(found.first().is_some_and(|one| one.contains(expected)), "{to:?}: {found:?}");
    }
}
