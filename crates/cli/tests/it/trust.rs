//! `writ trust`.

use std::fs;

use crate::desk::Desk;

fn init(desk: &Desk, more: &[&str], code: i32) -> String {
    desk.expect(&[&["trust", "init", "--out", "releases/trust/1.json"], more].concat(), code).1
}

fn sign(desk: &Desk, version: u32, key: &str, code: i32) -> String {
    let (file, key) = (format!("releases/trust/{version}.json"), format!("keys/{key}.key"));
    desk.expect(&["trust", "sign", &file, "--key", &key, "--passphrase-file", "pass"], code).1
}

fn with_keys() -> Desk {
    let desk = Desk::empty();
    ["alice", "bob", "carol"].iter().for_each(|name| desk.key(name));
    desk
}

const TWO: [&str; 8] = [
    "--key",
    "keys/alice.pub:trust,release",
    "--key",
    "keys/bob.pub:trust,release",
    "--threshold",
    "trust=2",
    "--threshold",
    "release=2",
];

#[test]
fn a_root_counts_once_enough_of_its_keys_signed() {
    let desk = with_keys();
    init(&desk, &TWO, 0);
    assert!(desk.refused(&["trust", "show", "releases/trust"]).contains("0 of the 2 signatures"));
    sign(&desk, 1, "alice", 0);
    sign(&desk, 1, "alice", 0);
    assert!(desk.refused(&["trust", "show", "releases/trust"]).contains("1 of the 2 signatures"));
    sign(&desk, 1, "bob", 0);
    let shown = desk.ok(&["trust", "show", "releases/trust"]);
    assert!(shown.contains("the chain holds up to version 1") && shown.contains("0 days old"), "{shown}");
    let signature = format!("releases/trust/1.json.{}.minisig", desk.key_id("bob"));
    assert!(desk.minisign_accepts("releases/trust/1.json", &signature, "keys/bob.pub"));
    let said = sign(&desk, 1, "carol", 1);
    assert!(said.contains("would not count"), "{said}");
    assert_eq!(desk.names("releases/trust").len(), 3);
}

#[test]
fn roots_that_nobody_would_accept_are_not_written() {
    let desk = with_keys();
    let (a, b) = ("keys/alice.pub:trust,release", "keys/bob.pub:release");
    let one = ["--threshold", "trust=1", "--threshold", "release=1"];
    for (keys, thresholds, why) in [
        (vec![a], vec!["--threshold", "trust=1"], "no threshold for the role release"),
        (vec![a], vec!["--threshold", "trust=2", "--threshold", "release=1"], "only 1 usable"),
        (vec![a], vec!["--threshold", "trust=0", "--threshold", "release=1"], "anybody could sign"),
        (vec![a, a], one.to_vec(), "listed twice"),
        (vec![b], one.to_vec(), "trust is 1"),
        (vec!["keys/alice.pub:trust@clinic-001", b], one.to_vec(), "limited to sites"),
        (vec!["keys/alice.key:trust,release"], one.to_vec(), "not a usable public key"),
    ] {
        let mut arguments = Vec::new();
        keys.iter().for_each(|key| arguments.extend(["--key", key]));
        arguments.extend(thresholds);
        let said = init(&desk, &arguments, 1);
        assert!(said.contains(why), "expected {why:?}:\n{said}");
    }
    for (key, why) in [
        ("keys/alice.pub", "FILE:ROLE"),
        ("keys/alice.pub:king", "not a role"),
        ("keys/alice.pub:trust@X", "not a site name"),
        (":trust", "no public key file"),
        ("keys/none.pub:trust,release", "none.pub"),
    ] {
        let said = init(&desk, &[&["--key", key], &one[..]].concat(), 2);
        assert!(said.contains(why), "expected {why:?}:\n{said}");
    }
    init(&desk, &["--key", a, "--threshold", "release=many"], 2);
    init(&desk, &["--key", a, "--expires", "1.5y", "--threshold", "release=1"], 2);
    assert!(!desk.path("releases").exists(), "nothing was written");
    init(&desk, &TWO, 0);
    assert!(init(&desk, &TWO, 1).contains("never overwritten"));
}

#[test]
fn the_next_root_needs_the_keys_of_the_one_before_and_its_own() {
    let desk = with_keys();
    init(&desk, &TWO, 0);
    sign(&desk, 1, "alice", 0);
    sign(&desk, 1, "bob", 0);
    let next = ["trust", "next", "--from", "releases/trust"];
    desk.ok(&[
        &next[..],
        &["--key", "keys/carol.pub:trust,release", "--revoke", "keys/bob.pub=2026-01-01T00:00:00Z", "--raise-epoch"],
    ]
    .concat());
    sign(&desk, 2, "alice", 0);
    sign(&desk, 2, "carol", 0);
    let said = desk.refused(&["trust", "show", "releases/trust"]);
    assert!(said.contains("2.json") && said.contains("does not continue"), "{said}");
    // Bob's signature counts under the root before, though the new one revokes his key.
    sign(&desk, 2, "bob", 0);
    let shown = desk.ok(&["trust", "show", "releases/trust"]);
    assert!(shown.contains("the chain holds up to version 2") && shown.contains("epoch 2"), "{shown}");
    assert!(shown.contains("revoked as of 2026-01-01"), "{shown}");
    // One that forgets a key, written by hand.
    let newest = fs::read_to_string(desk.path("releases/trust/2.json")).unwrap();
    let mut root: serde_json::Value = serde_json::from_str(&newest).unwrap();
    root["version"] = 3.into();
    root["keys"].as_array_mut().unwrap().retain(|key| key["name"] != "bob");
    desk.put("releases/trust/3.json", serde_json::to_vec(&root).unwrap());
    sign(&desk, 3, "alice", 0);
    sign(&desk, 3, "carol", 0);
    assert!(desk.refused(&["trust", "show", "releases/trust"]).contains("old keys stay listed"));
    assert!(desk.refused(&next).contains("3.json"), "nothing is built on a broken chain");
}

#[test]
fn a_damaged_root_or_signature_is_named() {
    let desk = with_keys();
    init(&desk, &TWO, 0);
    sign(&desk, 1, "alice", 0);
    sign(&desk, 1, "bob", 0);
    let good = desk.read("releases/trust/1.json");
    let text = String::from_utf8(good.clone()).unwrap();
    for (bad, why) in [
        (text.replace("writ.trust.v1", "writ.trust.v9"), "newer"),
        (text.replace("\"epoch\":1", "\"epoch\":0"), "epoch"),
        (text.replace("{\"epoch\"", "{\"epoch\":1,\"epoch\""), "duplicate"),
        (text.replacen("alice", "alicf", 1), "0 of the 2"),
        (text[..text.len() - 1].to_owned(), "EOF"),
        (String::new(), "EOF"),
    ] {
        desk.put("releases/trust/1.json", bad);
        let said = desk.refused(&["trust", "show", "releases/trust"]);
        assert!(said.contains("1.json") && said.contains(why), "expected {why:?}:\n{said}");
    }
    desk.put("releases/trust/1.json", good);
    desk.flip(&format!("releases/trust/1.json.{}.minisig", desk.key_id("alice")));
    assert!(desk.refused(&["trust", "show", "releases/trust"]).contains("1 of the 2"));
}

#[test]
fn keys_near_their_end_are_called_out() {
    let desk = with_keys();
    init(&desk, &[&TWO[..], &["--keys-valid", "34d"]].concat(), 0);
    sign(&desk, 1, "alice", 0);
    sign(&desk, 1, "bob", 0);
    assert!(desk.ok(&["trust", "show", "releases/trust"]).contains("rotate it now"));
}

#[test]
fn a_yearly_renewal_extends_keys() {
    let desk = with_keys();
    init(&desk, &[&TWO[..], &["--keys-valid", "34d"]].concat(), 0);
    sign(&desk, 1, "alice", 0);
    sign(&desk, 1, "bob", 0);
    let next = |more: &[&str], code| {
        desk.expect(&[&["trust", "next", "--from", "releases/trust", "--expires", "1y"], more].concat(), code).1
    };
    assert!(next(&["--extend", "carol=1y"], 1).contains("alice, bob"));
    assert!(next(&["--extend", "bob=7d"], 1).contains("already"));
    assert!(next(&["--extend", "bob=soon"], 2).contains("--extend"));
    assert!(!desk.path("releases/trust/2.json").exists());
    let bob = desk.key_id("bob");
    let said = next(&["--extend", "alice=1y", "--extend", &bob, "--keys-valid", "90d"], 0);
    assert!(said.contains("bob counts until") && !said.contains("alice counts until"), "{said}");
    sign(&desk, 2, "alice", 0);
    sign(&desk, 2, "bob", 0);
    let root = |version: u32| -> serde_json::Value {
        serde_json::from_slice(&desk.read(&format!("releases/trust/{version}.json"))).unwrap()
    };
    let (before, after) = (root(1), root(2));
    let until = |root: &serde_json::Value, key: usize| root["keys"][key]["valid_until"].as_str().unwrap().to_owned();
    assert_eq!(until(&after, 0), after["expires_at"].as_str().unwrap());
    assert!(until(&before, 1) < until(&after, 1) && until(&after, 1) < until(&after, 0));
    assert!(desk.ok(&["trust", "show", "releases/trust"]).contains("the chain holds up to version 2"));
    assert!(!desk.ok(&["trust", "show", "releases/trust/2.json"]).contains("rotate it now"));
    next(&["--revoke", "keys/bob.pub", "--key", "keys/carol.pub:trust,release"], 0);
    sign(&desk, 3, "alice", 0);
    sign(&desk, 3, "bob", 0);
    sign(&desk, 3, "carol", 0);
    assert!(next(&["--extend", "bob=2y"], 1).contains("revoked"));
}
