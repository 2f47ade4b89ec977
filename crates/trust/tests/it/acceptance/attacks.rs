//! The attacks, one line each: what is done, and the rule that must stop it.

use std::collections::BTreeSet;

use writ_trust::acceptance::{Accepted, resume};
use writ_trust::digest::Digest;
use writ_trust::floor::FloorRelease;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::receipt::Receipt;
use writ_trust::minisign::SecretKey;
use writ_trust::refusal::{Refusal, Rule};
use writ_trust::release::{Release, RevokedKey};
use writ_trust::root::{TrustKey, TrustRoot};

use crate::log_world::Log;
use crate::world::*;

/// One attack: the rule that must stop it, what it does, and the judgement.
type Attack = (Rule, &'static str, fn() -> Refusal);

pub fn refused(world: World) -> Refusal {
    world.judge().expect_err("accepted")
}

/// The refusal in a world that one edit made wrong.
pub fn with(edit: impl FnOnce(&mut World)) -> Refusal {
    let mut world = World::new();
    edit(&mut world);
    refused(world)
}

/// The refusal in a world with a log that has the release, which one edit made wrong.
fn logged(edit: impl FnOnce(&mut World, &mut Log)) -> Refusal {
    let (mut world, mut log) = Log::world();
    edit(&mut world, &mut log);
    refused(world)
}

/// The refusal under a root with a log key that one edit made unfit: it names the key and why, and blames nobody.
fn under_log_key(edit: impl FnOnce(&mut TrustKey), why: &str) -> Refusal {
    let refusal = logged(|world, _| {
        let mut root = world.chain.newest().clone();
        edit(root.keys.last_mut().unwrap());
        *world = World { log: std::mem::take(&mut world.log), ..World::under(&root) };
    });
    let text = refusal.to_string();
    assert!(text.contains(why) && text.contains(&public(LOG).key_id().to_string()), "{text}");
    assert!(!text.contains("do not trust"), "{text}");
    refusal
}

/// The same where the log was lost and begins anew.
fn restarted(edit: impl FnOnce(&mut World, &mut Log)) -> Refusal {
    let (mut world, mut log) = Log::restarted_world();
    edit(&mut world, &mut log);
    refused(world)
}

/// The refusal under a root that one edit changed; the floor knows that root.
fn under(edit: impl FnOnce(&mut TrustRoot)) -> Refusal {
    let mut root = root();
    edit(&mut root);
    refused(World::under(&root))
}

fn raw(bytes: &[u8]) -> Refusal {
    World::new().judge_bytes(bytes, &sign(bytes, &[RELEASE_A, RELEASE_B])).expect_err("accepted")
}

/// A chain whose second root is made of the first by one edit.
pub fn second(world: &mut World, edit: impl FnOnce(&mut TrustRoot)) {
    let mut next = root();
    next.version = version(2);
    edit(&mut next);
    let bytes = next.canonical();
    world.chain.extend(&bytes, &sign(&bytes, &[TRUST_A, TRUST_B])).unwrap();
}

pub fn ends_in_the_past(key: &mut writ_trust::root::TrustKey) {
    key.valid_until = time("2026-11-01T00:00:00Z");
}

/// A release that claims to be made at an instant, under a root in which one release key counts until another.
pub fn lasting_until(valid_until: &str, issued_at: &str, signers: &[u8]) -> Result<Accepted, Refusal> {
    let mut root = root();
    root.keys.iter_mut().find(|key| key.public_key == public(RELEASE_A)).unwrap().valid_until = time(valid_until);
    let mut world = World::under(&root);
    world.release.issued_at = time(issued_at);
    world.signers = signers.to_vec();
    world.judge()
}

const ATTACKS: &[Attack] = &[
    (Rule::Size, "endless data", || raw(&vec![b' '; MAX_DOCUMENT + 1])),
    (Rule::SignatureCount, "endless signatures", || with(|w| w.signers = vec![STRANGER; 65])),
    (Rule::FloorSite, "a disk moved from another clinic", || with(|w| w.floor.site = "clinic-002".parse().unwrap())),
    (Rule::TrustFloor, "an old trust root offered again", || with(|w| w.floor.trust.version = version(2))),
    (Rule::TrustFork, "another root of the same version", || with(|w| w.floor.trust.digest = Digest::of(b"other"))),
    (Rule::TrustExpiry, "freeze: no new root is let through", || with(|w| w.now = time("2027-11-01T00:00:00Z"))),
    (Rule::Threshold, "no signature", || with(|w| w.signers.clear())),
    (Rule::Threshold, "a stolen release key below the threshold", || with(|w| w.signers = vec![RELEASE_A])),
    (Rule::Threshold, "one key twice", || with(|w| w.signers = vec![RELEASE_A, RELEASE_A])),
    (Rule::Threshold, "an unknown key", || with(|w| w.signers = vec![RELEASE_A, STRANGER])),
    (Rule::Threshold, "trust keys are not release keys", || with(|w| w.signers = vec![TRUST_A, TRUST_B])),
    (Rule::Threshold, "a cache key is no release key", || with(|w| w.signers = vec![RELEASE_A, CACHE])),
    (Rule::Threshold, "an appliance's own key", || with(|w| w.signers = vec![RELEASE_A, FRONT_DESK])),
    (Rule::Threshold, "one signature of another release", || {
        let world = World::new();
        let bytes = world.release.canonical();
        let signatures = [sign(&bytes, &[RELEASE_A]), sign(b"other", &[RELEASE_B])].concat();
        world.judge_bytes(&bytes, &signatures).unwrap_err()
    }),
    (Rule::Threshold, "mix and match: one release's signatures on another", || {
        let mut world = World::new();
        let signatures = sign(&world.release.canonical(), &[RELEASE_A, RELEASE_B]);
        world.release.serial = serial(6);
        world.judge_bytes(&world.release.canonical(), &signatures).unwrap_err()
    }),
    (Rule::Threshold, "one key under two ids", || {
        // The same 32 secret bytes with another id make a second key to the eye, and one to the mathematics.
        let mut random = [RELEASE_A; 40];
        random[32..].fill(RELEASE_B);
        let twin = SecretKey::generate(&random);
        assert_eq!(twin.key_id(), public(RELEASE_B).key_id());
        let world = World::new();
        let bytes = world.release.canonical();
        let mut signatures = sign(&bytes, &[RELEASE_A]);
        signatures.push(twin.sign(&bytes, "", "").unwrap().to_string().into_bytes());
        world.judge_bytes(&bytes, &signatures).unwrap_err()
    }),
    (Rule::Threshold, "a retired key", || under(|root| ends_in_the_past(&mut root.keys[2]))),
    (Rule::Threshold, "a key of the future", || under(|root| root.keys[2].valid_from = time("2027-01-01T00:00:00Z"))),
    (Rule::Threshold, "a revoked key", || under(|root| root.keys[2].revoked_at = Some(time("2026-11-22T00:00:00Z")))),
    (Rule::Threshold, "a revoked key with the clock set back before it", || {
        under(|root| root.keys[2].revoked_at = Some(time("2027-01-01T00:00:00Z")))
    }),
    (Rule::Threshold, "a key of another site", || {
        under(|root| {
            root.keys[2].sites = vec!["clinic-002".parse().unwrap()];
        })
    }),
    (Rule::Threshold, "a retired key with the clock set back below the floor", || {
        let mut root = root();
        ends_in_the_past(&mut root.keys[2]);
        let mut world = World::under(&root);
        world.floor.clock = Some(time("2026-11-10T00:00:00Z"));
        world.now = time("2026-10-01T00:00:00Z");
        refused(world)
    }),
    (Rule::Threshold, "legacy signatures", || {
        let world = World::new();
        let bytes = world.release.canonical();
        let mut signatures = sign(&bytes, &[RELEASE_A, RELEASE_B]);
        let text = String::from_utf8(signatures[0].clone()).unwrap();
        signatures[0] = text.replacen("\nRUQ", "\nRWQ", 1).into_bytes();
        world.judge_bytes(&bytes, &signatures).unwrap_err()
    }),
    (Rule::Document, "signed nonsense", || raw(b"nonsense")),
    (Rule::Document, "a document of another kind", || raw(&root().canonical())),
    (Rule::Document, "a newer schema", || raw(br#"{"schema":"writ.release.v2"}"#)),
    (Rule::Document, "a line break in a quoted name", || raw(b"{\"schema\":\"writ.release.v1\",\"a\\nb\":1}")),
    (Rule::Site, "another clinic's release", || with(|w| w.release.site = "clinic-002".parse().unwrap())),
    (Rule::Entry, "a release that forgets this appliance", || {
        with(|w| w.release.generations.retain(|name, _| name.as_str() != "front-desk"))
    }),
    (Rule::Entry, "an appliance that calls itself something else", || {
        with(|w| w.identity.appliance = "front-door".parse().unwrap())
    }),
    (Rule::OwnKey, "a key swapped at enrolment", || with(|w| w.identity.public_key = public(STRANGER))),
    (Rule::OwnKey, "another key under the own key's id", || {
        with(|w| {
            let mut random = [STRANGER; 40];
            random[32..].fill(FRONT_DESK);
            let twin = SecretKey::generate(&random).public_key();
            assert_eq!(twin.key_id(), public(FRONT_DESK).key_id());
            w.release.generations.get_mut(&"front-desk".parse().unwrap()).unwrap().public_key = twin;
        })
    }),
    (Rule::OwnKey, "the neighbour's identity", || with(|w| w.identity.appliance = "back-room".parse().unwrap())),
    (Rule::OwnKeyRevoked, "a stolen appliance", || {
        with(|w| {
            w.release.generations.retain(|name, _| name.as_str() != "front-desk");
            let reason = "stolen from the front desk".into();
            let revoked_at = time("2026-11-19T00:00:00Z");
            w.release.revoked_appliance_keys.push(RevokedKey { public_key: public(FRONT_DESK), revoked_at, reason });
        })
    }),
    (Rule::TrustVersion, "a release of a root not yet known", || with(|w| w.release.trust_version = version(2))),
    (Rule::Epoch, "a serial run up in the old epoch", || {
        with(|w| {
            second(w, |next| next.epoch = epoch(2));
            w.release.serial = serial(1 << 53);
        })
    }),
    (Rule::Epoch, "an epoch that no root raised", || with(|w| w.release.epoch = epoch(2))),
    (Rule::Floor, "rollback to a lower serial", || with(|w| w.release.serial = serial(3))),
    (Rule::Floor, "rollback to a lower epoch", || {
        with(|w| {
            w.floor.release = Some(FloorRelease { epoch: epoch(2), serial: serial(1), digest: Digest::of(b"2-1") });
        })
    }),
    (Rule::FloorBytes, "two releases of one serial", || with(|w| w.release.serial = serial(4))),
    (Rule::LogInclusion, "a logged site's release without proof", || logged(|w, _| w.log.receipt = None)),
    (Rule::LogInclusion, "no receipt at all, but bytes", || logged(|w, _| w.log.receipt = Some(b"{}".to_vec()))),
    (Rule::LogInclusion, "the receipt of another release", || {
        logged(|w, log| {
            let index = log.release(&Release { serial: serial(4), ..release() });
            w.log.receipt = Some(log.receipt(index));
        })
    }),
    (Rule::LogInclusion, "the receipt of a bundle", || {
        logged(|w, log| {
            let index = log.evidence(1);
            w.log.receipt = Some(log.receipt(index));
        })
    }),
    (Rule::LogInclusion, "a receipt with one hash of its proof altered", || {
        logged(|w, log| {
            let mut receipt = Receipt::parse(&log.receipt(0)).unwrap();
            receipt.proof[0][0] ^= 1;
            w.log.receipt = Some(receipt.canonical());
        })
    }),
    (Rule::LogInclusion, "a receipt of another place", || {
        logged(|w, log| {
            let receipt = Receipt::parse(&log.receipt(0)).unwrap();
            w.log.receipt = Some(Receipt { index: 1, ..receipt }.canonical());
        })
    }),
    (Rule::LogCheckpoint, "a log kept by a stranger's key", || {
        logged(|w, log| {
            log.key = STRANGER;
            w.log.receipt = Some(log.receipt(0));
        })
    }),
    (Rule::LogCheckpoint, "a log whose key counts no more", || {
        under_log_key(
            |key| key.valid_until = key.valid_from.plus_millis(1),
            "which does not count: it counted only until",
        )
    }),
    (Rule::LogCheckpoint, "a log whose key does not count yet", || {
        let later = |key: &mut TrustKey| {
            (key.valid_from, key.valid_until) = (time("2030-01-01T00:00:00Z"), time("2031-01-01T00:00:00Z"));
        };
        under_log_key(later, "which does not count: it counts only from 2030-01-01T00:00:00Z")
    }),
    (Rule::LogCheckpoint, "a log whose key is revoked", || {
        let revoked = |key: &mut TrustKey| key.revoked_at = Some(time("2026-06-01T00:00:00Z"));
        under_log_key(revoked, "which does not count: it was revoked as of 2026-06-01T00:00:00Z")
    }),
    (Rule::LogCheckpoint, "a log kept by a release key", || {
        logged(|w, log| {
            log.key = RELEASE_A;
            w.log.receipt = Some(log.receipt(0));
        })
    }),
    (Rule::LogCheckpoint, "another site's log by the same key", || {
        logged(|w, log| {
            log.origin = "log.example/clinic-002".into();
            w.log.receipt = Some(log.receipt(0));
        })
    }),
    (Rule::LogConsistency, "a split view: another history of the same length", || {
        logged(|w, log| w.log.seen = Some(Checkpoint { root: [7; 32], ..log.checkpoint() }))
    }),
    (Rule::LogConsistency, "a split view: another history that goes on", || {
        logged(|w, log| {
            w.log.seen = Some(Checkpoint { root: [7; 32], size: 3, ..log.checkpoint() });
            w.log.consistency = log.consistency(3);
        })
    }),
    (Rule::LogConsistency, "a log that was seen before, without proof that it goes on", || {
        logged(|w, log| w.log.seen = Some(log.checkpoint_at(3)))
    }),
    (Rule::LogRestart, "a new log without a restart", || restarted(|w, _| w.log.restarts.clear())),
    (Rule::LogRestart, "a restart that one of two trust keys signed", || {
        restarted(|w, _| w.log.restarts[0].1.truncate(1))
    }),
    (Rule::LogRestart, "a restart of another log", || {
        restarted(|w, log| {
            let mut restart = log.restart();
            restart.previous.origin = "log.example/other".into();
            let bytes = restart.canonical();
            w.log.restarts = vec![(bytes.clone(), sign(&bytes, &[TRUST_A, TRUST_B]))];
        })
    }),
    (Rule::LogConsistency, "a restart that names another history of the lost log", || {
        restarted(|w, log| {
            let mut restart = log.restart();
            restart.previous.root = [9; 32];
            let bytes = restart.canonical();
            w.log.restarts = vec![(bytes.clone(), sign(&bytes, &[TRUST_A, TRUST_B]))];
        })
    }),
    (Rule::IssuedAt, "a wrong clock at the signer's desk", || {
        with(|w| {
            w.release.issued_at = time("2099-01-01T00:00:00Z");
            w.release.expires_at = time("2099-06-01T00:00:00Z");
        })
    }),
    (Rule::IssuedAt, "a time when one of the signers' keys has ended", || {
        lasting_until("2027-02-01T00:00:00Z", "2027-02-01T00:00:00Z", &[RELEASE_A, RELEASE_B]).unwrap_err()
    }),
    (Rule::Expiry, "freeze: a stale release", || with(|w| w.now = time("2027-05-19T08:00:00Z"))),
    (Rule::Expiry, "a stale release with the clock set back", || {
        with(|w| {
            w.floor.clock = Some(time("2027-06-01T00:00:00Z"));
            w.now = time("2026-11-23T12:00:00Z");
        })
    }),
    (Rule::NotBefore, "too early", || {
        with(|w| {
            let entry = w.release.generations.get_mut(&"front-desk".parse().unwrap()).unwrap();
            entry.not_before = time("2026-11-24T02:00:00Z");
        })
    }),
    (Rule::Resumed, "an altered release on the appliance's own disk", || {
        let world = World::new();
        resume(&world.release.canonical(), &world.floor, &world.identity).unwrap_err()
    }),
    (Rule::Resumed, "a release from nowhere", || {
        let mut world = World::new();
        world.floor.release = None;
        resume(&world.release.canonical(), &world.floor, &world.identity).unwrap_err()
    }),
    (Rule::Size, "an endless file on the appliance's own disk", || {
        let world = World::new();
        resume(&vec![0; MAX_DOCUMENT + 1], &world.floor, &world.identity).unwrap_err()
    }),
];

#[test]
fn every_attack_is_stopped_by_its_own_rule() {
    for (rule, name, attack) in ATTACKS {
        let refusal = attack();
        assert_eq!(refusal.rule(), *rule, "{name}: {refusal}");
        let message = refusal.to_string();
        assert_one_line(&message);
        assert!(message.starts_with(&format!("rule {rule}: ")), "{message}");
        assert!(message.contains("expected"), "{message}");
    }
}

#[test]
fn every_rule_is_attacked() {
    let attacked: BTreeSet<Rule> = ATTACKS.iter().map(|(rule, ..)| *rule).collect();
    let all: BTreeSet<Rule> = Rule::ALL.iter().copied().collect();
    assert_eq!(attacked, all, "a rule without an attack is a rule nobody has seen work");
    let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len(), "two rules have one name");
}
