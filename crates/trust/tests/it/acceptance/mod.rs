//! What is accepted in spite of looking odd, and what a refusal says. `attacks` has every rule, attacked by name.

mod attacks;

use std::collections::BTreeSet;

use writ_trust::acceptance::{Accepted, LogInclusion, resume};
use writ_trust::digest::Digest;
use writ_trust::documents::NamedDocumentError;
use writ_trust::floor::FloorRelease;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::judge::{self, Continuity};
use writ_trust::refusal::Rule;
use writ_trust::release::{Generation, PolicyRef, until_promoted};
use writ_trust::root::{KeyProblem, TrustRoot};
use writ_trust::threshold::{Rejection, Tally};

use self::attacks::{ends_in_the_past, lasting_until, second};
use crate::log_world::Log;
use crate::world::*;

/// The clock floor never passes the end of the keys that would have to sign the next release.
#[test]
fn a_signed_time_is_bounded_by_the_keys_that_signed() {
    let end = "2027-02-01T00:00:00Z";
    let accepted = lasting_until(end, "2027-01-31T23:59:59Z", &[RELEASE_A, RELEASE_B]).unwrap();
    assert_eq!(accepted.floor.clock, Some(time("2027-01-31T23:59:59Z")));
    // Without the key that ends, enough others remain.
    lasting_until(end, end, &[RELEASE_A, RELEASE_B, RELEASE_C]).unwrap();
    let refusal = lasting_until(end, end, &[RELEASE_A, RELEASE_B]).unwrap_err();
    assert!(refusal.to_string().contains("only 1 of the 2"), "{refusal}");
}
fn tally(edit: impl FnOnce(&mut TrustRoot), signatures: &[Vec<u8>]) -> Tally {
    let mut root = root();
    edit(&mut root);
    Tally::of_release(&root, &"clinic-001".parse().unwrap(), b"bytes", signatures, time("2026-11-23T12:00:00Z"))
}

#[test]
fn every_signature_that_is_not_counted_says_why() {
    type Why = fn(&Rejection) -> bool;
    let a = sign(b"bytes", &[RELEASE_A]);
    let revoked = time("2026-11-01T00:00:00Z");
    let cases: Vec<(Tally, Why)> = vec![
        (tally(|_| {}, &[b"x".to_vec()]), |r| matches!(r, Rejection::Unreadable(_))),
        (tally(|_| {}, &sign(b"bytes", &[STRANGER])), |r| matches!(r, Rejection::UnknownKey(_))),
        (tally(|_| {}, &sign(b"other", &[RELEASE_A])), |r| matches!(r, Rejection::Unsound { .. })),
        (tally(|_| {}, &sign(b"bytes", &[RELEASE_A, RELEASE_A])), |r| matches!(r, Rejection::Repeated(_))),
        (tally(|_| {}, &sign(b"bytes", &[CACHE])), |r| unfit(r, |p| matches!(p, KeyProblem::NotForRole(_)))),
        (tally(|root| root.keys[2].sites = vec!["abc".parse().unwrap()], &a), |r| {
            unfit(r, |p| matches!(p, KeyProblem::NotForSite(_)))
        }),
        (tally(|root| root.keys[2].valid_from = time("2027-01-01T00:00:00Z"), &a), |r| {
            unfit(r, |p| matches!(p, KeyProblem::NotYetValid(_)))
        }),
        (tally(|root| ends_in_the_past(&mut root.keys[2]), &a), |r| unfit(r, |p| matches!(p, KeyProblem::Expired(_)))),
        (tally(|root| root.keys[2].revoked_at = Some(revoked), &a), |r| {
            unfit(r, |p| matches!(p, KeyProblem::Revoked(_)))
        }),
    ];
    for (tally, why) in cases {
        let [(_, rejection)] = &tally.rejected[..] else { panic!("one rejection: {tally:?}") };
        assert!(why(rejection), "{rejection:?}");
        assert_one_line(&tally.to_string());
    }
    let many = tally(|_| {}, &vec![b"x".to_vec(); 40]);
    assert!(many.to_string().ends_with("; and 36 more"), "{many}");
}

fn unfit(rejection: &Rejection, problem: fn(&KeyProblem) -> bool) -> bool {
    matches!(rejection, Rejection::Unfit { problem: p, .. } if problem(p))
}

#[test]
fn a_good_release_is_accepted_and_says_what_was_not_checked() {
    let world = World::new();
    let Accepted { release, entry, digest, signers, log, again, expired, floor } = world.judge().unwrap();
    assert_eq!(release, world.release);
    assert_eq!(entry, generation(FRONT_DESK));
    assert_eq!(digest, Digest::of(&world.release.canonical()));
    assert_eq!(signers.iter().map(|s| s.name.as_str()).collect::<BTreeSet<_>>().len(), 2);
    assert_eq!((&log, log.to_string().as_str()), (&LogInclusion::NotConfigured, "not configured"));
    assert!(!again && !expired);
    assert_eq!(floor.release, Some(FloorRelease { epoch: epoch(1), serial: serial(5), digest }));
    assert_eq!(floor.clock, Some(release.issued_at));
}

#[test]
fn a_generation_that_runs_already_waits_for_nothing() {
    let mut world = World::new();
    let before = world.release.generations[&world.identity.appliance].clone();
    world.entry().not_before = until_promoted();
    assert_eq!(world.judge().unwrap_err().rule(), Rule::NotBefore);
    let accepted = world.judge_beside(Some(&before)).unwrap();
    assert_eq!(accepted.floor.release.unwrap().serial, serial(5), "what came before it is never taken up again");
    assert!(world.release.is_held(&accepted.entry));
    // What brings something else waits, and no other rule is any the weaker.
    for other in [
        Generation { policy: PolicyRef { digest: Digest::of(b"another"), ..before.policy.clone() }, ..before.clone() },
        Generation { closure: None, ..before.clone() },
        Generation { system_type: "aarch64-linux".parse().unwrap(), ..before.clone() },
    ] {
        assert_eq!(world.judge_beside(Some(&other)).unwrap_err().rule(), Rule::NotBefore, "{other:?}");
    }
    assert_eq!(world.judge_beside(None).unwrap_err().rule(), Rule::NotBefore);
    world.now = time("2027-06-01T00:00:00Z");
    assert_eq!(world.judge_beside(Some(&before)).unwrap_err().rule(), Rule::Expiry);
    let mut world = World::new();
    world.entry().not_before = until_promoted();
    world.signers = vec![RELEASE_A];
    assert_eq!(world.judge_beside(Some(&before)).unwrap_err().rule(), Rule::Threshold);
}

#[test]
fn the_same_bytes_are_accepted_again_even_expired() {
    let mut world = World::new();
    world.floor = world.judge().unwrap().floor;
    let again = world.judge().unwrap();
    assert!(again.again && !again.expired);
    assert_eq!(again.floor, world.floor);
    world.now = time("2027-06-01T00:00:00Z");
    let again = world.judge().unwrap();
    assert!(again.again && again.expired, "it runs on, and the agent can say so loudly");
}

#[test]
fn the_running_release_is_read_back_whatever_became_of_its_keys() {
    let mut world = World::new();
    world.floor = world.judge().unwrap().floor;
    let bytes = world.release.canonical();
    let resumed = resume(&bytes, &world.floor, &world.identity).unwrap();
    assert_eq!(resumed.entry, generation(FRONT_DESK));
    world.identity.public_key = public(STRANGER);
    assert_eq!(resume(&bytes, &world.floor, &world.identity).unwrap_err().rule(), Rule::OwnKey);
}

#[test]
fn more_signatures_than_needed_and_bad_ones_among_them_do_no_harm() {
    let mut world = World::new();
    world.signers = vec![STRANGER, RELEASE_C, RELEASE_A, CACHE, RELEASE_B, RELEASE_A];
    assert_eq!(world.judge().unwrap().signers.len(), 3);
    let bytes = world.release.canonical();
    let signatures = [vec![b"garbage".to_vec()], sign(&bytes, &[RELEASE_A, RELEASE_C])].concat();
    world.judge_bytes(&bytes, &signatures).unwrap();
}

#[test]
fn no_comment_decides_anything() {
    let world = World::new();
    let bytes = world.release.canonical();
    let lie = |who| secret(who).sign(&bytes, "site=clinic-777 epoch=9 serial=9", "not what it says").unwrap();
    let signatures = [RELEASE_A, RELEASE_B].map(|who| lie(who).to_string().into_bytes());
    world.judge_bytes(&bytes, &signatures).unwrap();
}

#[test]
fn canonical_form_is_not_asked_for() {
    let world = World::new();
    let pretty = serde_json::to_vec_pretty(&world.release).unwrap();
    let accepted = world.judge_bytes(&pretty, &sign(&pretty, &[RELEASE_A, RELEASE_B])).unwrap();
    assert_eq!(accepted.digest, Digest::of(&pretty), "the digest is that of the exact bytes");
}

#[test]
fn a_lagging_clock_does_not_hold_up_what_was_signed_in_its_future() {
    let mut world = World::new();
    world.now = time("2026-11-20T07:59:58Z");
    let accepted = world.judge().unwrap();
    assert_eq!(accepted.floor.instant(world.now), world.release.issued_at, "the clock floor rose to the signed time");
}

#[test]
fn a_new_epoch_recovers_from_a_run_up_serial() {
    let mut world = World::new();
    let top = FloorRelease { epoch: epoch(1), serial: serial(1 << 53), digest: Digest::of(b"top") };
    world.floor.release = Some(top);
    second(&mut world, |next| next.epoch = epoch(2));
    (world.release.epoch, world.release.serial, world.release.trust_version) = (epoch(2), serial(1), version(2));
    let floor = world.judge().unwrap().floor;
    assert_eq!((floor.trust.version, floor.trust.digest), (version(2), world.chain.newest_digest()));
    world.floor = floor;
    // Made under the older root but in the new epoch: "not above" the newest is enough.
    (world.release.serial, world.release.trust_version) = (serial(2), version(1));
    world.judge().unwrap();
}

#[test]
fn an_older_chain_lowers_no_floor() {
    let mut world = World::new();
    let older = world.chain.clone();
    second(&mut world, |_| {});
    let floor = world.floor.clone().with_trust(&world.chain);
    assert_eq!(floor.trust.version, version(2));
    assert_eq!(floor.clone().with_trust(&older), floor);
    let later = floor.with_signed_time(time("2026-11-20T08:00:00Z"));
    assert_eq!(later.clone().with_signed_time(time("2026-11-19T08:00:00Z")), later);
}

#[test]
fn a_newer_image_may_begin_above_the_floors_root() {
    let mut world = World::new();
    let mut newer = root();
    newer.version = version(3);
    world.chain = chain(&newer);
    assert_eq!(world.judge().unwrap().floor.trust.version, version(3));
}

#[test]
fn documents_are_those_that_the_entry_names() {
    let entry = generation(FRONT_DESK);
    entry.check_documents(POLICY, Some(CLOSURE)).unwrap();
    let mut altered = POLICY.to_vec();
    altered[3] ^= 1;
    let without = writ_trust::release::Generation { closure: None, ..entry.clone() };
    without.check_documents(POLICY, None).unwrap();
    let huge = vec![0; MAX_DOCUMENT + 1];
    type Expected = fn(&NamedDocumentError) -> bool;
    let cases: [(Result<(), NamedDocumentError>, Expected); 7] = [
        (entry.check_documents(&altered, Some(CLOSURE)), |e| {
            matches!(e, NamedDocumentError::Digest { document: "policy", .. })
        }),
        (entry.check_documents(b"", Some(CLOSURE)), |e| {
            matches!(e, NamedDocumentError::Size { document: "policy", .. })
        }),
        (entry.check_documents(POLICY, Some(POLICY)), |e| {
            matches!(e, NamedDocumentError::Size { document: "closure", .. })
        }),
        (entry.check_documents(&huge, Some(CLOSURE)), |e| matches!(e, NamedDocumentError::TooLarge { .. })),
        (entry.check_documents(POLICY, Some(&CLOSURE.to_ascii_uppercase())), |e| {
            matches!(e, NamedDocumentError::Digest { document: "closure", .. })
        }),
        (entry.check_documents(POLICY, None), |e| matches!(e, NamedDocumentError::Closure { found: "none", .. })),
        (without.check_documents(POLICY, Some(CLOSURE)), |e| {
            matches!(e, NamedDocumentError::Closure { found: "one", .. })
        }),
    ];
    for (result, expected) in cases {
        let error = result.unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_one_line(&error.to_string());
    }
}

#[test]
fn a_logged_release_is_accepted_under_a_checkpoint_that_continues_what_was_seen() {
    let (mut world, mut log) = Log::world();
    let entry = |accepted: &Accepted| match &accepted.log {
        LogInclusion::Included(inclusion) => {
            (inclusion.index, inclusion.checkpoint.checkpoint.size, inclusion.restarted)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(entry(&world.judge().unwrap()), (0, log.size(), false));
    // It was seen shorter before, or at the same size.
    for size in [0, 1, 3, log.size()] {
        world.log.seen = Some(log.checkpoint_at(size));
        world.log.consistency = log.consistency(size);
        world.judge().unwrap();
    }
    // A USB stick comes late: the log was seen longer by then.
    let before = log.size();
    log.bundles(9);
    world.log.seen = Some(log.checkpoint());
    world.log.consistency = log.consistency(before);
    assert_eq!(entry(&world.judge().unwrap()), (0, before, false));
    let (world, _) = Log::restarted_world();
    assert!(entry(&world.judge().unwrap()).2);
}

#[test]
fn a_head_is_kept_only_when_it_is_newer_and_continues() {
    let (world, mut log) = Log::world();
    let (site, old) = (&world.release.site, log.checkpoint());
    let before = log.signed();
    log.bundles(5);
    let (now, consistency) = (world.now, log.consistency(old.size));
    let head = |note: &str, seen: Option<&Checkpoint>| {
        let continuity = Continuity { seen, consistency: &consistency, restarts: &[] };
        judge::head(&world.chain, site, note.as_bytes(), &continuity, now)
    };
    let newest = log.signed();
    assert_eq!(head(&newest.note, None).unwrap().unwrap(), newest);
    assert_eq!(head(&newest.note, Some(&old)).unwrap().unwrap(), newest);
    assert_eq!(newest.fresh_at, Some(time("2026-11-23T11:59:00Z")));
    assert_eq!(head(&before.note, Some(&log.checkpoint())).unwrap(), None, "no news");
    let other = Checkpoint { root: [1; 32], ..old };
    let fork = head(&newest.note, Some(&other)).unwrap_err();
    assert_one_line(&fork.to_string());
    assert_eq!(fork.rule(), Rule::LogConsistency);
}
