//! Attacks on the documents that a good release names.

use std::fs;

use serde_json::{Value, json};
use writ_trust::digest::Digest;
use writ_trust::json::canonical;
use writ_trust::release::ClosureRef;

use super::{Attack, attack};
use crate::house::policy::with_rules_version;
use crate::house::*;

const TOPLEVEL: &str = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system";

pub const ALL: &[Attack] = &[
    attack("a policy of other bytes, as long", "document-digest", "policy", |h| {
        let policy = moved(h);
        let altered = String::from_utf8(policy.clone()).unwrap().replacen("\"0644\"", "\"0666\"", 1);
        release_with(h, &policy);
        fs::write(h.document(&Digest::of(&policy)), altered).unwrap();
    }),
    attack("a policy that is longer than its release says", "document-digest", "policy", |h| {
        let policy = moved(h);
        release_with(h, &policy);
        fs::write(h.document(&Digest::of(&policy)), [&policy[..], b" "].concat()).unwrap();
    }),
    attack("a policy that is cut short", "document-digest", "policy", |h| {
        let policy = moved(h);
        release_with(h, &policy);
        fs::write(h.document(&Digest::of(&policy)), &policy[..policy.len() - 1]).unwrap();
    }),
    attack("a policy that is a link", "document-digest", "policy", |h| {
        let policy = moved(h);
        release_with(h, &policy);
        let path = h.document(&Digest::of(&policy));
        fs::rename(&path, h.path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(h.path("elsewhere"), path).unwrap();
    }),
    attack("a policy that never ends", "document-digest", "policy", |h| {
        let policy = moved(h);
        release_with(h, &policy);
        let path = h.document(&Digest::of(&policy));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    }),
    attack("a policy for another appliance", "policy-appliance", "policy", |h| {
        edited(h, |p| p["appliance"] = json!("back-office"));
    }),
    attack("a policy for another site", "policy-appliance", "policy", |h| {
        edited(h, |p| p["site"] = json!("clinic-999"))
    }),
    attack("rules that are not those of rules_version", "policy-rules-version", "policy", |h| {
        let mut policy = h.policy();
        policy["rules"]["L1-FILE-0"]["priority"] = json!(7);
        release_with(h, &canonical(&policy));
    }),
    attack("a policy that is not JSON", "policy", "policy", |h| release_with(h, b"{\"schema\":")),
    attack("a policy with a member that nobody knows", "policy", "policy", |h| edited(h, |p| p["shell"] = json!("rm"))),
    attack("a policy with a float", "policy", "policy", |h| {
        let policy = String::from_utf8(moved(h)).unwrap().replacen("\"priority\":100", "\"priority\":1e2", 1);
        release_with(h, policy.as_bytes());
    }),
    attack("a policy without settings", "policy", "policy", |h| {
        edited(h, |p| drop(p.as_object_mut().unwrap().remove("settings")));
    }),
    attack("a closure of other bytes", "document-digest", "closure", |h| {
        let closure = canonical(&closure(TOPLEVEL));
        with_closure(h, &closure);
        let altered = String::from_utf8(closure.clone()).unwrap().replacen("\"nar_size\":120", "\"nar_size\":121", 1);
        fs::write(h.document(&Digest::of(&closure)), altered).unwrap();
    }),
    attack("a closure of another system", "closure-toplevel", "closure", |h| {
        with_closure(h, &canonical(&closure("/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-system")));
    }),
    attack("a closure that is not closed", "closure", "closure", |h| {
        let mut closure = closure(TOPLEVEL);
        closure["paths"][0]["references"] = json!(["/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-missing"]);
        with_closure(h, &canonical(&closure));
    }),
    attack("a closure with a program outside", "closure", "closure", |h| {
        let mut closure = closure(TOPLEVEL);
        closure["programs"] = json!({ "tool": "/bin/sh" });
        with_closure(h, &canonical(&closure));
    }),
    attack("a closure with a program that climbs out", "closure", "closure", |h| {
        let mut closure = closure(TOPLEVEL);
        closure["programs"] = json!({ "tool": format!("{TOPLEVEL}/../../../bin/sh") });
        with_closure(h, &canonical(&closure));
    }),
    attack("a closure of a path outside the store", "closure", "closure", |h| {
        let mut closure = closure(TOPLEVEL);
        closure["paths"][0]["path"] = json!("/etc/0123456789abcdfghijklmnpqrsvwxyz-system");
        with_closure(h, &canonical(&closure));
    }),
];

/// The policy that runs, with a difference that does no harm: other bytes under another digest.
fn moved(house: &House) -> Vec<u8> {
    let mut policy = house.policy();
    policy["settings"]["title"] = json!("Test clinic, renamed");
    canonical(&policy)
}

fn release_with(house: &House, policy: &[u8]) {
    house.publish(&house.release_of(6, policy, None));
}

fn edited(house: &House, edit: impl FnOnce(&mut Value)) {
    let mut policy = house.policy();
    edit(&mut policy);
    release_with(house, &canonical(&with_rules_version(policy)));
}

fn closure(toplevel: &str) -> Value {
    let nar_hash = Digest::of(b"a system");
    json!({
        "schema": "writ.closure.v1", "toplevel": toplevel, "store_dir": "/nix/store",
        "paths": [{ "path": toplevel, "nar_hash": nar_hash, "nar_size": 120, "references": [] }], "programs": {}
    })
}

fn with_closure(house: &House, closure: &[u8]) {
    let digest = house.put_document(closure);
    let named = ClosureRef { toplevel: TOPLEVEL.parse().unwrap(), digest, size: closure.len() as u64 };
    house.publish(&house.release_of(6, &house.policy_bytes(), Some(named)));
}
