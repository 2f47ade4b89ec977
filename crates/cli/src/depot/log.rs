//! A site's log as a depot serves it: tiles on demand, each bound to a verified checkpoint before anything of it counts.

use std::time::{Duration, Instant};

use writ_client::{Client, Error};
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof::{self, Nodes as _, ProofError};
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::leaf_hash;
use writ_wire::paths::{self, Log};

use super::if_there;

/// The longest that one command goes through a log.
const LONGEST: Duration = Duration::from_secs(600);

/// One of a site's logs at a depot.
#[derive(Clone)]
pub struct RemoteLog<'c> {
    /// The depot.
    pub client: &'c Client,
    /// The site.
    pub site: &'c SiteId,
    /// Which of its logs, from 1.
    pub number: u64,
}

/// How much of a log is gone through at once. Whoever holds its key can sign a head of as many entries as numbers go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many entries at most, up to the end of the bundle that holds the last.
    pub entries: u64,
    /// Until when. What is being asked for then is waited for.
    pub until: Instant,
}

impl Bounds {
    /// So many entries, and ten minutes.
    pub fn of(entries: u64) -> Self {
        Self { entries, until: Instant::now() + LONGEST }
    }
}

/// Why nothing could be learnt of a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The depot could not be asked, or does not have it.
    #[error(transparent)]
    Client(#[from] Error),
    /// A tile is of no use.
    #[error("a tile of the log: {0}")]
    Tile(#[from] TileError),
    /// The tree of what is served is not the one that was signed.
    #[error("what the depot serves is not the log that was signed: {0}")]
    Proof(#[from] ProofError),
    /// An entry is not the one that the log committed to.
    #[error("entry {0} is not the one that the log committed to")]
    Entry(u64),
    /// An entry cannot be read.
    #[error("entry {index} cannot be read: {why}")]
    Malformed {
        /// Its number.
        index: u64,
        /// What is wrong.
        why: String,
    },
}

impl RemoteLog<'_> {
    /// A file of the log; the full tile serves for a partial one.
    fn file(&self, path: &str, full: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let get = |path: &str| {
            let target = paths::log_tile(self.site, Log::Number(self.number), path);
            self.client.get(&target, limit as u64)
        };
        if path == full {
            return get(full);
        }
        match if_there(get(path))? {
            Some(bytes) => Ok(bytes),
            None => get(full),
        }
    }

    /// The exact bytes of a bundle of entries. Nothing is judged.
    pub fn bundle(&self, bundle: EntryBundle) -> Result<Vec<u8>, Error> {
        self.file(&bundle.path(), &bundle.full().path(), MAX_BUNDLE)
    }

    /// Whether the log that has the newer checkpoint, of no fewer entries, begins with the older one. False is proven: the
    /// tree that was signed has another beginning. Tiles that prove neither are an error.
    pub fn continues(&self, older: &Checkpoint, newer: &Checkpoint) -> Result<bool, LogError> {
        if older.size == newer.size {
            return Ok(older.root == newer.root);
        }
        let mut nodes = TileNodes::new(self.clone(), newer.size);
        let path = proof::consistency(&mut nodes, older.size, newer.size)?;
        if older.precedes(newer, &path).is_ok() {
            return Ok(true);
        }
        let begins = Checkpoint { root: proof::root_at(&mut nodes, older.size)?, ..older.clone() };
        begins.precedes(newer, &path)?;
        Ok(false)
    }

    /// Hands on the entries from `from` up to the checkpoint, each proven to be the one that the log committed to, as far as
    /// the bounds allow. Stops when `visit` says false. Gives the index after the last entry that was handed on.
    pub fn entries(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        bounds: Bounds,
        visit: &mut dyn FnMut(u64, LogEntry) -> bool,
    ) -> Result<u64, LogError> {
        let size = checkpoint.size;
        let end = size.min(from.saturating_add(bounds.entries));
        let mut nodes = TileNodes::new(self.clone(), size);
        let mut index = from;
        while index < end && Instant::now() < bounds.until {
            let Some(bundle) = EntryBundle::holding(index, size) else { break };
            // The tiles of hashes that were read are kept: here a tile one level up begins, and those below it are done with.
            if bundle.index.is_multiple_of(u64::from(FULL)) {
                nodes = TileNodes::new(self.clone(), size);
            }
            let bytes = self.bundle(bundle)?;
            let first = bundle.index * u64::from(FULL);
            for (at, entry) in (first..).zip(bundle.decode(&bytes)?) {
                if at < index {
                    continue;
                }
                let leaf = leaf_hash(entry);
                if nodes.node(0, at)? != leaf {
                    return Err(LogError::Entry(at));
                }
                // The proof of one leaf is made of all others of its tile: it binds them all to the root.
                if at == index {
                    let path = proof::inclusion(&mut nodes, at, size)?;
                    proof::verify_inclusion(&leaf, at, size, &path, &checkpoint.root)?;
                }
                let entry = LogEntry::parse(entry)
                    .map_err(|error| LogError::Malformed { index: at, why: error.to_string() })?;
                if !visit(at, entry) {
                    return Ok(at + 1);
                }
            }
            index = first + u64::from(bundle.width);
        }
        Ok(index.max(from))
    }
}

impl Tiles for RemoteLog<'_> {
    type Error = LogError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, LogError> {
        Ok(self.file(&tile.path(), &tile.full().path(), MAX_TILE)?)
    }
}
