//! Attacks on the trust root, and on what this machine remembers of it.

use std::fs;

use writ_evidence::Kind;
use writ_trust::digest::Digest;
use writ_trust::floor::Floor;
use writ_trust::role::Role;

use super::{Attack, attack};
use crate::house::releases::trust_key;
use crate::house::*;

pub const ALL: &[Attack] = &[
    attack("a root that nobody signed", "trust-chain", "trust-root", |h| h.put_root(&h.next_root(), &[])),
    attack("a root signed by a release key", "trust-chain", "trust-root", |h| h.put_root(&h.next_root(), &[ALICE])),
    attack("a root signed by its own new key alone", "trust-chain", "trust-root", |h| {
        let mut root = h.next_root();
        root.keys.push(trust_key(NEXT_TRUST, "Eve", &[Role::Trust]));
        h.put_root(&root, &[NEXT_TRUST]);
    }),
    attack("a root signed by the old key alone, which it no longer has", "trust-chain", "trust-root", |h| {
        let mut root = h.next_root();
        root.keys[0] = trust_key(NEXT_TRUST, "Eve", &[Role::Trust]);
        h.put_root(&root, &[TRUST]);
    }),
    attack("a root under another number", "trust-chain", "trust-root", |h| {
        let root = h.next_root();
        h.put_root(&writ_trust::root::TrustRoot { version: "3".parse().unwrap(), ..root }, &[TRUST]);
        for entry in fs::read_dir(h.path("releases/trust")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replacen('3', "2", 1);
            fs::rename(&path, path.with_file_name(name)).unwrap();
        }
    }),
    attack("a root that is not one", "trust-chain", "trust-root", |h| {
        fs::write(h.path("releases/trust/2.json"), b"{}").unwrap();
    }),
    attack("a release of the old epoch after a root has raised it", "epoch", "release", |h| {
        let mut root = h.next_root();
        root.epoch = "2".parse().unwrap();
        h.put_root(&root, &[TRUST]);
        h.publish(&h.release(6));
    }),
    attack("a release by keys that the newest root has revoked", "signature-threshold", "release", |h| {
        let mut root = h.next_root();
        root.keys[2].revoked_at = Some(now_plus(-1000));
        root.keys.push(trust_key(NEIGHBOUR, "Nia", &[Role::Release]));
        h.put_root(&root, &[TRUST]);
        h.publish(&h.release(6));
    }),
];

/// Rules that are attacked by the tests below: a root that has ended is told of beside the release, and the others guard
/// what the machine itself remembers.
pub const BELOW: [&str; 5] = ["trust-expiry", "floor-site", "trust-floor", "trust-fork", "resumed-bytes"];

fn refused(house: &House) -> Vec<String> {
    house.chain().of(Kind::Refused).filter_map(|b| Some(b.refused.as_ref()?.rule.clone())).collect()
}

/// A house that has accepted root 2, with a release that it has not seen yet.
fn with_two_roots() -> House {
    let house = House::enforcing(1);
    house.put_root(&house.next_root(), &[TRUST]);
    house.publish(&house.release(6));
    let ran = house.once();
    assert_eq!(house.obeys().as_deref(), Some("1-6"), "{}", ran.stderr);
    house.publish(&house.release(7));
    house
}

#[test]
fn nothing_new_is_accepted_under_a_root_that_has_ended() {
    let house = House::enforcing(1);
    let mut root = house.next_root();
    root.expires_at = now_plus(-1000);
    house.put_root(&root, &[TRUST]);
    house.publish(&house.release(6));
    house.break_file(0);
    let ran = house.once();
    assert_eq!((ran.code, house.obeys().as_deref()), (Some(0), Some("1-5")), "{}", ran.stderr);
    assert!(house.is_whole(0));
    assert_eq!(refused(&house), ["trust-expiry", "trust-expiry"], "the release, and the root itself");
}

#[test]
fn a_floor_of_another_site_is_not_this_machines() {
    let house = House::enforcing(1);
    let mut floor = Floor::parse(&house.state("floor")).unwrap();
    floor.site = "clinic-999".parse().unwrap();
    fs::write(house.path("state/floor"), floor.canonical()).unwrap();
    house.publish(&house.release(6));
    let ran = house.once();
    assert_eq!(house.obeys().as_deref(), Some("1-5"), "{}", ran.stderr);
    assert_eq!(refused(&house), ["floor-site"]);
}

#[test]
fn a_chain_of_roots_cannot_be_made_shorter() {
    let house = with_two_roots();
    fs::remove_dir_all(house.path("state/trust")).unwrap();
    fs::remove_dir_all(house.path("releases/trust")).unwrap();
    let ran = house.once();
    assert_eq!(house.obeys().as_deref(), Some("1-6"), "{}", ran.stderr);
    assert_eq!(refused(&house), ["trust-floor"]);
}

#[test]
fn a_root_cannot_be_exchanged_for_another_of_its_number() {
    let house = with_two_roots();
    fs::remove_dir_all(house.path("state/trust")).unwrap();
    let mut fork = house.next_root();
    fork.expires_at = now_plus(299 * DAY);
    house.put_root(&fork, &[TRUST]);
    let ran = house.once();
    assert_eq!(house.obeys().as_deref(), Some("1-6"), "{}", ran.stderr);
    assert_eq!(refused(&house), ["trust-fork"]);
}

/// The machine's own copy, which it does not need the folder's for.
#[test]
fn an_accepted_root_in_the_folder_may_vanish_or_rot() {
    let house = with_two_roots();
    fs::write(house.path("releases/trust/2.json"), b"rotten").unwrap();
    let ran = house.once();
    assert_eq!(house.obeys().as_deref(), Some("1-7"), "{}", ran.stderr);
    assert!(refused(&house).is_empty());
}

/// What was stored is not obeyed when it is no longer what was accepted; it is said, and taken from the folder again.
#[test]
fn an_altered_stored_release_is_not_obeyed() {
    let house = House::enforcing(1);
    let stored = house.path("state/generations/1-5/release.json");
    let accepted = fs::read(&stored).unwrap();
    let mut release = house.release(5);
    release.source.dirty = true;
    let altered = release.canonical();
    fs::write(&stored, &altered).unwrap();
    house.break_file(0);
    let ran = house.once();
    assert!(ran.stderr.lines().any(|l| l.contains("resumed-bytes") && l.contains("1-5")), "{}", ran.stderr);
    assert_eq!((ran.code, fs::read(&stored).unwrap() == accepted), (Some(0), true), "{}", ran.stderr);
    assert!(house.is_whole(0));
    let under = |b: &writ_evidence::Bundle| b.release.is_some_and(|r| r.digest == Digest::of(&altered));
    assert!(!house.chain().bundles.iter().any(under), "evidence was given under a release that nobody accepted");

    // With nowhere to take it from, nothing is obeyed rather than that.
    fs::write(&stored, &altered).unwrap();
    fs::remove_dir_all(house.path("releases")).unwrap();
    house.break_file(0);
    let ran = house.once();
    assert!(ran.code == Some(2) && ran.stderr.contains("resumed-bytes"), "{}", ran.stderr);
    assert!(!house.chain().bundles.iter().any(under));
}
