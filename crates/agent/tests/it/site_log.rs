//! A log of the site as a depot keeps it and a courier lays it into the folder of releases.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use writ_evidence::Bundle;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::log::proof::{self, Nodes};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};
use writ_trust::log::tile::Tile;
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use crate::support::{APPLIANCE, SITE, Site, key, now};

pub const ORIGIN: &str = "log.example/clinic-001";
pub const SECOND: &str = "log.example/clinic-001/2";
pub const THIRD: &str = "log.example/clinic-001/3";

#[derive(Default)]
struct Kept(BTreeMap<(u8, u64), Hash>);

impl Nodes for Kept {
    type Error = std::convert::Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        Ok(self.0[&(level, index)])
    }
}

/// A log, in memory.
pub struct Log {
    pub origin: &'static str,
    pub number: usize,
    pub key: SecretKey,
    /// How long ago it took in what it takes in, in milliseconds.
    pub behind: i64,
    frontier: Frontier,
    nodes: Kept,
    entries: Vec<Vec<u8>>,
}

impl Log {
    pub fn new(origin: &'static str, number: usize) -> Self {
        let (frontier, nodes) = (Frontier::new(), Kept::default());
        Self { origin, number, key: key(4), behind: 0, frontier, nodes, entries: Vec::new() }
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    fn push(&mut self, entry: LogEntry) -> u64 {
        let bytes = entry.canonical();
        let nodes = &mut self.nodes.0;
        self.frontier.push(leaf_hash(&bytes), &mut |level, index, hash| {
            nodes.insert((level, index), hash);
        });
        self.entries.push(bytes);
        self.size() - 1
    }

    /// Entries that nobody here asks about.
    pub fn others(&mut self, count: u64) {
        for n in 0..count {
            self.push(LogEntry::Trust {
                schema: EntrySchema::V1,
                site: SITE.parse().unwrap(),
                version: "1".parse().unwrap(),
                digest: Digest::of(format!("{} {n}", self.size()).as_bytes()),
                time: now(),
            });
        }
    }

    pub fn release(&mut self, bytes: &[u8]) -> u64 {
        let release = writ_trust::release::Release::parse(bytes).unwrap();
        let (epoch, serial, previous) = (release.epoch, release.serial, release.previous);
        let (site, digest) = (SITE.parse().unwrap(), Digest::of(bytes));
        self.push(LogEntry::Release { schema: EntrySchema::V1, site, epoch, serial, previous, digest, time: now() })
    }

    pub fn bundle(&mut self, bundle: &Bundle, digest: Digest) -> u64 {
        self.push(LogEntry::Evidence {
            schema: EntrySchema::V1,
            site: SITE.parse().unwrap(),
            id: bundle.bundle_id.to_string(),
            appliance: APPLIANCE.parse().unwrap(),
            public_key: bundle.public_key.clone(),
            sequence: bundle.chain.sequence,
            previous: bundle.chain.previous,
            digest,
            time: now().plus_millis(-self.behind),
        })
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.to_owned(), size: self.size(), root: self.frontier.root() }
    }

    pub fn signed_at(&self, time: Time) -> SignedCheckpoint {
        SignedCheckpoint::sign(self.checkpoint(), &self.key, time)
    }

    /// A receipt for an entry, under the log as it is now.
    pub fn receipt(&mut self, index: u64) -> Receipt {
        let entry = self.entries[usize::try_from(index).unwrap()].clone();
        let proof = proof::inclusion(&mut self.nodes, index, self.frontier.size()).unwrap();
        Receipt { entry, index, proof, checkpoint: self.signed_at(now()).note }
    }

    /// Where the folder of releases has this log.
    pub fn folder(&self, site: &Site) -> PathBuf {
        site.path("releases/log").join(SITE).join(self.number.to_string())
    }

    /// Lays the tiles of the log as it is now into a site's folder, and its head as of this time.
    pub fn show_at(&mut self, site: &Site, time: Time) {
        self.lay_tiles(&self.folder(site));
        self.show_head(site, &self.signed_at(time));
    }

    pub fn show(&mut self, site: &Site) {
        self.show_at(site, now());
    }

    pub fn show_head(&self, site: &Site, head: &SignedCheckpoint) {
        let path = self.folder(site).join("checkpoint");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        writ_durable::replace(&path, head.note.as_bytes(), 0o644).unwrap();
    }

    pub fn lay_tiles(&mut self, folder: &Path) {
        for tile in Tile::added(0, self.size()) {
            let first = tile.index * 256;
            let hashes = (first..first + u64::from(tile.width)).map(|n| self.nodes.0[&(tile.level * 8, n)]);
            let path = folder.join(tile.path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, hashes.flatten().collect::<Vec<u8>>()).unwrap();
        }
    }

    /// Logs a release with this policy and puts it into the folder with its receipt, and the head.
    pub fn publish(&mut self, site: &Site, serial: u64, policy: &Value) -> Vec<u8> {
        let bytes = site.release_bytes(&site.release(serial), &Site::policy_bytes(policy));
        let index = self.release(&bytes);
        let receipt = self.receipt(index);
        self.show(site);
        put_receipt(site, serial, &receipt.canonical());
        site.put(&format!("1-{serial}"), &bytes, &site.release_key);
        bytes
    }

    /// The receipt for a bundle of a site's outbox, put where the courier puts it, with the tiles that its checkpoint needs.
    pub fn deliver(&mut self, site: &Site, bundle: &Bundle) -> PathBuf {
        self.lay_receipt(site, bundle, &receipt_path(site, bundle))
    }

    /// The same at another place within the folder of receipts.
    pub fn lay_receipt(&mut self, site: &Site, bundle: &Bundle, path: &Path) -> PathBuf {
        let index = self.bundle(bundle, Digest::of(&writ_trust::json::canonical(bundle)));
        let receipt = self.receipt(index).canonical();
        self.lay_tiles(&self.folder(site));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, receipt).unwrap();
        path.to_owned()
    }

    /// The document by which this log takes over from another, put beside it.
    pub fn take_over(&self, site: &Site, lost: &Checkpoint, signer: &SecretKey) {
        let restart = LogRestart {
            schema: RestartSchema::V1,
            site: SITE.parse().unwrap(),
            origin: self.origin.to_owned(),
            previous: LastKnown { origin: lost.origin.clone(), size: lost.size, root: lost.root },
            issued_at: now(),
            reason: "the depot's disk was lost".to_owned(),
        };
        site.put_signed(&format!("log/{SITE}/{}/restart.json", self.number), &restart.canonical(), signer);
    }
}

pub fn put_receipt(site: &Site, serial: u64, bytes: &[u8]) {
    let path = site.release_dir(&format!("1-{serial}")).join("release.receipt.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Where the courier puts the receipt for a bundle.
pub fn receipt_path(site: &Site, bundle: &Bundle) -> PathBuf {
    let name = format!("{}-{}.receipt.json", bundle.chain.sequence, bundle.bundle_id);
    site.path("releases/receipts").join(name)
}

/// Has the enforcer believe that the log was heard of at this time last.
pub fn heard_at(site: &Site, head: &SignedCheckpoint) {
    fs::write(site.state("checkpoint"), &head.note).unwrap();
    let mut state: Value = serde_json::from_slice(&fs::read(site.state("state.json")).unwrap()).unwrap();
    state["log_heard_at"] = head.fresh_at.unwrap().to_string().into();
    fs::write(site.state("state.json"), writ_trust::json::canonical(&state)).unwrap();
}
