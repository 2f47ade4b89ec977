//! The signed documents, and what a signature file looks like.

use std::process::Command;

use writ_policy::closure::{self, Closure, StorePath};
use writ_policy::policy::Policy;
use writ_scenarios::flake::repository;
use writ_scenarios::run;
use writ_trust::digest::Digest;
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::json;
use writ_trust::minisign::{PublicKey, Signature};
use writ_trust::release::{ClosureRef, Generation, PolicyRef, Release, ReleaseSchema, RevokedKey, Source};
use writ_trust::role::Role;
use writ_trust::root::{TimestampAuthority, TrustKey, TrustRoot, TrustSchema};
use writ_trust::root_chain::TrustChain;

use super::Golden;
use super::keys::*;

pub const TOPLEVEL: &str = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system-front-desk";

fn say(e: impl std::fmt::Display) -> String {
    e.to_string()
}

pub fn all() -> Vec<Golden> {
    let release = release().canonical();
    let signature = secret(ALICE).sign(&release, &self::release().trusted_comment(), "signature from writ").unwrap();
    vec![
        Golden::new("trust.json", root().canonical(), |b| TrustRoot::parse(b).map(|d| d.canonical()).map_err(say)),
        Golden::new("release.json", release, |b| Release::parse(b).map(|d| d.canonical()).map_err(say)),
        Golden::new("release.json.minisig", signature.to_string().into_bytes(), |b| {
            let signature = Signature::parse(b).map_err(say)?;
            public(ALICE).verify_strict(&self::release().canonical(), &signature).map_err(say)?;
            Ok(signature.to_string().into_bytes())
        }),
        Golden::new("alice.pub", public(ALICE).to_file().into_bytes(), |b| {
            let text = String::from_utf8(b.to_vec()).map_err(say)?;
            PublicKey::parse(&text).map(|key| key.to_file().into_bytes()).map_err(say)
        }),
        Golden::new("closure.json", json::canonical(&closure()), |b| {
            Closure::parse(b).map(|d| json::canonical(&d)).map_err(say)
        }),
        Golden::new("floor.json", floor().canonical(), |b| Floor::parse(b).map(|d| d.canonical()).map_err(say)),
    ]
}

/// What Nix makes of `hosts/clinic-001/front-desk`, as a release carries it.
pub fn policy() -> Golden {
    let expression = "(import ./modules/policy/evaluate.nix { root = ./.; }).policies.clinic-001.front-desk";
    let mut nix = Command::new("nix-instantiate");
    nix.current_dir(repository()).args(["--eval", "--strict", "--json", "-E", expression]);
    let text = run::checked(&mut nix).unwrap();
    let value = json::parse_value(text.trim().as_bytes(), json::MAX_DOCUMENT).unwrap();
    Golden::new("policy.json", json::canonical(&value), |b| Policy::parse(b).map(|d| json::canonical(&d)).map_err(say))
}

fn trust_key(who: u8, name: &str, roles: &[Role]) -> TrustKey {
    TrustKey {
        public_key: public(who),
        name: name.into(),
        roles: roles.to_vec(),
        sites: vec![],
        valid_from: time("2026-01-01T00:00:00Z"),
        valid_until: time("2028-01-01T00:00:00Z"),
        revoked_at: None,
    }
}

/// A trust root in which every member holds something.
pub fn root() -> TrustRoot {
    let mut cache = trust_key(CACHE, "clinic-cache-1", &[Role::Cache]);
    cache.sites = vec![as_("clinic-001"), as_("clinic-002")];
    let mut stolen = trust_key(STOLEN, "Cyd", &[Role::Release]);
    stolen.revoked_at = Some(time("2026-11-02T00:00:00Z"));
    TrustRoot {
        schema: TrustSchema::V1,
        version: as_("1"),
        epoch: as_("1"),
        keys: vec![
            trust_key(ALICE, "Alice", &[Role::Trust, Role::Release]),
            trust_key(BOB, "Bob", &[Role::Release]),
            cache,
            stolen,
        ],
        thresholds: [(Role::Trust, 1), (Role::Release, 2)].into(),
        log_origins: [(as_("clinic-001"), vec!["log.example/clinic-001".to_owned()])].into(),
        witnesses: vec!["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".into()],
        timestamp_authorities: vec![TimestampAuthority { name: "tsa.example".into(), certificate: "MAMCAQE=".into() }],
        expires_at: time("2027-11-01T00:00:00Z"),
    }
}

/// A release in which every member holds something.
pub fn release() -> Release {
    let generation = |who, closure| Generation {
        public_key: public(who),
        system_type: as_("x86_64-linux"),
        policy: PolicyRef { schema: as_("writ.policy.v1"), digest: Digest::of(b"a policy"), size: 8 },
        closure,
        not_before: time("2026-11-20T08:00:00Z"),
    };
    let closure = ClosureRef { toplevel: as_(TOPLEVEL), digest: Digest::of(b"a closure"), size: 9 };
    Release {
        schema: ReleaseSchema::V1,
        site: as_("clinic-001"),
        epoch: as_("1"),
        serial: as_("5"),
        issued_at: time("2026-11-20T08:00:00Z"),
        expires_at: time("2027-05-19T08:00:00Z"),
        previous: Some(Digest::of(b"the release before")),
        source: Source {
            revision: Some(as_("0123456789abcdef0123456789abcdef01234567")),
            nar_hash: Digest::of(b"the sources"),
            dirty: false,
        },
        trust_version: as_("1"),
        generations: [
            (as_("front-desk"), generation(FRONT_DESK, Some(closure))),
            (as_("back-office"), generation(BACK_OFFICE, None)),
        ]
        .into(),
        revoked_appliance_keys: vec![RevokedKey {
            public_key: public(STOLEN),
            revoked_at: time("2026-11-01T00:00:00.5Z"),
            reason: "stolen from the front desk".into(),
        }],
    }
}

fn closure() -> Closure {
    let path = |name: &str, references: &[&str]| StorePath {
        path: name.into(),
        nar_hash: Digest::of(name.as_bytes()),
        nar_size: 120 + name.len() as u64,
        references: references.iter().map(|&r| r.to_owned()).collect(),
    };
    let tool = "/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-renew-certificate";
    Closure {
        schema: closure::SCHEMA.into(),
        toplevel: TOPLEVEL.into(),
        store_dir: "/nix/store".into(),
        paths: vec![path(TOPLEVEL, &[TOPLEVEL, tool]), path(tool, &[])],
        programs: [("renew-certificate".to_owned(), format!("{tool}/bin/renew"))].into(),
    }
}

fn floor() -> Floor {
    let chain = TrustChain::pinned(&root().canonical()).unwrap();
    let mut floor = Floor::initial(as_("clinic-001"), &chain);
    let digest = Digest::of(&release().canonical());
    floor.release = Some(FloorRelease { epoch: as_("1"), serial: as_("5"), digest });
    floor.clock = Some(time("2026-11-20T08:00:00Z"));
    floor
}
