//! Keys are replaced, root after root, while a depot, a courier and an enforcer go on: what new keys sign counts, what retired
//! ones sign does not, and what was sealed before keeps verifying.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use writ_trust::minisign::signature_file_name;

use crate::distribution::line::Line;
use crate::house::releases::sign;
use crate::house::*;

/// The keys that take over.
const TRUST_2: u8 = 21;
const ALICE_2: u8 = 22;
const LOG_2: u8 = 23;

/// `writ` in the house's folder.
#[track_caller]
fn writ(line: &Line, arguments: &[&str], code: i32) -> String {
    let ran = ran(program("writ").args(arguments).current_dir(line.house.path("")));
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    format!("{}{}", ran.stdout, ran.stderr)
}

/// A line whose desk has its keys and roots as files.
fn with_keys() -> Line {
    let line = Line::running();
    let house = &line.house;
    let keys =
        [("ada", TRUST), ("ada-2", TRUST_2), ("alice", ALICE), ("alice-2", ALICE_2), ("log-1", LOG), ("log-2", LOG_2)];
    for (name, who) in keys {
        let path = house.path(&format!("etc/{name}.key"));
        fs::write(&path, secret(who).to_open_file().as_bytes()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(house.path(&format!("etc/{name}.pub")), public(who).to_file()).unwrap();
    }
    let roots = house.path("releases/trust");
    fs::copy(house.path("etc/trust.json"), roots.join("1.json")).unwrap();
    let name = signature_file_name("1.json", public(TRUST).key_id());
    fs::write(roots.join(name), sign(TRUST, &house.root.canonical())).unwrap();
    line
}

/// Replaces a key in the next root, has it signed and published, and waits until the appliance has it.
fn rotated(line: &Line, version: u64, old: &str, more: &[&str], signers: &[&str]) {
    let (old_file, new_file) = (format!("etc/{old}.pub"), format!("etc/{old}-2.pub"));
    let (old_file, new_file) = match old {
        "log-1" => ("etc/log-1.pub".to_owned(), "etc/log-2.pub".to_owned()),
        _ => (old_file, new_file),
    };
    let rotate = ["keys", "rotate", "--trust", "releases/trust", "--old", &old_file, "--new", &new_file];
    writ(line, &[&rotate[..], more].concat(), 0);
    for signer in signers {
        let (root, key) = (format!("releases/trust/{version}.json"), format!("etc/{signer}.key"));
        writ(line, &["trust", "sign", &root, "--key", &key], 0);
    }
    let url = line.depot.url();
    writ(line, &["trust", "publish", "releases/trust", "--depot", &url], 0);
    let stored = line.house.path(&format!("state/trust/{version}.json"));
    line.until(&format!("root {version} on the appliance"), || stored.exists());
}

/// The auditor's judgement, from the first root.
fn audited(line: &Line) -> Value {
    let (url, site) = (line.depot.url(), line.house.site.clone());
    let fetch = ["audit", "fetch", "--depot", &url, "--site", &site, "--read-key", "etc/reader.key"];
    writ(line, &[&fetch[..], &["--trust", "etc/trust.json", "--to", "audit"]].concat(), 0);
    let verified = ran(program("writ")
        .args(["audit", "verify", "audit", "--trust", "etc/trust.json", "--json"])
        .current_dir(line.house.path("")));
    let report: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(report["ok"], true, "{report}");
    report
}

#[test]
fn keys_are_replaced_root_after_root() {
    let line = with_keys();
    let before = audited(&line);
    // N → N + 1: the key that signs roots.
    rotated(&line, 2, "ada", &[], &["ada", "ada-2"]);
    // N + 1 → N + 2: a key that signs releases; the new trust key alone signs that root.
    rotated(&line, 3, "alice", &["--reason", "yearly"], &["ada-2"]);
    let mark = line.mark();
    assert_eq!(line.refused_there(&[ALICE, BOB]), Some(403), "the retired key counts for nothing new");
    assert_eq!(line.refused_there(&[ALICE_2]), Some(403), "and the threshold is what it was");
    // The same before the appliance, as by a courier that believes the thief.
    let mut line = line;
    line.silence();
    let place = line.house.path(&format!("inbox/releases/{}/1-2", line.house.site));
    fs::create_dir_all(&place).unwrap();
    let document = line.house.release(2).canonical();
    for who in [ALICE, BOB] {
        let name = signature_file_name("release.json", public(who).key_id());
        fs::write(place.join(name), sign(who, &document)).unwrap();
    }
    fs::write(place.join("release.json"), &document).unwrap();
    line.hears(&["signature-threshold"], mark);
    fs::remove_dir_all(&place).unwrap();
    assert_eq!(line.house.obeys().as_deref(), Some("1-1"), "what runs goes on");
    line.start_courier();
    line.publish_signed(&[ALICE_2, BOB]);
    line.settle();
    // The key of the log, which both count for a while.
    rotated(&line, 4, "log-1", &["--overlap", "7d"], &["ada-2"]);
    line.publish_signed(&[ALICE_2, BOB]);
    line.settle();
    let after = audited(&line);
    assert!(after["bundles"].as_u64() > before["bundles"].as_u64(), "{after}");
    assert_eq!(after["roots"].as_array().unwrap().len(), 4);
    assert_eq!((&after["log"], &after["problems"]["bad"]), (&"verified".into(), &0.into()), "{after}");
    // The archive has the two that are gone; the log's key still counts.
    let said = writ(&line, &["keys", "archive", "--trust", "releases/trust", "--to", "archive"], 0);
    // Rob was revoked and Lea's time was over from the beginning.
    for name in ["Ada", "Alice", "Rob", "Lea"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(said.contains("yearly") && !said.contains("the depot") && said.contains("4 keys"), "{said}");
    writ(&line, &["keys", "archive", "--trust", "releases/trust", "--check", "archive"], 0);
}
