//! Publishing: trust roots, releases, and what they name.

use writ_trust::digest::Digest;
use writ_wire::publication::State;

use crate::client::{get, put};
use crate::daemon::Start;
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
