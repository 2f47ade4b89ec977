//! Releases of the past, as an auditor judges them.

use writ_trust::digest::Digest;
use writ_trust::history::{
    HistoryProblem, PastRefusal, PastRelease, Standing, check_history, verify_release_for_audit, vouched_for,
};
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::key_register::{KeyRegister, appliance_key};
use writ_trust::release::{Release, RevokedKey};
use writ_trust::root::TrustRoot;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use crate::world::*;

const SIGNERS: &[u8] = &[RELEASE_A, RELEASE_B];

fn site() -> SiteId {
    "clinic-001".parse().unwrap()
}

fn audit(
    release: &Release,
    signers: &[u8],
    chain: &TrustChain,
    proven: Option<Time>,
) -> Result<PastRelease, PastRefusal> {
    let bytes = release.canonical();
    verify_release_for_audit(&bytes, &sign(&bytes, signers), chain, &site(), proven)
}

/// The first root and a second one that revokes and changes as told.
fn grown(edit: impl FnOnce(&mut TrustRoot)) -> TrustChain {
    let mut next = root();
    next.version = version(2);
    edit(&mut next);
    let bytes = next.canonical();
    let mut chain = chain(&root());
    chain.extend(&bytes, &sign(&bytes, &[TRUST_A, TRUST_B])).unwrap();
    chain
}

#[test]
fn a_release_verifies_years_later() {
    // The keys and the release are long expired; what counts is when it was made.
    let past = audit(&release(), SIGNERS, &chain(&root()), None).unwrap();
    assert_eq!(past.standing, Standing::Sound);
    assert_eq!(past.digest, Digest::of(&release().canonical()));
    assert_eq!(past.signers.len(), 2);
    let retired = grown(|next| next.keys[2].valid_until = time("2026-11-21T00:00:00Z"));
    assert_eq!(audit(&release(), SIGNERS, &retired, None).unwrap().standing, Standing::Sound);
}

#[test]
fn a_proven_time_outweighs_a_claimed_one() {
    let chain = chain(&root());
    let mut backdated = release();
    (backdated.issued_at, backdated.expires_at) = (time("2025-01-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
    assert!(matches!(audit(&backdated, SIGNERS, &chain, None), Err(PastRefusal::Threshold { .. })));
    audit(&backdated, SIGNERS, &chain, Some(time("2026-11-21T00:00:00Z"))).unwrap();
    let late = audit(&release(), SIGNERS, &chain, Some(time("2028-01-01T00:00:00Z")));
    assert!(matches!(late, Err(PastRefusal::Threshold { .. })), "{late:?}");
}

#[test]
fn every_way_to_fail_an_audit() {
    type E = PastRefusal;
    let chain = chain(&root());
    let failed = |edit: fn(&mut Release), signers: &[u8]| {
        let mut release = release();
        edit(&mut release);
        let error = audit(&release, signers, &chain, None).expect_err("verified");
        assert_one_line(&error.to_string());
        error
    };
    assert!(matches!(failed(|_| {}, &[]), E::Unsigned { .. }));
    assert!(matches!(failed(|_| {}, &[STRANGER, TRUST_A, TRUST_B]), E::Unsigned { .. }));
    assert!(matches!(failed(|_| {}, &[STRANGER; 65]), E::SignatureCount(65)));
    assert!(matches!(failed(|_| {}, &[RELEASE_A]), E::Threshold { found: 1, needed: 2, .. }));
    assert!(matches!(failed(|_| {}, &[RELEASE_A, RELEASE_A]), E::Threshold { found: 1, .. }));
    assert!(matches!(failed(|r| r.site = "clinic-002".parse().unwrap(), SIGNERS), E::Site { .. }));
    assert!(matches!(failed(|r| r.trust_version = version(2), SIGNERS), E::UnknownRoot(_)));
    assert!(matches!(failed(|r| r.epoch = epoch(2), SIGNERS), E::Epoch { .. }));
    let early = |r: &mut Release| r.issued_at = time("2025-01-01T00:00:00Z");
    assert!(matches!(failed(early, SIGNERS), E::Threshold { found: 0, .. }), "before the keys were valid");
    let judge =
        |bytes: &[u8]| verify_release_for_audit(bytes, &sign(bytes, SIGNERS), &chain, &site(), None).unwrap_err();
    assert!(matches!(judge(&vec![0; MAX_DOCUMENT + 1]), E::Size(_)));
    assert!(matches!(judge(b"{}"), E::Document(_)));
    let mut altered = release().canonical();
    let signatures = sign(&altered, SIGNERS);
    altered[100] ^= 1;
    let error = verify_release_for_audit(&altered, &signatures, &chain, &site(), None).unwrap_err();
    assert!(matches!(error, E::Unsigned { .. }), "{error}");
}

#[test]
fn a_claimed_date_never_saves_a_revoked_key() {
    let revoked_at = time("2026-11-22T00:00:00Z");
    let chain = grown(|next| next.keys[2].revoked_at = Some(revoked_at));
    // issued_at (20 November) is before the revocation, but that is only what the release says of itself.
    let past = audit(&release(), SIGNERS, &chain, None).unwrap();
    let Standing::Unproven { revoked } = &past.standing else { panic!("{past:?}") };
    assert_eq!((revoked[0].0.public_key.clone(), revoked[0].1), (public(RELEASE_A), revoked_at));
    let proven = |at| audit(&release(), SIGNERS, &chain, Some(time(at))).unwrap().standing;
    assert_eq!(proven("2026-11-21T23:59:59Z"), Standing::Sound);
    assert!(matches!(proven("2026-11-22T00:00:00Z"), Standing::Unproven { .. }));
    // A third signer makes up for the revoked one.
    let all = [RELEASE_A, RELEASE_B, RELEASE_C];
    assert_eq!(audit(&release(), &all, &chain, None).unwrap().standing, Standing::Sound);
    // A release made under the root that already revokes the key has not enough signers at all.
    let mut later = release();
    later.trust_version = version(2);
    assert!(matches!(audit(&later, SIGNERS, &chain, None), Err(PastRefusal::Threshold { found: 1, .. })));
}

#[test]
fn a_release_that_names_an_older_root_than_its_signers_is_judged_by_the_later_one() {
    let chain = grown(|next| {
        next.keys.push(trust_key(STRANGER, "new hand", &[writ_trust::role::Role::Release]));
        next.epoch = epoch(2);
    });
    let mut release = release();
    release.epoch = epoch(2);
    assert_eq!(audit(&release, &[STRANGER, RELEASE_A], &chain, None).unwrap().signers.len(), 2);
    release.epoch = epoch(1);
    assert!(matches!(audit(&release, &[STRANGER, RELEASE_A], &chain, None), Err(PastRefusal::Threshold { .. })));
}

/// Releases 1 to `n`, each naming the one before.
fn line(n: u64, edit: impl Fn(&mut Release)) -> Vec<PastRelease> {
    let chain = chain(&root());
    let mut previous = None;
    (1..=n)
        .map(|number| {
            let mut release = release();
            (release.serial, release.previous) = (serial(number), previous);
            edit(&mut release);
            let past = audit(&release, SIGNERS, &chain, None).unwrap();
            previous = Some(past.digest);
            past
        })
        .collect()
}

#[test]
fn a_history_is_whole_in_any_order() {
    let mut releases = line(4, |_| {});
    assert_eq!(check_history(&releases), []);
    releases.reverse();
    releases.push(releases[0].clone());
    assert_eq!(check_history(&releases), []);
    assert_eq!(check_history([]), []);
}

#[test]
fn every_break_in_a_history_is_found() {
    let key = public(STRANGER);
    let revoked = |at| RevokedKey { public_key: public(STRANGER), revoked_at: time(at), reason: "lost".into() };
    let all = line(4, |r| {
        if r.serial != serial(3) {
            r.revoked_appliance_keys = vec![revoked("2026-11-01T00:00:00Z")];
        }
    });
    let dropped = HistoryProblem::RevocationDropped { at: (epoch(1), serial(3)), key: key.fingerprint() };
    assert_eq!(check_history(&all), [dropped]);

    let all = line(4, |_| {});
    let at = |n| (epoch(1), serial(n));
    let without: Vec<_> = [0, 2, 3].map(|i| all[i].clone()).into();
    let named = Some(all[1].digest);
    assert_eq!(check_history(&without), [HistoryProblem::Link { at: at(3), named, before: all[0].digest }]);
    assert_eq!(check_history(&all[1..]), [HistoryProblem::Missing { at: at(2), named: all[0].digest }]);

    let forked = [line(3, |_| {}), line(3, |r| r.source.dirty = r.serial == serial(3))].concat();
    assert!(matches!(check_history(&forked)[..], [HistoryProblem::Fork { .. }]));
    let backwards = line(3, |r| {
        if r.serial == serial(3) {
            r.issued_at = time("2026-11-19T00:00:00Z");
        }
    });
    assert!(matches!(check_history(&backwards)[..], [HistoryProblem::Backwards { .. }]));
    for problem in
        [check_history(&without), check_history(&forked), check_history(&backwards), check_history(&all[1..])].concat()
    {
        assert_one_line(&problem.to_string());
    }
}

#[test]
fn sound_releases_vouch_for_the_ones_they_name() {
    let mut all = line(4, |_| {});
    assert!(vouched_for(&all).is_empty(), "who is sound needs nobody");
    for past in &mut all[..2] {
        past.standing = Standing::Unproven { revoked: vec![] };
    }
    let forged = line(2, |r| r.source.dirty = true).pop().map(|mut past| {
        past.standing = Standing::Unproven { revoked: vec![] };
        past
    });
    let vouched = vouched_for(all.iter().chain(&forged));
    assert_eq!(vouched, [(all[0].digest, all[2].digest), (all[1].digest, all[2].digest)].into());
}

#[test]
fn the_register_knows_who_spoke_for_whom_and_until_when() {
    let front = "front-desk".parse().unwrap();
    let mut second = release();
    second.serial = serial(6);
    second.generations.get_mut(&front).unwrap().public_key = public(STRANGER);
    let revoked_at = time("2026-11-21T00:00:00Z");
    second.revoked_appliance_keys =
        vec![RevokedKey { public_key: public(FRONT_DESK), revoked_at, reason: "disk replaced".into() }];
    let mut third = second.clone();
    third.serial = serial(7);
    third.revoked_appliance_keys[0].revoked_at = time("2026-11-20T00:00:00Z");
    let register = KeyRegister::from_releases([&third, &release(), &second]);
    let record = register.record(&site(), &front, &public(FRONT_DESK)).unwrap();
    assert_eq!((record.first, record.last), ((epoch(1), serial(5)), (epoch(1), serial(5))));
    let record = register.record(&site(), &front, &public(STRANGER)).unwrap();
    assert_eq!((record.first.1, record.last.1), (serial(6), serial(7)));
    assert_eq!(register.records().count(), 3);
    let found = register.revocation(&site(), &public(FRONT_DESK)).unwrap();
    assert_eq!(found.revoked_at, time("2026-11-20T00:00:00Z"), "the earliest counts");
    assert!(register.revocation(&site(), &public(STRANGER)).is_none());
    let fingerprint = public(BACK_ROOM).fingerprint();
    let site = site();
    let [record] = &register.by_fingerprint(&site, &fingerprint).collect::<Vec<_>>()[..] else { panic!("one record") };
    assert_eq!(record.appliance.as_str(), "back-room");
    assert_eq!(appliance_key(&release(), &front), Some(&public(FRONT_DESK)));
    assert_eq!(appliance_key(&release(), &"nobody".parse().unwrap()), None);
}
