//! `writ log`, and what trust roots say of logs.

use std::fs;

use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::restart::LogRestart;
use writ_trust::minisign::{SecretKey, SecretKeyFile};
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use crate::desk::{Desk, SITE};

const FIRST: &str = "log.example.org/clinic-001";
const SECOND: &str = "log.example.org/clinic-001/2";

/// Roots 1 (with a log) and 2 (with one that takes over), both signed.
fn logged() -> Desk {
    let desk = Desk::empty();
    ["alice", "bob"].iter().for_each(|name| desk.key(name));
    desk.ok(&["keys", "new", "--name", "depot-log", "--out", "keys", "--role", "log"]);
    let origin = format!("{SITE}={FIRST}");
    let (trust, log) = ("keys/alice.pub:trust,release", "keys/depot-log.pub:log");
    let keys = ["--key", trust, "--key", "keys/bob.pub:trust", "--key", log];
    let thresholds = ["--threshold", "trust=2", "--threshold", "release=1", "--log-origin", &origin];
    desk.ok(&[&["trust", "init", "--out", "releases/trust/1.json"], &keys[..], &thresholds[..]].concat());
    signed(&desk, 1);
    let origin = format!("{SITE}={SECOND}");
    desk.ok(&["trust", "next", "--from", "releases/trust", "--log-origin", &origin]);
    signed(&desk, 2);
    desk
}

fn signed(desk: &Desk, version: u32) {
    for name in ["alice", "bob"] {
        let (root, key) = (format!("releases/trust/{version}.json"), format!("keys/{name}.key"));
        desk.ok(&["trust", "sign", &root, "--key", &key, "--passphrase-file", "pass"]);
    }
}

fn open_key(desk: &Desk, name: &str) -> SecretKey {
    let text = fs::read_to_string(desk.path(&format!("keys/{name}.key"))).unwrap();
    SecretKeyFile::parse(&text).unwrap().open().unwrap()
}

fn checkpoint(desk: &Desk, origin: &str, size: u64) {
    let checkpoint = Checkpoint { origin: origin.into(), size, root: [7; 32] };
    let at: Time = "2026-11-23T12:00:00Z".parse().unwrap();
    desk.put("checkpoint", SignedCheckpoint::sign(checkpoint, &open_key(desk, "depot-log"), at).note);
}

fn restart(desk: &Desk, origin: &str, reason: &str, code: i32) -> String {
    let common = ["log", "restart", "--site", SITE, "--trust", "releases/trust", "--checkpoint", "checkpoint"];
    let (out, err) =
        desk.expect(&[&common[..], &["--origin", origin, "--reason", reason, "--out", "restart.json"]].concat(), code);
    out + &err
}

fn sign(desk: &Desk, key: &str, code: i32) -> String {
    let key = format!("keys/{key}.key");
    let common = ["log", "sign", "restart.json", "--trust", "releases/trust", "--passphrase-file", "pass"];
    let (out, err) = desk.expect(&[&common[..], &["--key", &key]].concat(), code);
    out + &err
}

#[test]
fn roots_name_logs_and_show_their_verifier_keys() {
    let desk = logged();
    let shown = desk.ok(&["trust", "show", "releases/trust/2.json"]);
    assert!(shown.contains(&format!("log 1 of {SITE}: {FIRST} (a later one took over)")), "{shown}");
    assert!(shown.contains(&format!("log 2 of {SITE}: {SECOND}\n")), "{shown}");
    let shown: serde_json::Value =
        serde_json::from_str(&desk.ok(&["trust", "show", "releases/trust/2.json", "--json"])).unwrap();
    let log = &shown[0]["logs"][1];
    assert_eq!((log["number"].as_u64(), log["current"].as_bool()), (Some(2), Some(true)));
    let key = log["verifier_keys"][0].as_str().unwrap();
    let mut parts = key.splitn(3, '+');
    assert_eq!((parts.next(), parts.next().map(str::len)), (Some(SECOND), Some(8)), "{key}");
    for (origin, code, why) in [
        ("clinic-002", 2, "SITE=ORIGIN"),
        ("X=log.example.org", 2, "not a site name"),
        ("clinic-002=", 2, "no origin"),
        ("clinic-002=a b", 1, "white space"),
        ("clinic-001=log.example.org/clinic-001", 1, "once per site"),
    ] {
        let said = desk.expect(&["trust", "next", "--from", "releases/trust", "--log-origin", origin], code).1;
        assert!(said.contains(why), "expected {why:?}:\n{said}");
    }
    let only = ["trust", "init", "--out", "other/1.json", "--key", "keys/alice.pub:trust,release"];
    let mute = ["--threshold", "trust=1", "--threshold", "release=1", "--log-origin", "clinic-002=l"];
    let said = desk.expect(&[&only[..], &mute[..]].concat(), 0).1;
    assert!(said.contains("no key that may sign it"), "{said}");
}

#[test]
fn keys_that_work_alone_are_open_and_have_one_role() {
    let desk = Desk::empty();
    let new = |more: &[&str], code| desk.expect(&[&["keys", "new", "--out", "keys", "--name"], more].concat(), code).1;
    new(&["log", "--role", "log"], 0);
    new(&["log-too", "--role", "log", "--no-passphrase"], 0);
    new(&["read", "--role", "read", "--no-passphrase"], 0);
    ["log", "log-too", "read"].iter().for_each(|name| drop(open_key(&desk, name)));
    assert!(new(&["a", "--role", "log", "--role", "release"], 1).contains("no other role"));
    assert!(new(&["a", "--role", "log", "--passphrase-file", "pass"], 1).contains("unattended"));
    assert!(new(&["a", "--role", "release", "--no-passphrase"], 1).contains("only for a key of the one role"));
    assert!(!desk.path("keys/a.key").exists());
}

#[test]
fn a_restart_is_drafted_from_what_the_log_signed_and_takes_the_trust_keys() {
    let desk = logged();
    checkpoint(&desk, FIRST, 41);
    let said = restart(&desk, SECOND, "the disk failed", 0);
    assert!(said.contains("41 entries known, root 0707") && said.contains("2 of the trust keys"), "{said}");
    assert!(restart(&desk, SECOND, "again", 1).contains("never overwritten"));
    let said = sign(&desk, "depot-log", 1);
    assert!(said.contains("would not count"), "{said}");
    assert!(sign(&desk, "alice", 0).contains("1 of the 2"));
    assert!(sign(&desk, "alice", 0).contains("1 of the 2"));
    assert!(sign(&desk, "bob", 0).contains("all the signatures"));
    let signatures: Vec<Vec<u8>> = ["alice", "bob"]
        .map(|name| desk.read(&format!("restart.json.{}.minisig", desk.key_id(name))))
        .into_iter()
        .collect();
    let root = |version: u32| desk.read(&format!("releases/trust/{version}.json"));
    let over = |version: u32| {
        ["alice", "bob"].map(|name| desk.read(&format!("releases/trust/{version}.json.{}.minisig", desk.key_id(name))))
    };
    let chain = TrustChain::walk(&root(1), &[(root(2), over(2).to_vec())]).unwrap();
    let restart = LogRestart::verify(&desk.read("restart.json"), &signatures, &chain, &SITE.parse().unwrap()).unwrap();
    assert_eq!((restart.previous.size, restart.reason.as_str()), (41, "the disk failed"));
    assert!(desk.minisign_accepts(
        "restart.json",
        &format!("restart.json.{}.minisig", desk.key_id("alice")),
        "keys/alice.pub"
    ));
}

#[test]
fn restarts_that_nobody_would_accept_are_not_written() {
    let desk = logged();
    checkpoint(&desk, FIRST, 41);
    assert!(restart(&desk, "log.example.org/elsewhere", "why", 1).contains("its logs of clinic-001 are"));
    assert!(restart(&desk, FIRST, "why", 1).contains("does not let this log follow"), "the first follows none");
    assert!(restart(&desk, SECOND, " ", 1).contains("people will ask"));
    assert!(restart(&desk, SECOND, "two\nlines", 1).contains("one line"));
    desk.flip("checkpoint");
    assert!(restart(&desk, SECOND, "why", 1).contains("checkpoint"));
    checkpoint(&desk, SECOND, 41);
    assert!(restart(&desk, SECOND, "why", 1).contains("is of the log"));
    desk.put("checkpoint", "not a note");
    assert!(restart(&desk, SECOND, "why", 1).contains("not a signed note"));
    fs::remove_file(desk.path("checkpoint")).unwrap();
    assert!(restart(&desk, SECOND, "why", 2).contains("cannot read"));
    assert!(!desk.path("restart.json").exists(), "nothing was written");
    for bad in ["{}", "", "{\"schema\":\"writ.log-restart.v2\"}"] {
        desk.put("restart.json", bad);
        assert!(sign(&desk, "alice", 1).contains("not a usable log restart"), "{bad}");
    }
}
