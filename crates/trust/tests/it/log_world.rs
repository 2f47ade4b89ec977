//! A site log in memory, and worlds in which a release is in it.

use std::collections::HashMap;
use std::convert::Infallible;

use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::log::proof::{self, Nodes};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_trust::order::OrderId;
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_trust::time::Time;

use crate::world::*;

pub const ORIGIN: &str = "log.example/clinic-001";
pub const SECOND_ORIGIN: &str = "log.example/clinic-001/2";

/// Complete nodes, kept as they are completed.
#[derive(Default)]
pub struct Kept(HashMap<(u8, u64), Hash>);

impl Nodes for Kept {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[&(level, index)])
    }
}

impl Kept {
    pub fn keep(&mut self, level: u8, index: u64, hash: Hash) {
        self.0.insert((level, index), hash);
    }
}

pub struct Log {
    pub origin: String,
    pub key: u8,
    pub entries: Vec<Vec<u8>>,
    pub nodes: Kept,
    frontier: Frontier,
    lost: Option<Checkpoint>,
}

impl Log {
    pub fn new(origin: &str) -> Self {
        let (nodes, frontier) = (Kept::default(), Frontier::new());
        Self { origin: origin.into(), key: LOG, entries: Vec::new(), nodes, frontier, lost: None }
    }

    /// A world with a log of the release and three bundles.
    pub fn world() -> (World, Self) {
        let mut root = root();
        root.keys.push(trust_key(LOG, "the depot", &[Role::Log]));
        root.log_origins.insert("clinic-001".parse().unwrap(), vec![ORIGIN.into()]);
        let (mut world, mut log) = (World::under(&root), Self::new(ORIGIN));
        log.release(&world.release);
        log.bundles(3);
        world.log.receipt = Some(log.receipt(0));
        (world, log)
    }

    /// A world whose log was seen, lost, and begun anew.
    pub fn restarted_world() -> (World, Self) {
        let mut root = root();
        root.keys.push(trust_key(LOG, "the depot", &[Role::Log]));
        root.log_origins.insert("clinic-001".parse().unwrap(), vec![ORIGIN.into(), SECOND_ORIGIN.into()]);
        let (mut world, mut lost) = (World::under(&root), Self::new(ORIGIN));
        lost.bundles(5);
        let mut log = Self::new(SECOND_ORIGIN);
        log.lost = Some(lost.checkpoint());
        let restart = log.restart().canonical();
        log.push(LogEntry::Restart { schema: EntrySchema::V1, site: site(), digest: Digest::of(&restart), time: at() });
        let index = log.release(&world.release);
        world.log.seen = Some(lost.checkpoint());
        world.log.receipt = Some(log.receipt(index));
        world.log.restarts = vec![(restart.clone(), sign(&restart, &[TRUST_A, TRUST_B]))];
        (world, log)
    }

    /// The restart that leads here.
    pub fn restart(&self) -> LogRestart {
        let Checkpoint { origin, size, root } = self.lost.clone().unwrap();
        LogRestart {
            schema: RestartSchema::V1,
            site: site(),
            origin: self.origin.clone(),
            previous: LastKnown { origin, size, root },
            issued_at: at(),
            reason: "the disk of the depot was lost".into(),
        }
    }

    pub fn push(&mut self, entry: LogEntry) -> u64 {
        let bytes = entry.canonical();
        let nodes = &mut self.nodes;
        self.frontier.push(leaf_hash(&bytes), &mut |level, index, hash| nodes.keep(level, index, hash));
        self.entries.push(bytes);
        self.size() - 1
    }

    pub fn release(&mut self, release: &Release) -> u64 {
        let digest = Digest::of(&release.canonical());
        let Release { site, epoch, serial, previous, .. } = release.clone();
        self.push(LogEntry::Release { schema: EntrySchema::V1, site, epoch, serial, previous, digest, time: at() })
    }

    pub fn order(&mut self, n: u8) -> u64 {
        self.push(LogEntry::Order {
            schema: EntrySchema::V1,
            site: site(),
            id: OrderId::from_random([n; 16]),
            digest: Digest::of(&[n]),
            time: at(),
        })
    }

    pub fn evidence(&mut self, n: u64) -> u64 {
        self.push(LogEntry::Evidence {
            schema: EntrySchema::V1,
            site: site(),
            id: format!("EB-20261123-{n:04}"),
            appliance: "front-desk".parse().unwrap(),
            public_key: public(FRONT_DESK),
            sequence: n + 1,
            previous: None,
            digest: Digest::of(&n.to_be_bytes()),
            time: at(),
        })
    }

    pub fn bundles(&mut self, count: u64) {
        for n in 0..count {
            self.evidence(n);
        }
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size(), root: self.frontier.root() }
    }

    pub fn checkpoint_at(&mut self, size: u64) -> Checkpoint {
        let root = proof::root_at(&mut self.nodes, size).unwrap();
        Checkpoint { origin: self.origin.clone(), size, root }
    }

    pub fn signed(&self) -> SignedCheckpoint {
        SignedCheckpoint::sign(self.checkpoint(), &secret(self.key), at())
    }

    pub fn receipt(&mut self, index: u64) -> Vec<u8> {
        let entry = self.entries[usize::try_from(index).unwrap()].clone();
        let proof = proof::inclusion(&mut self.nodes, index, self.frontier.size()).unwrap();
        Receipt { entry, index, proof, checkpoint: self.signed().note }.canonical()
    }

    pub fn consistency(&mut self, old: u64) -> Vec<Hash> {
        proof::consistency(&mut self.nodes, old, self.frontier.size()).unwrap()
    }
}

pub fn site() -> writ_trust::ids::SiteId {
    "clinic-001".parse().unwrap()
}

pub fn at() -> Time {
    time("2026-11-23T11:59:00Z")
}
