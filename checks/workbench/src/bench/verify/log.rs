//! A site's log in memory, as a depot keeps it on a disk.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use anyhow::{Context, Result};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof::{self, Nodes};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::{EntryBundle, FULL, Tile};
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use super::folder::write;

/// The complete nodes of its tree.
#[derive(Default)]
struct Known(HashMap<(u8, u64), Hash>);

impl Nodes for Known {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0.get(&(level, index)).copied().unwrap_or_default())
    }
}

/// The log.
pub struct Log {
    origin: String,
    key: SecretKey,
    entries: Vec<Vec<u8>>,
    nodes: Known,
    frontier: Frontier,
}

impl Log {
    /// An empty one.
    pub fn new(origin: &str, key: SecretKey) -> Self {
        let (nodes, frontier) = (Known::default(), Frontier::new());
        Self { origin: origin.to_owned(), key, entries: Vec::new(), nodes, frontier }
    }

    /// Adds an entry; gives its number.
    pub fn push(&mut self, entry: &LogEntry) -> u64 {
        let bytes = entry.canonical();
        let nodes = &mut self.nodes.0;
        self.frontier.push(leaf_hash(&bytes), &mut |level, index, hash| {
            nodes.insert((level, index), hash);
        });
        self.entries.push(bytes);
        self.frontier.size() - 1
    }

    /// Its head, signed.
    pub fn head(&self, now: Time) -> String {
        let checkpoint =
            Checkpoint { origin: self.origin.clone(), size: self.frontier.size(), root: self.frontier.root() };
        SignedCheckpoint::sign(checkpoint, &self.key, now).note
    }

    /// The receipt of an entry under the head.
    pub fn receipt(&mut self, index: u64, head: &str) -> Result<Vec<u8>> {
        let entry = self.entries.get(usize::try_from(index)?).context("no such entry")?.clone();
        let Ok(proof) = proof::inclusion(&mut self.nodes, index, self.frontier.size());
        Ok(Receipt { entry, index, proof, checkpoint: head.to_owned() }.canonical())
    }

    /// Writes its tiles, its entries and its head below a folder.
    pub fn write(&mut self, folder: &Path, now: Time) -> Result<()> {
        let size = self.frontier.size();
        for tile in Tile::added(0, size) {
            let first = tile.index * u64::from(FULL);
            let mut hashes = Vec::new();
            for index in first..first + u64::from(tile.width) {
                let Ok(hash) = self.nodes.node(tile.level * 8, index);
                hashes.extend(hash);
            }
            write(&folder.join(tile.path()), &hashes)?;
        }
        for bundle in EntryBundle::added(0, size) {
            let first = usize::try_from(bundle.index)? * usize::from(FULL);
            let entries = &self.entries[first..first + usize::from(bundle.width)];
            write(&folder.join(bundle.path()), &EntryBundle::encode(entries))?;
        }
        write(&folder.join("checkpoint"), self.head(now).as_bytes())
    }
}
