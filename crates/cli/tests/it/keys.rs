//! `writ keys`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::desk::{Desk, PASSPHRASE, contains};

fn mode(desk: &Desk, file: &str) -> u32 {
    fs::metadata(desk.path(file)).unwrap().permissions().mode() & 0o777
}

/// `minisign -S` with one of our keys, given the passphrase on standard input.
fn minisign_signs(desk: &Desk, key: &str, document: &str) -> bool {
    let mut child = Command::new("minisign")
        .args(["-S", "-s"])
        .arg(desk.path(key))
        .arg("-m")
        .arg(desk.path(document))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("minisign is installed");
    // A key without passphrase is not asked for: the pipe may be closed by then.
    let _ = child.stdin.take().unwrap().write_all(format!("{PASSPHRASE}\n").as_bytes());
    child.wait().unwrap().success()
}

#[test]
fn the_real_minisign_signs_and_verifies_with_our_keys() {
    let desk = Desk::empty();
    desk.key("alice");
    desk.ok(&["keys", "new", "--name", "box", "--out", "keys", "--role", "appliance", "--no-passphrase"]);
    desk.put("note", "anything");
    for name in ["alice", "box"] {
        assert!(minisign_signs(&desk, &format!("keys/{name}.key"), "note"), "{name}");
        assert!(desk.minisign_accepts("note", "note.minisig", &format!("keys/{name}.pub")), "{name}");
        let shown = desk.ok(&["keys", "show", "note.minisig"]);
        assert!(shown.contains(&desk.key_id(name)) && shown.contains("no (this only shows it)"), "{shown}");
    }
    assert!(!desk.minisign_accepts("note", "note.minisig", "keys/alice.pub"));
}

#[test]
fn keys_that_the_real_minisign_made_are_read() {
    let desk = Desk::empty();
    let made = Command::new("minisign")
        .args(["-G", "-W", "-p"])
        .arg(desk.path("theirs.pub"))
        .arg("-s")
        .arg(desk.path("theirs.key"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let of = |file: &str| {
        let shown: serde_json::Value = serde_json::from_str(&desk.ok(&["keys", "show", "--json", file])).unwrap();
        shown["public_key"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("theirs.pub"), of("theirs.key"));
}

#[test]
fn secret_keys_are_closed_to_others_and_never_overwritten() {
    let desk = Desk::empty();
    desk.key("alice");
    assert_eq!((mode(&desk, "keys"), mode(&desk, "keys/alice.key")), (0o700, 0o600));
    assert_eq!(mode(&desk, "keys/alice.pub") & 0o600, 0o600);
    let before = desk.files("keys");
    let again = ["keys", "new", "--name", "alice", "--out", "keys", "--kdf", "weak", "--passphrase-file", "pass"];
    let said = desk.refused(&again);
    assert!(said.contains("alice.key") && said.contains("never overwritten"), "{said}");
    // A lone half is as much in the way as a pair.
    fs::remove_file(desk.path("keys/alice.key")).unwrap();
    assert!(desk.refused(&again).contains("alice.pub"));
    assert_eq!(desk.files("keys").len(), before.len() - 1);
}

#[test]
fn only_what_works_alone_may_have_an_open_key() {
    let desk = Desk::empty();
    let open = |roles: &[&str]| {
        let mut arguments = vec!["keys", "new", "--name", "k", "--out", "keys", "--no-passphrase"];
        roles.iter().for_each(|role| arguments.extend(["--role", role]));
        desk.refused(&arguments)
    };
    assert!(open(&[]).contains("only for a key of the one role appliance"));
    assert!(open(&["release"]).contains("only for a key of the one role appliance"));
    assert!(open(&["appliance", "release"]).contains("only for a key of the one role appliance"));
    assert!(!desk.path("keys").exists(), "nothing was written");
    desk.ok(&["keys", "new", "--name", "k", "--out", "keys", "--no-passphrase", "--role", "appliance"]);
}

#[test]
fn passphrases_come_from_a_file_or_the_environment_and_are_not_empty() {
    let desk = Desk::empty();
    let new = ["keys", "new", "--name", "k", "--out", "keys", "--kdf", "weak"];
    let with = |more: &[&str]| [&new[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let run = |more: &[&str], code| {
        let arguments = with(more);
        desk.expect(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), code).1
    };
    assert!(run(&[], 2).contains("--passphrase-file"), "without a terminal it says how to give one");
    assert!(run(&["--passphrase-file", "absent"], 2).contains("absent"));
    assert!(run(&["--passphrase-env", "NOT_SET_ANYWHERE"], 2).contains("NOT_SET_ANYWHERE"));
    desk.put("empty", "\nsecond line\n");
    assert!(run(&["--passphrase-file", "empty"], 1).contains("empty"));
    desk.put("binary", [0xff, 0xfe]);
    run(&["--passphrase-file", "binary"], 1);
    run(&["--passphrase", PASSPHRASE], 2);
    assert!(!desk.path("keys").exists(), "nothing was written");

    let mut command = desk.command(&new);
    let output = command.args(["--passphrase-env", "SECRET"]).env("SECRET", PASSPHRASE).output().unwrap();
    assert!(output.status.success());
    for (_, bytes) in desk.files("keys") {
        assert!(!contains(&bytes, PASSPHRASE.as_bytes()));
    }
    desk.put("note", "anything");
    assert!(minisign_signs(&desk, "keys/k.key", "note"), "the same passphrase from another source opens it");
}

#[test]
fn a_cache_key_is_one_that_nix_takes() {
    let desk = Desk::empty();
    desk.ok(&["keys", "new", "--name", "cache-1", "--out", "keys", "--role", "cache"]);
    assert_eq!(mode(&desk, "keys/cache-1.nix-key"), 0o600);
    let output = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command", "key", "convert-secret-to-public"])
        .stdin(fs::File::open(desk.path("keys/cache-1.nix-key")).unwrap())
        .output()
        .unwrap();
    let shown = desk.ok(&["keys", "show", "--nix", "cache-1", "keys/cache-1.pub"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), shown.trim());
    assert!(desk.refused(&["keys", "show", "--nix", "a:b", "keys/cache-1.pub"]).contains("letters"));
    let said =
        desk.refused(&["keys", "new", "--name", "c", "--out", "keys", "--role", "cache", "--passphrase-file", "pass"]);
    assert!(said.contains("no passphrase"), "{said}");
}

#[test]
fn every_command_teaches() {
    let desk = Desk::empty();
    for command in [
        vec![],
        vec!["keys", "new"],
        vec!["keys", "show"],
        vec!["keys", "age"],
        vec!["keys", "rotate"],
        vec!["keys", "revoke"],
        vec!["keys", "archive"],
        vec!["trust", "init"],
        vec!["trust", "next"],
        vec!["trust", "sign"],
        vec!["trust", "show"],
        vec!["trust", "publish"],
        vec!["release", "draft"],
        vec!["release", "sign"],
        vec!["release", "publish"],
        vec!["release", "show"],
        vec!["log", "restart"],
        vec!["log", "sign"],
        vec!["log", "publish"],
        vec!["audit", "fetch"],
        vec!["audit", "collect"],
        vec!["audit", "verify"],
        vec!["verify"],
        vec!["watch"],
        vec!["completions"],
    ] {
        let help = desk.ok(&[&command[..], &["--help"]].concat());
        assert!(help.contains("Usage:") && help.contains("\n  writ "), "{command:?} has no example:\n{help}");
    }
    assert!(desk.ok(&["completions", "bash"]).contains("_writ"));
}
