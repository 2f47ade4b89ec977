//! Publishing: trust roots, releases, and what they name.

use writ_trust::digest::Digest;
use writ_trust::log::receipt::Receipt;
use writ_trust::numbers::TrustVersion;
use writ_trust::role::Role;
use writ_wire::publication::State;
use writ_wire::sync::Sync;

use crate::client::{get, put};
use crate::daemon::{Start, until};
use crate::world::*;

#[test]
fn a_release_follows_the_active_one_or_is_refused() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let target = format!("/publish/releases/{SITE}");
    assert_eq!(get(address, &target).status, 404);
    let offer = |release: &writ_trust::release::Release, signers: &[u8]| {
        put(address, &target, &signed(release.canonical(), signers).canonical()).status
    };
    assert_eq!(offer(&release(1, None), &[STRANGER]), 403);
    assert_eq!(offer(&release(1, None), &[]), 403);
    assert_eq!(offer(&release(1, Some(Digest::of(b"x"))), &[RELEASE]), 409);
    let mut elsewhere = release(1, None);
    elsewhere.site = "clinic-002".parse().unwrap();
    assert_eq!(offer(&elsewhere, &[RELEASE]), 422);
    let mut expired = release(1, None);
    expired.expires_at = time("2026-11-21T00:00:00Z");
    assert_eq!(offer(&expired, &[RELEASE]), 422);
    assert_eq!(get(address, &target).status, 404, "nothing was half applied");

    assert_eq!(offer(&release(1, None), &[RELEASE]), 200);
    assert_eq!(offer(&release(1, None), &[RELEASE]), 200, "again");
    let mut rival = release(1, None);
    rival.issued_at = time("2026-11-20T09:00:00Z");
    assert_eq!(offer(&rival, &[RELEASE]), 409, "another of that serial is pending");
    rival.serial = serial(2);
    assert_eq!(offer(&rival, &[RELEASE]), 200, "a higher one replaces it");
    assert_eq!(offer(&release(1, None), &[RELEASE]), 409);
    let state = publish(address, &rival);
    assert_eq!((state.state, state.serial), (State::Active, serial(2)));
    assert_eq!(offer(&rival, &[RELEASE]), 200, "again");
    let next = release(2, Some(Digest::of(&rival.canonical())));
    assert_eq!(offer(&next, &[RELEASE]), 409, "not above");
    let mut next = release(3, Some(Digest::of(&rival.canonical())));
    next.revoked_appliance_keys.push(revoked(STRANGER));
    assert_eq!(publish(address, &next).state, State::Active, "its documents are here already");
    let dropping = release(4, Some(Digest::of(&next.canonical())));
    assert_eq!(offer(&dropping, &[RELEASE]), 422, "a revocation is carried forward");
}

#[test]
fn a_site_that_cannot_be_logged_stops_no_other() {
    // Its second log has not begun: nothing of it can be logged. It comes first in every order.
    let other = "clinic-000";
    let mut root = root();
    root.log_origins.insert(other.parse().unwrap(), vec!["log.example/0".to_owned(), "log.example/0/2".to_owned()]);
    let dir = folder_with(&root);
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let mut stuck = release(1, None);
    stuck.site = other.parse().unwrap();
    let stuck = signed(stuck.canonical(), &[RELEASE]).canonical();
    put(address, &format!("/publish/releases/{other}"), &stuck).expect(200);
    assert_eq!(
        put(address, &format!("/publish/documents/{}", Digest::of(POLICY)), POLICY).status,
        503,
        "its own error"
    );
    assert_eq!(publish(address, &release(1, None)).state, State::Active);
    assert_eq!(put(address, &format!("/publish/releases/{other}"), &stuck).status, 503);
}

#[test]
fn a_pending_release_that_holds_no_more_does_not_become_active() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let (target, policy) = (format!("/publish/releases/{SITE}"), format!("/publish/documents/{}", Digest::of(POLICY)));
    let offer = |release: &writ_trust::release::Release| {
        put(address, &target, &signed(release.canonical(), &[RELEASE]).canonical()).status
    };
    let mut brief = release(1, None);
    brief.expires_at = now().plus_millis(3000);
    assert_eq!(offer(&brief), 200);
    until("it to have expired", || (now() >= brief.expires_at).then_some(()));
    assert_eq!(put(address, &policy, POLICY).status, 409);
    assert_eq!(get(address, &target).status, 404, "nothing is pending or active");

    let mut lacking = release(2, None);
    lacking.generations.values_mut().for_each(|generation| generation.policy.digest = Digest::of(b"another"));
    assert_eq!(offer(&lacking), 200);
    let mut next = root();
    next.version = TrustVersion::new(2).unwrap();
    let key = next.keys.iter_mut().find(|key| key.public_key == public(RELEASE)).unwrap();
    key.revoked_at = Some(time("2026-01-01T00:00:00Z"));
    next.keys.push(trust_key(STRANGER, "the next release key", Role::Release));
    put(address, "/publish/trust/2", &signed(next.canonical(), &[TRUST_A, TRUST_B]).canonical()).expect(200);
    assert_eq!(get(address, &target).status, 404, "its key was revoked");
    assert_eq!(put(address, &format!("/publish/documents/{}", Digest::of(b"another")), b"another").status, 404);
    assert_eq!(offer(&lacking), 403);
    drop(depot);
    let depot = Start::new(dir.path()).start();
    assert_eq!(get(depot.address, &target).status, 404, "also for the next process");
}

#[test]
fn a_first_log_that_begins_later_has_the_active_release() {
    let mut first = root();
    first.log_origins.clear();
    let dir = folder_with(&first);
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    assert_eq!(publish(address, &release(1, None)).state, State::Active, "without a log");
    let mut next = root();
    next.version = TrustVersion::new(2).unwrap();
    put(address, "/publish/trust/2", &signed(next.canonical(), &[TRUST_A, TRUST_B]).canonical()).expect(200);
    let sync = Sync::parse(&front_desk().get(address, "/agent/sync?trust=1&log=0").expect(200)).unwrap();
    let receipt = Receipt::parse(&sync.release.unwrap().receipt.expect("a proof").0).unwrap();
    let proven = receipt.verify(ORIGIN, &[public(LOG)]).unwrap();
    assert_eq!(proven.entry.digest(), Digest::of(&release(1, None).canonical()));
}
