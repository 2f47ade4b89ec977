//! What the looks before saw: without it nobody notices that something went back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;
use writ_wire::{MAX_ENVELOPE, Signed};

use crate::failure::{Failure, Outcome};
use crate::files;

/// The newest release that was seen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseKept {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial.
    pub serial: Serial,
    /// Of its exact bytes.
    pub digest: Digest,
    /// The number of the log that was searched for newer ones, and up to which size.
    pub log: u64,
    /// Up to which size.
    pub size: u64,
}

/// The newest heartbeat of a key that was seen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeatKept {
    /// When it was said.
    pub at: Time,
    /// The last bundle that it names.
    pub sequence: u64,
}

/// The folder, locked against another watch.
pub struct State {
    path: PathBuf,
    _lock: File,
}

impl State {
    /// Opens the folder, and makes it if it is not there.
    pub fn open(path: &Path) -> Outcome<Self> {
        files::make_directory(path)?;
        for folder in [path.to_owned(), path.join("roots"), path.join("log")] {
            files::make_directory(&folder)?;
            // Of a watch that was killed.
            let _ = writ_durable::remove_leftovers(&folder);
        }
        let failed = |e: std::io::Error| Failure::could_not("cannot lock the state").at(path.display()).because(e);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"));
        let lock = lock.map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| {
            let failure = failed(e.into());
            if e == rustix::io::Errno::WOULDBLOCK {
                failure.next("another watch, timestamp or witness is at work there: give each a folder of its own")
            } else {
                failure
            }
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// A trust root that was seen.
    pub fn root(&self, version: u64) -> Outcome<Option<Signed>> {
        let path = self.path.join(format!("roots/{version}.json"));
        let Some(bytes) = files::read_if_there(&path, MAX_ENVELOPE, "a trust root of the state")? else {
            return Ok(None);
        };
        Signed::parse(&bytes).map(Some).map_err(|e| damaged(&path, e))
    }

    /// Remembers a trust root.
    pub fn keep_root(&self, version: u64, root: &Signed) -> Outcome<()> {
        let path = self.path.join(format!("roots/{version}.json"));
        files::replace(&path, &root.canonical(), 0o644, "a trust root of the state")
    }

    /// The newest checkpoint of a log that was seen: a signed note.
    pub fn checkpoint(&self, number: u64) -> Outcome<Option<Vec<u8>>> {
        files::read_if_there(&self.path.join(format!("log/{number}.checkpoint")), MAX_NOTE, "a checkpoint of the state")
    }

    /// Remembers a checkpoint.
    pub fn keep_checkpoint(&self, number: u64, note: &str) -> Outcome<()> {
        let path = self.path.join(format!("log/{number}.checkpoint"));
        files::replace(&path, note.as_bytes(), 0o644, "a checkpoint of the state")
    }

    /// Where a checkpoint of a log is kept.
    pub fn checkpoint_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("log/{number}.checkpoint"))
    }

    /// Remembers a checkpoint that contradicts the one seen before, under its size: evidence of two histories.
    pub fn keep_contradiction(&self, number: u64, size: u64, note: &str) -> Outcome<()> {
        let path = self.path.join(format!("log/{number}.contradiction.{size}"));
        files::replace(&path, note.as_bytes(), 0o644, "a checkpoint of the state")
    }

    /// The newest release that was seen.
    pub fn release(&self) -> Outcome<Option<ReleaseKept>> {
        self.read("release.json")
    }

    /// Remembers the newest release.
    pub fn keep_release(&self, release: &ReleaseKept) -> Outcome<()> {
        self.write("release.json", release)
    }

    /// The newest heartbeats that were seen, by fingerprint.
    pub fn beats(&self) -> Outcome<BTreeMap<String, BeatKept>> {
        Ok(self.read("heartbeats.json")?.unwrap_or_default())
    }

    /// Remembers heartbeats.
    pub fn keep_beats(&self, beats: &BTreeMap<String, BeatKept>) -> Outcome<()> {
        self.write("heartbeats.json", beats)
    }

    /// The findings that were last told of.
    pub fn told(&self) -> Outcome<BTreeSet<String>> {
        Ok(self.read("told.json")?.unwrap_or_default())
    }

    /// Remembers the findings that were told of.
    pub fn tell(&self, findings: &BTreeSet<String>) -> Outcome<()> {
        self.write("told.json", findings)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Outcome<Option<T>> {
        let path = self.path.join(name);
        let Some(bytes) = files::read_if_there(&path, MAX_DOCUMENT, "the state")? else { return Ok(None) };
        json::parse(&bytes, MAX_DOCUMENT).map(Some).map_err(|e| damaged(&path, e))
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Outcome<()> {
        files::replace(&self.path.join(name), &json::canonical(value), 0o644, "the state")
    }
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::could_not("the state is damaged")
        .at(path.display())
        .because(why)
        .next("restore it from a backup; without it, what went back in between is not noticed")
}
