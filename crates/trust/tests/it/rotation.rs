//! Replacing and revoking keys of a trust root.

use proptest::prelude::*;
use writ_trust::history::{Standing, verify_release_for_audit};
use writ_trust::key_history::{self, Use};
use writ_trust::minisign::SecretKey;
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;
use writ_trust::root_chain::TrustChain;
use writ_trust::rotation::{KeyAge, REMIND_AFTER_MILLIS, RotationError, Successor, revoke, rotate};
use writ_trust::time::Time;

use crate::world::*;

const DAY: i64 = 86_400_000;

fn now() -> Time {
    time("2026-11-27T12:00:00Z")
}

fn next_key(n: u8) -> SecretKey {
    SecretKey::generate(&[100 + n; 40])
}

fn successor(n: u8) -> Successor {
    let valid_until = now().plus_millis(400 * DAY);
    Successor { public_key: next_key(n).public_key(), name: format!("key-{n}"), valid_until }
}

#[test]
fn a_new_key_takes_over_and_the_old_one_stays_listed() {
    let before = root();
    let at = now().plus_millis(30 * DAY);
    let after = rotate(&before, &public(RELEASE_A), &successor(1), at, 0, now()).unwrap();
    assert_eq!((after.version, after.keys.len()), (version(2), before.keys.len() + 1));
    let (old, new) = (after.entry_of(&public(RELEASE_A)).unwrap(), after.keys.last().unwrap());
    assert_eq!((old.valid_until, new.valid_from, &new.roles), (at, at, &vec![Role::Release]));
    for (instant, counting) in [(now(), &old), (at, &new), (at.plus_millis(DAY), &new)] {
        for key in [&old, &new] {
            assert_eq!(key.counts_now(Role::Release, None, instant).is_ok(), key == counting, "{instant}");
        }
    }
    // An overlap, and not beyond what the key had.
    let week = rotate(&before, &public(RELEASE_A), &successor(1), at, 7 * DAY, now()).unwrap();
    assert_eq!(week.entry_of(&public(RELEASE_A)).unwrap().valid_until, at.plus_millis(7 * DAY));
    let long = rotate(&before, &public(RELEASE_A), &successor(1), at, 9_999 * DAY, now()).unwrap();
    assert_eq!(long.entry_of(&public(RELEASE_A)).unwrap().valid_until, time("2028-01-01T00:00:00Z"));
}

#[test]
fn what_cannot_be_rotated_says_why() {
    use RotationError as E;
    let before = root();
    let try_it = |root: &TrustRoot, old: u8, new: &Successor, at: Time| rotate(root, &public(old), new, at, 0, now());
    let later = now().plus_millis(DAY);
    assert!(matches!(try_it(&before, STRANGER, &successor(1), later), Err(E::Unknown(_))));
    let known = Successor { public_key: public(RELEASE_B), ..successor(1) };
    assert!(matches!(try_it(&before, RELEASE_A, &known, later), Err(E::Known(_))));
    assert!(matches!(try_it(&before, RELEASE_A, &successor(1), now().plus_millis(-1)), Err(E::Past { .. })));
    let mut revoked = before.clone();
    revoked.keys[2].revoked_at = Some(now());
    assert!(matches!(try_it(&revoked, RELEASE_A, &successor(1), later), Err(E::Revoked { .. })));
    let mut ended = before.clone();
    ended.keys[2].valid_until = now();
    assert!(matches!(try_it(&ended, RELEASE_A, &successor(1), later), Err(E::Ended { .. })));
    let mut young = before.clone();
    young.keys[2].valid_from = later;
    assert!(matches!(try_it(&young, RELEASE_A, &successor(1), later), Err(E::NotBegun { .. })));
    // A key that ends before it begins.
    let brief = Successor { valid_until: later, ..successor(1) };
    assert!(matches!(try_it(&before, RELEASE_A, &brief, later), Err(E::Root(_))));
    // Between the end of the old key and the beginning of the new one nobody could release.
    let mut tight = before.clone();
    tight.thresholds.insert(Role::Release, 3);
    tight.keys[2].valid_until = later;
    let gap = try_it(&tight, RELEASE_A, &successor(1), later.plus_millis(DAY)).unwrap_err();
    assert!(matches!(gap, E::Shortfall { role: Role::Release, needed: 3, present: 2, .. }), "{gap:?}");
}

#[test]
fn a_threshold_is_never_made_unreachable_in_silence() {
    let before = root();
    let one = revoke(&before, &public(TRUST_A), now(), None, now()).unwrap_err();
    assert!(matches!(one, RotationError::Shortfall { role: Role::Trust, needed: 2, present: 1, .. }), "{one:?}");
    let after = revoke(&before, &public(TRUST_A), now(), Some(&successor(1)), now()).unwrap();
    assert_eq!(after.thresholds, before.thresholds);
    assert_eq!(after.keys.last().unwrap().roles, [Role::Trust]);
    // One of three may go: two are enough.
    let after = revoke(&before, &public(RELEASE_A), now(), None, now()).unwrap();
    assert!(revoke(&after, &public(RELEASE_B), now(), None, now()).is_err());
    // A key limited to a site does not stand in for one elsewhere.
    let mut of_sites = before.clone();
    for key in [2, 3] {
        of_sites.keys[key].sites = vec!["clinic-001".parse().unwrap()];
    }
    of_sites.keys[4].sites = vec!["clinic-001".parse().unwrap(), "clinic-002".parse().unwrap()];
    of_sites.thresholds.insert(Role::Release, 1);
    let short = revoke(&of_sites, &public(RELEASE_A), now(), None, now());
    assert!(short.is_ok(), "{short:?}");
}

#[test]
fn a_role_without_a_threshold_takes_one_key_and_each_site_counts() {
    let before = root();
    let last = revoke(&before, &public(CACHE), now(), None, now()).unwrap_err();
    assert!(matches!(last, RotationError::Shortfall { role: Role::Cache, needed: 1, present: 0, .. }), "{last:?}");
    revoke(&before, &public(CACHE), now(), Some(&successor(1)), now()).unwrap();
    // The last key of one site: the next root alone does not tell that there is such a site.
    let mut of_sites = before.clone();
    of_sites.thresholds.insert(Role::Release, 1);
    for (key, site) in [(2, "clinic-001"), (3, "clinic-001"), (4, "clinic-002")] {
        of_sites.keys[key].sites = vec![site.parse().unwrap()];
    }
    let last = revoke(&of_sites, &public(RELEASE_C), now(), None, now()).unwrap_err();
    let of = |site: &Option<writ_trust::ids::SiteId>| site.as_ref().is_some_and(|site| site.as_str() == "clinic-002");
    assert!(matches!(&last, RotationError::Shortfall { site, needed: 1, present: 0, .. } if of(site)), "{last:?}");
    revoke(&of_sites, &public(RELEASE_A), now(), None, now()).unwrap();
    // A time between two keys of a role without a threshold; another site's key that ended long ago is nobody's fault.
    let mut ending = before.clone();
    let cache = ending.keys.iter().position(|key| key.roles == [Role::Cache]).unwrap();
    ending.keys[cache].valid_until = now().plus_millis(DAY);
    let gap = rotate(&ending, &public(CACHE), &successor(1), now().plus_millis(2 * DAY), 0, now()).unwrap_err();
    assert!(matches!(gap, RotationError::Shortfall { role: Role::Cache, present: 0, .. }), "{gap:?}");
    of_sites.keys[4].valid_until = now().plus_millis(-DAY);
    rotate(&of_sites, &public(RELEASE_A), &successor(1), now().plus_millis(DAY), 0, now()).unwrap();
}

#[test]
fn a_revocation_is_of_the_past_and_never_comes_later() {
    let before = root();
    let key = public(RELEASE_A);
    let ahead = revoke(&before, &key, now().plus_millis(1), None, now());
    assert!(matches!(ahead, Err(RotationError::Ahead { .. })));
    let after = revoke(&before, &key, now(), None, now()).unwrap();
    assert!(matches!(revoke(&after, &key, now(), None, now()), Err(RotationError::Revoked { .. })));
    let earlier = revoke(&after, &key, now().plus_millis(-DAY), None, now()).unwrap();
    assert_eq!(earlier.entry_of(&key).unwrap().revoked_at, Some(now().plus_millis(-DAY)));
}

#[test]
fn ages_are_those_of_the_register() {
    let mut key = root().keys[2].clone();
    key.valid_from = now().plus_millis(-330 * DAY);
    let age = |at: Time| KeyAge::of(&key, at);
    assert_eq!((age(now()).days, age(now()).due_in_days), (330, 35));
    assert!(!KeyAge::is_over(&key, now(), REMIND_AFTER_MILLIS));
    assert!(KeyAge::is_over(&key, now().plus_millis(1), REMIND_AFTER_MILLIS));
    let late = now().plus_millis(36 * DAY);
    assert_eq!((age(late).days, age(late).due_in_days, age(late).counts), (366, -1, true));
    assert_eq!(age(now().plus_millis(-400 * DAY)).days, 0);
    key.revoked_at = Some(now());
    assert!(!KeyAge::is_over(&key, late, REMIND_AFTER_MILLIS), "a revoked key is beyond replacing");
}

#[test]
fn the_history_of_keys_names_the_roots_that_ended_them() {
    let first = root();
    let second = rotate(&first, &public(RELEASE_A), &successor(1), now(), 0, now()).unwrap();
    let third = revoke(&second, &public(RELEASE_B), now(), None, now()).unwrap();
    let all = key_history::of([&first, &second, &third]);
    assert_eq!(all.len(), 7);
    let of = |key: &writ_trust::minisign::PublicKey| all.iter().find(|life| life.public_key == *key).unwrap();
    let (a, b, c) = (of(&public(RELEASE_A)), of(&public(RELEASE_B)), of(&public(RELEASE_C)));
    let new = of(&successor(1).public_key);
    assert_eq!((a.first_root, a.ended_by_root, a.is(now())), (version(1), Some(version(2)), Use::Retired));
    assert_eq!((b.ended_by_root, b.is(now())), (Some(version(3)), Use::Revoked));
    assert_eq!((c.ended_by_root, c.is(now())), (None, Use::InUse));
    assert_eq!((new.first_root, new.is(now().plus_millis(-1))), (version(2), Use::NotYet));
}

/// One change: whether it revokes, which of the keys that there are, how far ahead or back, and how long both count.
type Step = (bool, prop::sample::Index, i64, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 0..40i64, 0..20i64), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is done to keys, in whatever order: every key stays listed with what it could do; periods keep their order;
    /// nothing revoked comes back; thresholds stay and can be met; appliances accept each root after the one before; and an
    /// old release verifies as it did, unless one of its own signers was revoked.
    #[test]
    fn no_sequence_of_rotations_and_revocations_takes_anything_back(steps in steps()) {
        let document = release().canonical();
        let signed = sign(&document, &[RELEASE_A, RELEASE_B]);
        let first = root();
        let mut chain = TrustChain::pinned(&first.canonical()).unwrap();
        let mut secrets = vec![secret(TRUST_A), secret(TRUST_B)];
        for (number, (revokes, which, days, overlap)) in steps.into_iter().enumerate() {
            let before = chain.newest().clone();
            let at = now().plus_millis(number as i64 * 50 * DAY);
            let old = before.keys[which.index(before.keys.len())].clone();
            let new = Successor { valid_until: at.plus_millis(500 * DAY), ..successor(number as u8) };
            let changed = match revokes {
                true => revoke(&before, &old.public_key, at.plus_millis(-days * DAY), Some(&new), at),
                false => rotate(&before, &old.public_key, &new, at.plus_millis(days * DAY), overlap * DAY, at),
            };
            let Ok(after) = changed else { continue };
            secrets.push(next_key(number as u8));
            for key in &before.keys {
                let kept = after.entry_of(&key.public_key).unwrap();
                prop_assert_eq!((&kept.roles, &kept.sites, kept.valid_from), (&key.roles, &key.sites, key.valid_from));
                prop_assert!(kept.valid_from < kept.valid_until && kept.valid_until <= key.valid_until);
                prop_assert!(key.revoked_at.is_none_or(|at| kept.revoked_at.is_some_and(|now| now <= at)));
            }
            prop_assert_eq!(&after.thresholds, &before.thresholds);
            let bytes = after.canonical();
            let signatures: Vec<Vec<u8>> =
                secrets.iter().map(|key| key.sign(&bytes, "c", "u").unwrap().to_string().into_bytes()).collect();
            let mut followed = chain.clone();
            let followed_by = followed.extend(&bytes, &signatures);
            prop_assert!(followed_by.is_ok(), "{:?}", followed_by);
            chain = followed;
            let past = verify_release_for_audit(&document, &signed, &chain, &release().site, None).unwrap();
            let gone = |who: u8| chain.newest().entry_of(&public(who)).unwrap().revoked_at.is_some();
            let sound = !gone(RELEASE_A) && !gone(RELEASE_B);
            prop_assert_eq!(past.standing == Standing::Sound, sound);
            // Proven older than any revocation, it counts again.
            let early = Some(time("2026-01-02T00:00:00Z"));
            let past = verify_release_for_audit(&document, &signed, &chain, &release().site, early).unwrap();
            prop_assert_eq!(past.standing, Standing::Sound);
        }
        let listed: Vec<_> = key_history::of(chain.roots()).into_iter().map(|life| life.public_key).collect();
        let newest: Vec<_> = chain.newest().keys.iter().map(|key| key.public_key.clone()).collect();
        prop_assert_eq!(listed, newest);
    }
}
