//! The tiles that a growing tree fills: only the ones that are not full yet are in memory.

use std::collections::BTreeMap;

use super::tile::{FULL, HEIGHT, MAX_LEVEL, Tile, Tiles};
use super::tree::Hash;

/// The tiles of the right edge of a growing tree that are not full.
#[derive(Debug, Clone, Default)]
pub struct Filling {
    /// Their hashes, by the level of the tile.
    open: BTreeMap<u8, Vec<Hash>>,
}

impl Filling {
    /// Of a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a tree of this size whose tiles can be read. Their bytes are not judged: see [`super::tree::Frontier::resume`].
    pub fn resume<T: Tiles>(tiles: &mut T, size: u64) -> Result<Self, T::Error> {
        let mut open = BTreeMap::new();
        for level in 0..=MAX_LEVEL {
            let count = size >> (u32::from(level) * u32::from(HEIGHT));
            let Some(tile) = count.checked_sub(1).and_then(|last| Tile::holding(level, last, size)) else { break };
            if tile.width < FULL {
                let bytes = tiles.tile(&tile)?;
                let hashes = bytes.as_chunks::<32>().0.iter().copied().take(usize::from(tile.width));
                open.insert(level, hashes.collect());
            }
        }
        Ok(Self { open })
    }

    /// Takes in a node that was completed, as [`super::tree::Frontier::push`] tells of it; gives the tile that it fills.
    pub fn take(&mut self, level: u8, index: u64, hash: Hash) -> Option<(Tile, Vec<Hash>)> {
        if !level.is_multiple_of(HEIGHT) {
            return None;
        }
        let level = level / HEIGHT;
        let hashes = self.open.entry(level).or_default();
        hashes.push(hash);
        let full = hashes.len() == usize::from(FULL);
        full.then(|| (Tile { level, index: index / u64::from(FULL), width: FULL }, std::mem::take(hashes)))
    }

    /// The hashes of the tile of a level that is not full.
    pub fn open(&self, level: u8) -> &[Hash] {
        self.open.get(&level).map_or(&[], Vec::as_slice)
    }

    /// The tiles that are not full in a tree of this size.
    pub fn partial(&self, size: u64) -> Vec<(Tile, Vec<Hash>)> {
        let tile = |level: u8| {
            let last = size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0).checked_sub(1)?;
            Tile::holding(level, last, size)
        };
        let open = self.open.iter().filter(|(_, hashes)| !hashes.is_empty());
        open.filter_map(|(level, hashes)| Some((tile(*level)?, hashes.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tile::TileError;
    use crate::log::tree::{Frontier, leaf_hash};

    /// Tiles in memory; a wider one serves for a narrower one.
    #[derive(Default)]
    struct Kept(BTreeMap<(u8, u64), Vec<u8>>);

    impl Tiles for Kept {
        type Error = TileError;

        fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, TileError> {
            Ok(self.0[&(tile.level, tile.index)].clone())
        }
    }

    impl Kept {
        fn put(&mut self, all: impl IntoIterator<Item = (Tile, Vec<Hash>)>) {
            self.0.extend(all.into_iter().map(|(tile, hashes)| ((tile.level, tile.index), hashes.concat())));
        }
    }

    #[test]
    fn every_tile_of_a_tree_comes_once_and_an_interrupted_one_goes_on_as_if_it_was_not() {
        let (mut frontier, mut whole, mut parts) = (Frontier::new(), Filling::new(), Filling::new());
        let (mut kept, mut full) = (Kept::default(), Vec::new());
        for n in 0..70_000_u64 {
            let mut done = Vec::new();
            frontier.push(leaf_hash(&n.to_be_bytes()), &mut |level, index, hash| {
                full.extend(whole.take(level, index, hash));
                done.extend(parts.take(level, index, hash));
            });
            kept.put(done);
            if [1, 255, 256, 300, 65_536, 66_000].contains(&(n + 1)) {
                kept.put(parts.partial(n + 1));
                parts = Filling::resume(&mut kept, n + 1).unwrap();
            }
        }
        let mut tiles: Vec<Tile> = full.iter().map(|(tile, _)| *tile).collect();
        tiles.extend(whole.partial(70_000).iter().map(|(tile, _)| *tile));
        tiles.sort_unstable();
        assert_eq!(tiles, Tile::added(0, 70_000));
        kept.put(parts.partial(70_000));
        full.extend(whole.partial(70_000));
        for (tile, hashes) in full {
            assert_eq!(kept.0[&(tile.level, tile.index)], hashes.concat(), "{tile:?}");
        }
        assert_eq!(whole.open(0).len(), 70_000 % 256);
    }
}
