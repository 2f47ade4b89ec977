//! Since when a site's logs are known to hold something: what revocations are held against.
//!
//! A document's own date is whatever its author wrote. That a log held it is shown by a checkpoint that covers it, and when by who
//! says when that checkpoint was there. There are two kinds of time:
//!
//! - *external*: by an authority of time (RFC 3161) or a witness, whom the newest trust root lists. It stands whatever became of the
//!   log's key.
//! - *log key*: beside the log's signature (`cosignature/v1`), the word of the log's key, which is another than those that sign
//!   releases and evidence. A log key that was itself revoked says nothing here, nor does one outside of its validity.
//!
//! A log only grows: a time before one that the same kind gave a smaller size is of a clock that was behind, and is not believed.
//! Checkpoints lie everywhere: beside the log, in receipts, and in every bundle, which carries the last one that its appliance had
//! verified.
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

use super::outside::Outsiders;
use super::stream::{Place, stream};
use crate::folder::{EntryKind, Folder};
use crate::problem::{Code, Problems};

/// Names what an entry is about, if that is wanted.
pub type Wanted<'w> = &'w dyn Fn(&LogEntry) -> Option<Digest>;

/// On whose word a time rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeKind {
    /// An authority of time, or a witness.
    External,
    /// The log's own key.
    LogKey,
}

impl TimeKind {
    const ALL: [Self; 2] = [Self::External, Self::LogKey];

    /// The word that reports write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::LogKey => "log key",
        }
    }
}

/// By when a log held something, of either kind the earliest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    external: Option<Time>,
    log_key: Option<Time>,
}

impl Held {
    /// The times, those of others first.
    pub fn times(&self) -> impl Iterator<Item = (TimeKind, Time)> {
        let both = [self.external.map(|at| (TimeKind::External, at)), self.log_key.map(|at| (TimeKind::LogKey, at))];
        both.into_iter().flatten()
    }

    /// By what kind of time it was held before an instant.
    pub fn before(&self, instant: Time) -> Option<TimeKind> {
        self.times().find(|(_, at)| *at < instant).map(|(kind, _)| kind)
    }

    fn note(&mut self, kind: TimeKind, at: Time) {
        let place = match kind {
            TimeKind::External => &mut self.external,
            TimeKind::LogKey => &mut self.log_key,
        };
        *place = Some(place.map_or(at, |before| before.min(at)));
    }
}

/// By when a log of the site held each wanted thing.
pub fn held_since(root: &Folder, chain: &TrustChain, site: &SiteId, wanted: Wanted) -> BTreeMap<Digest, Held> {
    let origins = chain.newest().origins(site);
    if origins.is_empty() {
        return BTreeMap::new();
    }
    let usable = |key: &&TrustKey| key.revoked_at.is_none() && key.serves(Role::Log, Some(site)).is_ok();
    let mut looking = Looking {
        origins,
        keys: chain.newest().keys.iter().filter(usable).collect(),
        all: log_keys_ever(chain, site),
        outsiders: Outsiders::of(chain),
        wanted,
        external: Clock::new(origins.len()),
        log_key: Clock::new(origins.len()),
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
    for (index, folder) in logs.iter().enumerate() {
        if let Some(folder) = folder {
            looking.checkpoints(folder);
            looking.outside(index, folder);
        }
    }
    looking.all_known();
    for (index, folder) in logs.iter().enumerate() {
        if let Some(folder) = folder {
            looking.entries(index, folder);
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

/// States of a log that were given a time: size and root, and every such time.
type Anchors = BTreeMap<(u64, Hash), BTreeSet<Time>>;

/// One kind of time.
struct Clock {
    /// By the place of the log among the site's.
    anchors: Vec<Anchors>,
    /// In the same order, once all anchors are known: for each size the latest time of it or a smaller one.
    latest: Vec<BTreeMap<u64, Time>>,
}

impl Clock {
    fn new(logs: usize) -> Self {
        Self { anchors: (0..logs).map(|_| Anchors::new()).collect(), latest: Vec::new() }
    }

    fn add(&mut self, index: usize, state: (u64, Hash), at: Time) {
        self.anchors[index].entry(state).or_default().insert(at);
    }

    fn all_known(&mut self) {
        let latest_of = |anchors: &Anchors| {
            let mut latest: Option<Time> = None;
            let so_far = anchors.iter().filter_map(|((size, _), times)| {
                latest = latest.max(times.last().copied());
                Some((*size, latest?))
            });
            so_far.collect()
        };
        self.latest = self.anchors.iter().map(latest_of).collect();
    }

    /// Whether no smaller size of the same log has a later time.
    fn believed(&self, index: usize, size: u64, at: Time) -> bool {
        self.latest[index].range(..size).next_back().is_none_or(|(_, latest)| at >= *latest)
    }

    /// The earliest time of a state that is believed.
    fn of(&self, index: usize, state: &(u64, Hash)) -> Option<Time> {
        self.anchors[index].get(state)?.iter().copied().find(|at| self.believed(index, state.0, *at))
    }

    /// For each size that is a beginning of what is here, from the largest to the smallest: the earliest time of all that are at
    /// least so large.
    fn covering(&self, index: usize, roots: &BTreeMap<u64, Hash>) -> Vec<(u64, Time)> {
        let mut times: Vec<(u64, Time)> = Vec::new();
        for state in self.anchors[index].keys().rev().filter(|(size, root)| roots.get(size) == Some(root)) {
            if let Some(at) = self.of(index, state) {
                let earliest = times.last().map_or(at, |(_, later)| (*later).min(at));
                times.push((state.0, earliest));
            }
        }
        times
    }
}

/// What a receipt proves, if a time of its checkpoint is to be believed.
struct Receipted {
    /// The place of its log among the site's.
    index: usize,
    /// The size and the root of its checkpoint.
    state: (u64, Hash),
    /// The time that the log's key gave it.
    at: Option<Time>,
    digest: Digest,
}

struct Looking<'a> {
    origins: &'a [String],
    /// The log keys whose word counts.
    keys: Vec<&'a TrustKey>,
    /// Those that could ever sign the log.
    all: Vec<PublicKey>,
    outsiders: Outsiders,
    wanted: Wanted<'a>,
    external: Clock,
    log_key: Clock,
    receipts: Vec<Receipted>,
    /// Notes that were judged: bundles repeat them.
    known: HashSet<Digest>,
    held: BTreeMap<Digest, Held>,
}

/// As much of a bundle as says what its appliance had seen of the log.
#[derive(Deserialize)]
struct Bundle {
    last_checkpoint: Option<String>,
}

impl Looking<'_> {
    fn clock(&self, kind: TimeKind) -> &Clock {
        match kind {
            TimeKind::External => &self.external,
            TimeKind::LogKey => &self.log_key,
        }
    }

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

    /// What others say, beside a log.
    fn outside(&mut self, index: usize, folder: &Folder) {
        let (origin, all) = (&self.origins[index], &self.all);
        let mut judge = |note: &[u8]| {
            let signed = SignedCheckpoint::verify(note, origin, all);
            signed.map(|signed| signed.checkpoint).map_err(|error| (Code::Altered, error.to_string()))
        };
        for said in self.outsiders.read(folder, "", &mut judge, &mut Problems::default()) {
            self.external.add(index, (said.checkpoint.size, said.checkpoint.root), said.by);
        }
    }

    /// Which log a note is of, what it says, and the time that an unrevoked key gave it while it counted.
    fn signed(&self, note: &[u8]) -> Option<(usize, SignedCheckpoint, Option<Time>)> {
        self.origins.iter().enumerate().find_map(|(index, origin)| {
            let signed = SignedCheckpoint::verify(note, origin, &self.all).ok()?;
            let timed = self.keys.iter().filter_map(|key| {
                let signed = SignedCheckpoint::verify(note, origin, slice::from_ref(&key.public_key)).ok()?;
                signed.fresh_at.filter(|at| key.within_validity(*at).is_ok())
            });
            let at = timed.max();
            Some((index, signed, at))
        })
    }

    fn note(&mut self, note: &[u8]) {
        if note.len() > MAX_NOTE || !self.known.insert(Digest::of(note)) {
            return;
        }
        let Some((index, signed, at)) = self.signed(note) else { return };
        let state = (signed.checkpoint.size, signed.checkpoint.root);
        if let Some(at) = at {
            self.log_key.add(index, state, at);
        }
        for said in self.outsiders.on_note(note, &signed.checkpoint, "") {
            self.external.add(index, state, said.by);
        }
    }

    /// A receipt proves by itself that its own checkpoint covers its entry; whether its time is believed, all others say.
    fn receipt(&mut self, bytes: &[u8]) {
        let Ok(receipt) = Receipt::parse(bytes) else { return };
        self.note(receipt.checkpoint.as_bytes());
        let Some((index, signed, at)) = self.signed(receipt.checkpoint.as_bytes()) else { return };
        let state = (signed.checkpoint.size, signed.checkpoint.root);
        if let Ok(verified) = receipt.verify_under(signed)
            && let Some(digest) = (self.wanted)(&verified.entry)
        {
            self.receipts.push(Receipted { index, state, at, digest });
        }
    }

    /// All checkpoints were read: judges times by them, those of the receipts at once.
    fn all_known(&mut self) {
        self.external.all_known();
        self.log_key.all_known();
        for Receipted { index, state, at, digest } in std::mem::take(&mut self.receipts) {
            if let Some(at) = at.filter(|at| self.log_key.believed(index, state.0, *at)) {
                self.hold(digest, TimeKind::LogKey, at);
            }
            if let Some(at) = self.external.of(index, &state) {
                self.hold(digest, TimeKind::External, at);
            }
        }
    }

    fn hold(&mut self, digest: Digest, kind: TimeKind, at: Time) {
        self.held.entry(digest).or_default().note(kind, at);
    }

    /// Reads a log: a checkpoint counts if it is a beginning of what is here, and covers the entries before its size.
    fn entries(&mut self, index: usize, folder: &Folder) {
        let Ok(Some(note)) = folder.read("checkpoint", MAX_NOTE) else { return };
        let Ok(head) = SignedCheckpoint::verify(&note, &self.origins[index], &self.all) else { return };
        let anchors = TimeKind::ALL.iter().flat_map(|kind| self.clock(*kind).anchors[index].keys());
        let sizes: BTreeSet<u64> = anchors.map(|(size, _)| *size).collect();
        let (mut found, mut unheard) = (Vec::new(), Problems::default());
        let place = Place { folder, path: "" };
        let wanted = self.wanted;
        let read = stream(&place, &head.checkpoint, &sizes, 1, &mut unheard, &mut |number, _, entry| {
            if let Ok(entry) = entry
                && let Some(digest) = wanted(&entry)
            {
                found.push((number, digest));
            }
        });
        if !read.sound {
            return;
        }
        for kind in TimeKind::ALL {
            let times = self.clock(kind).covering(index, &read.roots);
            for (number, digest) in &found {
                // Sizes fall: the last one that still covers the entry has the earliest time of all that do.
                let covering = times.iter().take_while(|(size, _)| size > number).last();
                if let Some((_, at)) = covering.copied() {
                    self.hold(*digest, kind, at);
                }
            }
        }
    }
}
