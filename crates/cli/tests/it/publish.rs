//! `writ release publish`.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::desk::{Desk, SITE};

const PUBLISH: [&str; 5] = ["release", "publish", "draft", "--to", "releases"];

fn signed() -> Desk {
    let desk = Desk::ready(1);
    desk.draft("draft");
    desk.sign("draft", "alice");
    desk
}

#[test]
fn publishing_twice_changes_nothing_and_later_signatures_are_added() {
    let desk = signed();
    desk.ok(&PUBLISH);
    let before = desk.files("releases");
    assert!(desk.ok(&PUBLISH).contains("already"));
    assert_eq!(desk.files("releases"), before);
    desk.sign_refused("draft", "bob");
    desk.ok(&["release", "sign", "draft", "--key", "keys/bob.key", "--passphrase-file", "pass", "--flake", "flake"]);
    desk.ok(&PUBLISH);
    assert_eq!(desk.names("releases").len(), before.len() + 1);
}

#[test]
fn where_one_signature_is_enough_minisign_finds_it_by_itself() {
    let desk = signed();
    desk.ok(&PUBLISH);
    let release = format!("releases/releases/{SITE}/1-1/release.json");
    assert!(desk.minisign_accepts(&release, &format!("{release}.minisig"), "keys/alice.pub"));
    assert!(desk.ok(&["release", "show", "releases"]).contains(&desk.key_id("alice")));
}

#[test]
fn of_two_drafts_on_one_base_only_the_first_is_published() {
    let desk = Desk::published();
    desk.retitle("One");
    desk.draft("draft-a");
    desk.sign("draft-a", "alice");
    desk.retitle("Two");
    let other = ["--ledger", "other.json", "--serial", "3"];
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-b"];
    desk.ok(&[&draft[..], &other].concat());
    desk.sign("draft-b", "bob");
    desk.publish("draft-a");
    let said = desk.refused(&["release", "publish", "draft-b", "--to", "releases", "--ledger", "other.json"]);
    assert!(said.contains("published meanwhile") && said.contains("1-2"), "{said}");
    assert!(!desk.path(&format!("releases/releases/{SITE}/1-3")).exists());
    // Nor does anything go back.
    let said = desk.refused(&["release", "publish", "draft-1", "--to", "releases"]);
    assert!(said.contains("rule floor"), "{said}");
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
}

#[test]
fn racing_publishers_leave_one_winner() {
    let desk = Desk::published();
    for name in ["a", "b", "c"] {
        desk.retitle(name);
        let (draft, ledger) = (format!("draft-{name}"), format!("{name}.json"));
        let arguments =
            ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", &draft, "--ledger", &ledger];
        desk.ok(&arguments);
        let key = ["release", "sign", &draft, "--key", "keys/alice.key", "--passphrase-file", "pass"];
        desk.ok(&[&key[..], &["--flake", "flake", "--previous", "releases", "--ledger", &ledger]].concat());
    }
    let children: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            let (draft, ledger) = (format!("draft-{name}"), format!("{name}.json"));
            desk.command(&["release", "publish", &draft, "--to", "releases", "--ledger", &ledger])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .map(|output| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // The losers come upon the winner before they judge their release, or at the rename.
            let lost = said.contains("published meanwhile") || said.contains("rule floor-bytes");
            assert!(output.status.success() || lost, "{said}");
            output.status.code()
        })
        .collect();
    assert_eq!(children.iter().filter(|code| **code == Some(0)).count(), 1, "{children:?}");
    assert_eq!(children.iter().filter(|code| **code == Some(1)).count(), 2, "{children:?}");
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
}

#[test]
fn a_folder_that_was_set_back_stops_the_release() {
    let desk = Desk::published();
    desk.retitle("Two");
    desk.release("draft-2");
    fs::remove_dir_all(desk.path(&format!("releases/releases/{SITE}/1-2"))).unwrap();
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-3"];
    let said = desk.refused(&draft);
    assert!(said.contains("contradict") && said.contains("1-2 was published"), "{said}");
    fs::remove_dir_all(desk.path(&format!("releases/releases/{SITE}"))).unwrap();
    assert!(desk.refused(&draft).contains("newest is none"));
}

#[test]
fn abandoned_numbers_are_skipped() {
    let desk = Desk::published();
    let ledger = ["--ledger", "keys/ledger.json"];
    desk.draft("draft-2");
    desk.sign("draft-2", "alice");
    fs::remove_dir_all(desk.path("draft-2")).unwrap();
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-3"];
    let shown = desk.ok(&[&draft[..], &ledger].concat());
    assert!(shown.contains("release 1-3"), "{shown}");
    desk.sign("draft-3", "alice");
    desk.publish("draft-3");
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
}

#[test]
fn what_was_altered_after_signing_is_not_published() {
    let desk = signed();
    let release = format!("draft/releases/{SITE}/1-1/release.json");
    let signature = format!("{release}.{}.minisig", desk.key_id("alice"));
    let policy = format!("draft/documents/{}", desk.names("draft/documents")[0]);
    let refused = |why: &str| {
        let said = desk.refused(&PUBLISH);
        assert!(said.contains(why), "expected {why:?}:\n{said}");
        assert!(!desk.path("releases/releases").exists() && !desk.path("releases/documents").exists());
    };
    for (file, why) in [(&release, ""), (&signature, "signature"), (&policy, "policy document")] {
        let good = desk.read(file);
        desk.flip(file);
        refused(why);
        desk.put(file, good);
    }
    let good = desk.read(&release);
    let mut value: Value = serde_json::from_slice(&good).unwrap();
    value["expires_at"] = "2099-01-01T00:00:00Z".into();
    desk.put(&release, serde_json::to_vec(&value).unwrap());
    refused("signature-threshold");
    desk.put(&release, &good);
    let kept = desk.read(&signature);
    desk.put(&signature, vec![b'x'; 20_000]);
    assert!(desk.could_not(&PUBLISH).contains("larger than"));
    desk.put(&signature, kept);
    desk.ok(&PUBLISH);
}

#[test]
fn releases_that_appliances_would_refuse_are_not_published() {
    let desk = Desk::ready(1);
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft"];
    desk.ok(&[&draft[..], &["--expires", "1ms"]].concat());
    desk.sign("draft", "alice");
    assert!(desk.refused(&PUBLISH).contains("rule expiry"));
    // Ahead of its time is what not_before is for.
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-2"];
    desk.ok(&[&draft[..], &["--not-before", "2099-01-01T00:00:00Z", "--expires", "100y", "--serial", "2"]].concat());
    let shown = desk.sign("draft-2", "alice");
    assert!(shown.contains("not before 2099-01-01T00:00:00Z"), "{shown}");
    desk.ok(&["release", "publish", "draft-2", "--to", "releases"]);
    let verified = desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
    assert!(verified.contains("acceptable only from 2099"), "{verified}");
}

#[test]
fn other_content_is_never_overwritten() {
    let desk = signed();
    let policy = desk.names("draft/documents")[0].clone();
    fs::create_dir_all(desk.path("releases/documents")).unwrap();
    desk.put(&format!("releases/documents/{policy}"), "something else");
    assert!(desk.refused(&PUBLISH).contains("other content"));
    assert_eq!(desk.read(&format!("releases/documents/{policy}")), b"something else");
    assert!(!desk.path(&format!("releases/releases/{SITE}/1-1")).exists(), "nothing half-published");
}

#[test]
fn leftovers_of_a_killed_publish_do_not_block() {
    let desk = signed();
    let staging = format!("releases/releases/{SITE}/.1-1{}", writ_durable::TEMPORARY_SUFFIX);
    fs::create_dir_all(desk.path(&staging)).unwrap();
    desk.put(&format!("{staging}/release.json"), "half");
    desk.ok(&PUBLISH);
    assert!(!desk.path(&staging).exists());
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
}

#[test]
fn new_roots_travel_with_a_release() {
    let desk = Desk::published();
    desk.ok(&["trust", "next", "--from", "releases/trust", "--revoke", "keys/bob.pub"]);
    desk.ok(&["trust", "sign", "releases/trust/2.json", "--key", "keys/alice.key", "--passphrase-file", "pass"]);
    fs::rename(desk.path("releases/trust"), desk.path("trust")).unwrap();
    fs::create_dir(desk.path("releases/trust")).unwrap();
    for name in desk.names("trust").iter().filter(|name| name.starts_with("1.")) {
        fs::copy(desk.path(&format!("trust/{name}")), desk.path(&format!("releases/trust/{name}"))).unwrap();
    }
    fs::create_dir(desk.path("next")).unwrap();
    fs::rename(desk.path("releases/releases"), desk.path("next/releases")).unwrap();
    fs::rename(desk.path("trust"), desk.path("next/trust")).unwrap();
    fs::rename(desk.path("releases/documents"), desk.path("next/documents")).unwrap();
    desk.ok(&["release", "draft", "--flake", "flake", "--previous", "next", "--to", "draft"]);
    let sign = ["release", "sign", "draft", "--passphrase-file", "pass", "--flake", "flake", "--previous", "next"];
    let by = |key: &'static str| [&sign[..], &["--key", key]].concat();
    assert!(desk.refused(&by("keys/bob.key")).contains("revoked"));
    desk.ok(&by("keys/alice.key"));
    fs::rename(desk.path("next/releases"), desk.path("releases/releases")).unwrap();
    assert!(desk.refused(&PUBLISH).contains("rule trust-version"), "the folder knows only root 1");
    desk.ok(&[&PUBLISH[..], &["--trust", "next/trust"]].concat());
    let verified = desk.ok(&["trust", "show", "releases/trust"]);
    assert!(verified.contains("up to version 2"), "{verified}");
}

/// Killed, or out of disk space, at every step that changes a folder: what stands there always verifies, and the next try
/// succeeds.
#[test]
fn a_publish_that_is_cut_short_leaves_a_folder_that_verifies() {
    let desk = Desk::published();
    desk.retitle("Two");
    desk.draft("draft");
    desk.sign("draft", "alice");
    let (releases, ledger) = (desk.files("releases"), desk.read("ledger.json"));
    let mut cut = 0;
    for call in ["linkat", "renameat2", "rename", "fsync", "mkdir", "write"] {
        for fault in ["signal=KILL", "error=ENOSPC"] {
            for nth in 1..=3 {
                fs::remove_dir_all(desk.path("releases")).unwrap();
                for (name, bytes) in &releases {
                    let path = desk.path("releases").join(name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
                desk.put("ledger.json", &ledger);
                let inject = format!("inject={call}:{fault}:when={nth}");
                let status = Command::new("strace")
                    .args(["-qq", "-o", "/dev/null", "-e", &inject, env!("CARGO_BIN_EXE_writ")])
                    .args(PUBLISH)
                    .current_dir(desk.path(""))
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .expect("strace is installed");
                // What was not cut short has nothing to be taken up again.
                if !status.success() {
                    cut += 1;
                    let (shown, said) = desk.expect(&["verify", "releases", "--trust", "first-root.json"], 0);
                    assert!(shown.contains("clinic-001 1-1"), "{inject}: {said}");
                    desk.ok(&PUBLISH);
                }
                let shown = desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
                assert!(shown.contains("2 releases, each naming the one before it"), "{inject}: {shown}");
                let left = desk.names("releases");
                assert!(left.iter().all(|name| !name.contains(writ_durable::TEMPORARY_SUFFIX)), "{inject}: {left:?}");
            }
        }
    }
    assert!(cut > 15, "only {cut} tries were cut short");
}
