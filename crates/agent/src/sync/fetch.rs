//! The fetch: downloads what a closure lacks into the cache in the inbox. May take hours, so it runs beside the other jobs.
//!
//! Only the closure document is believed, which the release names by digest: it bounds every file, and every NAR is unpacked
//! and hashed before it gets its name. What broke off is continued.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tracing::{debug, info};
use writ_client::Client;
use writ_nix::cache::Entry;
use writ_nix::import::parse_keys;
use writ_nix::nar::{self, NarId};
use writ_policy::closure::StorePath;
use writ_trust::digest::Digest;
use writ_wire::paths;
use writ_wire::publication::HashPart;

use super::inbox::Inbox;
use super::pull::{missing, read_closure};
use super::trouble::Trouble;
use crate::crash_point;

/// The largest narinfo, in bytes.
const MAX_NARINFO: u64 = 256 * 1024;

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
        let odd = |e: &dyn std::fmt::Display| Trouble::refused("narinfo", format!("{}: {e}", path.path));
        let file = entry.nar_file().map_err(|e| odd(&e))?;
        let compressed = entry.is_compressed().map_err(|e| odd(&e))?;
        let target = paths::nar(entry.info.url()).ok_or_else(|| odd(&"its URL is not nar/<file>"))?;
        let expected = NarId { hash: path.nar_hash, size: path.nar_size };
        let limit = if compressed { nar::packed_limit(path.nar_size) } else { path.nar_size };
        let (partial, whole) = (self.inbox.partial().join(file), self.inbox.nars().join(file));
        if whole.exists() {
            // Of a path with the same content; or the depot gave two paths one name.
            let mut there = File::open(&whole).map_err(Trouble::at(&whole))?;
            nar::check(&mut there, compressed, expected).map_err(|e| {
                let message = format!("{}: {file} is another path's and not what this one's should be: {e}", path.path);
                Trouble::refused("nar", message)
            })?;
        } else {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o644);
            let mut download = options.open(&partial).map_err(Trouble::at(&partial))?;
            let fetched = self.client.download(&target, &mut download, limit);
            if matches!(fetched, Err(writ_client::Error::TooLarge { .. })) {
                let _ = fs::remove_file(&partial);
            }
            let size = fetched?.size;
            debug!(path = path.path, size, "downloaded");
            crash_point!("sync-nar-partial");
            let mut download = File::open(&partial).map_err(Trouble::at(&partial))?;
            if let Err(e) = nar::check(&mut download, compressed, expected) {
                // What is wrong is not continued.
                let _ = fs::remove_file(&partial);
                return Err(Trouble::refused("nar", format!("{}: {file}: {e}", path.path)));
            }
            download.sync_all().map_err(Trouble::at(&partial))?;
            crash_point!("sync-nar");
            fs::rename(&partial, &whole).map_err(Trouble::at(&whole))?;
            let nars = self.inbox.nars();
            writ_durable::sync_directory(&nars).map_err(Trouble::at(&nars))?;
        }
        crash_point!("sync-narinfo");
        self.inbox.write_if_other(&self.inbox.cache().join(&entry.file_name), &entry.bytes)
    }

    /// Fetches a path's narinfo and judges it by the closure document and the trust root's cache keys.
    fn narinfo(&self, path: &StorePath) -> Result<Entry, Trouble> {
        let refused = |e: &dyn std::fmt::Display| Trouble::refused("narinfo", format!("{}: {e}", path.path));
        let parsed: writ_trust::store_path::StorePath = path.path.parse().map_err(|e| refused(&e))?;
        let hash = HashPart::of(&parsed);
        let bytes = self.client.get(&paths::narinfo(&hash), MAX_NARINFO)?;
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
