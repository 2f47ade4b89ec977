//! Whether a log's tiles are those of its checkpoint: all of them, not only those that a proof happens to need.

use writ_trust::log::tile::{FULL, Tile};
use writ_trust::log::tree::{Frontier, Hash};

use super::files::{LogFileError, LogFiles};

/// Reads every tile of a log of this size, and says whether they come to this root.
pub fn tiles_lead_to_root(files: &LogFiles, size: u64, root: &Hash) -> Result<bool, LogFileError> {
    let mut frontier = Frontier::new();
    // The nodes that tiles of higher levels hold, by their level.
    let mut above: Vec<Vec<Hash>> = vec![Vec::new(); 8];
    for tile in Tile::added(0, size) {
        let Some(bytes) = files.read_tile(&tile)? else { return Ok(false) };
        let mut hashes = bytes.chunks_exact(32).map(|hash| Hash::try_from(hash).expect("32 bytes"));
        if tile.level == 0 {
            let mut note = |level: u8, _, hash| {
                if level > 0 && level.is_multiple_of(8) {
                    above[usize::from(level / 8)].push(hash);
                }
            };
            hashes.for_each(|leaf| frontier.push(leaf, &mut note));
            continue;
        }
        let first = usize::try_from(tile.index * u64::from(FULL)).unwrap_or(usize::MAX);
        let expected = above[usize::from(tile.level)].iter().skip(first).take(usize::from(tile.width)).copied();
        if !hashes.by_ref().eq(expected) {
            return Ok(false);
        }
    }
    Ok(frontier.size() == size && frontier.root() == *root)
}
