//! Proofs that a site's logs hold something, made anew from the tiles that are here and held against the root that the log's key
//! signed.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::proof::{inclusion, verify_inclusion};
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, TileNodes};
use writ_trust::log::tree::{Hash, leaf_hash};
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

use super::stream::{Place, TilesHere, Unknown, stream};
use crate::archive::Archive;
use crate::folder::{Folder, FolderError};
use crate::problem::{Code, Problems, Weight};

pub use super::stream::read_within;

/// Where a log holds something, and the proof of it (RFC 6962 §2.1.1). Hashes are in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogPlace {
    /// The log's place among the site's, from 1.
    pub number: usize,
    /// Its name.
    pub origin: String,
    /// The number of the entry in it, from 0.
    pub index: u64,
    /// How many entries the checkpoint covers.
    pub size: u64,
    /// The root of its tree.
    pub root: String,
    /// The hash of the entry.
    pub leaf: String,
    /// The hashes from the leaf up that lead to the root.
    pub proof: Vec<String>,
    /// The exact bytes of the entry.
    pub entry: String,
    /// The checkpoint: a note that the log's key signed.
    pub checkpoint: String,
    /// From what it was made: `tiles`, or `receipt` where the log's entries are not here.
    pub by: &'static str,
}

/// What of a site's bundles its logs say was there, and the places of those that are wanted.
#[derive(Debug, Default)]
pub struct Proven {
    /// By digest, the places of those that are wanted.
    pub places: BTreeMap<Digest, LogPlace>,
    /// The entries of all bundles, where they were asked for, of the logs that are sound.
    pub bundles: Vec<LoggedBundle>,
    /// The site's logs in their order.
    pub logs: Vec<LogHere>,
}

/// A log, as far as it is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHere {
    /// What its entries are good for.
    pub entries: Entries,
    /// How many it has by the checkpoint that is here.
    size: Option<u64>,
    /// The latest time that an entry in it names, of those that are as the log's key signed them.
    pub until: Option<Time>,
}

impl LogHere {
    /// One of which nothing is known but this.
    fn only(entries: Entries) -> Self {
        Self { entries, size: None, until: None }
    }
}

/// What the entries of a log that are here are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// All are here, and come to the root that the log's key signed.
    All,
    /// The whole tree is here and comes to that root, and files of entries were taken out of it.
    Torn,
    /// None, or a part that comes to no root by itself, as in the archives of some days. Nothing in it is wrong.
    Part,
    /// They, or the checkpoint, are not as the log's key signed them.
    Wrong,
}

/// A bundle that a log names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBundle {
    /// Fingerprint of the key that signed it.
    pub fingerprint: String,
    /// Its number in the key's chain.
    pub sequence: u64,
    /// Its id, as the log has it.
    pub id: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// What is asked of one log.
struct Asked<'a> {
    number: usize,
    origin: &'a str,
    keys: &'a [PublicKey],
    wanted: &'a BTreeSet<Digest>,
    list: bool,
}

/// Reads the logs of a site, and proves that they hold what is wanted; `list` also lists every bundle that they name. Of a log that
/// is not sound nothing is proven: what is wrong with it is for `verify` to tell.
pub fn prove(archive: &Archive, site: &SiteId, wanted: &BTreeSet<Digest>, list: bool) -> Proven {
    let mut proven = Proven::default();
    let Some(chain) = &archive.chain else { return proven };
    let keys = log_keys_ever(chain, site);
    for (before, origin) in chain.newest().origins(site).iter().enumerate() {
        let asked = Asked { number: before + 1, origin, keys: &keys, wanted, list };
        let here = match log_folder(&archive.folder, site, asked.number) {
            Ok(Some(folder)) => one(archive, &folder, &asked, &mut proven),
            Ok(None) => LogHere::only(Entries::Part),
            Err(_) => LogHere::only(Entries::Wrong),
        };
        proven.logs.push(here);
    }
    proven
}

fn log_folder(root: &Folder, site: &SiteId, number: usize) -> Result<Option<Folder>, FolderError> {
    let Some(logs) = root.directory("log")? else { return Ok(None) };
    let Some(of_site) = logs.directory(site.as_str())? else { return Ok(None) };
    of_site.directory(&number.to_string())
}

fn one(archive: &Archive, folder: &Folder, asked: &Asked<'_>, proven: &mut Proven) -> LogHere {
    let note = match folder.read("checkpoint", MAX_NOTE) {
        Ok(Some(note)) => note,
        Ok(None) => return LogHere::only(Entries::Part),
        Err(_) => return LogHere::only(Entries::Wrong),
    };
    let Ok(head) = SignedCheckpoint::verify(&note, asked.origin, asked.keys) else {
        return LogHere::only(Entries::Wrong);
    };
    let (mut found, mut bundles, mut any, mut unheard) = (Vec::new(), Vec::new(), false, Problems::default());
    let mut until: Option<Time> = None;
    let (size, place) = (head.checkpoint.size, Place { folder, path: "" });
    let jobs = archive.jobs_for(usize::try_from(size).unwrap_or(usize::MAX));
    let read = stream(&place, &head.checkpoint, &BTreeSet::new(), jobs, &mut unheard, &mut |index, _, entry| {
        any = true;
        until = until.max(entry.as_ref().ok().map(LogEntry::time));
        if let Ok(LogEntry::Evidence { public_key, sequence, id, digest, .. }) = entry {
            if asked.wanted.contains(&digest) {
                found.push((index, digest));
            }
            if asked.list {
                bundles.push(LoggedBundle { fingerprint: public_key.fingerprint(), sequence, id, digest });
            }
        }
    });
    let wrong = unheard.list.iter().any(|problem| problem.weight == Weight::Bad && problem.code != Code::Missing);
    let entries = match (read.sound, read.complete) {
        (true, true) => Entries::All,
        _ if wrong => Entries::Wrong,
        (true, false) if any => Entries::Torn,
        _ => Entries::Part,
    };
    if read.sound {
        proven.bundles.append(&mut bundles);
        lead(folder, asked, &head, found, proven);
    }
    LogHere { entries, size: Some(size), until: until.filter(|_| read.sound) }
}

/// Leads entries that were found in a sound log to its root.
fn lead(folder: &Folder, asked: &Asked<'_>, head: &SignedCheckpoint, found: Vec<(u64, Digest)>, proven: &mut Proven) {
    let Asked { number, origin, .. } = *asked;
    let (size, root, place) = (head.checkpoint.size, head.checkpoint.root, Place { folder, path: "" });
    let mut nodes = TileNodes::new(TilesHere(&place), size);
    for (index, digest) in found {
        let Ok(Some(entry)) = exact(folder, index, size) else { continue };
        let leaf = leaf_hash(&entry);
        let Ok(path) = inclusion(&mut nodes, index, size) else { continue };
        if verify_inclusion(&leaf, index, size, &path, &root).is_err() {
            continue;
        }
        let found = Found { number, origin, index, leaf, path: &path, entry: &entry, head, by: "tiles" };
        proven.places.entry(digest).or_insert_with(|| found.place());
    }
}

/// The exact bytes of an entry; null where the file that holds it is not here.
fn exact(folder: &Folder, index: u64, size: u64) -> Result<Option<Vec<u8>>, Unknown> {
    let Some(bundle) = EntryBundle::holding(index, size) else { return Ok(None) };
    let read = |path: String| read_within(folder, &path, MAX_BUNDLE).map_err(|_| Unknown);
    let bytes = match read(bundle.path())? {
        Some(bytes) => Some(bytes),
        None => read(bundle.full().path())?,
    };
    let Some(bytes) = bytes else { return Ok(None) };
    let within = usize::try_from(index % u64::from(FULL)).map_err(|_| Unknown)?;
    Ok(bundle.decode(&bytes)?.get(within).map(|entry| entry.to_vec()))
}

/// The place of a bundle by the receipt beside it: what there is where the log's entries are not here. A log whose entries are all
/// here, or are not as they were signed, or have something else in that place, is not proven to hold it by any receipt.
pub fn receipted(
    archive: &Archive,
    site: &SiteId,
    logs: &[LogHere],
    receipt: &[u8],
    bundle: &Digest,
) -> Option<LogPlace> {
    let (chain, receipt) = (archive.chain.as_ref()?, Receipt::parse(receipt).ok()?);
    let keys = log_keys_ever(chain, site);
    chain.newest().origins(site).iter().zip(logs).enumerate().find_map(|(before, (origin, here))| {
        if matches!(here.entries, Entries::All | Entries::Wrong) {
            return None;
        }
        let held = receipt.verify(origin, &keys).ok()?;
        if !matches!(&held.entry, LogEntry::Evidence { digest, .. } if digest == bundle) {
            return None;
        }
        let (number, index, entry) = (before + 1, held.index, &receipt.entry);
        let folder = log_folder(&archive.folder, site, number).ok()?;
        if let Some((folder, size)) = folder.zip(here.size)
            && exact(&folder, index, size).ok()?.is_some_and(|other| other != *entry)
        {
            return None;
        }
        let (leaf, head, path) = (leaf_hash(entry), &held.checkpoint, &receipt.proof);
        Some(Found { number, origin, index, leaf, path, entry, head, by: "receipt" }.place())
    })
}

/// An entry that was proven.
struct Found<'a> {
    number: usize,
    origin: &'a str,
    index: u64,
    leaf: Hash,
    path: &'a [Hash],
    entry: &'a [u8],
    head: &'a SignedCheckpoint,
    by: &'static str,
}

impl Found<'_> {
    fn place(&self) -> LogPlace {
        LogPlace {
            number: self.number,
            origin: self.origin.to_owned(),
            index: self.index,
            size: self.head.checkpoint.size,
            root: STANDARD.encode(self.head.checkpoint.root),
            leaf: STANDARD.encode(self.leaf),
            proof: self.path.iter().map(|hash| STANDARD.encode(hash)).collect(),
            entry: STANDARD.encode(self.entry),
            checkpoint: self.head.note.clone(),
            by: self.by,
        }
    }
}
