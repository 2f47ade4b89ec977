//! What nobody needs any more leaves the inbox: the newest release and the one before stay, with all they name, and so do the
//! newest two whose time has come, which may have been taken up and wait for a maintenance window.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tracing::{debug, warn};
use writ_nix::cache::Entry;
use writ_trust::digest::Digest;
use writ_trust::release::Release;

use super::courier::Courier;
use super::inbox::{Point, names};
use super::outbox::{Place, chains, folder};
use super::pull::read_closure;
use super::trouble::Trouble;
use crate::{clock, crash_point};

/// How many releases are kept, the newest first: of all, and of those whose time has come.
const KEPT: usize = 2;

impl Courier {
    /// Removes what is not needed. A failure is said and does no harm.
    ///
    /// `settled` says that nothing is being fetched, and that the last pull came to its end: before that nobody knows which
    /// release is to come, and what was downloaded of it must not go.
    pub fn prune(&self, settled: bool) {
        let pruned = if settled { self.prune_pulled() } else { Ok(()) };
        if let Err(trouble) = pruned.and_then(|()| self.prune_receipts()) {
            warn!("the inbox is not tidied: {trouble}");
        }
    }

    fn prune_pulled(&self) -> Result<(), Trouble> {
        let now = clock::now();
        let (mut points, mut releases, mut come) = (Vec::new(), Vec::new(), 0);
        for point in self.inbox.points() {
            let Some(bytes) = self.inbox.release(point)? else { continue };
            let has_come = self.own(&bytes).is_none_or(|own| own.not_before <= now);
            if points.len() < KEPT || (has_come && come < KEPT) {
                come += usize::from(has_come);
                points.push(point);
                releases.push(bytes);
            }
        }
        self.prune_releases(&points)?;
        let pending = self.pending()?;
        releases.extend(pending.map(|logged| logged.release.document.0));
        let (mut documents, mut closures) = (BTreeSet::new(), BTreeSet::new());
        for bytes in &releases {
            let Some(own) = Release::parse(bytes).ok().and_then(|r| r.generations.get(&self.config.appliance).cloned())
            else {
                continue;
            };
            documents.insert(self.inbox.document(&own.policy.digest));
            if let Some(closure) = own.closure {
                documents.insert(self.inbox.document(&closure.digest));
                closures.insert(closure.digest);
            }
        }
        remove_others(&self.inbox.documents(), &documents)?;
        self.prune_cache(&closures)?;
        if self.fetch()?.is_none() {
            remove_others(&self.inbox.partial(), &BTreeSet::new())?;
        }
        self.prune_tiles()
    }

    /// Removes the folders of other releases, and those that a crash left before there was a release in them.
    fn prune_releases(&self, kept: &[Point]) -> Result<(), Trouble> {
        let kept: Vec<PathBuf> = kept.iter().map(|point| self.inbox.release_folder(*point)).collect();
        for name in names(&self.inbox.releases()) {
            let folder = self.inbox.releases().join(name);
            if folder.is_dir() && !kept.contains(&folder) {
                crash_point!("sync-prune-release");
                remove_folder(&folder)?;
            }
        }
        Ok(())
    }

    fn prune_cache(&self, closures: &BTreeSet<Digest>) -> Result<(), Trouble> {
        let cache = self.inbox.cache();
        let mut narinfos = BTreeMap::new();
        for digest in closures {
            // One that is not there names nothing that is; one that cannot be read ends the tidying.
            if !self.inbox.document(digest).exists() {
                continue;
            }
            for path in read_closure(&self.inbox, digest)?.paths {
                if let Ok(entry) = Entry::read(&cache, &path) {
                    narinfos.insert(cache.join(&entry.file_name), entry.nar_file().ok().map(str::to_owned));
                }
            }
        }
        let nars = self.inbox.nars();
        let kept: BTreeSet<PathBuf> = narinfos.values().flatten().map(|file| nars.join(file)).collect();
        let mut kept_infos: BTreeSet<PathBuf> = narinfos.into_keys().collect();
        kept_infos.insert(cache.join("nix-cache-info"));
        crash_point!("sync-prune-cache");
        // The names before the files: a narinfo without its NAR would be a promise that is not kept.
        remove_others(&cache, &kept_infos)?;
        remove_others(&nars, &kept)
    }

    fn prune_receipts(&self) -> Result<(), Trouble> {
        let receipts = self.inbox.receipts();
        let outbox = self.outbox()?;
        if outbox.unlisted.is_some() || (outbox.waiting.is_empty() && outbox.delivered.is_empty()) {
            // Of an outbox that is gone or empty one cannot tell what it had.
            return Ok(());
        }
        let all = || outbox.delivered.iter().chain(&outbox.waiting);
        let mut kept: BTreeSet<PathBuf> = all().map(|place| place.receipt_in(&receipts)).collect();
        // A bundle that was put aside and could not be read: its receipt has not followed it yet.
        let aside = outbox.waiting.iter().filter(|place| place.chain.is_some());
        kept.extend(aside.map(|place| Place { chain: None, ..*place }.receipt_in(&receipts)));
        remove_others(&receipts, &kept)?;
        for chain in chains(&receipts) {
            let folder = folder(&receipts, Some(chain));
            remove_others(&folder, &kept)?;
            // Fails while something is in it.
            let _ = fs::remove_dir(&folder);
        }
        Ok(())
    }

    /// Tiles of the current log that were of no use lately, and all of earlier logs.
    fn prune_tiles(&self) -> Result<(), Trouble> {
        let count = self.chain.newest().origins(&self.config.site).len();
        for number in names(&self.inbox.logs()).iter().filter_map(|name| name.parse::<usize>().ok()) {
            let tiles = self.inbox.log(number).join("tile");
            if number != count {
                remove_folder(&tiles)?;
            } else if self.tiles.iter().any(|used| !used.is_empty()) {
                let kept: BTreeSet<&PathBuf> = self.tiles.iter().flatten().collect();
                remove_files_below(&tiles, &kept)?;
            }
        }
        Ok(())
    }
}

/// Removes the files in a folder that are not among `kept`. Folders in it are left alone.
fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<(), Trouble> {
    for name in names(folder) {
        let path = folder.join(name);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_dir());
        if is_file && !kept.contains(&path) {
            debug!(path = %path.display(), "no longer needed");
            fs::remove_file(&path).map_err(Trouble::at(&path))?;
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<(), Trouble> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Trouble::at(folder)(e)),
        _ => Ok(()),
    }
}

/// Removes the files below a folder that are not among `kept`, and folders that this empties. Tiles lie at most a few deep.
fn remove_files_below(folder: &Path, kept: &BTreeSet<&PathBuf>) -> Result<(), Trouble> {
    for name in names(folder) {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            remove_files_below(&path, kept)?;
            // Fails while something is in it.
            let _ = fs::remove_dir(&path);
        } else if !kept.contains(&path) {
            fs::remove_file(&path).map_err(Trouble::at(&path))?;
        }
    }
    Ok(())
}
