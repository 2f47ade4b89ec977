//! The fetch: downloads what a closure lacks into the cache in the inbox. May take hours, so it runs beside the other jobs.
//!
//! Only the closure document is believed, which the release names by digest: it bounds every file, and every NAR is unpacked
//! and hashed before it gets its name. What broke off is continued.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tracing::{debug, info, warn};
use writ_client::{Client, Error};
use writ_nix::cache::Entry;
use writ_nix::import::parse_keys;
use writ_nix::nar::{self, NarId};
use writ_policy::closure::StorePath;
use writ_trust::digest::Digest;
use writ_wire::paths::{self, Target};
use writ_wire::publication::HashPart;

use super::inbox::{Inbox, names};
use super::pull::{missing, read_closure};
use super::trouble::Trouble;
use crate::crash_point;

/// The largest narinfo, in bytes.
const MAX_NARINFO: usize = 256 * 1024;

/// What to fetch, and with what.
pub struct Fetch {
    /// The depot; the cache is open, so requests are not signed.
    pub client: Client,
    /// Where it goes.
    pub inbox: Inbox,
    /// The store, whose paths are not fetched.
    pub store: PathBuf,
    /// The digest of the release.
    pub release: Digest,
    /// The digest of the closure document, which is in the inbox.
    pub closure: Digest,
    /// The cache keys of the trust root, in Nix's form.
    pub keys: Vec<String>,
}

/// How far it has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Paths to be fetched.
    pub paths: u64,
    /// Of these, how many are there.
    pub fetched: u64,
    /// What they unpack into, in bytes.
    pub bytes: u64,
    /// Of these, how many are there.
    pub fetched_bytes: u64,
}

impl Fetch {
    /// Fetches what is missing; `false` when it was told to stop before the closure was complete.
    pub fn run(&self, stop: &AtomicBool, progress: &Mutex<Progress>) -> Result<bool, Trouble> {
        let closure = read_closure(&self.inbox, &self.closure)?;
        let missing = missing(&self.inbox, &self.store, &closure);
        let bytes = missing.iter().fold(0_u64, |sum, path| sum.saturating_add(path.nar_size));
        let set = |change: &dyn Fn(&mut Progress)| {
            change(&mut progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
        };
        set(&|p| *p = Progress { paths: missing.len() as u64, bytes, ..Progress::default() });
        for path in missing {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            self.path(path)?;
            set(&|p| {
                p.fetched += 1;
                p.fetched_bytes += path.nar_size;
            });
        }
        info!(paths = closure.paths.len(), "the closure is complete");
        Ok(true)
    }

    /// Fetches one path: narinfo, NAR, check, and only then their names.
    fn path(&self, path: &StorePath) -> Result<(), Trouble> {
        let entry = self.narinfo(path)?;
        let nar = Nar::of(&entry, path)?;
        let whole = self.inbox.nars().join(&nar.file);
        if whole.exists() && file_digest(&whole)? != nar.digest {
            self.discard(&whole, &nar.file)?;
        }
        if whole.exists() {
            // Of another path with the same content; or the narinfo names the file of a path with another one.
            let mut there = File::open(&whole).map_err(Trouble::at(&whole))?;
            nar::check(&mut there, nar.compressed, nar.expected).map_err(|e| nar.wrong(&e))?;
        } else {
            self.download(&nar, &whole)?;
        }
        crash_point!("sync-narinfo");
        self.inbox.write_if_other(&self.inbox.cache().join(&entry.file_name), &entry.bytes)
    }

    /// Downloads a NAR, continuing what broke off; it gets its name when it is what its narinfo and the closure document say.
    fn download(&self, nar: &Nar<'_>, whole: &Path) -> Result<(), Trouble> {
        let partial = self.inbox.partial().join(&nar.file);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644);
        let mut file = options.open(&partial).map_err(Trouble::at(&partial))?;
        let length = |file: &File| file.metadata().map(|metadata| metadata.len()).map_err(Trouble::at(&partial));
        let before = length(&file)?;
        match self.client.download(&nar.target, &mut file, nar.size) {
            Ok(downloaded) => debug!(path = nar.path, size = downloaded.size, "downloaded"),
            Err(error) => {
                if cannot_go_on(&error, before, length(&file)?) {
                    let _ = fs::remove_file(&partial);
                }
                return Err(error.into());
            }
        }
        crash_point!("sync-nar-partial");
        let mut file = File::open(&partial).map_err(Trouble::at(&partial))?;
        let mut hash = Sha256::new();
        let checked = nar::copy_checked(&mut file, &mut hash, nar.compressed, nar.expected);
        let found = Digest::from_bytes(hash.finalize().into());
        let checked = checked.map_err(|e| nar.wrong(&e)).and_then(|()| {
            let other = || nar.wrong(&format!("the file has the digest {found}, its narinfo says {}", nar.digest));
            if found == nar.digest { Ok(()) } else { Err(other()) }
        });
        if checked.is_err() {
            // What is wrong is not continued.
            let _ = fs::remove_file(&partial);
        }
        checked?;
        file.sync_all().map_err(Trouble::at(&partial))?;
        crash_point!("sync-nar");
        fs::rename(&partial, whole).map_err(Trouble::at(whole))?;
        let nars = self.inbox.nars();
        writ_durable::sync_directory(&nars).map_err(Trouble::at(&nars))
    }

    /// Removes a file of the cache that is not what its name says, after the narinfos that promise it.
    fn discard(&self, whole: &Path, file: &str) -> Result<(), Trouble> {
        warn!(file, "is not what its name says: it is fetched again");
        let (cache, line) = (self.inbox.cache(), format!("URL: nar/{file}"));
        for name in names(&cache).iter().filter(|name| name.ends_with(".narinfo")) {
            let path = cache.join(name);
            let bytes = writ_durable::read_bounded(&path, MAX_NARINFO).unwrap_or_default();
            if String::from_utf8_lossy(&bytes).lines().any(|there| there == line) {
                fs::remove_file(&path).map_err(Trouble::at(&path))?;
            }
        }
        fs::remove_file(whole).map_err(Trouble::at(whole))
    }

    /// Fetches a path's narinfo and judges it by the closure document and the trust root's cache keys.
    fn narinfo(&self, path: &StorePath) -> Result<Entry, Trouble> {
        let refused = |e: &dyn Display| Trouble::refused("narinfo", format!("{}: {e}", path.path));
        let parsed: writ_trust::store_path::StorePath = path.path.parse().map_err(|e| refused(&e))?;
        let hash = HashPart::of(&parsed);
        let bytes = self.client.get(&paths::narinfo(&hash), MAX_NARINFO as u64)?;
        // Judged from a file, as the enforcer will.
        let partial = self.inbox.partial();
        self.inbox.write_if_other(&partial.join(format!("{hash}.narinfo")), &bytes)?;
        let entry = Entry::read(&partial, path).map_err(|e| refused(&e));
        let file = partial.join(format!("{hash}.narinfo"));
        fs::remove_file(&file).map_err(Trouble::at(&file))?;
        let entry = entry?;
        let keys = parse_keys(&self.keys).map_err(|e| refused(&e))?;
        entry.require_signature(&keys).map_err(|e| refused(&e))?;
        Ok(entry)
    }
}

/// A NAR as a path's narinfo promises it.
struct Nar<'p> {
    path: &'p str,
    file: String,
    target: Target,
    compressed: bool,
    /// What it unpacks into.
    expected: NarId,
    /// Size in bytes and digest of the file itself.
    size: u64,
    digest: Digest,
}

impl<'p> Nar<'p> {
    /// Signatures do not cover the file of a NAR: so its name must be its own digest, and one name can only ever be one file.
    fn of(entry: &Entry, path: &'p StorePath) -> Result<Self, Trouble> {
        let odd = |e: &dyn Display| Trouble::refused("narinfo", format!("{}: {e}", path.path));
        let (size, digest) = entry.named_by_content().map_err(|e| odd(&e))?;
        let file = entry.nar_file().map_err(|e| odd(&e))?.to_owned();
        let compressed = entry.is_compressed().map_err(|e| odd(&e))?;
        let target = paths::nar(entry.info.url()).ok_or_else(|| odd(&"its URL is not nar/<file>"))?;
        let limit = if compressed { nar::packed_limit(path.nar_size) } else { path.nar_size };
        if size > limit {
            return Err(odd(&format!("its file is to have {size} bytes, the closure document allows {limit}")));
        }
        let expected = NarId { hash: path.nar_hash, size: path.nar_size };
        Ok(Self { path: &path.path, file, target, compressed, expected, size, digest })
    }

    fn wrong(&self, what: &dyn Display) -> Trouble {
        Trouble::refused("nar", format!("{}: {}: {what}", self.path, self.file))
    }
}

/// Whether a download that failed would fail in the same way for ever if it were continued: what is there is more than the
/// whole, or the depot does not take the question for the rest. A line that breaks and a depot that is busy cost nothing.
fn cannot_go_on(error: &Error, before: u64, after: u64) -> bool {
    match error {
        Error::TooLarge { .. } => true,
        Error::Refused { status, .. } => before > 0 && matches!(status, 400 | 405 | 406 | 412 | 416 | 417 | 501),
        Error::Malformed { .. } => before > 0 && after <= before,
        _ => false,
    }
}

fn file_digest(path: &Path) -> Result<Digest, Trouble> {
    let mut hash = Sha256::new();
    let copied = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
    copied.map_err(Trouble::at(path))?;
    Ok(Digest::from_bytes(hash.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_fail_for_ever_is_thrown_away() {
        let target = || "/nar/x".to_owned();
        let refused = |status| Error::Refused { target: target(), status, retry_after: None, body: Vec::new() };
        let malformed = || Error::Malformed { target: target(), why: "a part was sent without saying which".into() };
        for status in [400, 416] {
            assert!(cannot_go_on(&refused(status), 5, 5));
            assert!(!cannot_go_on(&refused(status), 0, 0), "there was nothing to continue");
        }
        for status in [401, 404, 408, 429, 500, 503] {
            assert!(!cannot_go_on(&refused(status), 5, 5), "{status}");
        }
        assert!(cannot_go_on(&malformed(), 5, 5) && !cannot_go_on(&malformed(), 5, 6));
        assert!(cannot_go_on(&Error::TooLarge { target: target(), limit: 4 }, 5, 5));
        assert!(!cannot_go_on(&Error::TimedOut { target: target(), phase: "connecting" }, 5, 5));
    }
}
