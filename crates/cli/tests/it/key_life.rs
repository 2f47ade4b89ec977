//! The life of a key after it was made: age, rotation, revocation, archive.

use std::fs;

use serde_json::Value;
use writ_trust::minisign::SecretKeyFile;

use crate::depot::{Depot, now};
use crate::desk::Desk;

const DAY: i64 = 86_400_000;

/// Alice, Bob and Carol, two of whom sign roots and releases; one of them is enough where `needed` says so.
fn desk(needed: u32) -> Desk {
    let desk = Desk::empty();
    ["alice", "bob", "carol"].iter().for_each(|name| desk.key(name));
    desk.ok(&["keys", "new", "--name", "reader", "--out", "keys", "--role", "read", "--no-passphrase"]);
    let (trust, release) = (format!("trust={needed}"), format!("release={needed}"));
    let keys = ["--key", "keys/alice.pub:trust,release", "--key", "keys/bob.pub:trust,release"];
    let more = ["--key", "keys/carol.pub:trust,release", "--key", "keys/reader.pub:read"];
    let thresholds = ["--threshold", &trust, "--threshold", &release];
    desk.ok(&[&["trust", "init", "--out", "releases/trust/1.json"], &keys[..], &more[..], &thresholds[..]].concat());
    // In the second in which a key begins no other takes over.
    let mut root = root(&desk, 1);
    for key in root["keys"].as_array_mut().unwrap() {
        key["valid_from"] = days_ago(1);
    }
    desk.put("releases/trust/1.json", writ_trust::json::canonical(&root));
    sign(&desk, 1, &["alice", "bob"]);
    desk
}

fn days_ago(days: i64) -> Value {
    let from = (now().unix_millis() - days * DAY) / 1000 * 1000;
    serde_json::to_value(writ_trust::time::Time::from_unix_millis(from)).unwrap()
}

#[track_caller]
fn sign(desk: &Desk, version: u32, keys: &[&str]) -> String {
    let file = format!("releases/trust/{version}.json");
    keys.iter()
        .map(|key| {
            let key = format!("keys/{key}.key");
            desk.ok(&["trust", "sign", &file, "--key", &key, "--passphrase-file", "pass"])
        })
        .collect()
}

fn root(desk: &Desk, version: u32) -> Value {
    serde_json::from_slice(&desk.read(&format!("releases/trust/{version}.json"))).unwrap()
}

fn entry(root: &Value, name: &str) -> Value {
    let keys = root["keys"].as_array().unwrap();
    keys.iter().find(|key| key["name"] == name).unwrap_or_else(|| panic!("{name}: {root}")).clone()
}

/// Rewrites the first root so that a key began so many days ago, and has it signed again.
fn aged(desk: &Desk, name: &str, days: i64) {
    let mut root = root(desk, 1);
    for key in root["keys"].as_array_mut().unwrap() {
        if key["name"] == name {
            key["valid_from"] = days_ago(days);
            key["valid_until"] = "2031-01-01T00:00:00Z".into();
        }
    }
    desk.put("releases/trust/1.json", writ_trust::json::canonical(&root));
    sign(desk, 1, &["alice", "bob"]);
}

#[test]
fn ages_come_from_the_register_and_the_old_are_named() {
    let desk = desk(2);
    let age = |more: &[&str], code| desk.expect(&[&["keys", "age", "--trust", "releases/trust"], more].concat(), code);
    let (shown, _) = age(&[], 0);
    assert!(
        shown.contains("alice") && shown.contains("trust, release") && shown.contains("tell clients by"),
        "{shown}"
    );
    aged(&desk, "bob", 331);
    // What the file says of when it was written is nobody's word.
    let mut touch = std::process::Command::new("touch");
    assert!(touch.arg("-d").arg("2020-01-01").arg(desk.path("keys/alice.pub")).status().unwrap().success());
    let (json, _) = age(&["--json"], 1);
    let ages: Value = serde_json::from_str(&json).unwrap();
    let of = |name: &str| ages["keys"].as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone();
    assert_eq!((&ages["schema"], &ages["remind"]), (&"writ.key-ages.v1".into(), &"330d".into()));
    let (alice, bob) = (of("alice"), of("bob"));
    assert_eq!((&alice["age_days"], &alice["replace"], &alice["state"]), (&1.into(), &false.into(), &"counts".into()));
    assert_eq!((&bob["age_days"], &bob["replace"]), (&331.into(), &true.into()));
    assert!([33, 34].contains(&bob["rotation_due_in_days"].as_i64().unwrap()), "{bob}");
    let (shown, _) = age(&[], 1);
    assert!(shown.contains("replace it now") && shown.contains("1 key to be replaced"), "{shown}");
    // Only some keys, another age, and one that is in no register.
    age(&["keys/alice.pub"], 0);
    age(&["--remind", "340d"], 0);
    desk.key("dora");
    assert!(age(&["keys/dora.pub"], 1).1.contains("nobody says how old it is"));
    assert!(age(&["--remind", "soon"], 2).1.contains("--remind"));
    // A root alone: what an auditor was given.
    fs::copy(desk.path("releases/trust/1.json"), desk.path("given.json")).unwrap();
    desk.expect(&["keys", "age", "--trust", "given.json"], 1);
    desk.could_not(&["keys", "age", "--trust", "nowhere"]);
}

#[test]
fn a_key_is_replaced_in_the_next_root_and_the_real_minisign_agrees() {
    let desk = desk(2);
    desk.key("alice-2");
    let rotate =
        ["keys", "rotate", "--trust", "releases/trust", "--old", "keys/alice.pub", "--new", "keys/alice-2.pub"];
    let (said, more) = desk.expect(&rotate, 0);
    assert!(said.contains("releases/trust/2.json") && said.contains("replaced by"), "{said}");
    assert!(more.contains("2 trust keys of version 1 and 2 of its own") && more.contains("tell clients by"), "{more}");
    assert!(more.contains("still counts for signing the next trust roots") && more.contains("keys revoke"), "{more}");
    let (old, new) = (entry(&root(&desk, 2), "alice"), entry(&root(&desk, 2), "alice-2"));
    assert_eq!((&old["valid_until"], &old["roles"]), (&new["valid_from"], &new["roles"]));
    assert_eq!(old["revoked_at"], Value::Null);
    // The draft is nobody's before it is signed; the retired key may sign for the root before.
    assert!(desk.refused(&rotate).contains("does not continue"), "nothing is built on a draft");
    let said = sign(&desk, 2, &["alice", "bob"]);
    let why = format!("why: {}: replaced by {}", desk.key_id("alice"), desk.key_id("alice-2"));
    assert!(said.contains(&why), "{said}");
    assert!(desk.ok(&["trust", "show", "releases/trust"]).contains("the chain holds up to version 2"));
    let signature = format!("releases/trust/2.json.{}.minisig", desk.key_id("bob"));
    assert!(desk.minisign_accepts("releases/trust/2.json", &signature, "keys/bob.pub"));
    // Each key tells what it is.
    let shown = |key: &str| desk.ok(&["keys", "show", "--trust", "releases/trust", &format!("keys/{key}.pub")]);
    assert!(shown("alice").contains("it counted only until") && shown("alice-2").contains("counts, 0 days old"));
    let json = desk.ok(&["keys", "show", "--trust", "releases/trust", "--json", "keys/alice-2.pub"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["trust"]["trust_version"], &json["trust"]["entry"]["name"]), (&2.into(), &"alice-2".into()));
    desk.key("dora");
    assert!(shown("dora").contains("not listed: it counts for nothing"));
    // Once more, ahead of time, with an overlap, into a file that is named.
    let at = now().plus_millis(40 * DAY).to_string();
    let at = format!("{}Z", at.split(['.', 'Z']).next().unwrap());
    desk.key("bob-2");
    let ahead =
        ["keys", "rotate", "--trust", "releases/trust/2.json", "--old", "keys/bob.pub", "--new", "keys/bob-2.pub"];
    let more = ["--valid-from", &at, "--overlap", "7d", "--out", "releases/trust/3.json", "--json"];
    let drafted: Value = serde_json::from_str(&desk.ok(&[&ahead[..], &more[..]].concat())).unwrap();
    assert_eq!((&drafted["schema"], &drafted["version"]), (&"writ.key-change.v1".into(), &3.into()));
    assert_eq!(entry(&root(&desk, 3), "bob-2")["valid_from"], at);
    sign(&desk, 3, &["alice-2", "bob"]);
    let (ages, _) = desk.expect(&["keys", "age", "--trust", "releases/trust", "--json"], 0);
    let ages: Value = serde_json::from_str(&ages).unwrap();
    let states: Vec<&str> = ages["keys"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["retired", "counts", "counts", "counts", "counts", "not-yet"]);
}

#[test]
fn what_would_leave_too_few_keys_is_refused_and_says_what_to_do() {
    let desk = desk(3);
    sign(&desk, 1, &["carol"]);
    let revoke = ["keys", "revoke", "--trust", "releases/trust", "--key", "keys/alice.pub", "--reason", "stolen"];
    let said = desk.refused(&revoke);
    for words in
        ["only 2 of the 3 keys", "role trust", "--new NAME-2.pub", "--threshold trust=2", "nothing was written"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(desk.names("releases/trust").len(), 4, "the root and its three signatures");
    desk.key("dora");
    desk.ok(&[&revoke[..], &["--new", "keys/dora.pub"]].concat());
    assert_eq!(entry(&root(&desk, 2), "dora")["roles"], entry(&root(&desk, 1), "alice")["roles"]);
    // Its own signature counts for the root before, and not for its own.
    sign(&desk, 2, &["alice", "bob", "carol"]);
    assert!(desk.refused(&["trust", "show", "releases/trust"]).contains("2 of the 3"));
    sign(&desk, 2, &["dora"]);
    desk.ok(&["trust", "show", "releases/trust"]);
}

#[test]
fn what_is_wrong_with_a_change_is_named() {
    let desk = desk(2);
    desk.key("dora");
    let rotate = |more: &[&str], code| {
        let given =
            ["keys", "rotate", "--trust", "releases/trust", "--old", "keys/alice.pub", "--new", "keys/dora.pub"];
        desk.expect(&[&given[..], more].concat(), code).1
    };
    let revoke = |more: &[&str], code| {
        let given = ["keys", "revoke", "--trust", "releases/trust", "--key", "keys/alice.pub", "--reason"];
        desk.expect(&[&given[..], more].concat(), code).1
    };
    assert!(rotate(&["--valid-from", "2026-01-01T00:00:00Z"], 1).contains("is past"));
    assert!(rotate(&["--valid-from", "tomorrow"], 2).contains("--valid-from"));
    assert!(rotate(&["--out", "releases/trust/7.json"], 1).contains("2.json"));
    assert!(rotate(&["--reason", "a; b"], 2).contains("without `;`"));
    assert!(revoke(&["stolen", "--at", "2099-01-01T00:00:00Z"], 1).contains("has not come"));
    assert!(revoke(&[""], 2).contains("1 to 200 characters"));
    assert!(revoke(&["two\nlines"], 2).contains("one line"));
    let stranger = ["keys", "revoke", "--trust", "releases/trust", "--key", "keys/dora.pub", "--reason", "x"];
    assert!(desk.refused(&stranger).contains("keys of alice, bob, carol"));
    let itself = ["keys", "rotate", "--trust", "releases/trust", "--old", "keys/alice.pub", "--new", "keys/bob.pub"];
    assert!(desk.refused(&itself).contains("a key comes only once"));
    assert!(!desk.path("releases/trust/2.json").exists() && !desk.path("releases/trust/2.json.why").exists());
    // A root that is not the newest is nothing to follow.
    revoke(&["stolen"], 0);
    sign(&desk, 2, &["bob", "carol"]);
    let old = ["keys", "rotate", "--trust", "releases/trust/1.json", "--old", "keys/bob.pub", "--new", "keys/dora.pub"];
    let said = desk.refused(&old);
    assert!(said.contains("not the newest") && said.contains("2.json"), "{said}");
    assert!(revoke(&["again"], 1).contains("already"));
    // The last that reads: one is needed, though no threshold asks for it, and fewer are not to be had.
    let reader = ["keys", "revoke", "--trust", "releases/trust", "--key", "keys/reader.pub", "--reason", "lost"];
    let said = desk.refused(&reader);
    assert!(
        said.contains("only 0 of the 1 keys") && said.contains("writ trust next --revoke keys/reader.pub"),
        "{said}"
    );
    assert!(!said.contains("--threshold"), "{said}");
    desk.ok(&[&reader[..], &["--new", "keys/dora.pub"]].concat());
    // A reason that somebody wrote by hand.
    desk.put("releases/trust/3.json.why", "two\nlines\n");
    let key = ["--key", "keys/bob.key", "--passphrase-file", "pass"];
    let said = desk.refused(&[&["trust", "sign", "releases/trust/3.json"], &key[..]].concat());
    assert!(said.contains("3.json.why") && said.contains("not one line"), "{said}");
}

/// Alice's key replaced in root 2, Bob's revoked in root 3.
fn changed() -> Desk {
    let desk = desk(2);
    ["alice-2", "bob-2"].iter().for_each(|name| desk.key(name));
    let rotate =
        ["keys", "rotate", "--trust", "releases/trust", "--old", "keys/alice.pub", "--new", "keys/alice-2.pub"];
    desk.ok(&[&rotate[..], &["--reason", "yearly"]].concat());
    sign(&desk, 2, &["alice", "bob", "alice-2"]);
    let revoke = ["keys", "revoke", "--trust", "releases/trust", "--key", "keys/bob.pub", "--reason", "laptop stolen"];
    desk.ok(&[&revoke[..], &["--at", "2026-11-20T00:00:00Z", "--new", "keys/bob-2.pub"]].concat());
    sign(&desk, 3, &["alice-2", "carol"]);
    desk
}

#[test]
fn the_archive_has_what_is_no_longer_in_use_and_is_held_against_the_roots() {
    let desk = changed();
    let archive = ["keys", "archive", "--trust", "releases/trust", "--to", "archive"];
    let said = desk.ok(&archive);
    for words in ["alice (trust, release)", "retired: replaced by", "yearly", "bob (trust, release)", "laptop stolen"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("carol") && !said.contains("alice-2 ("), "{said}");
    let (alice, bob) = (desk.key_id("alice"), desk.key_id("bob"));
    let mut files = vec![format!("{alice}.pub"), format!("{bob}.pub"), "register.json".to_owned()];
    files.sort();
    assert_eq!(desk.names("archive"), files);
    // An archived key verifies what it signed.
    let signature = format!("releases/trust/1.json.{alice}.minisig");
    assert!(desk.minisign_accepts("releases/trust/1.json", &signature, &format!("archive/{alice}.pub")));
    let register: Value = serde_json::from_slice(&desk.read("archive/register.json")).unwrap();
    assert_eq!((&register["schema"], &register["trust_version"]), (&"writ.key-register.v1".into(), &3.into()));
    let of = |id: &str| register["keys"].as_array().unwrap().iter().find(|key| key["key_id"] == *id).unwrap().clone();
    assert_eq!((&of(&bob)["state"], &of(&bob)["why"]), (&"revoked".into(), &"laptop stolen".into()));
    assert_eq!(of(&bob)["life"]["revoked_at"], "2026-11-20T00:00:00Z");
    assert_eq!((&of(&alice)["state"], &of(&alice)["life"]["ended_by_root"]), (&"retired".into(), &2.into()));
    // Again changes nothing but the instant; --check says that it is true.
    desk.ok(&archive);
    let check = ["keys", "archive", "--trust", "releases/trust", "--check", "archive"];
    assert!(desk.ok(&check).contains("true: 2 keys"));
    let good = desk.read("archive/register.json");
    let text = String::from_utf8(good.clone()).unwrap();
    let of_bob = format!("\"key_id\":\"{bob}\"");
    for (bad, why) in [
        (text.replace("2026-11-20", "2026-11-21"), "not there as the trust roots have it"),
        (text.replace("laptop stolen", "nothing at all"), "not there as the trust roots have it"),
        (text.replacen(&of_bob, "\"key_id\":\"0000000000000000\"", 1), "not there as the trust roots have it"),
        (text.replace("\"trust_version\":3", "\"trust_version\":2"), "is not one of these"),
        (text.replace("writ.key-register.v1", "writ.key-register.v9"), "not what the trust roots make"),
        (text.replace("{\"as_of\"", "{\"as_of\":1,\"as_of\""), "not a register"),
        (text[..text.len() - 1].to_owned(), "not a register"),
        (String::new(), "not a register"),
    ] {
        assert_ne!(bad, text);
        desk.put("archive/register.json", bad);
        let said = desk.refused(&check);
        assert!(said.contains(why) && said.contains("register.json"), "expected {why:?}:\n{said}");
    }
    desk.put("archive/register.json", good);
    fs::copy(desk.path("keys/carol.pub"), desk.path(&format!("archive/{bob}.pub"))).unwrap();
    assert!(desk.refused(&check).contains(&format!("does not hold key {bob}")));
    assert!(desk.refused(&archive).contains("other content"), "and is not overwritten");
    fs::remove_file(desk.path(&format!("archive/{bob}.pub"))).unwrap();
    desk.could_not(&check);
    desk.ok(&archive);
    desk.ok(&check);
    assert!(desk.could_not(&["keys", "archive", "--trust", "releases/trust"]).contains("--to"));
}

#[test]
fn only_trust_keys_that_count_put_a_reason_into_the_archive() {
    let desk = changed();
    let register = || -> Value {
        let _ = fs::remove_dir_all(desk.path("archive"));
        desk.ok(&["keys", "archive", "--trust", "releases/trust", "--to", "archive"]);
        serde_json::from_slice(&desk.read("archive/register.json")).unwrap()
    };
    let why = |register: &Value| -> Vec<Value> {
        register["keys"].as_array().unwrap().iter().map(|key| key["why"].clone()).collect()
    };
    let before = why(&register());
    // The key that reads, and the one that this very root revokes, have other words for what they signed.
    let document = desk.read("releases/trust/3.json");
    for name in ["reader", "bob"] {
        let file = String::from_utf8(desk.read(&format!("keys/{name}.key"))).unwrap();
        let passphrase = String::from_utf8(desk.read("pass")).unwrap();
        // A file that is open ignores the passphrase.
        let secret = SecretKeyFile::parse(&file).unwrap().unlock(passphrase.trim_end().as_bytes()).unwrap();
        let comment = format!("trust version=3 epoch=1; why: {}: it was nothing", desk.key_id("bob"));
        let signature = secret.sign(&document, &comment, "c").unwrap().to_string();
        let place = format!("releases/trust/3.json.{}.minisig", desk.key_id(name));
        desk.put(&place, signature);
    }
    assert_eq!(why(&register()), before);
}

#[test]
fn roots_go_to_a_depot_without_a_release() {
    let desk = Desk::logged_of_others();
    let depot = Depot::start(&desk, "depot");
    let publish = ["trust", "publish", "releases/trust", "--depot", &depot.url];
    assert!(desk.ok(&publish).contains("up to version 1"));
    desk.key("bob");
    let revoke = ["keys", "revoke", "--trust", "releases/trust", "--key", "keys/alice.pub", "--reason", "stolen"];
    desk.ok(&[&revoke[..], &["--new", "keys/bob.pub"]].concat());
    assert!(desk.refused(&publish).contains("0 of the 1"), "an unsigned root goes nowhere");
    sign(&desk, 2, &["alice", "bob"]);
    let said = desk.ok(&publish);
    assert!(said.contains("published trust root 2") && said.contains("up to version 2"), "{said}");
    assert!(!desk.ok(&publish).contains("published trust root"), "again changes nothing");
    desk.could_not(&["trust", "publish", "releases/trust", "--depot", "http://127.0.0.1:1"]);
}
