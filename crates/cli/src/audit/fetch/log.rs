//! A log: its entries from where the fetch before ended, the tiles that they come to, its checkpoint.

use std::path::Path;

use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::proof;
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::leaf_hash;
use writ_wire::paths::{self, Log};

use super::Fetch;
use super::folder::Folder;
use crate::depot::growth::{Filled, Growth};
use crate::depot::head::{self, HeadError};
use crate::depot::log::RemoteLog;
use crate::depot::{failed, if_there};
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::screen::{self, Meter};

/// The highest level of tiles.
const MAX_LEVEL: u8 = 7;

/// The tiles that are in the folder.
#[derive(Clone, Copy)]
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
    /// over from is neither at the depot nor here.
    pub fn log(&mut self, number: u64, origin: &str, newest: bool) -> Outcome<Option<(u64, SignedCheckpoint)>> {
        let kept = self.kept_head(number, origin)?;
        let Some(offered) = self.offered_head(number, origin)? else { return self.gone(number, origin, newest, kept) };
        let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: writ_trust::log::tree::EMPTY_ROOT };
        let before = kept.as_ref().map_or(empty, |kept| kept.checkpoint.clone());
        if let Some(kept) = &kept {
            self.tidy(number, &kept.checkpoint)?;
            if !newest && offered.checkpoint.size < before.size {
                self.shorter(number, kept, &offered)?;
                return Ok(Some((before.size, kept.clone())));
            }
            match self.must_continue(number, kept, &offered)? {
                None => {}
                Some(refusal) if newest => return Err(refusal),
                // Told of, and no reason to go without the logs that follow.
                Some(refusal) => {
                    self.withhold(format!("{}/checkpoint", self.log_path(number)), refusal)?;
                    return Ok(Some((before.size, kept.clone())));
                }
            }
        }
        self.grow(number, &before, &offered.checkpoint)?;
        let path = self.log_path(number);
        // Also of a log that did not grow: what it held is proven from the earliest time on that its key gave this size. A later one
        // adds nothing to the one that is kept already.
        if let Some(kept) = kept.filter(|kept| kept.note != offered.note) {
            let older = format!("{path}/checkpoint.{}", kept.checkpoint.size);
            if !self.to.has(&older) {
                self.to.add(&older, kept.note.as_bytes())?;
            }
        }
        self.to.sync()?;
        self.to.keep(&self.to.path(&format!("{path}/checkpoint")), offered.note.as_bytes())?;
        self.drop_partial(number, before.size, &offered.checkpoint)?;
        Ok(Some((before.size, offered)))
    }

    fn kept_head(&self, number: u64, origin: &str) -> Outcome<Option<SignedCheckpoint>> {
        let path = format!("{}/checkpoint", self.log_path(number));
        let kept = self.to.read(&path, MAX_NOTE)?;
        let keys = log_keys_ever(&self.chain, self.site);
        kept.map(|note| SignedCheckpoint::verify(&note, origin, &keys)).transpose().map_err(|e| {
            Failure::refused("the checkpoint of the fetch before does not hold")
                .at(self.to.path(&path).display())
                .because(e)
                .next("fetch into a new folder")
        })
    }

    fn offered_head(&self, number: u64, origin: &str) -> Outcome<Option<SignedCheckpoint>> {
        let target = paths::log_checkpoint(self.site, Log::Number(number));
        let note = if_there(self.client.get(&target, MAX_NOTE as u64));
        let note = note.map_err(|e| failed(format!("cannot ask for the log {origin}"), &self.client, &e))?;
        let keys = log_keys_ever(&self.chain, self.site);
        note.map(|note| SignedCheckpoint::verify(&note, origin, &keys)).transpose().map_err(|e| {
            Failure::refused("the depot's head of the log does not hold").at(self.client.depot()).because(e)
        })
    }

    /// What follows when the depot has no such log.
    fn gone(
        &mut self,
        number: u64,
        origin: &str,
        newest: bool,
        kept: Option<SignedCheckpoint>,
    ) -> Outcome<Option<(u64, SignedCheckpoint)>> {
        if newest {
            let why = format!("the trust root names the log {origin} for {}", self.site);
            return Err(Failure::refused("the depot has no such log")
                .at(self.client.depot())
                .because(why)
                .next("without it nobody can see what was withheld; if it was lost, the trust keys order a restart"));
        }
        if kept.is_none() {
            let path = format!("{}/checkpoint", self.log_path(number));
            self.withhold(path, format!("the trust root names the log {origin}, and the depot does not give it"))?;
        }
        Ok(kept.map(|kept| (kept.checkpoint.size, kept)))
    }

    /// A log that a later one took over from is shown with less than what is here: a depot that was restored from an older
    /// copy. It may have gone on from there for a while before the later one took over; then both heads are kept.
    fn shorter(&self, number: u64, kept: &SignedCheckpoint, offered: &SignedCheckpoint) -> Outcome<()> {
        let (path, size, shown) = (self.log_path(number), kept.checkpoint.size, &offered.checkpoint);
        let begins = proof::root_at(&mut self.nodes(&path, size), shown.size)? == shown.root;
        let more = if begins {
            String::new()
        } else {
            format!("; that is no beginning of what is here, and is kept as {}", self.keep_refused(number, offered)?)
        };
        screen::warning(&format!(
            "log {number}, which a later one took over from, became shorter at the depot: of {size} entries it has {}, and is \
             kept as it is here{more}",
            shown.size
        ));
        Ok(())
    }

    /// Keeps a head that does not go together with what is here, as evidence; says where.
    fn keep_refused(&self, number: u64, offered: &SignedCheckpoint) -> Outcome<String> {
        let name = self.to.state(&format!("refused/{}-{number}-checkpoint.{}", self.site, offered.checkpoint.size));
        self.to.keep(&name, offered.note.as_bytes())?;
        Ok(name.display().to_string())
    }

    /// A log only grows. A head that does not continue the one of the fetch before is kept beside, as evidence, and gives the
    /// refusal.
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
        let kept_as = self.keep_refused(number, offered)?;
        let kept_as = format!("what it offers is kept as {kept_as}; nothing else was changed");
        let refusal = Failure::refused("the depot's log does not continue the one that was fetched before");
        Ok(Some(refusal.at(self.client.depot()).because(why).next(kept_as)))
    }

    /// Fetches the entries after `before`, and writes them and the tiles that they come to once those lead to the root that
    /// was signed.
    fn grow(&mut self, number: u64, before: &Checkpoint, after: &Checkpoint) -> Outcome<()> {
        let stage = self.to.state(&self.log_path(number));
        if before.size < after.size {
            let reused = stage.exists();
            let mut staged = self.stage(number, before, after, &stage)?;
            if staged.is_err() && reused {
                // What a run before left may be what is wrong: it may have ended with the power.
                self.to.remove(&stage)?;
                staged = self.stage(number, before, after, &stage)?;
            }
            if let Err(why) = staged {
                self.to.remove(&stage)?;
                return Err(self.not_committed(number, &why));
            }
            self.promote(number, before.size, after.size, &stage)?;
        }
        self.to.remove(&stage)
    }

    /// Brings entries and tiles into a folder beside; or why they are not what the log committed to.
    fn stage(
        &mut self,
        number: u64,
        before: &Checkpoint,
        after: &Checkpoint,
        stage: &Path,
    ) -> Outcome<Result<(), String>> {
        let path = self.log_path(number);
        let mut growth = Growth::resume(Local { folder: &self.to, log: &path }, before.size)?;
        if growth.root() != before.root {
            return Err(Failure::refused("the log in the audit folder is damaged")
                .at(self.to.path(&path).display())
                .because("its tiles do not come to its checkpoint")
                .next("`writ audit verify` names what is wrong; fetch into a new folder"));
        }
        let mut at = before.size / u64::from(FULL) * u64::from(FULL);
        let mut meter = Meter::new("entries");
        meter.expect(after.size);
        while let Some(bundle) = EntryBundle::holding(at, after.size) {
            let bytes = self.bundle(number, bundle, stage)?;
            let entries = match bundle.decode(&bytes) {
                Ok(entries) => entries,
                Err(error) => return Ok(Err(error.to_string())),
            };
            for (index, entry) in (at..).zip(entries) {
                let leaf = leaf_hash(entry);
                if index >= before.size {
                    self.put_tiles(stage, growth.push(leaf))?;
                } else if growth.old(index) != Some(leaf) {
                    return Ok(Err(format!("entry {index} is another than before")));
                }
            }
            at += u64::from(bundle.width);
            meter.step(at);
        }
        self.put_tiles(stage, growth.partial())?;
        let whole = growth.root() == after.root;
        Ok(whole.then_some(()).ok_or_else(|| "the entries that it gives come to another root".to_owned()))
    }

    fn put_tiles(&mut self, stage: &Path, tiles: Vec<Filled>) -> Outcome<()> {
        for (tile, bytes) in tiles {
            let file = stage.join(tile.path());
            // What a run before wrote was counted then.
            if !file.exists() {
                self.to.count(bytes.len())?;
            }
            self.to.put(&file, &bytes)?;
        }
        Ok(())
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

    /// Gives the entries and tiles that are new their places. Their names follow from the sizes: no list of them is kept,
    /// which a depot could make as long as it likes.
    fn promote(&mut self, number: u64, before: u64, after: u64, stage: &Path) -> Outcome<()> {
        let path = self.log_path(number);
        let mut place = |name: String| self.to.promote(&stage.join(&name), &format!("{path}/{name}"));
        let mut at = before;
        while let Some(bundle) = EntryBundle::holding(at, after) {
            place(bundle.path())?;
            at = (bundle.index + 1) * u64::from(FULL);
        }
        for level in 0..=MAX_LEVEL {
            let mut at = before >> (level * 8);
            while let Some(tile) = Tile::holding(level, at, after) {
                place(tile.path())?;
                at = (tile.index + 1) * u64::from(FULL);
            }
        }
        Ok(())
    }

    /// What was fetched is not what the log committed to: none of it is kept, so that the next run begins anew.
    fn not_committed(&self, number: u64, why: &str) -> Failure {
        Failure::refused("the depot gives entries that its log did not commit to")
            .at(format!("{}, log {number} of {}", self.client.depot(), self.site))
            .because(why)
            .next("nothing of them was kept; fetch again, and if it stays so tell the holders of the trust keys")
    }

    /// Removes what a fetch that was killed after it had moved to the head that is here did not remove.
    fn tidy(&self, number: u64, kept: &Checkpoint) -> Outcome<()> {
        let names = files::list(&self.to.path(&self.log_path(number)))?;
        let older =
            names.iter().filter_map(|path| files::name_of(path).strip_prefix("checkpoint.")?.parse::<u64>().ok());
        match older.filter(|size| *size < kept.size).max() {
            Some(before) => self.drop_partial(number, before, kept),
            None => Ok(()),
        }
    }

    /// Removes the partial tiles of the log's former end, which wider ones replace.
    fn drop_partial(&self, number: u64, before: u64, after: &Checkpoint) -> Outcome<()> {
        let path = self.log_path(number);
        let last = |level: u8, size: u64| Tile::holding(level, (size >> (level * 8)).checked_sub(1)?, size);
        for level in 0..=MAX_LEVEL {
            let (Some(old), new) = (last(level, before), last(level, after.size)) else { break };
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
