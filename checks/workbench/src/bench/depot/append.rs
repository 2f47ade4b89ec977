//! What it costs to add to a log, by how long the log is already.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, params};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::tile::{FULL, Tile};
use writ_trust::log::tree::{Frontier, Hash, leaf_hash};

use super::super::figure;
use super::Amounts;
use super::delivery::{bundles, deliver, judge, requests, seal};
use super::stats::{Rounds, float, whole};
use super::watch::Cost;
use super::world::{Served, World, now};

/// How long the logs are, in full tiles of 256: about 10^4, 10^5, 10^6 and 10^7 entries.
const TILES: [u64; 4] = [40, 391, 3_907, 39_063];
/// Appliances of the one site.
const APPLIANCES: usize = 20;
/// Bundles in a batch: few, so that what comes with each new head of the log weighs.
const BATCH: usize = 10;
/// How many bundles are added in a round.
const BUNDLES: usize = 4_000;
/// The most that a bundle may cost in the longest log, in those of the shortest.
const FLAT: f64 = 1.25;

/// Prints what a bundle costs in logs of each length, and the ratio of the longest to the shortest.
pub fn run(amounts: &Amounts) -> Result<()> {
    println!("Adding to a log: batches of {BATCH}, tiles made beforehand and not by the depot");
    let (mut costs, mut rates) = (Vec::new(), Vec::new());
    for tiles in TILES {
        let size = tiles * u64::from(FULL);
        let (cost, rate) = at(size, amounts.rounds)?;
        println!("  in a log of {size} entries");
        figure("depot: processor time for each bundle", &cost.shown(" µs"), None);
        figure("durable bundles", &rate.shown("/s"), None);
        costs.push(cost.median());
        rates.push(rate.median());
    }
    let ratio = |of: &[f64]| of[of.len() - 1] / of[0];
    let flat = ratio(&costs);
    figure(
        "cost of a bundle, the longest log by the shortest",
        &format!("{flat:.2}"),
        Some(("at most 1.25", flat <= FLAT)),
    );
    figure("bundles a second, the same", &format!("{:.2}", ratio(&rates)), None);
    Ok(())
}

/// What a bundle costs and how many are taken in a second, in a log that had so many entries at first.
fn at(size: u64, rounds: usize) -> Result<(Rounds, Rounds)> {
    let mut world = World::make(1, APPLIANCES, None)?;
    let Served { depot, sites } = world.serve(|_| Ok(()))?;
    depot.stop()?;
    lengthen(&world, &sites[0].log.origin, size)?;
    let served = Served { depot: world.resume()?, sites };
    let (mut costs, mut rates) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds {
        let batches = seal(&mut world, &served, BUNDLES, BATCH)?;
        let (sent, requests) = (bundles(&batches), requests(&world, &batches)?);
        let cost = Cost::from_now(served.depot.pid())?;
        let (load, receipts) = deliver(&served, &requests)?;
        costs.push(cost.each(float(sent))?);
        rates.push(float(sent) / load.took.as_secs_f64());
        let held = judge(&world, &served, &receipts)?;
        if held != sent {
            bail!("{} bundles were sent and {} receipts came", whole(float(sent)), whole(float(held)));
        }
    }
    served.depot.stop()?;
    Ok((costs, rates))
}

/// Makes the log of a depot that does not run so long, by its tiles and its checkpoint. Of the entries between there are hashes
/// alone, and nobody asks for more.
fn lengthen(world: &World, origin: &str, size: u64) -> Result<()> {
    let database = Connection::open(world.data().join("depot.sqlite"))?;
    let (id, site): (i64, String) =
        database
            .query_row("SELECT id, site FROM logs WHERE origin = ?", [origin], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut entries = database.prepare("SELECT entry FROM entries WHERE log = ? ORDER BY idx")?;
    let begun: Vec<Vec<u8>> = entries.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let known = begun.iter().map(|entry| leaf_hash(entry));
    let others = (u64::try_from(begun.len())?..size).map(|index| leaf_hash(&index.to_be_bytes()));
    let root = write_tiles(&world.data().join("log").join(site).join("1"), known.chain(others))?;
    let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
    let note = SignedCheckpoint::sign(checkpoint, &world.log_key, now()).note;
    let length = i64::try_from(size)?;
    let changed = database.execute(
        "UPDATE logs SET size = ?, root = ?, note = ?, flushed = ? WHERE id = ?",
        params![length, &root[..], note, length, id],
    )?;
    if changed == 1 { Ok(()) } else { bail!("{changed} logs of the origin {origin}") }
}

/// Writes the tiles of a tree of these leaves, a multiple of 256, and returns its root.
fn write_tiles(folder: &Path, leaves: impl Iterator<Item = Hash>) -> Result<Hash> {
    let mut frontier = Frontier::new();
    let mut levels: Vec<(u64, Vec<u8>)> = vec![(0, Vec::new()); 8];
    let mut failed = None;
    let mut keep = |level: u8, _, hash: Hash| {
        if level.is_multiple_of(8) {
            let (index, hashes) = &mut levels[usize::from(level / 8)];
            hashes.extend(hash);
            if hashes.len() == usize::from(FULL) * hash.len() {
                let tile = Tile { level: level / 8, index: *index, width: FULL };
                failed = failed.take().or(write(folder, &tile, hashes).err());
                (*index, *hashes) = (*index + 1, Vec::new());
            }
        }
    };
    for leaf in leaves {
        frontier.push(leaf, &mut keep);
    }
    if let Some(failed) = failed {
        return Err(failed);
    }
    for (level, (index, hashes)) in (0..).zip(&levels) {
        let width = u16::try_from(hashes.len() / 32)?;
        if width > 0 {
            write(folder, &Tile { level, index: *index, width }, hashes)?;
        }
    }
    Ok(frontier.root())
}

fn write(folder: &Path, tile: &Tile, hashes: &[u8]) -> Result<()> {
    let path = folder.join(tile.path());
    fs::create_dir_all(path.parent().context("a tile lies in a folder")?)?;
    fs::write(&path, hashes).with_context(|| path.display().to_string())
}
