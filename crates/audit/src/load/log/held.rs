//! Since when a site's logs are known to hold something: what revocations are held against.
//!
//! A document's own date is whatever its author wrote. That a log held it is shown by a checkpoint that covers it, and when by the
//! time beside the log's signature (`cosignature/v1`): the word of the log's key, which is another than those that sign releases
//! and evidence. A log key that was itself revoked says nothing here, nor does one outside of its validity. A log only grows: a
//! time before one that the same log gave a smaller size is of a clock that was behind, and is not believed. Checkpoints lie
//! everywhere: beside the log, in receipts, and in every bundle, which carries the last one that its appliance had verified.
//!
//! Nothing is told of as wrong here: the reading of the log does that.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::slice;

use serde::Deserialize;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::parse_file_name;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::log::tree::Hash;
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root::TrustKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::stream::{Place, stream};
use crate::folder::{EntryKind, Folder};
use crate::problem::Problems;

/// Names what an entry is about, if that is wanted.
pub type Wanted<'w> = &'w dyn Fn(&LogEntry) -> Option<Digest>;

/// The earliest time, by the word of an unrevoked log key, at which a log of the site held each wanted thing.
pub fn held_since(root: &Folder, chain: &TrustChain, site: &SiteId, wanted: Wanted) -> BTreeMap<Digest, Time> {
    let origins = chain.newest().origins(site);
    let all = log_keys_ever(chain, site);
    let usable = |key: &&TrustKey| key.revoked_at.is_none() && key.serves(Role::Log, Some(site)).is_ok();
    let keys: Vec<&TrustKey> = chain.newest().keys.iter().filter(usable).collect();
    if origins.is_empty() || keys.is_empty() {
        return BTreeMap::new();
    }
    let mut looking = Looking {
        origins,
        keys,
        wanted,
        anchors: origins.iter().map(|_| Anchors::new()).collect(),
        latest: Vec::new(),
        receipts: Vec::new(),
        known: HashSet::new(),
        held: BTreeMap::new(),
    };
    let within = |part: &str| root.directory(part).ok().flatten()?.directory(site.as_str()).ok().flatten();
    let (logs, releases, evidence) = (within("log"), within("releases"), within("evidence"));
    for folder in releases.iter().chain(&evidence).flat_map(folders) {
        looking.documents(&folder);
    }
    let logs: Vec<Option<Folder>> = (1..=origins.len())
        .map(|number| logs.as_ref().and_then(|logs| logs.directory(&number.to_string()).ok().flatten()))
        .collect();
    for folder in logs.iter().flatten() {
        looking.checkpoints(folder);
    }
    looking.all_known();
    for (index, folder) in logs.iter().enumerate() {
        if let Some(folder) = folder {
            looking.entries(index, folder, &all);
        }
    }
    looking.held
}

/// The folders within one; what cannot be opened is told of elsewhere.
fn folders(folder: &Folder) -> Vec<Folder> {
    let entries = folder.entries().unwrap_or_default();
    let inner = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    inner.filter_map(|entry| folder.directory(&entry.name).ok().flatten()).collect()
}

/// States of a log that its key gave a time: size and root, and every such time.
type Anchors = BTreeMap<(u64, Hash), BTreeSet<Time>>;

/// What a receipt proves, if its time is to be believed.
struct Receipted {
    /// The place of its log among the site's.
    index: usize,
    /// The size of its checkpoint.
    size: u64,
    at: Time,
    digest: Digest,
}

/// For each size the latest time of it or a smaller one.
fn latest(anchors: &Anchors) -> BTreeMap<u64, Time> {
    let mut latest: Option<Time> = None;
    let so_far = anchors.iter().filter_map(|((size, _), times)| {
        latest = latest.max(times.last().copied());
        Some((*size, latest?))
    });
    so_far.collect()
}

struct Looking<'a> {
    origins: &'a [String],
    keys: Vec<&'a TrustKey>,
    wanted: Wanted<'a>,
    /// By the place of the log among the site's.
    anchors: Vec<Anchors>,
    /// In the same order, once all anchors are known: see [`latest`].
    latest: Vec<BTreeMap<u64, Time>>,
    receipts: Vec<Receipted>,
    /// Notes that were judged: bundles repeat them.
    known: HashSet<Digest>,
    held: BTreeMap<Digest, Time>,
}

/// As much of a bundle as says what its appliance had seen of the log.
#[derive(Deserialize)]
struct Bundle {
    last_checkpoint: Option<String>,
}

impl Looking<'_> {
    /// Bundles and receipts of one folder.
    fn documents(&mut self, folder: &Folder) {
        for entry in folder.entries().unwrap_or_default() {
            if entry.kind != EntryKind::File {
                continue;
            }
            if entry.name.ends_with(".receipt.json") {
                let Ok(Some(bytes)) = folder.read(&entry.name, MAX_RECEIPT) else { continue };
                self.receipt(&bytes);
            } else if parse_file_name(&entry.name).is_some() {
                let Ok(Some(bytes)) = folder.read(&entry.name, MAX_BUNDLE) else { continue };
                let said = serde_json::from_slice::<Bundle>(&bytes).ok().and_then(|bundle| bundle.last_checkpoint);
                if let Some(note) = said {
                    self.note(note.as_bytes());
                }
            }
        }
    }

    /// The checkpoints beside a log.
    fn checkpoints(&mut self, folder: &Folder) {
        for entry in folder.entries().unwrap_or_default() {
            if entry.kind == EntryKind::File && entry.name.starts_with("checkpoint") {
                let Ok(Some(bytes)) = folder.read(&entry.name, MAX_NOTE) else { continue };
                self.note(&bytes);
            }
        }
    }

    /// Which log a note is of, what it says, and the time that an unrevoked key gave it while it counted.
    fn signed(&self, note: &[u8]) -> Option<(usize, SignedCheckpoint, Time)> {
        self.origins.iter().enumerate().find_map(|(index, origin)| {
            let timed = self.keys.iter().filter_map(|key| {
                let signed = SignedCheckpoint::verify(note, origin, slice::from_ref(&key.public_key)).ok()?;
                let at = signed.fresh_at.filter(|at| key.within_validity(*at).is_ok())?;
                Some((index, signed, at))
            });
            timed.max_by_key(|(.., at)| *at)
        })
    }

    fn note(&mut self, note: &[u8]) {
        if note.len() > MAX_NOTE || !self.known.insert(Digest::of(note)) {
            return;
        }
        let Some((index, signed, at)) = self.signed(note) else { return };
        let state = (signed.checkpoint.size, signed.checkpoint.root);
        self.anchors[index].entry(state).or_default().insert(at);
    }

    /// A receipt proves by itself that its own checkpoint covers its entry; whether its time is believed, all others say.
    fn receipt(&mut self, bytes: &[u8]) {
        let Ok(receipt) = Receipt::parse(bytes) else { return };
        self.note(receipt.checkpoint.as_bytes());
        let Some((index, signed, at)) = self.signed(receipt.checkpoint.as_bytes()) else { return };
        let size = signed.checkpoint.size;
        if let Ok(verified) = receipt.verify_under(signed)
            && let Some(digest) = (self.wanted)(&verified.entry)
        {
            self.receipts.push(Receipted { index, size, at, digest });
        }
    }

    /// All checkpoints were read: judges times by them, those of the receipts at once.
    fn all_known(&mut self) {
        self.latest = self.anchors.iter().map(latest).collect();
        for Receipted { index, size, at, digest } in std::mem::take(&mut self.receipts) {
            if self.believed(index, size, at) {
                self.hold(digest, at);
            }
        }
    }

    /// Whether no smaller size of the same log has a later time.
    fn believed(&self, index: usize, size: u64, at: Time) -> bool {
        self.latest[index].range(..size).next_back().is_none_or(|(_, latest)| at >= *latest)
    }

    fn hold(&mut self, digest: Digest, at: Time) {
        let earliest = self.held.entry(digest).or_insert(at);
        *earliest = at.min(*earliest);
    }

    /// Reads a log: a checkpoint counts if it is a beginning of what is here, and covers the entries before its size.
    fn entries(&mut self, index: usize, folder: &Folder, keys: &[PublicKey]) {
        let Ok(Some(note)) = folder.read("checkpoint", MAX_NOTE) else { return };
        let Ok(head) = SignedCheckpoint::verify(&note, &self.origins[index], keys) else { return };
        let sizes: BTreeSet<u64> = self.anchors[index].keys().map(|(size, _)| *size).collect();
        let (mut found, mut unheard) = (Vec::new(), Problems::default());
        let place = Place { folder, path: "" };
        let wanted = self.wanted;
        let read = stream(&place, &head.checkpoint, &sizes, &mut unheard, &mut |number, _, bytes| {
            if let Ok(entry) = LogEntry::parse(bytes)
                && let Some(digest) = wanted(&entry)
            {
                found.push((number, digest));
            }
        });
        if !read.sound {
            return;
        }
        // From the largest to the smallest: the earliest time of all that are at least so large.
        let mut times: Vec<(u64, Time)> = Vec::new();
        for ((size, root), given) in self.anchors[index].iter().rev() {
            let believed = given.iter().find(|at| self.believed(index, *size, **at));
            if let Some(at) = believed.filter(|_| read.roots.get(size) == Some(root)) {
                let earliest = times.last().map_or(*at, |(_, later)| *later.min(at));
                times.push((*size, earliest));
            }
        }
        for (number, digest) in found {
            // Sizes fall: the last one that still covers the entry has the earliest time of all that do.
            let covering = times.iter().take_while(|(size, _)| *size > number).last();
            if let Some((_, at)) = covering.copied() {
                self.hold(digest, at);
            }
        }
    }
}
