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
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::{Hash, leaf_hash};
use writ_trust::minisign::PublicKey;
use writ_trust::root_chain::TrustChain;

use super::stream::{Place, stream};
use crate::folder::Folder;
use crate::problem::Problems;

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
    /// The entries of all bundles, of the logs that are here to their end.
    pub bundles: Vec<LoggedBundle>,
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

/// Reads the logs of a site, and proves that they hold what is wanted. Of a log that is not sound nothing is proven: what is
/// wrong with it is for `verify` to tell.
pub fn prove(root: &Folder, chain: &TrustChain, site: &SiteId, wanted: &BTreeSet<Digest>) -> Proven {
    let keys = log_keys_ever(chain, site);
    let mut proven = Proven::default();
    let within = |name: &str| root.directory("log").ok().flatten()?.directory(name).ok().flatten();
    let Some(logs) = within(site.as_str()) else { return proven };
    for (index, origin) in chain.newest().origins(site).iter().enumerate() {
        let number = index + 1;
        if let Ok(Some(folder)) = logs.directory(&number.to_string()) {
            one(&folder, number, origin, &keys, wanted, &mut proven);
        }
    }
    proven
}

fn one(
    folder: &Folder,
    number: usize,
    origin: &str,
    keys: &[PublicKey],
    wanted: &BTreeSet<Digest>,
    proven: &mut Proven,
) {
    let Ok(Some(note)) = folder.read("checkpoint", MAX_NOTE) else { return };
    let Ok(head) = SignedCheckpoint::verify(&note, origin, keys) else { return };
    let (mut found, mut bundles, mut unheard) = (Vec::new(), Vec::new(), Problems::default());
    let place = Place { folder, path: "" };
    let read = stream(&place, &head.checkpoint, &BTreeSet::new(), 1, &mut unheard, &mut |index, _, entry| {
        if let Ok(LogEntry::Evidence { public_key, sequence, id, digest, .. }) = entry {
            if wanted.contains(&digest) {
                found.push((index, digest));
            }
            bundles.push(LoggedBundle { fingerprint: public_key.fingerprint(), sequence, id, digest });
        }
    });
    if !read.sound {
        return;
    }
    proven.bundles.append(&mut bundles);
    let (size, root) = (head.checkpoint.size, head.checkpoint.root);
    let mut nodes = TileNodes::new(Here(&place), size);
    for (index, digest) in found {
        let Some(entry) = exact(folder, index, size) else { continue };
        let leaf = leaf_hash(&entry);
        let Ok(path) = inclusion(&mut nodes, index, size) else { continue };
        if verify_inclusion(&leaf, index, size, &path, &root).is_err() {
            continue;
        }
        let found = Found { number, origin, index, leaf, path: &path, entry: &entry, head: &head, by: "tiles" };
        proven.places.entry(digest).or_insert_with(|| found.place());
    }
}

/// The exact bytes of an entry.
fn exact(folder: &Folder, index: u64, size: u64) -> Option<Vec<u8>> {
    let bundle = EntryBundle::holding(index, size)?;
    let read = |path: String| read_within(folder, &path, MAX_BUNDLE).ok().flatten();
    let bytes = read(bundle.path()).or_else(|| read(bundle.full().path()))?;
    let within = usize::try_from(index % u64::from(FULL)).ok()?;
    bundle.decode(&bytes).ok()?.get(within).map(|entry| entry.to_vec())
}

/// The place of a bundle by the receipt beside it: what there is where the log's entries are not here.
pub fn receipted(chain: &TrustChain, site: &SiteId, receipt: &[u8], bundle: &Digest) -> Option<LogPlace> {
    let receipt = Receipt::parse(receipt).ok()?;
    let keys = log_keys_ever(chain, site);
    chain.newest().origins(site).iter().enumerate().find_map(|(before, origin)| {
        let held = receipt.verify(origin, &keys).ok()?;
        if !matches!(&held.entry, LogEntry::Evidence { digest, .. } if digest == bundle) {
            return None;
        }
        let (leaf, head, path) = (leaf_hash(&receipt.entry), &held.checkpoint, &receipt.proof);
        let (number, index, entry) = (before + 1, held.index, &receipt.entry);
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

struct Here<'a>(&'a Place<'a>);

/// A tile that is not here, or of no use.
struct Unknown;

impl From<TileError> for Unknown {
    fn from(_: TileError) -> Self {
        Self
    }
}

impl Tiles for Here<'_> {
    type Error = Unknown;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Unknown> {
        let read = |path: String| read_within(self.0.folder, &path, MAX_TILE).ok().flatten();
        read(tile.path()).or_else(|| read(tile.full().path())).ok_or(Unknown)
    }
}
