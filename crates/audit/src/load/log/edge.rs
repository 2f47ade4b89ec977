//! The beginnings of a log of which no entries are here, as far as tiles of its hashes show them.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::proof;
use writ_trust::log::tile::TileNodes;
use writ_trust::log::tree::{EMPTY_ROOT, Hash};

use super::stream::{Place, TilesHere};

/// The roots of the beginnings that were asked for, each proven to be one of the checkpoint's tree. Where tiles are missing
/// or do not fit it, nothing is known.
pub fn roots(place: &Place, checkpoint: &Checkpoint, wanted: &BTreeSet<u64>) -> BTreeMap<u64, Hash> {
    let mut nodes = TileNodes::new(TilesHere(place), checkpoint.size);
    let mut roots = BTreeMap::from([(0, EMPTY_ROOT), (checkpoint.size, checkpoint.root)]);
    for size in wanted.iter().copied().filter(|size| (1..checkpoint.size).contains(size)) {
        let mut proven = || {
            let path = proof::consistency(&mut nodes, size, checkpoint.size).ok()?;
            let root = proof::root_at(&mut nodes, size).ok()?;
            let older = Checkpoint { size, root, ..checkpoint.clone() };
            older.precedes(checkpoint, &path).is_ok().then_some(root)
        };
        roots.extend(proven().map(|root| (size, root)));
    }
    roots
}
