//! The delivery: sends bundles, and believes nothing but proof.
//!
//! A bundle is delivered when the log's own key has signed a checkpoint, consistent with the last one verified here, under
//! which an entry is proven that names this very bundle. Of an answer in which anything is wrong nothing counts.

use std::collections::BTreeMap;

use tracing::{error, info, warn};
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::judge::LogProblem;
use writ_trust::log::proof::MAX_PROOF;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::log::tree::Hash;
use writ_trust::text::one_line;
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema, MAX_BUNDLES};
use writ_wire::receipts::{BundleReceipt, Reason, Receipts};
use writ_wire::{MAX_ENVELOPE, paths};

use super::courier::Courier;
use super::identity::Vouched;
use super::outbox::{Bundle, Outbox, Place, first_of_lost_log, read_batch, receipt_name};
use super::schedule::Ending;
use super::sitelog::Ground;
use super::trouble::Trouble;
use crate::crash_point;

/// With so many times a batch waiting, batches become as large as they can.
const BACKLOG: usize = 5;
/// The most refused bundles that are remembered.
const MOST_REFUSED: usize = 1_000;

/// How long a bundle that the depot refused is not sent again, in milliseconds.
fn rest(reason: Reason) -> u64 {
    match reason {
        // The release that enrols the key may be on its way.
        Reason::UnknownKey => 10 * 60_000,
        _ => 6 * 3_600_000,
    }
}

/// Bundles that the depot did not take: why, and until when they rest.
pub type Refused = BTreeMap<Place, (Reason, u64)>;

impl Courier {
    /// Sends one batch. `More` when there is more to be sent.
    pub fn deliver(&mut self, vouched: &Vouched) -> Result<Ending, Trouble> {
        let outbox = Outbox::scan(&self.config.outbox(), &self.inbox.receipts())?;
        self.tell_new_log(&outbox);
        self.status.waiting = outbox.waiting.len() as u64;
        let now = self.millis();
        self.refused.retain(|place, (_, until)| *until > now && !outbox.delivered.contains(place));
        let due: Vec<Place> =
            outbox.waiting.iter().copied().filter(|place| !self.refused.contains_key(place)).collect();
        let again: Vec<Place> = match self.refill.range() {
            Some((from, _)) => outbox.delivered.iter().copied().filter(|p| above(p.0, from)).collect(),
            None => Vec::new(),
        };
        let mut places: Vec<Place> = due.iter().chain(&again).copied().collect();
        places.sort_unstable();
        if again.is_empty() {
            self.refill = self.refill.ended();
        }
        if places.is_empty() {
            return Ok(Ending::Done);
        }
        let client = self.signed(vouched);
        if self.ground(&client).current().is_none() {
            let message =
                "the trust root names no log for this site, so nothing could prove a delivery: evidence stays here";
            return Err(Trouble::Waiting(message.to_owned()));
        }
        let backlog = places.len() > BACKLOG * self.config.batch;
        let most = if backlog { MAX_BUNDLES } else { self.config.batch };
        let batch = read_batch(&self.config.outbox(), places.iter().copied(), most);
        let Some((first, last)) = batch.first().zip(batch.last()).map(|(f, l)| (f.place.0, l.place.0)) else {
            return Ok(Ending::Done);
        };
        let answer = self.send(&client, &batch)?;
        let (checkpoint, verified) = verify(&self.ground(&client), &self.log, &batch, &answer)?;
        if let Some(newer) = checkpoint {
            self.log.keep(newer)?;
        }
        self.write_receipts(&verified)?;
        crash_point!("sync-delivered");
        self.status.delivered += verified.len() as u64;
        self.status.waiting = (due.len() as u64).saturating_sub(verified.len() as u64);
        info!(bundles = verified.len(), first, last, "delivered, with proof");
        let resting = self.take_refusals(&batch, &answer, now);
        self.refill = self.refill.sent(last);
        if answer.held < first.saturating_sub(1) {
            self.refill = self.refill.told_of_gap(answer.held, outbox.newest_delivered(), now);
        }
        let left = places.len() > batch.len() || self.refill.is_wanted();
        // Only while something comes of it: a depot that takes nothing is not asked without a pause.
        Ok(if left && (resting || !verified.is_empty()) { Ending::More } else { Ending::Done })
    }

    /// Where a log took over from one that was lost, what the lost one proved is sent again, in order: the depot's own numbers
    /// may not show that it is missing, for it may have taken the bundles in before the new log began.
    fn tell_new_log(&mut self, outbox: &Outbox) {
        let origins = self.chain.newest().origins(&self.config.site);
        let Some(origin) =
            origins.last().filter(|origin| origins.len() > 1 && self.settled_on.as_ref() != Some(origin))
        else {
            return;
        };
        if self.log.seen().is_none_or(|seen| seen.checkpoint.origin != *origin) {
            return;
        }
        if let Some(first) = first_of_lost_log(&self.inbox.receipts(), &outbox.delivered, origin) {
            warn!(first, %origin, "receipts from there on are by a log that was lost: the bundles are sent again");
            self.refill = self.refill.of_lost_log(first.saturating_sub(1));
        }
        self.settled_on = Some(origin.clone());
    }

    /// Keeps receipts: from here on their bundles are delivered.
    fn write_receipts(&self, verified: &Verified) -> Result<(), Trouble> {
        let folder = self.inbox.receipts();
        let files: Vec<(String, Vec<u8>)> =
            verified.iter().map(|(place, receipt)| (receipt_name(*place), receipt.canonical())).collect();
        crash_point!("sync-receipts");
        let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        writ_durable::replace_all(&folder, files, 0o644).map_err(Trouble::at(&folder))
    }

    fn send(&self, client: &writ_client::Client, batch: &[Bundle]) -> Result<Receipts, Trouble> {
        let bundles = batch.iter().map(|bundle| bundle.signed.clone()).collect();
        let request = EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles }.canonical();
        let target = paths::evidence_submit(&self.config.site);
        crash_point!("sync-submit");
        let bytes = match client.post(&target, &request, MAX_ENVELOPE as u64) {
            Ok(bytes) => bytes,
            // All were refused, and the body says why.
            Err(writ_client::Error::Refused { status: 422, body, .. }) if Receipts::parse(&body).is_ok() => body,
            Err(e) => return Err(e.into()),
        };
        Receipts::parse(&bytes).map_err(|e| Trouble::refused("receipts", one_line(e)))
    }

    /// Sets aside what the depot did not take; says whether any of it was set aside.
    fn take_refusals(&mut self, batch: &[Bundle], answer: &Receipts, now: u64) -> bool {
        let before = self.refused.len();
        for refused in &answer.refused {
            let Some(bundle) = batch.iter().find(|bundle| bundle.digest == refused.digest) else { continue };
            error!(bundle = %bundle.place.1, reason = %refused.reason, "the depot does not take it; it stays in the outbox");
            if self.refused.len() < MOST_REFUSED {
                self.refused.insert(bundle.place, (refused.reason, now + rest(refused.reason)));
            }
        }
        self.status.refused = self.refused.len() as u64;
        self.refused.len() > before
    }

    /// The depot told which evidence it has; says whether that calls for a delivery.
    pub fn told_of_evidence(&mut self, held: u64, newest: u64) -> Result<bool, Trouble> {
        let outbox = Outbox::scan(&self.config.outbox(), &self.inbox.receipts())?;
        let before = self.refill.is_wanted();
        self.refill = self.refill.told(held, newest, outbox.newest_delivered(), self.millis());
        if self.refill.is_wanted() && !before {
            let delivered = outbox.newest_delivered();
            warn!(held, newest, delivered, "the depot lacks evidence that it once held: it is sent again");
        }
        self.status.held = Some(held);
        Ok(self.refill.is_wanted())
    }
}

fn above(sequence: u64, bound: std::ops::Bound<u64>) -> bool {
    match bound {
        std::ops::Bound::Excluded(after) => sequence > after,
        std::ops::Bound::Included(from) => sequence >= from,
        std::ops::Bound::Unbounded => true,
    }
}

/// A receipt that holds, and the place of the bundle it is for.
type Verified = Vec<(Place, Receipt)>;

/// Judges an answer as a whole: a newer checkpoint to keep, if it is one, and the receipts to be written.
fn verify(
    ground: &Ground<'_>,
    log: &super::sitelog::SiteLog,
    batch: &[Bundle],
    answer: &Receipts,
) -> Result<(Option<SignedCheckpoint>, Verified), Trouble> {
    let named: Vec<&Digest> =
        answer.receipts.iter().map(|r| &r.digest).chain(answer.refused.iter().map(|r| &r.digest)).collect();
    for bundle in batch {
        let count = named.iter().filter(|digest| ***digest == bundle.digest).count();
        if count != 1 {
            let message = format!("bundle {} is spoken of {count} times in the answer, expected once", bundle.place.1);
            return Err(Trouble::refused("receipts", message));
        }
    }
    if named.len() != batch.len() {
        let message = format!("{} bundles are spoken of in the answer, {} were sent", named.len(), batch.len());
        return Err(Trouble::refused("receipts", message));
    }
    if answer.receipts.is_empty() {
        // With nothing to prove, a checkpoint is nothing to build on.
        return Ok((None, Vec::new()));
    }
    let Some((origin, _)) = ground.current() else { return Ok((None, Vec::new())) };
    let note = std::str::from_utf8(&answer.checkpoint.0)
        .map_err(|_| Trouble::refused("log-checkpoint", "the checkpoint is not text"))?;
    let head = SignedCheckpoint::verify(note.as_bytes(), origin, &ground.keys()).map_err(LogProblem::Checkpoint)?;
    let mut verified = Vec::new();
    for bundle in batch {
        let Some(given) = answer.receipts.iter().find(|receipt| receipt.digest == bundle.digest) else { continue };
        verified.push((bundle.place, verify_one(bundle, given, &head)?));
    }
    // After the cheap checks: for this tiles may have to be fetched.
    let newer = log.judge(ground, note.as_bytes())?;
    Ok((newer, verified))
}

/// Whether a receipt proves that the log holds this bundle.
fn verify_one(bundle: &Bundle, given: &BundleReceipt, head: &SignedCheckpoint) -> Result<Receipt, Trouble> {
    let refused =
        |message: String| Trouble::refused("log-inclusion", format!("receipt of {}: {message}", bundle.place.1));
    if given.proof.len() > MAX_PROOF {
        return Err(refused("its proof is longer than any".into()));
    }
    let proof: Option<Vec<Hash>> = given.proof.iter().map(|hash| hash.0.as_slice().try_into().ok()).collect();
    let proof = proof.ok_or_else(|| refused("its proof holds what is not a hash".into()))?;
    let receipt = Receipt { entry: given.entry.0.clone(), index: given.index, proof, checkpoint: head.note.clone() };
    let read = receipt.verify_under(head.clone()).map_err(|e| refused(e.to_string()))?;
    let header = &bundle.header;
    match &read.entry {
        LogEntry::Evidence { site, appliance, public_key, sequence, digest, id, .. }
            if (site, appliance, public_key) == (&header.client_id, &header.appliance, &header.public_key)
                && (*sequence, *digest) == (header.chain.sequence, bundle.digest)
                && *id == bundle.place.1.to_string() => {}
        other => return Err(refused(format!("the entry is of something else: {}", one_line(described(other))))),
    }
    let size = receipt.canonical().len();
    if size > MAX_RECEIPT {
        return Err(refused(format!("{size} bytes, expected at most {MAX_RECEIPT}")));
    }
    Ok(receipt)
}

fn described(entry: &LogEntry) -> String {
    match entry {
        LogEntry::Evidence { id, appliance, sequence, digest, .. } => {
            format!("bundle {id} of {appliance}, sequence {sequence}, {digest}")
        }
        other => format!("what has the digest {}", other.digest()),
    }
}
