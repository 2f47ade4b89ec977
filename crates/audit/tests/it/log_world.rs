//! Site logs on disk: what a depot would have kept, and an auditor fetched.

use std::collections::HashMap;
use std::convert::Infallible;

use serde_json::{Value as Json, json};
use writ_evidence::chain::Sealed;
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::log::proof::{self, Nodes};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};
use writ_trust::log::tile::{EntryBundle, FULL, Tile};
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::release::Release;
use writ_trust::time::Time;

use crate::world::*;

pub const ORIGIN: &str = "log.example/clinic-001";
pub const SECOND: &str = "log.example/clinic-001/2";

/// The number of the depot's key.
pub const DEPOT: u8 = 3;

/// The key of the depot.
pub fn depot() -> SecretKey {
    key(DEPOT)
}

/// A root that names these logs for the site.
pub fn logged_root(version: u64, origins: &[&str]) -> Json {
    let mut root = root_json(version, &[&signer()]);
    root["keys"].as_array_mut().unwrap().push(json!({
        "public_key": depot().public_key().line(), "name": "depot", "roles": ["log"], "sites": [],
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null
    }));
    root["log_origins"] = json!({ "clinic-001": origins });
    root
}

/// Complete nodes, kept as they are completed.
#[derive(Default, Clone)]
struct Kept(HashMap<(u8, u64), Hash>);

impl Nodes for Kept {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[&(level, index)])
    }
}

/// A log in memory.
#[derive(Clone)]
pub struct Log {
    pub number: usize,
    pub origin: String,
    /// The number of the key that signs it.
    pub key: u8,
    /// The time that its key gives its checkpoints: never before that of a bundle that it took in.
    pub now: Time,
    pub entries: Vec<Vec<u8>>,
    nodes: Kept,
    frontier: Frontier,
}

impl Log {
    pub fn new(number: usize, origin: &str) -> Self {
        let (nodes, frontier) = (Kept::default(), Frontier::new());
        Self { number, origin: origin.into(), key: DEPOT, now: morning(), entries: Vec::new(), nodes, frontier }
    }

    pub fn push(&mut self, entry: &LogEntry) -> u64 {
        self.push_bytes(entry.canonical())
    }

    pub fn push_bytes(&mut self, bytes: Vec<u8>) -> u64 {
        let nodes = &mut self.nodes.0;
        self.frontier.push(leaf_hash(&bytes), &mut |level, index, hash| {
            nodes.insert((level, index), hash);
        });
        self.entries.push(bytes);
        self.size() - 1
    }

    /// The same history up to a size.
    pub fn cut(&self, size: u64) -> Self {
        let mut log = Self { key: self.key, now: self.now, ..Self::new(self.number, &self.origin) };
        for entry in &self.entries[..usize::try_from(size).unwrap()] {
            log.push_bytes(entry.clone());
        }
        log
    }

    /// Another history: one entry is another one.
    pub fn rewritten(&self, at: usize) -> Self {
        let mut log = self.cut(at as u64);
        log.push(&trust_entry(1, Digest::of(&logged_bytes())));
        for entry in &self.entries[at + 1..] {
            log.push_bytes(entry.clone());
        }
        log
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size(), root: self.frontier.root() }
    }

    pub fn signed(&self) -> SignedCheckpoint {
        self.signed_at(self.now)
    }

    /// Its head, as its key signed it at a time.
    pub fn signed_at(&self, time: Time) -> SignedCheckpoint {
        SignedCheckpoint::sign(self.checkpoint(), &key(self.key), time)
    }

    pub fn receipt(&mut self, index: u64) -> Vec<u8> {
        let entry = self.entries[usize::try_from(index).unwrap()].clone();
        let proof = proof::inclusion(&mut self.nodes, index, self.frontier.size()).unwrap();
        Receipt { entry, index, proof, checkpoint: self.signed().note }.canonical()
    }

    /// Takes in a release and acknowledges it.
    pub fn release(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Ok(release) = Release::parse(bytes) else { return Vec::new() };
        let index = self.push(&release_entry(&release, Digest::of(bytes)));
        self.receipt(index)
    }

    /// Takes in a bundle and acknowledges it.
    pub fn evidence(&mut self, sealed: &Sealed) -> Vec<u8> {
        let index = self.push(&evidence_entry(sealed));
        self.receipt(index)
    }

    /// The path of something of this log.
    pub fn path(&self, name: &str) -> String {
        format!("log/clinic-001/{}/{name}", self.number)
    }

    /// The bundle of entries that holds one.
    pub fn bundle_path(&self, index: u64) -> String {
        self.path(&EntryBundle::holding(index, self.size()).unwrap().path())
    }

    /// Writes tiles, entries and checkpoint.
    pub fn write(&self, world: &World) {
        let mut nodes = self.nodes.clone();
        for tile in Tile::added(0, self.size()) {
            let first = tile.index * u64::from(FULL);
            let hashes = (first..first + u64::from(tile.width)).map(|n| nodes.node(tile.level * 8, n).unwrap());
            world.write(&self.path(&tile.path()), &hashes.flatten().collect::<Vec<u8>>());
        }
        for bundle in EntryBundle::added(0, self.size()) {
            let first = usize::try_from(bundle.index).unwrap() * usize::from(FULL);
            let entries = &self.entries[first..first + usize::from(bundle.width)];
            world.write(&self.path(&bundle.path()), &EntryBundle::encode(entries));
        }
        world.write(&self.path("checkpoint"), self.signed().note.as_bytes());
    }
}

fn logged_bytes() -> Vec<u8> {
    strict::canonical(&logged_root(1, &[ORIGIN]))
}

pub fn evidence_entry(sealed: &Sealed) -> LogEntry {
    LogEntry::Evidence {
        schema: EntrySchema::V1,
        site: site(),
        id: sealed.bundle_id.to_string(),
        appliance: front_desk(),
        public_key: sealed.bundle.public_key.clone(),
        sequence: sealed.sequence,
        previous: sealed.bundle.chain.previous,
        digest: sealed.digest,
        time: morning(),
    }
}

pub fn release_entry(release: &Release, digest: Digest) -> LogEntry {
    let Release { site, epoch, serial, previous, .. } = release.clone();
    LogEntry::Release { schema: EntrySchema::V1, site, epoch, serial, previous, digest, time: morning() }
}

pub fn trust_entry(version: u64, digest: Digest) -> LogEntry {
    let version = version.to_string().parse().unwrap();
    LogEntry::Trust { schema: EntrySchema::V1, site: site(), version, digest, time: morning() }
}

impl World {
    /// The usual day, everything of it in a log.
    pub fn logged() -> Self {
        let mut world = Self::under(logged_root(1, &[ORIGIN]));
        world.begin_log(Log::new(1, ORIGIN));
        world.release(1, &policy_json(|_| {}), |_| {});
        world.live();
        world.log.as_mut().unwrap().now = at("2026-11-24T07:00:00Z");
        world.write_log();
        world
    }

    pub fn begin_log(&mut self, mut log: Log) {
        log.push(&trust_entry(1, Digest::of(&strict::canonical(&self.root))));
        self.log = Some(log);
    }

    pub fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    pub fn write_log(&self) {
        self.log().write(self);
    }

    /// Writes a restart of a log, signed by these keys, and gives its digest.
    pub fn write_restart(&self, number: usize, restart: &LogRestart, signers: &[SecretKey]) -> Digest {
        let bytes = restart.canonical();
        self.write(&format!("log/clinic-001/{number}/restart.json"), &bytes);
        for key in signers {
            let name = signature_file_name("restart.json", key.key_id());
            let signature = key.sign(&bytes, "restart", "x").unwrap().to_string();
            self.write(&format!("log/clinic-001/{number}/{name}"), signature.as_bytes());
        }
        Digest::of(&bytes)
    }
}

/// The order by which the second log follows the first from what is known of it.
pub fn restart_from(known: &Checkpoint) -> LogRestart {
    let Checkpoint { origin, size, root } = known.clone();
    LogRestart {
        schema: RestartSchema::V1,
        site: site(),
        origin: SECOND.into(),
        previous: LastKnown { origin, size, root },
        issued_at: morning(),
        reason: "the disk failed".into(),
    }
}
