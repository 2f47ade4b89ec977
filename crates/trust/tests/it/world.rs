//! A small world to judge in: one site, two appliances, two trust keys, three release keys of which two must sign.

use writ_trust::acceptance::{Accepted, Identity, LogProof, accept, accept_beside};
use writ_trust::digest::Digest;
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::judge::Continuity;
use writ_trust::log::tree::Hash;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::refusal::Refusal;
use writ_trust::release::{ClosureRef, Generation, PolicyRef, Release, ReleaseSchema, Source};
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot, TrustSchema};
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

pub const TRUST_A: u8 = 1;
pub const TRUST_B: u8 = 2;
pub const RELEASE_A: u8 = 11;
pub const RELEASE_B: u8 = 12;
pub const RELEASE_C: u8 = 13;
pub const CACHE: u8 = 21;
pub const LOG: u8 = 22;
pub const FRONT_DESK: u8 = 31;
pub const BACK_ROOM: u8 = 32;
pub const STRANGER: u8 = 99;

pub const POLICY: &[u8] = b"{\"schema\":\"writ.policy.v1\"}";
pub const CLOSURE: &[u8] = b"{\"schema\":\"writ.closure.v1\"}";

/// The secret key of one of the people and machines above.
pub fn secret(who: u8) -> SecretKey {
    SecretKey::generate(&[who; 40])
}

pub fn public(who: u8) -> PublicKey {
    secret(who).public_key()
}

pub fn time(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn epoch(n: u64) -> Epoch {
    Epoch::new(n).unwrap()
}

pub fn serial(n: u64) -> Serial {
    Serial::new(n).unwrap()
}

pub fn version(n: u64) -> TrustVersion {
    TrustVersion::new(n).unwrap()
}

pub fn trust_key(who: u8, name: &str, roles: &[Role]) -> TrustKey {
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

pub fn root() -> TrustRoot {
    TrustRoot {
        schema: TrustSchema::V1,
        version: version(1),
        epoch: epoch(1),
        keys: vec![
            trust_key(TRUST_A, "Ada", &[Role::Trust]),
            trust_key(TRUST_B, "Ben", &[Role::Trust]),
            trust_key(RELEASE_A, "Ada's release key", &[Role::Release]),
            trust_key(RELEASE_B, "Ben's release key", &[Role::Release]),
            trust_key(RELEASE_C, "Cyd's release key", &[Role::Release]),
            trust_key(CACHE, "cache-1", &[Role::Cache]),
        ],
        thresholds: [(Role::Trust, 2), (Role::Release, 2)].into(),
        log_origins: [].into(),
        witnesses: vec![],
        timestamp_authorities: vec![],
        expires_at: time("2027-11-01T00:00:00Z"),
    }
}

pub fn generation(who: u8) -> Generation {
    let toplevel = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system".parse().unwrap();
    Generation {
        public_key: public(who),
        system_type: "x86_64-linux".parse().unwrap(),
        policy: PolicyRef {
            schema: "writ.policy.v1".parse().unwrap(),
            digest: Digest::of(POLICY),
            size: POLICY.len() as u64,
        },
        closure: Some(ClosureRef { toplevel, digest: Digest::of(CLOSURE), size: CLOSURE.len() as u64 }),
        not_before: time("2026-11-20T08:00:00Z"),
    }
}

pub fn release() -> Release {
    Release {
        schema: ReleaseSchema::V1,
        site: "clinic-001".parse().unwrap(),
        epoch: epoch(1),
        serial: serial(5),
        issued_at: time("2026-11-20T08:00:00Z"),
        expires_at: time("2027-05-19T08:00:00Z"),
        previous: Some(Digest::of(b"the one before")),
        source: Source {
            revision: Some("0123456789abcdef0123456789abcdef01234567".parse().unwrap()),
            nar_hash: Digest::of(b"the source"),
            dirty: false,
        },
        trust_version: version(1),
        generations: [
            ("front-desk".parse().unwrap(), generation(FRONT_DESK)),
            ("back-room".parse().unwrap(), generation(BACK_ROOM)),
        ]
        .into(),
        revoked_appliance_keys: vec![],
    }
}

/// Signature files over some bytes.
pub fn sign(bytes: &[u8], signers: &[u8]) -> Vec<Vec<u8>> {
    let one = |who: &u8| secret(*who).sign(bytes, "site=clinic-001", "signature from writ").unwrap();
    signers.iter().map(|who| one(who).to_string().into_bytes()).collect()
}

pub fn chain(root: &TrustRoot) -> TrustChain {
    TrustChain::pinned(&root.canonical()).unwrap()
}

/// Everything that a judgement takes; a test changes what it wants to be wrong.
pub struct World {
    pub chain: TrustChain,
    pub floor: Floor,
    pub identity: Identity,
    pub release: Release,
    pub signers: Vec<u8>,
    pub log: Offered,
    pub now: Time,
}

/// What comes from the log with the release, and what was seen of it before.
#[derive(Default)]
pub struct Offered {
    pub receipt: Option<Vec<u8>>,
    pub seen: Option<Checkpoint>,
    pub consistency: Vec<Hash>,
    pub restarts: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl World {
    /// A world in which the release is accepted.
    pub fn new() -> Self {
        Self::under(&root())
    }

    /// A world under another trust root.
    pub fn under(root: &TrustRoot) -> Self {
        let chain = chain(root);
        let mut floor = Floor::initial("clinic-001".parse().unwrap(), &chain);
        floor.release = Some(FloorRelease { epoch: epoch(1), serial: serial(4), digest: Digest::of(b"four") });
        Self {
            chain,
            floor,
            identity: Identity {
                site: "clinic-001".parse().unwrap(),
                appliance: "front-desk".parse().unwrap(),
                public_key: public(FRONT_DESK),
            },
            release: release(),
            signers: vec![RELEASE_A, RELEASE_B],
            log: Offered::default(),
            now: time("2026-11-23T12:00:00Z"),
        }
    }

    pub fn judge(&self) -> Result<Accepted, Refusal> {
        let bytes = self.release.canonical();
        self.judge_bytes(&bytes, &sign(&bytes, &self.signers))
    }

    pub fn judge_bytes(&self, bytes: &[u8], signatures: &[Vec<u8>]) -> Result<Accepted, Refusal> {
        let Offered { receipt, seen, consistency, restarts } = &self.log;
        let continuity = Continuity { seen: seen.as_ref(), consistency, restarts };
        let log = LogProof { receipt: receipt.as_deref(), continuity };
        accept(bytes, signatures, &self.chain, &self.floor, &self.identity, &log, self.now)
    }

    /// Judges the release without a log, where this is obeyed.
    pub fn judge_beside(&self, running: Option<&Generation>) -> Result<Accepted, Refusal> {
        let bytes = self.release.canonical();
        let (signatures, log) = (sign(&bytes, &self.signers), LogProof::default());
        accept_beside(&bytes, &signatures, &self.chain, &self.floor, &self.identity, &log, running, self.now)
    }

    /// What the release has for the appliance.
    pub fn entry(&mut self) -> &mut Generation {
        self.release.generations.get_mut(&self.identity.appliance).unwrap()
    }
}

/// The one line that a message must be.
pub fn assert_one_line(message: &str) {
    assert!(!message.is_empty() && !message.chars().any(char::is_control), "not one line: {message:?}");
    assert!(message.len() < 2_000, "too long: {message}");
}
