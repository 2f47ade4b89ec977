//! What a folder must have of the site's log, for appliances that no courier serves: the head, tiles of hashes by which they
//! prove that it continues whatever they saw of it before, and the orders by which one log took over from another.

use std::path::Path;
use std::time::Instant;

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::restart::LogRestart;
use writ_trust::log::tile::{FULL, MAX_TILE, Tile, TileError, Tiles};
use writ_trust::minisign::signature_file_name;
use writ_trust::root_chain::TrustChain;
use writ_wire::{MAX_ENVELOPE, Signed, paths};

use crate::depot::failed;
use crate::depot::growth::{Filled, Growth};
use crate::depot::head::Head;
use crate::depot::log::{Bounds, LogError, RemoteLog};
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::layout::Layout;
use crate::signatures;

/// The order by which a log began.
const RESTART: &str = "restart.json";
/// How many entries' hashes are judged and written at a time: 8 MiB of tiles.
const STEP: u64 = 1 << 18;
/// The most entries whose hashes are brought at once: 512 MiB of tiles.
const MOST: u64 = 1 << 24;

/// The head that is in a folder, if it is of the site's newest log and holds.
pub fn kept(target: &Layout, chain: &TrustChain, site: &SiteId) -> Outcome<Option<Head>> {
    let origins = chain.newest().origins(site);
    let Some(origin) = origins.last() else { return Ok(None) };
    let number = origins.len() as u64;
    let path = target.log(site, number).join("checkpoint");
    let note = files::read_if_there(&path, MAX_NOTE, "the checkpoint of the folder")?;
    let signed = note.and_then(|note| SignedCheckpoint::verify(&note, origin, &log_keys_ever(chain, site)).ok());
    Ok(signed.map(|signed| Head { number, signed }))
}

/// Brings a site's log in a folder up to a head that was verified.
pub fn bring(client: &Client, target: &Layout, chain: &TrustChain, site: &SiteId, head: &Head) -> Outcome<()> {
    for number in 2..=head.number {
        restart(client, &target.log(site, number), chain, site, number)?;
    }
    let folder = target.log(site, head.number);
    let before = kept(target, chain, site)?.map(|kept| kept.signed.checkpoint);
    let growth = before.and_then(|before| {
        let growth = Growth::resume(Local(&folder), before.size).ok()?;
        (growth.root() == before.root).then_some(growth)
    });
    let remote = RemoteLog { client, site, number: head.number };
    grow(&remote, growth.unwrap_or_else(Growth::new), &head.signed.checkpoint, &folder)?;
    files::make_directory(&folder)?;
    files::replace(&folder.join("checkpoint"), head.signed.note.as_bytes(), 0o644, "the log's checkpoint")
}

/// Fetches hashes of entries, and writes the tiles that they come to once those are a beginning of the head's tree.
fn grow(remote: &RemoteLog, mut growth: Growth, head: &Checkpoint, folder: &Path) -> Outcome<()> {
    let failed = |error: LogError| match error {
        LogError::Client(error) => failed("cannot fetch the site's log for the folder", remote.client, &error),
        error => foreign(remote, &error.to_string()),
    };
    let (bounds, first) = (Bounds::of(MOST), growth.size());
    while growth.size() < head.size {
        if growth.size() - first >= bounds.entries || Instant::now() >= bounds.until {
            return Err(Failure::refused("the site's log has more than is brought into a folder at once")
                .at(folder.display())
                .because(format!("it has {} entries, and the folder had {first}", head.size))
                .next("the release is at the depot; serve its appliances with a courier"));
        }
        let end = head.size.min(growth.size() / u64::from(FULL) * u64::from(FULL) + STEP);
        let mut tiles = Vec::new();
        while let Some(tile) = Tile::holding(0, growth.size(), end) {
            let bytes = remote.clone().tile(&tile).map_err(failed)?;
            let hashes = bytes.as_chunks::<32>().0;
            let (from, until) = ((growth.size() % u64::from(FULL)) as usize, usize::from(tile.width));
            let Some(new) = hashes.get(from..until) else {
                return Err(foreign(remote, &format!("{} has {} hashes", tile.path(), hashes.len())));
            };
            new.iter().for_each(|hash| tiles.extend(growth.push(*hash)));
        }
        let so_far = Checkpoint { origin: head.origin.clone(), size: growth.size(), root: growth.root() };
        if !remote.continues(&so_far, head).map_err(failed)? {
            return Err(foreign(remote, "its tiles come to another root"));
        }
        if growth.size() == head.size {
            tiles.extend(growth.partial());
        }
        write(folder, tiles)?;
    }
    Ok(())
}

fn foreign(remote: &RemoteLog, why: &str) -> Failure {
    Failure::refused("the depot serves tiles that are not those of its log")
        .at(format!("{}, log {} of {}", remote.client.depot(), remote.number, remote.site))
        .because(why)
        .next("the release is at the depot, and nothing was put into the folder: run this again")
}

fn write(folder: &Path, tiles: Vec<Filled>) -> Outcome<()> {
    for (tile, bytes) in tiles {
        let path = folder.join(tile.path());
        files::make_directory(files::parent_of(&path))?;
        files::replace(&path, &bytes, 0o644, "a tile of the site's log")?;
    }
    Ok(())
}

/// The order by which a log took over, unless one that holds is there.
fn restart(client: &Client, folder: &Path, chain: &TrustChain, site: &SiteId, number: u64) -> Outcome<()> {
    let path = folder.join(RESTART);
    if let Some(there) = files::read_if_there(&path, MAX_DOCUMENT, "a log restart")?
        && LogRestart::verify(&there, &signatures::of(&path)?, chain, site).is_ok()
    {
        return Ok(());
    }
    let bytes = client.get(&paths::log_restart(site, number), MAX_ENVELOPE as u64);
    let bytes = bytes.map_err(|e| failed(format!("cannot ask how log {number} of {site} began"), client, &e))?;
    let unfit = |why: String| {
        Failure::refused(format!("the order by which log {number} of {site} began does not hold"))
            .at(client.depot())
            .because(why)
            .next("sign the same order with keys that remain: writ log sign, and writ log publish")
    };
    let signed = Signed::parse(&bytes).map_err(|e| unfit(e.to_string()))?;
    signed.check_bounds().map_err(|e| unfit(e.to_string()))?;
    LogRestart::verify(&signed.document.0, &signed.signatures, chain, site).map_err(|e| unfit(e.to_string()))?;
    files::make_directory(folder)?;
    for (signature, key) in signatures::holding(chain, &signed) {
        files::replace(&folder.join(signature_file_name(RESTART, key.key_id())), signature, 0o644, "a signature")?;
    }
    files::create_or_same(&path, &signed.document.0, "the log restart")
}

/// The tiles in a folder.
#[derive(Clone, Copy)]
struct Local<'f>(&'f Path);

/// A tile that is not there, or of no use: then the log is brought anew.
struct Unusable;

impl From<TileError> for Unusable {
    fn from(_: TileError) -> Self {
        Self
    }
}

impl Tiles for Local<'_> {
    type Error = Unusable;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, Unusable> {
        let read = |path: String| files::read_if_there(&self.0.join(path), MAX_TILE, "a tile").ok().flatten();
        read(tile.path()).or_else(|| read(tile.full().path())).ok_or(Unusable)
    }
}
