//! Walking from root to root, and every way in which a root does not follow.

use writ_trust::root::TrustRoot;
use writ_trust::root_chain::{ChainError, TrustChain, WalkError};

use crate::world::*;

const NEW_TRUST: u8 = 3;

/// The root after the first one, changed by one edit.
fn next(edit: impl FnOnce(&mut TrustRoot)) -> TrustRoot {
    let mut next = root();
    next.version = version(2);
    edit(&mut next);
    next
}

fn extended(edit: impl FnOnce(&mut TrustRoot), signers: &[u8]) -> Result<TrustChain, ChainError> {
    let bytes = next(edit).canonical();
    let mut chain = chain(&root());
    chain.extend(&bytes, &sign(&bytes, signers))?;
    Ok(chain)
}

fn refused(edit: impl FnOnce(&mut TrustRoot), signers: &[u8]) -> ChainError {
    let error = extended(edit, signers).expect_err("accepted");
    assert_one_line(&error.to_string());
    error
}

const BOTH: &[u8] = &[TRUST_A, TRUST_B];

#[test]
fn the_next_root_signed_by_enough_is_taken() {
    let chain = extended(|_| {}, BOTH).unwrap();
    assert_eq!(chain.newest().version, version(2));
    assert_eq!(chain.roots().count(), 2);
    assert_eq!(chain.at(version(1)), Some(&root()));
    assert_eq!(chain.digest_at(version(2)), Some(chain.newest_digest()));
    assert_eq!(chain.at(version(3)), None);
}

#[test]
fn a_root_that_does_not_follow_is_refused() {
    type E = ChainError;
    let site = || "clinic-001".parse().unwrap();
    let below = |e: &E, n: usize| matches!(e, E::BelowPreviousThreshold { found, .. } if *found == n);
    assert!(below(&refused(|_| {}, &[]), 0));
    assert!(below(&refused(|_| {}, &[TRUST_A]), 1));
    assert!(below(&refused(|_| {}, &[TRUST_A, TRUST_A]), 1), "one key twice");
    assert!(below(&refused(|_| {}, &[TRUST_A, RELEASE_A]), 1), "a release key signs no root");
    assert!(below(
        &refused(|r| r.keys.push(trust_key(NEW_TRUST, "new", &[writ_trust::role::Role::Trust])), &[TRUST_A, NEW_TRUST]),
        1
    ));
    assert!(matches!(refused(|_| {}, &[STRANGER; 65]), E::TooManySignatures(65)));
    assert!(matches!(refused(|r| r.version = version(3), BOTH), E::NotNext { expected: 2, .. }));
    assert!(matches!(refused(|r| (r.version, r.epoch) = (version(1), epoch(7)), BOTH), E::NotNext { .. }), "a fork");
    let two = |r: &mut TrustRoot| {
        r.keys.push(trust_key(NEW_TRUST, "new", &[writ_trust::role::Role::Trust]));
        r.thresholds.insert(writ_trust::role::Role::Trust, 3);
    };
    assert!(matches!(refused(two, BOTH), E::BelowOwnThreshold { found: 2, needed: 3, .. }));
    extended(two, &[TRUST_A, TRUST_B, NEW_TRUST]).unwrap();
    assert!(matches!(
        refused(
            |r| {
                r.keys.pop();
            },
            BOTH
        ),
        E::KeyDropped { .. }
    ));
    let new_id = |r: &mut TrustRoot| {
        let mut random = [CACHE; 40];
        random[39] ^= 1;
        r.keys[5].public_key = writ_trust::minisign::SecretKey::generate(&random).public_key();
    };
    assert!(matches!(refused(new_id, BOTH), E::KeyDropped { .. }), "a key's id is part of it");
    assert!(matches!(refused(|r| r.thresholds.clear(), BOTH), E::Root(_)));

    let mut old = root();
    old.epoch = epoch(2);
    old.keys[4].revoked_at = Some(time("2026-06-01T00:00:00Z"));
    old.log_origins.insert(site(), vec!["a.example/1".into()]);
    let follow = |edit: fn(&mut TrustRoot)| {
        let mut new = old.clone();
        new.version = version(2);
        edit(&mut new);
        let bytes = new.canonical();
        chain(&old).extend(&bytes, &sign(&bytes, BOTH))
    };
    follow(|_| {}).unwrap();
    follow(|r| r.keys[4].revoked_at = Some(time("2026-05-01T00:00:00Z"))).unwrap();
    follow(|r| r.log_origins.values_mut().next().unwrap().push("a.example/2".into())).unwrap();
    assert!(matches!(follow(|r| r.epoch = epoch(1)), Err(E::EpochFell { .. })));
    assert!(matches!(follow(|r| r.keys[4].revoked_at = None), Err(E::RevocationUndone { .. })));
    let later = |r: &mut TrustRoot| r.keys[4].revoked_at = Some(time("2026-07-01T00:00:00Z"));
    assert!(matches!(follow(later), Err(E::RevocationUndone { .. })));
    assert!(matches!(follow(|r| r.log_origins.clear()), Err(E::OriginsRewritten { .. })));
    let rewritten = |r: &mut TrustRoot| r.log_origins.values_mut().for_each(|o| *o = vec!["b.example/1".into()]);
    assert!(matches!(follow(rewritten), Err(E::OriginsRewritten { .. })));
}

/// What was seen of a log is read under the newest root: a key that signed it stays a log key, though a revoked one.
#[test]
fn a_log_key_is_revoked_and_not_made_another() {
    use writ_trust::role::Role;
    let sites = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>();
    let followed = |before: &[&str], edit: &dyn Fn(&mut writ_trust::root::TrustKey)| {
        let mut old = root();
        let mut key = trust_key(LOG, "the depot", &[Role::Log, Role::Read]);
        key.sites = sites(before);
        old.keys.push(key);
        let mut new = old.clone();
        new.version = version(2);
        edit(new.keys.last_mut().unwrap());
        let bytes = new.canonical();
        chain(&old).extend(&bytes, &sign(&bytes, BOTH))
    };
    followed(&[], &|key| key.revoked_at = Some(time("2026-06-01T00:00:00Z"))).unwrap();
    followed(&[], &|key| key.valid_until = time("2026-06-01T00:00:00Z")).unwrap();
    followed(&[], &|key| key.roles = vec![Role::Log]).unwrap();
    followed(&["clinic-001"], &|key| key.sites.clear()).unwrap();
    followed(&["clinic-001"], &|key| key.sites = sites(&["clinic-002", "clinic-001"])).unwrap();
    let narrowed = |before: &[&str], edit: &dyn Fn(&mut writ_trust::root::TrustKey)| {
        let error = followed(before, edit).unwrap_err();
        assert_one_line(&error.to_string());
        assert!(matches!(error, ChainError::LogKeyNarrowed { .. }), "{error}");
    };
    narrowed(&[], &|key| key.roles = vec![Role::Read]);
    narrowed(&[], &|key| key.sites = sites(&["clinic-001"]));
    narrowed(&["clinic-001", "clinic-002"], &|key| key.sites = sites(&["clinic-001"]));
    narrowed(&["clinic-001"], &|key| {
        (key.revoked_at, key.roles) = (Some(time("2026-06-01T00:00:00Z")), vec![Role::Read]);
    });
}

#[test]
fn a_revoked_trust_key_signs_no_root() {
    let mut old = root();
    old.keys.push(trust_key(NEW_TRUST, "new", &[writ_trust::role::Role::Trust]));
    old.keys[0].revoked_at = Some(time("2026-06-01T00:00:00Z"));
    let mut new = old.clone();
    new.version = version(2);
    let bytes = new.canonical();
    let by = |signers| chain(&old).extend(&bytes, &sign(&bytes, signers));
    assert!(matches!(by(BOTH), Err(ChainError::BelowPreviousThreshold { found: 1, .. })));
    by(&[TRUST_B, NEW_TRUST]).unwrap();
}

#[test]
fn a_spare_that_slept_walks_expired_roots_and_only_the_last_must_be_alive() {
    let mut first = root();
    first.expires_at = time("2026-02-01T00:00:00Z");
    first.keys.iter_mut().for_each(|k| k.valid_until = time("2026-02-01T00:00:00Z"));
    let mut roots = vec![];
    for n in 2..=5 {
        let mut next = first.clone();
        next.version = version(n);
        if n == 5 {
            next.expires_at = time("2027-11-01T00:00:00Z");
        }
        let bytes = next.canonical();
        roots.push((bytes.clone(), sign(&bytes, BOTH)));
    }
    let now = time("2026-11-23T12:00:00Z");
    let chain = TrustChain::walk(&first.canonical(), &roots).unwrap();
    assert!(!chain.is_expired(now));
    assert!(TrustChain::walk(&first.canonical(), &roots[..3]).unwrap().is_expired(now));

    roots.remove(1);
    let error = TrustChain::walk(&first.canonical(), &roots).unwrap_err();
    assert!(matches!(error, WalkError::Later { position: 1, error: ChainError::NotNext { .. } }), "{error}");
    assert_one_line(&error.to_string());
    assert!(matches!(TrustChain::walk::<Vec<u8>, Vec<u8>>(b"{}", &[]), Err(WalkError::Pinned(_))));
}

#[test]
fn a_root_given_twice_changes_nothing() {
    let mut chain = extended(|_| {}, BOTH).unwrap();
    let before = chain.clone();
    chain.extend::<Vec<u8>>(&root().canonical(), &[]).unwrap();
    chain.extend::<Vec<u8>>(&next(|_| {}).canonical(), &[]).unwrap();
    assert_eq!(chain, before);
}

#[test]
fn nix_is_told_only_of_cache_keys_that_count() {
    let mut root = root();
    let site = "clinic-001".parse().unwrap();
    let now = time("2026-11-23T12:00:00Z");
    let [key] = &root.nix_public_keys(&site, now)[..] else { panic!("one cache key") };
    assert!(key.starts_with("cache-1:") && key.len() == "cache-1:".len() + 44, "{key}");
    assert!(root.nix_public_keys(&site, time("2028-01-01T00:00:00Z")).is_empty());
    root.keys[5].revoked_at = Some(now);
    assert!(root.nix_public_keys(&site, now).is_empty());
}
