//! The tiles of a log as they lie in the folder of releases, and the proof that one checkpoint continues another.
//!
//! Nobody serves such proofs: whoever needs one computes it from the tiles of the larger tree. The tiles are hostile. Wrong
//! ones must not look like a log with two histories, which is an accusation: so they are first held against the larger
//! checkpoint, which the log signed, and only tiles that fit it are asked what the smaller tree was.

use std::io;
use std::path::{Path, PathBuf};

use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::proof::{self, verify_consistency};
use writ_trust::log::tile::{MAX_TILE, Tile, TileError, TileNodes, Tiles};
use writ_trust::log::tree::Hash;

use crate::enforce::hostile;
use crate::enforce::releases::absent;

/// Why there is no proof between two checkpoints.
#[derive(Debug, thiserror::Error)]
pub enum TilesProblem {
    /// A tile has not come yet.
    #[error("{0} of its log is not there yet")]
    Missing(String),
    /// A tile cannot be read.
    #[error("rule log-tiles: {tile} of the log cannot be read: {source}; fetch it again")]
    Unreadable {
        /// Its path within the log's folder.
        tile: String,
        /// What the system said.
        source: io::Error,
    },
    /// A tile is not one.
    #[error("rule log-tiles: a tile of the log: {0}; fetch the tiles again")]
    Malformed(#[from] TileError),
    /// The tiles are of another tree.
    #[error(
        "rule log-tiles: the tiles of the log do not come to the root of its checkpoint of {size} entries: fetch them again"
    )]
    Foreign {
        /// Size of the larger checkpoint.
        size: u64,
    },
}

impl TilesProblem {
    /// The rule that bad tiles break.
    pub const RULE: &str = "log-tiles";

    /// Whether there is only something to wait for.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

/// The consistency proof between two checkpoints of one log, in whichever order, from the tiles in its folder. Empty where
/// there is nothing to prove. A proof that is given is true of the larger checkpoint: whether the smaller one is the one
/// given is for whoever judges by it.
pub fn between(log: &Path, one: &Checkpoint, other: &Checkpoint) -> Result<Vec<Hash>, TilesProblem> {
    let (older, newer) = if one.size <= other.size { (one, other) } else { (other, one) };
    if older.size == 0 || older.size == newer.size {
        return Ok(Vec::new());
    }
    let mut nodes = TileNodes::new(Folder(log.to_owned()), newer.size);
    let path = proof::consistency(&mut nodes, older.size, newer.size)?;
    let was = proof::root_at(&mut nodes, older.size)?;
    match verify_consistency(older.size, &was, newer.size, &newer.root, &path) {
        Ok(()) => Ok(path),
        Err(_) => Err(TilesProblem::Foreign { size: newer.size }),
    }
}

/// A log's folder.
struct Folder(PathBuf);

impl Tiles for Folder {
    type Error = TilesProblem;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, TilesProblem> {
        let full = tile.full().path();
        let exact = tile.path();
        for path in [&exact, &full] {
            if let Some(bytes) = self.read(path)? {
                return Ok(bytes);
            }
        }
        let folder = format!("{full}.p");
        match wider(&hostile::names(&self.0.join(&folder)), tile.width) {
            Some(width) => self.read(&format!("{folder}/{width}"))?.ok_or(TilesProblem::Missing(exact)),
            None => Err(TilesProblem::Missing(exact)),
        }
    }
}

impl Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TilesProblem> {
        absent(hostile::read(&self.0.join(path), MAX_TILE))
            .map_err(|source| TilesProblem::Unreadable { tile: path.to_owned(), source })
    }
}

/// The narrowest partial tile that is wide enough, by the names in its folder.
fn wider(names: &[String], width: u16) -> Option<u16> {
    let widths = names.iter().filter_map(|name| Some((name, name.parse::<u16>().ok()?)));
    widths.filter(|(name, found)| *name == &found.to_string() && *found >= width).map(|(_, found)| found).min()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use writ_trust::log::proof::Nodes as _;
    use writ_trust::log::tree::{Frontier, leaf_hash};

    use super::*;

    /// A folder with the tiles of a log that was written at these sizes, and the checkpoints.
    fn written(dir: &Path, sizes: &[u64], salt: u8) -> Vec<Checkpoint> {
        let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for size in sizes {
            let old = frontier.size();
            for n in old..*size {
                frontier.push(leaf_hash(&[&n.to_be_bytes()[..], &[salt]].concat()), &mut |level, index, hash| {
                    nodes.insert((level, index), hash);
                });
            }
            for tile in Tile::added(old, *size) {
                let first = tile.index * 256;
                let bytes: Vec<u8> =
                    (first..first + u64::from(tile.width)).flat_map(|n| nodes[&(tile.level * 8, n)]).collect();
                let path = dir.join(tile.path());
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            checkpoints.push(Checkpoint { origin: "o".into(), size: *size, root: frontier.root() });
        }
        checkpoints
    }

    #[test]
    fn every_pair_of_checkpoints_is_proven_from_the_tiles() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = written(dir.path(), &[1, 3, 200, 257, 300, 70_000], 0);
        for one in &checkpoints {
            for other in &checkpoints {
                let path = between(dir.path(), one, other).unwrap();
                let (older, newer) = if one.size <= other.size { (one, other) } else { (other, one) };
                older.precedes(newer, &path).unwrap();
            }
        }
        let empty = Checkpoint { origin: "o".into(), size: 0, root: writ_trust::log::tree::EMPTY_ROOT };
        assert!(between(Path::new("/nonexistent"), &empty, &checkpoints[3]).unwrap().is_empty());
    }

    #[test]
    fn a_wider_partial_tile_serves() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = written(dir.path(), &[3, 9], 0);
        fs::rename(dir.path().join("tile/0/000.p/9"), dir.path().join("tile/0/000.p/12")).unwrap();
        let twelve: Vec<u8> = [&fs::read(dir.path().join("tile/0/000.p/12")).unwrap()[..], &[7; 96]].concat();
        fs::write(dir.path().join("tile/0/000.p/12"), twelve).unwrap();
        for odd in ["012", "x", "300", "+11"] {
            fs::write(dir.path().join("tile/0/000.p").join(odd), "").unwrap();
        }
        let path = between(dir.path(), &checkpoints[0], &checkpoints[1]).unwrap();
        checkpoints[0].precedes(&checkpoints[1], &path).unwrap();
    }

    #[test]
    fn missing_strange_and_foreign_tiles_are_told_apart_from_a_fork() {
        let dir = tempfile::tempdir().unwrap();
        let honest = written(dir.path(), &[5, 8], 0);
        let tile = dir.path().join("tile/0/000.p/8");
        let good = fs::read(&tile).unwrap();
        let problem = || between(dir.path(), &honest[0], &honest[1]).unwrap_err();
        fs::remove_file(&tile).unwrap();
        assert!(problem().is_missing());
        std::os::unix::fs::symlink("/dev/zero", &tile).unwrap();
        assert!(matches!(problem(), TilesProblem::Unreadable { .. }));
        fs::remove_file(&tile).unwrap();
        for bad in [&good[..31], &good[..], &vec![0; MAX_TILE + 1]] {
            let mut bytes = bad.to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&tile, bytes).unwrap();
            let problem = problem();
            assert!(!problem.is_missing() && problem.to_string().contains("rule log-tiles"), "{problem}");
        }
        // Tiles that fit the larger checkpoint prove that the smaller one was never so.
        let other = tempfile::tempdir().unwrap();
        let forked = written(other.path(), &[5, 8], 1);
        let path = between(other.path(), &honest[0], &forked[1]).unwrap();
        assert!(honest[0].precedes(&forked[1], &path).is_err());
        assert!(forked[0].precedes(&forked[1], &path).is_ok());
        let mut nodes = TileNodes::new(Folder(dir.path().to_owned()), 8);
        assert!(matches!(nodes.node(9, 0), Err(TilesProblem::Malformed(TileError::NoNode { .. }))));
    }
}
