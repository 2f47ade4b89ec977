//! A log: its entries from where the fetch before ended, the tiles that they come to, its checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};
use writ_wire::paths::{self, Log};
use writ_wire::{MAX_ENVELOPE, Signed};

use super::Fetch;
use super::folder::Folder;
use crate::depot::head::{self, HeadError};
use crate::depot::log::RemoteLog;
use crate::depot::{failed, if_there};
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::screen::{self, Meter};

/// The tiles that are in the folder.
struct Local<'f> {
    folder: &'f Folder<'f>,
    log: &'f str,
}

impl Tiles for Local<'_> {
    type Error = Failure;

    fn tile(&mut self, tile: &Tile) -> Outcome<Vec<u8>> {
        for path in [tile.path(), tile.full().path()] {
            if let Some(bytes) = self.folder.read(&format!("{}/{path}", self.log), MAX_TILE)? {
                return Ok(bytes);
            }
        }
        Err(Failure::refused("a tile of the log is gone from the audit folder")
            .at(self.folder.path(&format!("{}/{}", self.log, tile.path())).display())
            .next("fetch into a new folder"))
    }
}

impl From<TileError> for Failure {
    fn from(error: TileError) -> Self {
        Self::refused("a tile of the log in the audit folder is damaged").because(error).next("fetch into a new folder")
    }
}

impl<'a> Fetch<'a> {
    /// Where a log lies in the folder.
    pub fn log_path(&self, number: u64) -> String {
        format!("log/{}/{number}", self.site)
    }

    /// Brings a log up to the depot's head; gives the size before, and the head. `None` when a log that a later one took
    /// over from is not at the depot.
    pub fn log(&mut self, number: u64, origin: &str, newest: bool) -> Outcome<Option<(u64, SignedCheckpoint)>> {
        let keys = log_keys_ever(&self.chain, self.site);
        let path = self.log_path(number);
        let kept = self.to.read(&format!("{path}/checkpoint"), MAX_NOTE)?;
        let kept = kept.map(|note| SignedCheckpoint::verify(&note, origin, &keys)).transpose().map_err(|e| {
            Failure::refused("the checkpoint of the fetch before does not hold")
                .at(self.to.path(&format!("{path}/checkpoint")).display())
                .because(e)
                .next("fetch into a new folder")
        })?;
        let target = paths::log_checkpoint(self.site, Log::Number(number));
        let note = if_there(self.client.get(&target, MAX_NOTE as u64));
        let note = note.map_err(|e| failed(format!("cannot ask for the log {origin}"), &self.client, &e))?;
        let Some(note) = note else {
            let why = format!("the trust root names the log {origin} for {}", self.site);
            if newest || kept.is_some() {
                return Err(Failure::refused("the depot has no such log").at(self.client.depot()).because(why).next(
                    "without it nobody can see what was withheld; if it was lost, the trust keys order a restart",
                ));
            }
            screen::warning(&format!(
                "the depot does not have log {number}, {origin}, any more: a later one took over"
            ));
            return Ok(None);
        };
        let offered = SignedCheckpoint::verify(&note, origin, &keys).map_err(|e| {
            Failure::refused("the depot's head of the log does not hold").at(self.client.depot()).because(e)
        })?;
        let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: writ_trust::log::tree::EMPTY_ROOT };
        let before = kept.as_ref().map_or(empty, |kept| kept.checkpoint.clone());
        if let Some(kept) = &kept
            && let Some(refusal) = self.must_continue(number, kept, &offered)?
        {
            if newest {
                return Err(refusal);
            }
            // A depot that was restored from an older copy: what is here is more.
            screen::warning(&format!(
                "log {number}, which a later one took over from, is kept as it is here: {refusal}"
            ));
            return Ok(Some((kept.checkpoint.size, kept.clone())));
        }
        self.grow(number, &before, &offered.checkpoint)?;
        if let Some(kept) = kept.filter(|kept| kept.checkpoint.size < offered.checkpoint.size) {
            let older = format!("{path}/checkpoint.{}", kept.checkpoint.size);
            if !self.to.has(&older) {
                self.to.add(&older, kept.note.as_bytes())?;
            }
        }
        self.to.sync()?;
        files::replace(&self.to.path(&format!("{path}/checkpoint")), note.as_slice(), 0o644, "the checkpoint")?;
        self.drop_partial(number, &before, &offered.checkpoint)?;
        Ok(Some((before.size, offered)))
    }

    /// A log only grows. A head that does not continue the one of the fetch before is kept beside, as evidence, and gives
    /// the refusal.
    fn must_continue(
        &self,
        number: u64,
        kept: &SignedCheckpoint,
        offered: &SignedCheckpoint,
    ) -> Outcome<Option<Failure>> {
        let continues = head::continues(&self.client, self.site, number, &kept.checkpoint, &offered.checkpoint);
        let why = match continues {
            Ok(()) => return Ok(None),
            Err(HeadError::Client(error)) => return Err(failed("cannot ask for the log", &self.client, &error)),
            // Whether it is a fork or only bad tiles: nothing shows that it goes on.
            Err(error) => error,
        };
        let name = format!("refused/{}-{number}-checkpoint.{}", self.site, offered.checkpoint.size);
        self.to.put(&self.to.state(&name), offered.note.as_bytes())?;
        let kept_as = format!("what it offers is kept as {}; nothing else was changed", self.to.state(&name).display());
        let refusal = Failure::refused("the depot's log does not continue the one that was fetched before");
        Ok(Some(refusal.at(self.client.depot()).because(why).next(kept_as)))
    }

    /// Fetches the entries after `before`, and writes them and the tiles that they come to once those lead to the root that
    /// was signed.
    fn grow(&mut self, number: u64, before: &Checkpoint, after: &Checkpoint) -> Outcome<()> {
        if before.size >= after.size {
            return Ok(());
        }
        let path = self.log_path(number);
        let stage = self.to.state(&path);
        let mut growth = Growth::resume(&self.to, &path, before)?;
        let first = before.size / u64::from(FULL) * u64::from(FULL);
        let (mut at, mut staged) = (first, Vec::new());
        let mut meter = Meter::new("entries");
        meter.expect(after.size);
        while let Some(bundle) = EntryBundle::holding(at, after.size) {
            let bytes = self.bundle(number, bundle, &stage)?;
            let entries = bundle.decode(&bytes).map_err(|e| self.not_committed(number, &stage, &e.to_string()))?;
            for (n, entry) in entries.iter().enumerate() {
                let index = at + n as u64;
                let leaf = leaf_hash(entry);
                if index >= before.size {
                    growth.push(leaf, &mut |tile, bytes| {
                        let file = stage.join(tile.path());
                        staged.push((file.clone(), tile.path()));
                        self.to.put(&file, bytes)
                    })?;
                } else if growth.old(index) != Some(leaf) {
                    return Err(self.not_committed(number, &stage, &format!("entry {index} is another than before")));
                }
            }
            staged.push((stage.join(bundle.path()), bundle.path()));
            at += u64::from(bundle.width);
            meter.step(at);
        }
        growth.rest(after.size, &mut |tile, bytes| {
            let file = stage.join(tile.path());
            staged.push((file.clone(), tile.path()));
            self.to.put(&file, bytes)
        })?;
        if growth.frontier.root() != after.root {
            return Err(self.not_committed(number, &stage, "the entries that it gives come to another root"));
        }
        for (file, name) in staged {
            self.to.promote(&file, &format!("{path}/{name}"))?;
        }
        self.to.remove(&stage)
    }

    /// A bundle of entries: from a run that was interrupted, or from the depot. Not judged yet.
    fn bundle(&mut self, number: u64, bundle: EntryBundle, stage: &Path) -> Outcome<Vec<u8>> {
        let file = stage.join(bundle.path());
        if let Some(bytes) = files::read_if_there(&file, MAX_BUNDLE, "what was fetched before")? {
            return Ok(bytes);
        }
        let log = RemoteLog { client: &self.client, site: self.site, number };
        let bytes = log.bundle(bundle);
        let bytes = bytes.map_err(|e| failed("cannot fetch entries of the log", &self.client, &e))?;
        self.to.count(bytes.len())?;
        self.to.put(&file, &bytes)?;
        Ok(bytes)
    }

    /// What was fetched is not what the log committed to: none of it is kept, so that the next run begins anew.
    fn not_committed(&self, number: u64, stage: &Path, why: &str) -> Failure {
        if let Err(failure) = self.to.remove(stage) {
            return failure;
        }
        Failure::refused("the depot gives entries that its log did not commit to")
            .at(format!("{}, log {number} of {}", self.client.depot(), self.site))
            .because(why)
            .next("nothing of them was kept; fetch again, and if it stays so tell the holders of the trust keys")
    }

    /// Removes the partial tiles of the log's former end, which wider ones replace.
    fn drop_partial(&self, number: u64, before: &Checkpoint, after: &Checkpoint) -> Outcome<()> {
        let path = self.log_path(number);
        let last = |level: u8, size: u64| Tile::holding(level, (size >> (level * 8)).checked_sub(1)?, size);
        for level in 0..8 {
            let (Some(old), new) = (last(level, before.size), last(level, after.size)) else { break };
            if old.width < FULL && Some(old) != new {
                self.to.remove(&self.to.path(&format!("{path}/{}", old.path())))?;
                if level == 0 {
                    let bundle = EntryBundle { index: old.index, width: old.width };
                    self.to.remove(&self.to.path(&format!("{path}/{}", bundle.path())))?;
                }
            }
        }
        Ok(())
    }

    /// The order by which a log took over from the one before.
    pub fn restart(&mut self, number: u64) -> Outcome<()> {
        let path = format!("{}/restart.json", self.log_path(number));
        if self.to.has(&path) {
            return Ok(());
        }
        let answer = if_there(self.client.get(&paths::log_restart(self.site, number), MAX_ENVELOPE as u64));
        let answer =
            answer.map_err(|e| failed(format!("cannot ask for the restart of log {number}"), &self.client, &e))?;
        match answer.map(|bytes| Signed::parse(&bytes)) {
            Some(Ok(signed)) if signed.check_bounds().is_ok() => {
                self.keep_signatures(&path, &signed)?;
                self.to.add(&path, &signed.document.0)
            }
            Some(_) => self.withhold(path, "what the depot gives is no signed document"),
            None => self.withhold(path, "the depot does not give the order by which this log began"),
        }
    }

    /// The nodes of a log that is in the folder.
    pub fn nodes(&self, log: &'a str, size: u64) -> TileNodes<impl Tiles<Error = Failure> + '_> {
        TileNodes::new(Local { folder: &self.to, log }, size)
    }

    /// A bundle of entries that is in the folder.
    pub fn kept_bundle(&self, number: u64, bundle: EntryBundle) -> Outcome<Vec<u8>> {
        let log = self.log_path(number);
        for path in [bundle.path(), bundle.full().path()] {
            if let Some(bytes) = self.to.read(&format!("{log}/{path}"), MAX_BUNDLE)? {
                return Ok(bytes);
            }
        }
        Err(Failure::refused("entries of the log are gone from the audit folder")
            .at(self.to.path(&format!("{log}/{}", bundle.path())).display())
            .next("fetch into a new folder"))
    }
}

/// A tree that grows, and the tiles that this fills.
struct Growth {
    frontier: Frontier,
    /// Of each level of tiles, the hashes of the one that is not full yet.
    open: BTreeMap<u8, Vec<Hash>>,
    /// The leaves of the tile that was not full before, and the index of the first.
    before: (u64, Vec<Hash>),
}

/// Takes a tile and its bytes.
type OnTile<'t> = &'t mut dyn FnMut(Tile, &[u8]) -> Outcome<()>;

impl Growth {
    /// From what is in the folder.
    fn resume(folder: &Folder, log: &str, before: &Checkpoint) -> Outcome<Self> {
        let size = before.size;
        let frontier = Frontier::resume(size, &mut TileNodes::new(Local { folder, log }, size))?;
        if frontier.root() != before.root {
            return Err(Failure::refused("the log in the audit folder is damaged")
                .at(folder.path(log).display())
                .because("its tiles do not come to its checkpoint")
                .next("`writ audit verify` names what is wrong; fetch into a new folder"));
        }
        let mut open = BTreeMap::new();
        for level in 0..8_u8 {
            let count = size >> (level * 8);
            let Some(tile) = count.checked_sub(1).and_then(|last| Tile::holding(level, last, size)) else { break };
            if tile.width < FULL {
                let bytes = Local { folder, log }.tile(&tile)?;
                let hashes = bytes.chunks_exact(32).take(usize::from(tile.width));
                open.insert(level, hashes.map(|hash| hash.try_into().unwrap_or_default()).collect());
            }
        }
        let first = size / u64::from(FULL) * u64::from(FULL);
        let before = (first, open.get(&0).cloned().unwrap_or_default());
        Ok(Self { frontier, open, before })
    }

    /// The hash of an entry that was there before, in the tile that was not full.
    fn old(&self, index: u64) -> Option<Hash> {
        let (first, leaves) = &self.before;
        leaves.get(usize::try_from(index.checked_sub(*first)?).ok()?).copied()
    }

    fn push(&mut self, leaf: Hash, full: OnTile) -> Outcome<()> {
        let (open, mut completed) = (&mut self.open, Vec::new());
        self.frontier.push(leaf, &mut |level, index, hash| {
            if level % 8 != 0 {
                return;
            }
            let hashes = open.entry(level / 8).or_default();
            hashes.push(hash);
            if hashes.len() == usize::from(FULL) {
                let tile = Tile { level: level / 8, index: index / u64::from(FULL), width: FULL };
                completed.push((tile, std::mem::take(hashes).concat()));
            }
        });
        completed.into_iter().try_for_each(|(tile, bytes)| full(tile, &bytes))
    }

    /// The tiles that are not full at the end.
    fn rest(&mut self, size: u64, partial: OnTile) -> Outcome<()> {
        for (level, hashes) in std::mem::take(&mut self.open) {
            let last = (size >> (level * 8)).checked_sub(1);
            if let Some(tile) = last.and_then(|last| Tile::holding(level, last, size)).filter(|_| !hashes.is_empty()) {
                partial(tile, &hashes.concat())?;
            }
        }
        Ok(())
    }
}
