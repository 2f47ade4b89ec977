//! What is printed of keys, trust roots and releases.

use serde_json::Value;

use super::judge::judged;
use super::reports::held;
use crate::desk::{Desk, SITE};

/// What a command at the desk prints as JSON.
fn said(desk: &Desk, arguments: &[&str]) -> Value {
    serde_json::from_str(&desk.ok(&[arguments, &["--json"]].concat())).unwrap()
}

/// What each entry of a list holds under a name.
fn held_by(list: &Value, name: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|one| one[name].clone()).collect()
}

#[test]
fn what_is_printed_of_keys_is_valid() {
    let desk = Desk::ready(1);
    let new = ["keys", "new", "--out", "keys", "--name"];
    let open = said(&desk, &[&new[..], &["front", "--role", "appliance", "--no-passphrase"]].concat());
    let locked = ["dora", "--role", "trust", "--role", "release", "--kdf", "weak", "--passphrase-file", "pass"];
    let locked = said(&desk, &[&new[..], &locked].concat());
    assert_eq!((&open["locked"], &locked["locked"]), (&false.into(), &true.into()));
    held("new-key-v1", &[&open, &locked], 15);
    let signature = format!("releases/trust/1.json.{}.minisig", desk.key_id("alice"));
    let shown: Vec<Value> = ["keys/dora.pub", "keys/dora.key", "keys/front.key", &signature]
        .iter()
        .map(|file| said(&desk, &["keys", "show", file]))
        .collect();
    std::fs::remove_file(desk.path("keys/dora.pub")).unwrap();
    let alone = said(&desk, &["keys", "show", "keys/dora.key"]);
    assert_eq!((&shown[1]["kind"], &alone["key_id"]), (&"secret-key".into(), &Value::Null));
    held("key-v1", &shown.iter().chain([&alone]).collect::<Vec<_>>(), 30);
}

#[test]
fn what_is_printed_of_trust_roots_and_releases_is_valid() {
    let desk = Desk::published();
    let (root, of_log) = ("releases/trust/2.json", format!("{SITE}=log.example.org/{SITE}"));
    desk.ok(&["keys", "new", "--name", "log", "--out", "keys", "--role", "log"]);
    let next = ["trust", "next", "--from", "releases/trust", "--key", "keys/log.pub:log", "--log-origin", &of_log];
    desk.ok(&next);
    desk.ok(&["trust", "sign", root, "--key", "keys/alice.key", "--passphrase-file", "pass"]);
    let roots = said(&desk, &["trust", "show", "releases/trust"]);
    assert!(roots[1]["logs"][0]["verifier_keys"][0].is_string(), "{roots}");
    held("roots-v1", &[&roots], 30);
    assert_eq!(judged("trust-v1", &held_by(&roots, "root")), [true, true]);
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to"];
    let drafted = said(&desk, &[&draft[..], &["draft-2"]].concat());
    assert!(drafted[0]["previous"].is_string(), "{drafted}");
    held("drafted-v1", &[&drafted], 15);
    let (published, unsigned) =
        (said(&desk, &["release", "show", "releases"]), said(&desk, &["release", "show", "draft-2"]));
    assert_ne!(published[0]["signed_by"], unsigned[0]["signed_by"]);
    held("releases-v1", &[&published, &unsigned], 10);
    assert_eq!(
        judged("release-v1", &[held_by(&published, "release"), held_by(&unsigned, "release")].concat()),
        [true, true]
    );
}
