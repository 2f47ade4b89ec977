//! A site log in memory, as a depot keeps it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof::{self, Nodes};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::Tile;
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

#[derive(Default, Clone)]
struct Kept(BTreeMap<(u8, u64), Hash>);

impl Nodes for Kept {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[&(level, index)])
    }
}

#[derive(Clone)]
pub struct Log {
    pub origin: String,
    pub entries: Vec<Vec<u8>>,
    nodes: Kept,
    frontier: Frontier,
}

impl Log {
    pub fn new(origin: &str) -> Self {
        let (nodes, frontier) = (Kept::default(), Frontier::new());
        Self { origin: origin.into(), entries: Vec::new(), nodes, frontier }
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

    /// So many entries that nobody asks about.
    pub fn fill(&mut self, count: u64) {
        for n in 0..count {
            self.push_bytes(format!("entry {n}").into_bytes());
        }
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size(), root: self.frontier.root() }
    }

    pub fn note(&self, key: &SecretKey, time: Time) -> String {
        SignedCheckpoint::sign(self.checkpoint(), key, time).note
    }

    pub fn proof(&self, index: u64) -> Vec<Hash> {
        proof::inclusion(&mut self.nodes.clone(), index, self.size()).unwrap()
    }

    pub fn receipt(&self, index: u64, key: &SecretKey, time: Time) -> Vec<u8> {
        let entry = self.entries[usize::try_from(index).unwrap()].clone();
        Receipt { entry, index, proof: self.proof(index), checkpoint: self.note(key, time) }.canonical()
    }

    /// The bytes of a tile, as far as the log has it in this width.
    pub fn tile(&self, tile: &Tile) -> Option<Vec<u8>> {
        let first = tile.index * 256;
        let hashes = (first..first + u64::from(tile.width)).map(|n| self.nodes.0.get(&(tile.level * 8, n)));
        Some(hashes.collect::<Option<Vec<_>>>()?.into_iter().flatten().copied().collect())
    }
}
