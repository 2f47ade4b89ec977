//! A site's log as a depot serves it: tiles on demand, each bound to a verified checkpoint before anything of it counts.

use writ_client::{Client, Error};
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof::{self, Nodes as _, ProofError};
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::leaf_hash;
use writ_wire::paths::{self, Log};

use super::if_there;

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

    /// Hands on the entries from `from` up to the checkpoint, each proven to be the one that the log committed to. Stops
    /// when `visit` says false.
    pub fn entries(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        visit: &mut dyn FnMut(u64, LogEntry) -> bool,
    ) -> Result<(), LogError> {
        let size = checkpoint.size;
        let mut nodes = TileNodes::new(self.clone(), size);
        let mut index = from;
        while let Some(bundle) = EntryBundle::holding(index, size) {
            let bytes = self.bundle(bundle)?;
            let first = bundle.index * u64::from(FULL);
            for (n, entry) in bundle.decode(&bytes)?.into_iter().enumerate() {
                let at = first + n as u64;
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
                    return Ok(());
                }
            }
            index = first + u64::from(bundle.width);
        }
        Ok(())
    }
}

impl Tiles for RemoteLog<'_> {
    type Error = LogError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, LogError> {
        Ok(self.file(&tile.path(), &tile.full().path(), MAX_TILE)?)
    }
}
