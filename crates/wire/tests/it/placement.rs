//! A machine is told its place before what runs there is due.

use writ_trust::digest::Digest;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::refusal::Refusal;
use writ_trust::release::{Generation, PolicyRef, Release, ReleaseSchema, Source};
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot, TrustSchema};
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;
use writ_wire::Signed;
use writ_wire::placement::{Place, PlaceError};
use writ_wire::releases::LoggedRelease;

const TRUST: u8 = 1;
const RELEASE: u8 = 2;
const MACHINE: u8 = 3;
const OTHER: u8 = 4;

fn secret(who: u8) -> SecretKey {
    SecretKey::generate(&[who; 40])
}

fn public(who: u8) -> PublicKey {
    secret(who).public_key()
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn chain() -> TrustChain {
    let key = |who: u8, name: &str, role: Role| TrustKey {
        public_key: public(who),
        name: name.into(),
        roles: vec![role],
        sites: vec![],
        valid_from: time("2020-01-01T00:00:00Z"),
        valid_until: time("2090-01-01T00:00:00Z"),
        revoked_at: None,
    };
    let root = TrustRoot {
        schema: TrustSchema::V1,
        version: TrustVersion::FIRST,
        epoch: Epoch::FIRST,
        keys: vec![key(TRUST, "Ada", Role::Trust), key(RELEASE, "Ben", Role::Release)],
        thresholds: [(Role::Trust, 1), (Role::Release, 1)].into(),
        log_origins: [].into(),
        witnesses: vec![],
        timestamp_authorities: vec![],
        expires_at: time("2089-01-01T00:00:00Z"),
    };
    TrustChain::pinned(&root.canonical()).unwrap()
}

/// The place of the machine, whose generation is due a week after the release was made.
fn place(signed_by: u8) -> Place {
    let generation = Generation {
        public_key: public(MACHINE),
        system_type: "x86_64-linux".parse().unwrap(),
        policy: PolicyRef { schema: "writ.policy.v1".parse().unwrap(), digest: Digest::of(b"{}"), size: 2 },
        closure: None,
        not_before: time("2026-11-27T08:00:00Z"),
    };
    let release = Release {
        schema: ReleaseSchema::V1,
        site: "clinic-001".parse().unwrap(),
        epoch: Epoch::FIRST,
        serial: Serial::new(1).unwrap(),
        issued_at: time("2026-11-20T08:00:00Z"),
        expires_at: time("2026-12-20T08:00:00Z"),
        previous: None,
        source: Source { revision: None, nar_hash: Digest::of(b"the source"), dirty: false },
        trust_version: TrustVersion::FIRST,
        generations: [("front-desk".parse().unwrap(), generation)].into(),
        revoked_appliance_keys: vec![],
    };
    Place {
        site: "clinic-001".parse().unwrap(),
        appliance: "front-desk".parse().unwrap(),
        roots: vec![],
        release: LoggedRelease {
            release: Signed::by(release.canonical(), &secret(signed_by), "test").unwrap(),
            receipt: None,
        },
    }
}

#[test]
fn a_machine_of_a_later_ring_is_told_its_place_before_it_is_due() {
    let judged = |place: &Place, who, at: &str| place.judge(&chain(), &public(who), time(at));
    let (early, due, late) = ("2026-11-21T08:00:00Z", "2026-11-28T08:00:00Z", "2026-12-21T08:00:00Z");
    let good = place(RELEASE);
    for at in [early, due] {
        let accepted = judged(&good, MACHINE, at).unwrap();
        assert_eq!(accepted.entry.public_key, public(MACHINE), "{at}");
    }
    // Everything else holds before it is due as after.
    for at in [early, due] {
        assert!(matches!(judged(&good, OTHER, at), Err(PlaceError::Refused(_))), "another machine's, at {at}");
        assert!(matches!(judged(&place(OTHER), MACHINE, at), Err(PlaceError::Refused(_))), "not signed, at {at}");
    }
    let expired = judged(&good, MACHINE, late);
    assert!(
        matches!(&expired, Err(PlaceError::Refused(why)) if matches!(**why, Refusal::Expiry { .. })),
        "{expired:?}"
    );
}
