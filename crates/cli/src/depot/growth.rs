//! A site's log that grows in a folder: from the tiles that are there, leaf by leaf, the tiles that this fills.

use writ_trust::log::filling::Filling;
use writ_trust::log::tile::{FULL, Tile, TileNodes, Tiles};
use writ_trust::log::tree::{Frontier, Hash};

/// A tile and its bytes.
pub type Filled = (Tile, Vec<u8>);

/// The tree so far.
pub struct Growth {
    frontier: Frontier,
    filling: Filling,
    /// The leaves of the tile that was not full before, and the index of the first.
    before: (u64, Vec<Hash>),
}

impl Growth {
    /// From nothing.
    pub fn new() -> Self {
        Self { frontier: Frontier::new(), filling: Filling::new(), before: (0, Vec::new()) }
    }

    /// From tiles that are there. Whether they come to the root that was signed is for the caller to ask.
    pub fn resume<T: Tiles + Copy>(mut tiles: T, size: u64) -> Result<Self, T::Error> {
        let frontier = Frontier::resume(size, &mut TileNodes::new(tiles, size))?;
        let filling = Filling::resume(&mut tiles, size)?;
        let before = (size / u64::from(FULL) * u64::from(FULL), filling.open(0).to_vec());
        Ok(Self { frontier, filling, before })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The hash of an entry that was there before, in the tile that was not full.
    pub fn old(&self, index: u64) -> Option<Hash> {
        let (first, leaves) = &self.before;
        leaves.get(usize::try_from(index.checked_sub(*first)?).ok()?).copied()
    }

    /// Adds a leaf; gives the tiles that are full with it.
    pub fn push(&mut self, leaf: Hash) -> Vec<Filled> {
        let (filling, mut full) = (&mut self.filling, Vec::new());
        self.frontier.push(leaf, &mut |level, index, hash| full.extend(filling.take(level, index, hash)));
        full.into_iter().map(|(tile, hashes)| (tile, hashes.concat())).collect()
    }

    /// The tiles that are not full.
    pub fn partial(&self) -> Vec<Filled> {
        self.filling.partial(self.size()).into_iter().map(|(tile, hashes)| (tile, hashes.concat())).collect()
    }
}
