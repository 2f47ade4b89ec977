//! How a log lies in files (C2SP `tlog-tiles`): tiles of 256 hashes, and bundles of 256 entries.

use std::collections::HashMap;

use super::proof::Nodes;
use super::tree::{Hash, node_hash};

/// Levels of the tree in one tile.
pub(super) const HEIGHT: u8 = 8;
/// Hashes or entries in a full tile or bundle.
pub const FULL: u16 = 256;
/// The highest level of tiles: 8 levels of the tree each, for at most 2^64 leaves.
pub(super) const MAX_LEVEL: u8 = 7;
/// The largest entry, in bytes. A bundle could hold 65,535; ours are small records.
pub const MAX_ENTRY: usize = 4096;
/// The largest bundle of entries, in bytes.
pub const MAX_BUNDLE: usize = FULL as usize * (2 + MAX_ENTRY);
/// The largest tile, in bytes.
pub const MAX_TILE: usize = FULL as usize * 32;

/// One tile: hashes number `index` × 256 and on of the tree's level `level` × 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// The level of the tile; leaves are at 0.
    pub level: u8,
    /// Its number within the level, from 0.
    pub index: u64,
    /// How many hashes it holds, 1 to 256; fewer than 256 at the right edge only.
    pub width: u16,
}

/// One bundle of entries: numbers `index` × 256 and on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryBundle {
    /// Its number, from 0.
    pub index: u64,
    /// How many entries it holds, 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The tile as it is when full.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: FULL, ..self }
    }

    /// `tile/<level>/<index>` or `tile/<level>/<index>.p/<width>`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}{}", self.level, index_path(self.index), partial(self.width))
    }

    /// Reads a path as [`Tile::path`] writes it. One spelling only.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = parse_index(rest)?;
        let tile = Self { level: level.parse().ok().filter(|level| *level <= MAX_LEVEL)?, index, width };
        (tile.path() == path).then_some(tile)
    }

    /// The tile that holds hash `index` of a level of tiles, in a tree of this size; `None` if the tree has no such hash.
    pub fn holding(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0);
        let number = index / u64::from(FULL);
        let width = hashes.saturating_sub(number * u64::from(FULL)).min(u64::from(FULL));
        let within = index < hashes && level <= MAX_LEVEL;
        within.then_some(Self { level, index: number, width: u16::try_from(width).unwrap_or(FULL) })
    }

    /// Every tile that a tree of `new` leaves has and one of its first `old` ones has not, or not so wide.
    pub fn added(old: u64, new: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        for level in 0..=MAX_LEVEL {
            let shift = u32::from(level) * u32::from(HEIGHT);
            let (before, after) = (old >> shift, new >> shift);
            let mut first = before;
            while first < after {
                let Some(tile) = Self::holding(level, first, new) else { break };
                tiles.push(tile);
                first = (tile.index + 1) * u64::from(FULL);
            }
        }
        tiles
    }
}

impl EntryBundle {
    /// The bundle that holds an entry, in a log of this size; `None` if the log has no such entry.
    pub fn holding(index: u64, size: u64) -> Option<Self> {
        Tile::holding(0, index, size).map(|tile| Self { index: tile.index, width: tile.width })
    }

    /// Every bundle that a log of `new` entries has and one of its first `old` ones has not, or not so wide.
    pub fn added(old: u64, new: u64) -> Vec<Self> {
        let leaves = Tile::added(old, new).into_iter().filter(|tile| tile.level == 0);
        leaves.map(|tile| Self { index: tile.index, width: tile.width }).collect()
    }

    /// The bundle as it is when full.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: FULL, ..self }
    }

    /// `tile/entries/<index>` or `tile/entries/<index>.p/<width>`.
    pub fn path(&self) -> String {
        format!("tile/entries/{}{}", index_path(self.index), partial(self.width))
    }

    /// Reads a path as [`EntryBundle::path`] writes it. One spelling only.
    pub fn parse(path: &str) -> Option<Self> {
        let (index, width) = parse_index(path.strip_prefix("tile/entries/")?)?;
        let bundle = Self { index, width };
        (bundle.path() == path).then_some(bundle)
    }

    /// The bytes of a bundle: each entry behind its length (16 bits, big-endian). Entries are at most [`MAX_ENTRY`] long.
    pub fn encode<E: AsRef<[u8]>>(entries: &[E]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in entries.iter().map(AsRef::as_ref) {
            bytes.extend(u16::try_from(entry.len()).expect("an entry of at most 4096 bytes").to_be_bytes());
            bytes.extend(entry);
        }
        bytes
    }

    /// The entries of a bundle of this width, or of a wider one of the same number.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
        let malformed = TileError::Malformed { what: "a bundle of entries", size: bytes.len(), width: self.width };
        if bytes.len() > MAX_BUNDLE {
            return Err(malformed);
        }
        let (mut entries, mut rest) = (Vec::new(), bytes);
        while let Some((length, tail)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((entry, tail)) = tail.split_at_checked(length).filter(|_| length <= MAX_ENTRY) else {
                return Err(malformed);
            };
            entries.push(entry);
            rest = tail;
        }
        if !rest.is_empty() || entries.len() < usize::from(self.width) || entries.len() > usize::from(FULL) {
            return Err(malformed);
        }
        entries.truncate(usize::from(self.width));
        Ok(entries)
    }
}

/// `x001/x234/067` for 1234067: three digits each, all but the last behind an `x`.
fn index_path(index: u64) -> String {
    let (mut rest, mut path) = (index / 1000, format!("{:03}", index % 1000));
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

fn partial(width: u16) -> String {
    if width == FULL { String::new() } else { format!(".p/{width}") }
}

/// Reads `<index>` or `<index>.p/<width>`; the caller compares spellings.
fn parse_index(text: &str) -> Option<(u64, u16)> {
    let (index, width) = match text.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..FULL).contains(width))?),
        None => (text, FULL),
    };
    let mut number = 0_u64;
    for part in index.split('/') {
        let digits = part.strip_prefix('x').unwrap_or(part);
        let plain = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
        number = number.checked_mul(1000)?.checked_add(plain.then(|| digits.parse().ok())??)?;
    }
    Some((number, width))
}

/// Why a tile is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Its bytes are not so many hashes or entries.
    #[error("{size} bytes are not {what} of {width}")]
    Malformed {
        /// `a tile` or `a bundle of entries`.
        what: &'static str,
        /// Bytes found.
        size: usize,
        /// How many it should hold.
        width: u16,
    },
    /// The tree has no such node.
    #[error("a tree of {size} entries has no complete node {index} of level {level}")]
    NoNode {
        /// Size of the tree.
        size: u64,
        /// Level of the node.
        level: u8,
        /// Its index in the level.
        index: u64,
    },
}

/// Where tiles are read from.
pub trait Tiles {
    /// Why a tile cannot be read.
    type Error: From<TileError>;

    /// The bytes of a tile. A wider one of the same level and index serves too: a tile only ever grows.
    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Self::Error>;
}

/// The complete nodes of a tree, computed from its tiles. Each tile is read once.
#[derive(Debug)]
pub struct TileNodes<T> {
    tiles: T,
    size: u64,
    read: HashMap<Tile, Vec<u8>>,
}

impl<T: Tiles> TileNodes<T> {
    /// The nodes of the tree of this size.
    pub fn new(tiles: T, size: u64) -> Self {
        Self { tiles, size, read: HashMap::new() }
    }

    fn hashes(&mut self, tile: Tile) -> Result<&[u8], T::Error> {
        if !self.read.contains_key(&tile) {
            let mut bytes = self.tiles.tile(&tile)?;
            let needed = usize::from(tile.width) * 32;
            if bytes.len() < needed || bytes.len() > MAX_TILE || !bytes.len().is_multiple_of(32) {
                return Err(TileError::Malformed { what: "a tile", size: bytes.len(), width: tile.width }.into());
            }
            bytes.truncate(needed);
            self.read.insert(tile, bytes);
        }
        Ok(&self.read[&tile])
    }
}

impl<T: Tiles> Nodes for TileNodes<T> {
    type Error = T::Error;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, T::Error> {
        let no_node = TileError::NoNode { size: self.size, level, index };
        let (tile_level, within) = (level / HEIGHT, level % HEIGHT);
        let (first, count) = (index << within, 1_u64 << within);
        let Some(tile) = Tile::holding(tile_level, first, self.size) else { return Err(no_node.into()) };
        let offset = usize::try_from(first % u64::from(FULL)).expect("below 256");
        let count = usize::try_from(count).expect("at most 128");
        if offset + count > usize::from(tile.width) {
            return Err(no_node.into());
        }
        let hashes = self.hashes(tile)?;
        let mut layer: Vec<Hash> = hashes[offset * 32..(offset + count) * 32]
            .chunks_exact(32)
            .map(|hash| hash.try_into().expect("32 bytes"))
            .collect();
        while layer.len() > 1 {
            layer = layer.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        Ok(layer[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (tile, path) in [
            (Tile { level: 0, index: 0, width: 256 }, "tile/0/000"),
            (Tile { level: 0, index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"),
            (Tile { level: 2, index: 5, width: 17 }, "tile/2/005.p/17"),
        ] {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for odd in [
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/0/x000/001",
            "tile/0/001/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/05",
            "tile/0/../000",
            "tile/0/x001",
            "tile/-1/000",
            "tile/0/+01",
            "tile/0/",
            "tile/0/000.p/",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::parse(odd), None, "{odd}");
        }
        let bundle = EntryBundle { index: 1000, width: 3 };
        assert_eq!(bundle.path(), "tile/entries/x001/000.p/3");
        assert_eq!(EntryBundle::parse(&bundle.path()), Some(bundle));
        assert_eq!(EntryBundle::parse("tile/entries/1"), None);
    }

    #[test]
    fn bundles_of_entries_are_read_as_written_or_not_at_all() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = EntryBundle::encode(&entries);
        let of = |width| EntryBundle { index: 0, width };
        assert_eq!(of(3).decode(&bytes).unwrap(), entries);
        assert_eq!(of(2).decode(&bytes).unwrap(), entries[..2], "of a wider one");
        for bad in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[0xff, 0xff][..], b""] {
            assert!(of(3).decode(bad).is_err(), "{bad:?}");
        }
        assert!(of(4).decode(&bytes).is_err());
        assert!(of(1).decode(&vec![0; 2 * 257]).is_err(), "more than a bundle holds");
    }

    #[test]
    fn what_is_added_is_what_is_new() {
        assert_eq!(Tile::added(0, 0), []);
        assert_eq!(Tile::added(3, 3), []);
        let paths = |old, new| Tile::added(old, new).iter().map(Tile::path).collect::<Vec<_>>();
        assert_eq!(paths(0, 5), ["tile/0/000.p/5"]);
        assert_eq!(paths(250, 257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
        assert_eq!(paths(256, 257), ["tile/0/001.p/1"]);
    }
}
