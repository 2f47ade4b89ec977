//! A log that grows: the right edge of its tree in memory, everything else in its files.

use std::collections::HashMap;

use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::proof::{self, Nodes};
use writ_trust::log::tile::{EntryBundle, FULL, Tile, TileNodes};
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use super::files::{LogFileError, LogFiles};
use crate::store::checkpoints::{self, StoredLog};
use crate::store::{Connection, StoreError};

/// How many entries are read at once when files are made again.
const CHUNK: u64 = 16 * 1024;
/// Entries in a full tile.
const WIDTH: u64 = FULL as u64;

/// Why a log cannot be opened, grown or proven.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the log failed.
    #[error(transparent)]
    Files(#[from] LogFileError),
    /// The entries do not come to the root that was signed.
    #[error("the log {origin} of {size} entries does not come to the root that was signed: the database is damaged")]
    Root {
        /// The log.
        origin: String,
        /// Its size.
        size: u64,
    },
}

/// A log with its right edge in memory. Belongs to the thread that writes.
#[derive(Debug)]
pub struct OpenLog {
    /// The row in the database.
    pub id: i64,
    /// Which of the site's logs, from 1.
    pub number: u64,
    origin: String,
    files: LogFiles,
    frontier: Frontier,
    /// Complete nodes, by level and index: those of the tiles at the right edge, and all that came since files were written.
    recent: HashMap<(u8, u64), Hash>,
    /// Entries from `tail_from` on: those of the last bundle, and all that came since files were written.
    tail: Vec<Vec<u8>>,
    tail_from: u64,
    /// The files are complete up to this size.
    written: u64,
}

impl OpenLog {
    /// Opens a log whose files are complete, and sees that they come to the root that was signed.
    pub fn open(connection: &dyn Connection, stored: &StoredLog, files: LogFiles) -> Result<Self, LogError> {
        let log = Self::at(connection, stored, files, stored.size)?;
        log.check(stored)?;
        Ok(log)
    }

    /// Opens a log, making again what is missing or doubtful of its files: all that was not flushed, and all of it where that
    /// does not come to the root that was signed. Then writes its checkpoint.
    pub fn recover(connection: &dyn Connection, stored: &StoredLog, files: LogFiles) -> Result<Self, LogError> {
        let flushed = stored.flushed.min(stored.size) / WIDTH * WIDTH;
        let again = |from| Self::again(connection, stored, files.clone(), from);
        let mut log = match again(flushed) {
            Err(LogError::Files(_) | LogError::Root { .. }) if flushed > 0 => again(0)?,
            other => other?,
        };
        log.publish(&stored.note)?;
        if let Some(restart) = &stored.restart {
            log.files.write_restart(restart)?;
        }
        Ok(log)
    }

    fn again(connection: &dyn Connection, stored: &StoredLog, files: LogFiles, from: u64) -> Result<Self, LogError> {
        let mut log = Self::at(connection, stored, files, from)?;
        while log.size() < stored.size {
            let to = (log.size() + CHUNK).min(stored.size);
            for entry in checkpoints::entries(connection, stored.id, log.size(), to)? {
                log.push(entry);
            }
            log.write_files()?;
            // Or a long log would be in memory as a whole.
            log.trim();
        }
        log.check(stored)?;
        Ok(log)
    }

    /// The log as it was at a size for which its files are complete.
    fn at(connection: &dyn Connection, stored: &StoredLog, mut files: LogFiles, size: u64) -> Result<Self, LogError> {
        let frontier = Frontier::resume(size, &mut TileNodes::new(files.clone(), size))?;
        let mut recent = HashMap::new();
        for level in 0..8_u8 {
            let Some(last) = (size >> (8 * u32::from(level))).checked_sub(1) else { break };
            let Some(tile) = Tile::holding(level, last, size).filter(|tile| tile.width < FULL) else { continue };
            let bytes = writ_trust::log::tile::Tiles::tile(&mut files, &tile)?;
            insert_tile(&mut recent, &tile, &bytes);
        }
        let tail_from = size / WIDTH * WIDTH;
        let tail = checkpoints::entries(connection, stored.id, tail_from, size)?;
        let (id, number, origin) = (stored.id, stored.number, stored.origin.clone());
        Ok(Self { id, number, origin, files, frontier, recent, tail, tail_from, written: size })
    }

    fn check(&self, stored: &StoredLog) -> Result<(), LogError> {
        if self.size() == stored.size && self.frontier.root() == stored.root {
            return Ok(());
        }
        Err(LogError::Root { origin: self.origin.clone(), size: stored.size })
    }

    /// How many entries there are, committed or not.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Whether the files are behind.
    pub fn is_behind(&self) -> bool {
        self.written < self.size()
    }

    /// Adds an entry and returns its index.
    pub fn push(&mut self, entry: Vec<u8>) -> u64 {
        let (index, recent) = (self.frontier.size(), &mut self.recent);
        self.frontier.push(leaf_hash(&entry), &mut |level, index, hash| {
            recent.insert((level, index), hash);
        });
        self.tail.push(entry);
        index
    }

    /// Signs what the log has grown to, and that this is its head now.
    pub fn sign(&self, key: &SecretKey, now: Time) -> SignedCheckpoint {
        let checkpoint =
            Checkpoint { origin: self.origin.clone(), size: self.frontier.size(), root: self.frontier.root() };
        SignedCheckpoint::sign(checkpoint, key, now)
    }

    /// Writes the tiles and bundles that the entries since the last time make. Done again after a failure, it does what is
    /// left.
    pub fn write_files(&mut self) -> Result<(), LogFileError> {
        let (old, new) = (self.written, self.size());
        if old == new {
            return Ok(());
        }
        for tile in Tile::added(old, new) {
            self.files.write_tile(&tile, before(tile.level, tile.index, old), &self.tile_bytes(&tile))?;
        }
        for bundle in EntryBundle::added(old, new) {
            let first = usize::try_from(bundle.index * WIDTH - self.tail_from).expect("no earlier than the tail");
            let entries = &self.tail[first..first + usize::from(bundle.width)];
            self.files.write_bundle(&bundle, before(0, bundle.index, old), entries)?;
        }
        self.written = new;
        Ok(())
    }

    fn tile_bytes(&self, tile: &Tile) -> Vec<u8> {
        let first = tile.index * WIDTH;
        let hashes = (first..first + u64::from(tile.width)).map(|index| self.recent[&(tile.level * 8, index)]);
        hashes.flatten().collect()
    }

    /// Writes the checkpoint, once all files are there that it leads to.
    pub fn publish(&mut self, note: &str) -> Result<(), LogFileError> {
        self.write_files()?;
        self.files.write_checkpoint(note)
    }

    /// Writes the document that began this log.
    pub fn write_restart(&self, restart: &writ_wire::Signed) -> Result<(), LogFileError> {
        self.files.write_restart(restart)
    }

    /// Makes the files survive a power cut.
    pub fn flush(&self) -> Result<(), LogFileError> {
        self.files.flush()
    }

    /// The proof that the log, as it is now, has an entry. Needs the files to be complete for what is not recent.
    pub fn prove(&mut self, index: u64) -> Result<Vec<Hash>, LogFileError> {
        let size = self.size();
        let mut nodes = Known { recent: &self.recent, files: &self.files, size, old: None };
        proof::inclusion(&mut nodes, index, size)
    }

    /// Forgets what is in the files by now, except the right edge.
    pub fn trim(&mut self) {
        let size = self.written;
        // A tile's levels share its number once shifted to its highest.
        self.recent.retain(|(level, index), _| {
            let (tile_level, within) = (u32::from(level / 8), u32::from(level % 8));
            index >> (8 - within) >= (size >> (8 * tile_level)) / WIDTH
        });
        let from = size / WIDTH * WIDTH;
        self.tail.drain(..usize::try_from(from - self.tail_from).unwrap_or(0).min(self.tail.len()));
        self.tail_from = from;
    }
}

/// How wide a tile was in a log of this size; `None` when it was not there.
fn before(level: u8, index: u64, size: u64) -> Option<u16> {
    Tile::holding(level, index * WIDTH, size).map(|tile| tile.width)
}

fn insert_tile(nodes: &mut HashMap<(u8, u64), Hash>, tile: &Tile, bytes: &[u8]) {
    let mut layer: Vec<Hash> = bytes.chunks_exact(32).map(|hash| hash.try_into().expect("32 bytes")).collect();
    for within in 0..8 {
        let first = tile.index << (8 - within);
        for (offset, hash) in layer.iter().enumerate() {
            nodes.insert((tile.level * 8 + within, first + offset as u64), *hash);
        }
        layer = layer.chunks_exact(2).map(|pair| writ_trust::log::tree::node_hash(&pair[0], &pair[1])).collect();
    }
}

/// Nodes from memory, and from the files where they are older.
struct Known<'a> {
    recent: &'a HashMap<(u8, u64), Hash>,
    files: &'a LogFiles,
    size: u64,
    old: Option<TileNodes<LogFiles>>,
}

impl Nodes for Known<'_> {
    type Error = LogFileError;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, LogFileError> {
        if let Some(hash) = self.recent.get(&(level, index)) {
            return Ok(*hash);
        }
        self.old.get_or_insert_with(|| TileNodes::new(self.files.clone(), self.size)).node(level, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_made_again_in_little_memory() {
        let dir = tempfile::tempdir().unwrap();
        let connection = crate::store::sqlite::open(&dir.path().join("depot.sqlite")).unwrap();
        let site = "clinic-001".parse().unwrap();
        let id = checkpoints::create(&connection, &site, 1, "log.example/clinic-001", None).unwrap();
        let (mut frontier, size) = (Frontier::new(), 2 * CHUNK + 300);
        let transaction = (&connection as &dyn Connection).transaction(crate::store::Begin::Writing).unwrap();
        for index in 0..size {
            let entry = index.to_be_bytes();
            checkpoints::add_entry(&*transaction, id, index, &entry, checkpoints::Names::Other).unwrap();
            frontier.push(leaf_hash(&entry), &mut |_, _, _| {});
        }
        checkpoints::put(&*transaction, id, size, &frontier.root(), "note").unwrap();
        transaction.commit().unwrap();
        let stored = checkpoints::one(&connection, id).unwrap();
        let files = LogFiles::new(dir.path().join("log/clinic-001/1"));
        let mut log = OpenLog::recover(&connection, &stored, files.clone()).unwrap();
        assert!(log.tail.len() < FULL.into() && log.recent.len() < 3 * 512, "{} {}", log.tail.len(), log.recent.len());
        assert!(crate::sitelog::tiles_lead_to_root(&files, size, &frontier.root()).unwrap());
        for index in [0, CHUNK, size - 1] {
            let proof = log.prove(index).unwrap();
            let leaf = leaf_hash(&index.to_be_bytes());
            proof::verify_inclusion(&leaf, index, size, &proof, &frontier.root()).unwrap();
        }
    }
}
