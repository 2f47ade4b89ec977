//! One file of every document, kept for ever: bytes that change here mean a new schema version, never a new golden file.

use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::minisign::{PublicKey, Signature};
use writ_trust::release::{Release, RevokedKey};
use writ_trust::root::{TimestampAuthority, TrustRoot};

use crate::world::*;

const RELEASE: &[u8] = include_bytes!("../golden/release.json");
const SIGNATURE: &[u8] = include_bytes!("../golden/release.json.minisig");
const PUBLIC_KEY: &str = include_str!("../golden/key.pub");
const TRUST: &[u8] = include_bytes!("../golden/trust.json");
const FLOOR: &[u8] = include_bytes!("../golden/floor.json");

/// A release in which every member holds something.
fn full_release() -> Release {
    let mut release = release();
    release.generations.get_mut(&"back-room".parse().unwrap()).unwrap().closure = None;
    let (revoked_at, reason) = (time("2026-11-01T00:00:00.5Z"), "stolen from the front desk".into());
    release.revoked_appliance_keys = vec![RevokedKey { public_key: public(STRANGER), revoked_at, reason }];
    release
}

/// A trust root in which every member holds something.
fn full_root() -> TrustRoot {
    let mut root = root();
    root.keys[4].sites = vec!["clinic-001".parse().unwrap(), "clinic-002".parse().unwrap()];
    root.keys[3].revoked_at = Some(time("2026-11-02T00:00:00Z"));
    root.log_origins.insert("clinic-001".parse().unwrap(), vec!["log.example/clinic-001".into()]);
    root.witnesses = vec!["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".into()];
    let (name, certificate) = ("tsa.example".into(), "MAMCAQE=".into());
    root.timestamp_authorities = vec![TimestampAuthority { name, certificate }];
    root
}

fn full_floor() -> Floor {
    let mut floor = Floor::initial("clinic-001".parse().unwrap(), &chain(&full_root()));
    let digest = writ_trust::digest::Digest::of(RELEASE);
    floor.release = Some(FloorRelease { epoch: epoch(1), serial: serial(5), digest });
    floor.clock = Some(time("2026-11-20T08:00:00Z"));
    floor
}

#[test]
fn documents_keep_their_bytes() {
    assert_eq!(Release::parse(RELEASE).unwrap(), full_release());
    assert_eq!(full_release().canonical(), RELEASE);
    assert_eq!(TrustRoot::parse(TRUST).unwrap(), full_root());
    assert_eq!(full_root().canonical(), TRUST);
    assert_eq!(Floor::parse(FLOOR).unwrap(), full_floor());
    assert_eq!(full_floor().canonical(), FLOOR);
    assert_eq!(PublicKey::parse(PUBLIC_KEY).unwrap(), public(RELEASE_A));
    assert_eq!(public(RELEASE_A).to_file(), PUBLIC_KEY);
    let comment = full_release().trusted_comment();
    let signature = secret(RELEASE_A).sign(RELEASE, &comment, "signature from writ").unwrap();
    assert_eq!(signature.to_string().as_bytes(), SIGNATURE);
    public(RELEASE_A).verify_strict(RELEASE, &Signature::parse(SIGNATURE).unwrap()).unwrap();
}
