//! Batches of evidence: sealing them, sending them, judging what comes back.

use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use writ_evidence::Sealed;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof::verify_inclusion;
use writ_trust::log::tree::leaf_hash;
use writ_wire::receipts::Receipts;
use writ_wire::{Blob, Signed};

use super::super::load::{self, Load};
use super::address;
use super::appliance::Appliance;
use super::cores::{in_parallel, in_parallel_mut};
use super::drafts::Story;
use super::world::{Served, World, now};

/// Sites, and appliances of each, where evidence alone is measured.
pub const WORLD: (usize, usize) = (10, 20);
/// Couriers that deliver at the same time.
pub const CONNECTIONS: usize = 16;

/// One appliance's bundles, to be sent together.
pub struct Batch {
    /// Which appliance of the world.
    pub appliance: usize,
    /// Its bundles.
    pub bundles: Vec<Signed>,
}

/// At least `count` bundles in batches of `size`, spread evenly over all appliances. An appliance's batches are in their
/// order and far from one another.
pub fn seal(world: &mut World, served: &Served, count: usize, size: usize) -> Result<Vec<Batch>> {
    let turns = count.div_ceil(size * world.appliances.len()).max(1);
    let sealed = in_parallel_mut(&mut world.appliances, |appliance| {
        (0..turns).map(|_| seal_one(appliance, served, size)).collect::<Result<Vec<_>>>()
    })?;
    let mut by_turn: Vec<Vec<Batch>> = (0..turns).map(|_| Vec::new()).collect();
    for (appliance, batches) in sealed.into_iter().enumerate() {
        for (turn, bundles) in batches.into_iter().enumerate() {
            by_turn[turn].push(Batch { appliance, bundles });
        }
    }
    Ok(by_turn.into_iter().flatten().collect())
}

/// An appliance's next bundles, as they are sent.
pub fn seal_one(appliance: &mut Appliance, served: &Served, count: usize) -> Result<Vec<Signed>> {
    let sealed = seal_files(appliance, served, count)?.into_iter();
    let sent = sealed.map(|Sealed { bytes, signature_text, .. }| Signed {
        document: Blob(bytes),
        signatures: vec![Blob(signature_text.into_bytes())],
    });
    Ok(sent.collect())
}

/// An appliance's next bundles, as they lie in its outbox.
pub fn seal_files(appliance: &mut Appliance, served: &Served, count: usize) -> Result<Vec<Sealed>> {
    let (site, id) = (served.site(&appliance.site)?, appliance.id.clone());
    let (release, checkpoint) = (site.release, Some(&*site.checkpoint));
    appliance.seal(count, &Story { site: &site.id, appliance: &id, release, checkpoint }, now())
}

/// The requests that deliver batches.
pub fn requests(world: &World, batches: &[Batch]) -> Result<Vec<Vec<u8>>> {
    in_parallel(batches, |batch| Ok(world.appliances[batch.appliance].submit(batch.bundles.clone(), now())))
}

/// Sends requests; the receipts are read when all have come, so that reading them takes nothing from the depot.
pub fn deliver(served: &Served, requests: &[Vec<u8>]) -> Result<(Load, Vec<Receipts>)> {
    let bodies = Mutex::new(Vec::with_capacity(requests.len()));
    let keep = |_, body: &[u8]| bodies.lock().expect("no thread panics").push(body.to_vec());
    let load = load::drive(address(&served.depot)?, CONNECTIONS, requests, keep)?.all(200)?;
    let bodies = bodies.into_inner().expect("no thread panics");
    Ok((load, in_parallel(&bodies, |body| Receipts::parse(body).context("an answer to a batch"))?))
}

/// Judges every receipt as a courier would: the checkpoint is signed, its tree has the entry, the entry names the bundle.
/// Returns how many there are.
pub fn judge(world: &World, served: &Served, all: &[Receipts]) -> Result<usize> {
    let keys = [world.log_key.public_key()];
    let counts = in_parallel(all, |receipts| {
        let note = &receipts.checkpoint.0;
        let origin = std::str::from_utf8(note)?.lines().next().unwrap_or_default();
        if !served.sites.iter().any(|site| site.log.origin == origin) {
            bail!("receipts of a log that no site has: {origin:?}");
        }
        let checkpoint = SignedCheckpoint::verify(note, origin, &keys)?.checkpoint;
        for receipt in &receipts.receipts {
            let proof: Vec<_> = receipt.proof.iter().map(|hash| hash.0[..].try_into()).collect::<Result<_, _>>()?;
            let leaf = leaf_hash(&receipt.entry.0);
            verify_inclusion(&leaf, receipt.index, checkpoint.size, &proof, &checkpoint.root)?;
            match LogEntry::parse(&receipt.entry.0)? {
                LogEntry::Evidence { digest, .. } if digest == receipt.digest => {}
                _ => bail!("a receipt's entry does not name the bundle"),
            }
        }
        Ok(receipts.receipts.len())
    })?;
    Ok(counts.into_iter().sum())
}

/// How many bundles some batches hold.
pub fn bundles(batches: &[Batch]) -> usize {
    batches.iter().map(|batch| batch.bundles.len()).sum()
}

/// The digest of a bundle's exact bytes.
pub fn digest(bundle: &Signed) -> Digest {
    Digest::of(&bundle.document.0)
}
