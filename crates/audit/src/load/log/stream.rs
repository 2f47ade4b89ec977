//! Reading a log from its tiles, once, from the first entry to the last: nothing of it is kept but the right edge of its
//! tree.
//!
//! Entries are read, hashed and parsed 256 at a time on any thread; what they come to is put together in their order.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::{EntryError, LogEntry};
use writ_trust::log::filling::Filling;
use writ_trust::log::tile::{EntryBundle, FULL, MAX_BUNDLE, MAX_TILE, Tile, TileError, Tiles};
use writ_trust::log::tree::{EMPTY_ROOT, Frontier, Hash, leaf_hash};

use super::claims::short;
use crate::folder::{Folder, FolderError};
use crate::load::ordered::few_in_order;
use crate::load::path_in;
use crate::problem::{Code, Problems};

/// The most pieces of a log in memory at once, however many processors there are: nothing of it was held against the root that
/// its key signed, so that each may be as large as a file is allowed to be.
const MOST: usize = 8;

/// What came of reading a log.
#[derive(Debug, Default)]
pub struct Streamed {
    /// Whether the entries come to the checkpoint's root: without that nothing here can be relied on.
    pub sound: bool,
    /// Whether every entry was handed on.
    pub complete: bool,
    /// The roots of the beginnings that were asked for.
    pub roots: BTreeMap<u64, Hash>,
}

/// Where a log lies.
pub struct Place<'a> {
    /// Its directory.
    pub folder: &'a Folder,
    /// The path of that in the audit folder.
    pub path: &'a str,
}

/// Takes entries: the number, the bundle that holds it, and what it says.
pub type OnEntry<'f> = &'f mut dyn FnMut(u64, EntryBundle, Result<LogEntry, EntryError>);

/// Reads the log up to its checkpoint, on up to `jobs` threads, and tells of the first thing that is wrong with its files. Entries
/// that do not agree with the tile of their hashes are not handed on.
pub fn stream(
    place: &Place,
    checkpoint: &Checkpoint,
    wanted: &BTreeSet<u64>,
    jobs: usize,
    problems: &mut Problems,
    on_entry: OnEntry,
) -> Streamed {
    let mut reading = Reading {
        place,
        ours: Edge::default(),
        theirs: None,
        differs: None,
        filling: Filling::new(),
        full: Vec::new(),
        complete: true,
        told: false,
    };
    reading.ours.note(wanted);
    let (size, mut whole) = (checkpoint.size, true);
    let count = usize::try_from(size.div_ceil(u64::from(FULL))).unwrap_or(usize::MAX);
    few_in_order(jobs, MOST, count, &|n| Some(Piece::read(place, Bounds::of(n, size)?)), &mut |_, piece| {
        whole = piece.is_some_and(|piece| reading.step(piece, wanted, problems, on_entry));
        whole
    });
    if whole { reading.finish(checkpoint, problems) } else { Streamed::default() }
}

/// Up to 256 entries: where they and their hashes are.
#[derive(Clone, Copy)]
struct Bounds {
    bundle: EntryBundle,
    tile: Tile,
}

impl Bounds {
    fn of(n: usize, size: u64) -> Option<Self> {
        let first = (n as u64).checked_mul(u64::from(FULL))?;
        Some(Self { bundle: EntryBundle::holding(first, size)?, tile: Tile::holding(0, first, size)? })
    }
}

/// What a file holds, or why it is of no use.
type Part<T> = Result<T, (Code, String)>;

/// An entry: the hash of its leaf, and what it says.
type Leaf = (Hash, Result<LogEntry, EntryError>);

/// Up to 256 entries, read and judged by themselves.
struct Piece {
    at: Bounds,
    hashes: Part<Vec<Hash>>,
    leaves: Part<Vec<Leaf>>,
}

impl Piece {
    fn read(place: &Place, at: Bounds) -> Self {
        Self { at, hashes: tile(place, at.tile), leaves: leaves(place, at.bundle) }
    }
}

fn leaves(place: &Place, bundle: EntryBundle) -> Part<Vec<Leaf>> {
    let bytes = file(place, &bundle.path(), &bundle.full().path(), MAX_BUNDLE)?;
    let entries = bundle.decode(&bytes).map_err(|error| (Code::Altered, error.to_string()))?;
    Ok(entries.iter().map(|entry| (leaf_hash(entry), LogEntry::parse(entry))).collect())
}

/// The right edge of a growing tree, and the roots that were asked for.
#[derive(Debug, Clone, Default)]
struct Edge {
    frontier: Frontier,
    roots: BTreeMap<u64, Hash>,
}

impl Edge {
    fn push(&mut self, leaf: Hash, wanted: &BTreeSet<u64>, completed: &mut impl FnMut(u8, u64, Hash)) {
        self.frontier.push(leaf, completed);
        self.note(wanted);
    }

    fn note(&mut self, wanted: &BTreeSet<u64>) {
        let size = self.frontier.size();
        if wanted.contains(&size) {
            let root = if size == 0 { EMPTY_ROOT } else { self.frontier.root() };
            self.roots.insert(size, root);
        }
    }
}

/// The first entry whose hash is not the one in its tile.
struct Difference {
    index: u64,
    bundle: EntryBundle,
    tile: Tile,
}

struct Reading<'a> {
    place: &'a Place<'a>,
    /// The tree of the entries.
    ours: Edge,
    /// The tree of the hashes in the tiles, once it differs.
    theirs: Option<Edge>,
    differs: Option<Difference>,
    /// The tiles above the lowest level, as the entries fill them.
    filling: Filling,
    full: Vec<(Tile, Vec<Hash>)>,
    complete: bool,
    /// Whether a bad tile was told of: the first is enough.
    told: bool,
}

impl Reading<'_> {
    /// Takes the next entries and the tile of their hashes. False when neither is there.
    fn step(&mut self, piece: Piece, wanted: &BTreeSet<u64>, problems: &mut Problems, on_entry: OnEntry) -> bool {
        let Piece { at: Bounds { bundle, tile }, hashes, leaves } = piece;
        let hashes = self.part(hashes, &tile.path(), UNPROVABLE, problems);
        let entries = self.part(leaves, &bundle.path(), "what was logged is not known", problems);
        let leaves: Option<Vec<Hash>> = entries.as_ref().map(|all| all.iter().map(|(leaf, _)| *leaf).collect());
        let mut entries = entries.into_iter().flatten().map(|(_, entry)| entry);
        self.complete &= leaves.is_some();
        let (Some(ours), Some(theirs)) = (leaves.as_ref().or(hashes.as_ref()), hashes.as_ref().or(leaves.as_ref()))
        else {
            return false;
        };
        let first = bundle.index * u64::from(FULL);
        for (n, (our, their)) in ours.iter().zip(theirs).enumerate() {
            let (index, entry) = (first + n as u64, entries.next());
            if our != their {
                self.complete = false;
                self.differs.get_or_insert(Difference { index, bundle, tile });
                self.theirs.get_or_insert_with(|| self.ours.clone());
            } else if let Some(entry) = entry {
                on_entry(index, bundle, entry);
            }
            if let Some(edge) = &mut self.theirs {
                edge.push(*their, wanted, &mut |_, _, _| {});
            }
            let (filling, full) = (&mut self.filling, &mut self.full);
            self.ours.push(*our, wanted, &mut |level, index, hash| full.extend(filling.take(level, index, hash)));
        }
        self.compare_upper(problems);
        true
    }

    /// Holds the tiles above against the nodes that the entries come to. Once a difference was found below, those are not
    /// known to be right.
    fn compare_upper(&mut self, problems: &mut Problems) {
        for (tile, hashes) in std::mem::take(&mut self.full) {
            // The lowest tiles were held against the entries.
            if self.differs.is_some() || tile.level == 0 {
                continue;
            }
            let Some(found) = self.part(self::tile(self.place, tile), &tile.path(), UNPROVABLE, problems) else {
                continue;
            };
            if let Some(n) = found.iter().zip(&hashes).position(|(found, computed)| found != computed) {
                let what = format!("hash {n} of it is not what the entries come to");
                self.tell(Code::Altered, &tile.path(), what, UNPROVABLE, problems);
            }
        }
    }

    fn finish(mut self, checkpoint: &Checkpoint, problems: &mut Problems) -> Streamed {
        self.full.extend(self.filling.partial(checkpoint.size));
        self.compare_upper(problems);
        let whole = |edge: &Edge| edge.frontier.root() == checkpoint.root;
        if whole(&self.ours) {
            if let Some(Difference { index, tile, .. }) = &self.differs {
                let what = format!("its hash of entry {index} is not that of the entry");
                problems.bad(Code::Altered, &path_in(self.place.path, &tile.path()), what, UNPROVABLE);
            }
            return Streamed { sound: true, complete: self.complete, roots: self.ours.roots };
        }
        if let (Some(theirs), Some(Difference { index, bundle, .. })) = (&self.theirs, &self.differs)
            && whole(theirs)
        {
            let what = format!("entry {index} is not the one that the log committed to");
            let path = path_in(self.place.path, &bundle.path());
            problems.bad(Code::Altered, &path, what, "what was logged there is not known");
            return Streamed {
                sound: true,
                complete: false,
                roots: self.theirs.map(|edge| edge.roots).unwrap_or_default(),
            };
        }
        let what = format!(
            "it has root {}, the {} entries here come to {}: one of the two was changed",
            short(&checkpoint.root),
            checkpoint.size,
            short(&self.ours.frontier.root())
        );
        let consequence = "nothing in this log can be relied on: whether evidence was dropped is not known";
        problems.bad(Code::Altered, &path_in(self.place.path, "checkpoint"), what, consequence);
        Streamed::default()
    }

    /// What a file holds; why it is of no use is told of.
    fn part<T>(&mut self, part: Part<T>, path: &str, so: &str, problems: &mut Problems) -> Option<T> {
        part.map_err(|(code, what)| self.tell(code, path, what, so, problems)).ok()
    }

    fn tell(&mut self, code: Code, path: &str, what: impl std::fmt::Display, so: &str, problems: &mut Problems) {
        if !std::mem::replace(&mut self.told, true) {
            problems.bad(code, &path_in(self.place.path, path), what, so);
        }
    }
}

/// What follows when a tile of hashes is of no use.
const UNPROVABLE: &str = "proofs cannot be made from it, by whoever asks for them";

/// The hashes of a tile.
fn tile(place: &Place, tile: Tile) -> Part<Vec<Hash>> {
    let bytes = file(place, &tile.path(), &tile.full().path(), MAX_TILE)?;
    let width = usize::from(tile.width);
    let hashes: Vec<Hash> =
        bytes.chunks_exact(32).take(width).map(|hash| hash.try_into().unwrap_or_default()).collect();
    if !bytes.len().is_multiple_of(32) || hashes.len() < width {
        return Err((Code::Altered, format!("{} bytes are not a tile of {width} hashes", bytes.len())));
    }
    Ok(hashes)
}

/// A file of the log; the full one serves for a partial one.
fn file(place: &Place, path: &str, full: &str, limit: usize) -> Part<Vec<u8>> {
    let found = read_within(place.folder, path, limit).and_then(|found| match found {
        None if path != full => read_within(place.folder, full, limit),
        found => Ok(found),
    });
    match found {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err((Code::Missing, "the log has it by its size, and it is not here".to_owned())),
        Err(error @ FolderError::TooLarge { .. }) => Err((Code::Altered, error.to_string())),
        Err(error) => Err((Code::Unreadable, error.to_string())),
    }
}

/// The tiles of hashes that are here.
pub struct TilesHere<'a>(pub &'a Place<'a>);

/// Something of a log that is not here, or of no use.
#[derive(Debug)]
pub struct Unknown;

impl From<TileError> for Unknown {
    fn from(_: TileError) -> Self {
        Self
    }
}

impl Tiles for TilesHere<'_> {
    type Error = Unknown;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Unknown> {
        let read = |path: String| read_within(self.0.folder, &path, MAX_TILE).ok().flatten();
        read(tile.path()).or_else(|| read(tile.full().path())).ok_or(Unknown)
    }
}

/// Reads a file by a path within, opening directory by directory.
pub fn read_within(folder: &Folder, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FolderError> {
    match path.split_once('/') {
        None => folder.read(path, limit),
        Some((first, rest)) => match folder.directory(first)? {
            Some(inner) => read_within(&inner, rest, limit),
            None => Ok(None),
        },
    }
}
