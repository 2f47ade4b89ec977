//! A small world: one site with a log, two appliances, the keys of everybody, and a depot's folder.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::proof;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::{Tile, TileError, TileNodes, Tiles};
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::order::{Audience, Order, OrderAction, OrderId, OrderSchema};
use writ_trust::release::{ClosureRef, Generation, PolicyRef, Release, ReleaseSchema, RevokedKey, Source};
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot, TrustSchema};
use writ_trust::time::Time;
use writ_wire::courier::{self, Delegation};
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema};
use writ_wire::http::Request;
use writ_wire::http::sign::sign;
use writ_wire::publication::Publication;
use writ_wire::receipts::Receipts;
use writ_wire::{Blob, Signed};

use crate::client::{Answer, Connection, put, request};

pub const TRUST_A: u8 = 1;
pub const TRUST_B: u8 = 2;
pub const RELEASE: u8 = 11;
pub const CACHE: u8 = 21;
pub const FRONT_DESK: u8 = 31;
pub const BACK_ROOM: u8 = 32;
pub const LOG: u8 = 41;
pub const READ: u8 = 51;
pub const COURIER: u8 = 61;
pub const ORDER_A: u8 = 71;
pub const ORDER_B: u8 = 72;
pub const STRANGER: u8 = 99;

pub const SITE: &str = "clinic-001";
pub const ORIGIN: &str = "log.example/clinic-001";
pub const POLICY: &[u8] = b"{\"schema\":\"writ.policy.v1\"}";

pub fn secret(who: u8) -> SecretKey {
    SecretKey::generate(&[who; 40])
}

pub fn public(who: u8) -> PublicKey {
    secret(who).public_key()
}

pub fn site() -> SiteId {
    SITE.parse().unwrap()
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap())
}

pub fn time(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn serial(n: u64) -> Serial {
    Serial::new(n).unwrap()
}

pub fn trust_key(who: u8, name: &str, role: Role) -> TrustKey {
    TrustKey {
        public_key: public(who),
        name: name.into(),
        roles: vec![role],
        sites: vec![],
        valid_from: time("2020-01-01T00:00:00Z"),
        valid_until: time("2090-01-01T00:00:00Z"),
        revoked_at: None,
    }
}

pub fn root() -> TrustRoot {
    TrustRoot {
        schema: TrustSchema::V1,
        version: TrustVersion::FIRST,
        epoch: Epoch::FIRST,
        keys: vec![
            trust_key(TRUST_A, "Ada", Role::Trust),
            trust_key(TRUST_B, "Ben", Role::Trust),
            trust_key(RELEASE, "Ada's release key", Role::Release),
            trust_key(CACHE, "cache-1", Role::Cache),
            trust_key(LOG, "the depot", Role::Log),
            trust_key(READ, "an auditor", Role::Read),
            trust_key(ORDER_A, "Ada's order key", Role::Order),
            trust_key(ORDER_B, "Ben's order key", Role::Order),
        ],
        thresholds: [(Role::Trust, 2), (Role::Release, 1), (Role::Order, 2)].into(),
        log_origins: [(site(), vec![ORIGIN.to_owned()])].into(),
        witnesses: vec![],
        timestamp_authorities: vec![],
        expires_at: time("2089-01-01T00:00:00Z"),
    }
}

pub fn signed(document: Vec<u8>, signers: &[u8]) -> Signed {
    let one = |who: &u8| secret(*who).sign(&document, "test", "signature from writ").unwrap();
    let signatures = signers.iter().map(|who| Blob(one(who).to_string().into_bytes())).collect();
    Signed { document: Blob(document), signatures }
}

pub fn generation(who: u8, closure: Option<ClosureRef>) -> Generation {
    Generation {
        public_key: public(who),
        system_type: "x86_64-linux".parse().unwrap(),
        policy: PolicyRef {
            schema: "writ.policy.v1".parse().unwrap(),
            digest: Digest::of(POLICY),
            size: POLICY.len() as u64,
        },
        closure,
        not_before: time("2026-01-01T00:00:00Z"),
    }
}

pub fn release(number: u64, previous: Option<Digest>) -> Release {
    Release {
        schema: ReleaseSchema::V1,
        site: site(),
        epoch: Epoch::FIRST,
        serial: serial(number),
        issued_at: time("2026-11-20T08:00:00Z"),
        expires_at: time("2088-01-01T00:00:00Z"),
        previous,
        source: Source { revision: None, nar_hash: Digest::of(b"the source"), dirty: false },
        trust_version: TrustVersion::FIRST,
        generations: [
            ("front-desk".parse().unwrap(), generation(FRONT_DESK, None)),
            ("back-room".parse().unwrap(), generation(BACK_ROOM, None)),
        ]
        .into(),
        revoked_appliance_keys: vec![],
    }
}

/// An order to run every check, which differs from others by its number.
pub fn order(number: u8, audience: Audience) -> Order {
    Order {
        schema: OrderSchema::V1,
        site: site(),
        id: OrderId::from_random([number; 16]),
        audience,
        action: OrderAction::Rescan,
        reason: "a test".to_owned(),
        issued_at: now(),
        expires_at: now().plus_millis(3_600_000),
    }
}

pub fn revoked(who: u8) -> RevokedKey {
    RevokedKey { public_key: public(who), revoked_at: time("2026-11-21T00:00:00Z"), reason: "stolen".to_owned() }
}

/// A depot's folder, ready to be started on.
pub fn folder() -> TempDir {
    folder_with(&root())
}

pub fn folder_with(root: &TrustRoot) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path(), root);
    dir
}

pub fn prepare(dir: &Path, root: &TrustRoot) {
    std::fs::write(dir.join("trust.json"), root.canonical()).unwrap();
    std::fs::write(dir.join("log.key"), secret(LOG).to_open_file().as_bytes()).unwrap();
}

/// Publishes a release whose closures are null.
#[track_caller]
pub fn publish(address: SocketAddr, release: &Release) -> Publication {
    let envelope = signed(release.canonical(), &[RELEASE]).canonical();
    let answer = put(address, &format!("/publish/releases/{SITE}"), &envelope).expect(200);
    let state = Publication::parse(&answer).unwrap();
    if state.missing.documents.is_empty() {
        return state;
    }
    let target = format!("/publish/documents/{}", Digest::of(POLICY));
    Publication::parse(&put(address, &target, POLICY).expect(200)).unwrap()
}

pub fn nonce() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    nonce[8..].copy_from_slice(&now().unix_millis().to_be_bytes());
    nonce
}

/// Somebody who signs requests.
#[derive(Clone)]
pub struct Caller {
    pub key: u8,
    pub delegation: Option<String>,
}

/// The courier of an appliance.
pub fn courier(name: &str, appliance: u8) -> Caller {
    let name: ApplianceId = name.parse().unwrap();
    let signed = Delegation::make(&site(), &name, &secret(appliance), &public(COURIER), now()).unwrap();
    Caller { key: COURIER, delegation: Some(courier::to_header(&signed)) }
}

pub fn front_desk() -> Caller {
    courier("front-desk", FRONT_DESK)
}

/// Somebody whose key may read.
pub fn reader() -> Caller {
    Caller { key: READ, delegation: None }
}

impl Caller {
    /// The headers of a signed request.
    pub fn headers(&self, method: &str, target: &str, body: &[u8], at: Time) -> Vec<(String, String)> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let digest = (!body.is_empty()).then(|| Digest::of(body));
        let request = Request { method, path, query };
        let signed = sign(&request, digest.as_ref(), &secret(self.key), at, nonce());
        let mut headers: Vec<(String, String)> =
            signed.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.extend(self.delegation.clone().map(|value| (courier::HEADER.to_owned(), value)));
        headers
    }

    pub fn request(&self, address: SocketAddr, method: &str, target: &str, body: &[u8]) -> Answer {
        let headers = self.headers(method, target, body, now());
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        request(address, method, target, &headers, body)
    }

    pub fn request_on(&self, on: &mut Connection, method: &str, target: &str, body: &[u8]) -> Option<Answer> {
        let headers = self.headers(method, target, body, now());
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        on.request(method, target, &headers, body)
    }

    pub fn get(&self, address: SocketAddr, target: &str) -> Answer {
        self.request(address, "GET", target, b"")
    }

    pub fn submit(&self, address: SocketAddr, bundles: Vec<Signed>) -> Answer {
        let batch = EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles }.canonical();
        self.request(address, "POST", &submit_target(), &batch)
    }
}

pub fn submit_target() -> String {
    format!("/api/evidence/sites/{SITE}/submit")
}

/// A bundle as far as a depot reads it; the rest is for auditors.
pub fn bundle_text(appliance: &str, who: u8, sequence: u64, filling: &str) -> Vec<u8> {
    let previous = match sequence {
        1 => "null".to_owned(),
        _ => format!("\"{}\"", Digest::of(&sequence.to_be_bytes())),
    };
    format!(
        "{{\"appliance\":\"{appliance}\",\"bundle_id\":\"EB-20261120-{sequence:04}\",\"chain\":{{\"previous\":{previous},\
         \"sequence\":{sequence}}},\"client_id\":\"{SITE}\",\"filling\":\"{filling}\",\"public_key\":\"{}\",\
         \"schema\":\"writ.bundle.v9\"}}",
        public(who).line()
    )
    .into_bytes()
}

pub fn bundle(sequence: u64) -> Signed {
    signed(bundle_text("front-desk", FRONT_DESK, sequence, ""), &[FRONT_DESK])
}

/// The receipts of an answer, each verified against the log's key, and against the bundles.
#[track_caller]
pub fn receipts(answer: Answer, bundles: &[Signed]) -> Receipts {
    let receipts = Receipts::parse(&answer.expect(200)).unwrap();
    let note = String::from_utf8(receipts.checkpoint.0.clone()).unwrap();
    assert_eq!(receipts.receipts.len() + receipts.refused.len(), bundles.len());
    for receipt in &receipts.receipts {
        let verified = Receipt {
            entry: receipt.entry.0.clone(),
            index: receipt.index,
            proof: receipt.proof.iter().map(|hash| hash.0.clone().try_into().unwrap()).collect(),
            checkpoint: note.clone(),
        }
        .verify(ORIGIN, &[public(LOG)])
        .unwrap();
        assert_eq!(verified.entry.digest(), receipt.digest);
        assert!(bundles.iter().any(|bundle| Digest::of(&bundle.document.0) == receipt.digest));
    }
    receipts
}

/// The current checkpoint, verified.
pub fn checkpoint(address: SocketAddr) -> SignedCheckpoint {
    let note = reader().get(address, &format!("/log/{SITE}/checkpoint")).expect(200);
    SignedCheckpoint::verify(&note, ORIGIN, &[public(LOG)]).unwrap()
}

/// The tiles of a log, as its depot serves them.
pub struct Served {
    pub address: SocketAddr,
    pub log: u64,
}

impl Tiles for Served {
    type Error = TileError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, TileError> {
        Ok(reader().get(self.address, &format!("/log/{SITE}/{}/{}", self.log, tile.path())).expect(200))
    }
}

/// Whether a later checkpoint continues an earlier one, by the tiles that are served.
#[track_caller]
pub fn assert_continues(address: SocketAddr, earlier: &Checkpoint, later: &Checkpoint) {
    let mut nodes = TileNodes::new(Served { address, log: 1 }, later.size);
    assert_eq!(proof::root_at(&mut nodes, later.size).unwrap(), later.root);
    let path = proof::consistency(&mut nodes, earlier.size, later.size).unwrap();
    earlier.precedes(later, &path).unwrap();
}

pub fn heartbeat(who: u8, name: &str, at: Time) -> Signed {
    let heartbeat = Heartbeat {
        schema: HeartbeatSchema::V1,
        site: site(),
        appliance: name.parse().unwrap(),
        public_key: public(who),
        at,
        release: None,
        trust_version: TrustVersion::FIRST,
        sequence: 0,
        open_incidents: 0,
        refused: 0,
        log: None,
        log_fresh_at: None,
        agent_version: "0.1.0".into(),
        next: None,
    };
    heartbeat.sign(&secret(who)).unwrap()
}
