//! Tiles of the site's log: taken from the inbox where they are, else from the depot.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::proof::{self, verify_consistency};
use writ_trust::log::tile::{MAX_TILE, Tile, TileNodes, Tiles};
use writ_trust::log::tree::Hash;
use writ_wire::paths::{self, Log};

use super::inbox::{Inbox, read};
use super::trouble::Trouble;
use crate::crash_point;

/// The tiles that were fetched in the course of one job, by where they would lie in the inbox: none is asked for twice, and none
/// is laid there before something is proven by it.
#[derive(Debug, Default)]
pub struct Fetched(RefCell<BTreeMap<PathBuf, Vec<u8>>>);

impl Fetched {
    /// Forgets everything, as a job begins: what was wrong in the last one may be right now.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    fn get(&self, file: &Path) -> Option<Vec<u8>> {
        self.0.borrow().get(file).cloned()
    }

    fn put(&self, file: PathBuf, bytes: Vec<u8>) {
        self.0.borrow_mut().insert(file, bytes);
    }
}

/// Where tiles of one log come from.
pub struct Source<'a> {
    client: &'a Client,
    inbox: &'a Inbox,
    site: &'a SiteId,
    fetched: &'a Fetched,
    number: usize,
    /// The size of the largest tree that is asked about: tiles are taken as wide as they are there.
    size: u64,
    /// Whether what is in the inbox is passed over: it did not fit.
    anew: bool,
    /// The paths of the tiles that were used.
    pub used: BTreeSet<PathBuf>,
}

impl<'a> Source<'a> {
    /// Tiles of log `number` of a site, in the tree of this size.
    pub fn new(
        client: &'a Client,
        inbox: &'a Inbox,
        site: &'a SiteId,
        fetched: &'a Fetched,
        number: usize,
        size: u64,
    ) -> Self {
        Self { client, inbox, site, fetched, number, size, anew: false, used: BTreeSet::new() }
    }

    /// Lays what was fetched and used into the inbox, for the enforcer.
    pub fn lay(&self) -> Result<(), Trouble> {
        crash_point!("sync-tiles");
        for file in &self.used {
            if let Some(bytes) = self.fetched.get(file) {
                self.inbox.write_if_other(file, &bytes)?;
            }
        }
        Ok(())
    }

    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let target = paths::log_tile(self.site, Log::Number(self.number as u64), path);
        match self.client.get(&target, MAX_TILE as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.status() == Some(404) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl Tiles for Source<'_> {
    type Error = Trouble;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Trouble> {
        let wide = Tile::holding(tile.level, tile.index.saturating_mul(256), self.size).unwrap_or(*tile);
        let folder = self.inbox.log(self.number);
        let needed = usize::from(wide.width) * 32;
        // A partial tile may be gone once the full one is there (C2SP tlog-tiles).
        for path in [wide.path(), wide.full().path()] {
            let file = folder.join(&path);
            let in_inbox = || if self.anew { None } else { read(&file, MAX_TILE).ok().flatten() };
            let there = self.fetched.get(&file).or_else(in_inbox);
            if let Some(bytes) = there.filter(|bytes| bytes.len() >= needed) {
                self.used.insert(file);
                return Ok(bytes);
            }
            let Some(bytes) = self.fetch(&path)? else { continue };
            if bytes.len() < needed || !bytes.len().is_multiple_of(32) {
                return Err(Trouble::refused(
                    "log-tiles",
                    format!("{path} has {} bytes, expected {needed}", bytes.len()),
                ));
            }
            self.fetched.put(file.clone(), bytes.clone());
            self.used.insert(file);
            return Ok(bytes);
        }
        Err(Trouble::refused("log-tiles", format!("the depot has not {}, which its own checkpoint needs", wide.path())))
    }
}

struct Borrowed<'s, 'a>(&'s mut Source<'a>);

impl Tiles for Borrowed<'_, '_> {
    type Error = Trouble;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Trouble> {
        self.0.tile(tile)
    }
}

/// The proof that the tree of `newer` continues that of its first `old` entries; empty where there is nothing to prove. What
/// is returned is true of `newer`, whatever the tiles hold: whether the older tree is the one that somebody saw is for the
/// caller to judge by it.
pub fn proof(source: &mut Source<'_>, old: u64, newer: &Checkpoint) -> Result<Vec<Hash>, Trouble> {
    if old == 0 || old >= newer.size {
        return Ok(Vec::new());
    }
    for anew in [false, true] {
        source.anew = anew;
        let proven = attempt(source, old, newer);
        source.anew = false;
        match proven {
            Ok(Some(path)) => return Ok(path),
            Ok(None) => {}
            // What is in the inbox may be what is wrong.
            Err(Trouble::Refused { .. }) if !anew => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let message = format!("the tiles do not come to the root of the checkpoint of {} entries", newer.size);
    Err(Trouble::refused("log-tiles", message))
}

fn attempt(source: &mut Source<'_>, old: u64, newer: &Checkpoint) -> Result<Option<Vec<Hash>>, Trouble> {
    let mut nodes = TileNodes::new(Borrowed(source), newer.size);
    let path = proof::consistency(&mut nodes, old, newer.size)?;
    let was = proof::root_at(&mut nodes, old)?;
    let holds = verify_consistency(old, &was, newer.size, &newer.root, &path).is_ok();
    Ok(holds.then_some(path))
}
