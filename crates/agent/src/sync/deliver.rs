//! The delivery: sends bundles, and believes nothing but proof.
//!
//! A bundle is delivered when the log's own key has signed a checkpoint, consistent with the last one verified here, under
//! which an entry is proven that names this very bundle. Of an answer in which anything is wrong nothing counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

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

use super::config::Config;
use super::courier::Courier;
use super::identity::Vouched;
use super::now;
use super::outbox::{Batch, Bundle, Outbox, Place};
use super::receipts::{self, Standard};
use super::schedule::Ending;
use super::sitelog::Ground;
use super::trouble::Trouble;
use crate::crash_point;

/// With so many times a batch waiting, batches become as large as they can.
const BACKLOG: usize = 5;

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
    /// Sends one batch: what is new before what was delivered once. `More` when there is more to be sent; a trouble of its own
    /// when nothing more can be sent and something stays.
    pub fn deliver(&mut self, vouched: &Vouched) -> Result<Ending, Trouble> {
        self.fetched.clear();
        self.settle(vouched)?;
        let outbox = self.outbox()?;
        let now = self.millis();
        self.refused.retain(|place, (_, until)| *until > now && outbox.waiting.contains(place));
        self.status.waiting = outbox.waiting.len() as u64;
        let due: Vec<Place> =
            outbox.waiting.iter().copied().filter(|place| !self.refused.contains_key(place)).collect();
        let again: Vec<Place> = match self.refill.range() {
            Some(range) => {
                let wanted = |p: &Place| p.chain.is_none() && range.contains(&p.sequence);
                outbox.delivered.iter().copied().filter(wanted).collect()
            }
            None => Vec::new(),
        };
        if again.is_empty() {
            self.set_refill(self.refill.ended())?;
        }
        let places = due.len() + again.len();
        if places == 0 {
            return self.left(&outbox, &Batch::default());
        }
        let client = self.signed(vouched);
        if self.ground(&client).current().is_none() {
            let message =
                "the trust root names no log for this site, so nothing could prove a delivery: evidence stays here";
            return Err(Trouble::Waiting(message.to_owned()));
        }
        let most = if places > BACKLOG * self.config.batch { MAX_BUNDLES } else { self.config.batch };
        let mut batch = Batch::read(&self.config.outbox(), due.into_iter(), most);
        let is_new = !batch.bundles.is_empty();
        if !is_new {
            batch.bundles = Batch::read(&self.config.outbox(), again.into_iter(), most).bundles;
        }
        let Some((first, last)) = batch.bundles.first().zip(batch.bundles.last()).map(|(f, l)| (f.place, l.place))
        else {
            // What cannot be read must not keep a later loss from being noticed.
            self.set_refill(self.refill.ended())?;
            return self.left(&outbox, &batch);
        };
        let answer = self.send(&client, &batch.bundles)?;
        let (checkpoint, verified) = verify(&self.ground(&client), &self.log, &batch.bundles, &answer)?;
        if let Some(newer) = checkpoint {
            self.log.keep(newer)?;
        }
        self.write_receipts(&verified)?;
        verified
            .iter()
            .filter_map(|(_, receipt)| receipts::tree_size(receipt))
            .for_each(|size| self.unproven.add(size));
        crash_point!("sync-delivered");
        self.status.delivered += verified.len() as u64;
        if is_new {
            self.status.waiting = self.status.waiting.saturating_sub(verified.len() as u64);
        }
        info!(bundles = verified.len(), first = first.sequence, last = last.sequence, "delivered, with proof");
        let resting = self.take_refusals(&batch.bundles, &answer, now);
        self.follow_refill(&outbox, first, (!is_new).then_some(last), answer.held)?;
        let more = places > batch.bundles.len() || self.refill.is_wanted();
        // Only while something comes of it: a depot that takes nothing is not asked without a pause.
        if more && (resting || !verified.is_empty()) { Ok(Ending::More) } else { self.left(&outbox, &batch) }
    }

    /// What lies in the outbox, and what of it was delivered as far as receipts count.
    pub(super) fn outbox(&self) -> Result<Outbox, Trouble> {
        let (bundles, receipts) = (self.config.outbox(), self.inbox.receipts());
        let mut outbox = Outbox::scan(&bundles, &receipts)?;
        if receipts::follow(&outbox, &bundles, &receipts)? {
            outbox = Outbox::scan(&bundles, &receipts)?;
        }
        Ok(outbox.without(&self.void))
    }

    /// Judges all receipts anew when what makes them count has changed: the log, its keys, the appliance's key.
    pub(super) fn settle(&mut self, vouched: &Vouched) -> Result<(), Trouble> {
        let Config { site, appliance, .. } = &self.config;
        let root = self.chain.newest();
        let standard = Standard::new(root, site, appliance, &vouched.appliance_key);
        let Some(standard) = standard.filter(|standard| self.settled_on.as_ref() != Some(standard)) else {
            return Ok(());
        };
        // A log that took over is sent what the lost one proved, but not before it was seen.
        let seen = self.log.seen().is_some_and(|seen| seen.checkpoint.origin == standard.origin());
        if root.origins(site).len() > 1 && !seen {
            return Ok(());
        }
        self.void.clear();
        let delivered = self.outbox()?.delivered;
        let (void, sizes) = standard.void(delivered.into_iter(), &self.config.outbox(), &self.inbox.receipts());
        if !void.is_empty() {
            warn!(
                bundles = void.len(),
                origin = standard.origin(),
                "were delivered and have to be proven again: they are sent again"
            );
        }
        self.void = void.into_iter().collect();
        self.unproven.clear();
        sizes.into_iter().for_each(|size| self.unproven.add(size));
        self.settled_on = Some(standard);
        Ok(())
    }

    /// Nothing more can be sent now: says what stays.
    fn left(&mut self, outbox: &Outbox, batch: &Batch) -> Result<Ending, Trouble> {
        let refused = self.refused.len();
        (self.status.refused, self.status.unreadable) = (refused as u64, batch.unreadable);
        let mut parts = Vec::new();
        if refused > 0 {
            let reasons: BTreeSet<&str> = self.refused.values().map(|(reason, _)| reason.name()).collect();
            let reasons: Vec<&str> = reasons.into_iter().collect();
            parts.push(format!("the depot does not take {refused} ({})", reasons.join(", ")));
        }
        if let Some(why) = &batch.why {
            parts.push(format!("{} cannot be read: {why}", batch.unreadable));
        }
        if let Some(why) = &outbox.unlisted {
            parts.push(format!("those of an earlier key cannot be listed: {why}"));
        }
        if parts.is_empty() {
            return Ok(Ending::Done);
        }
        Err(Trouble::Left(format!("bundles stay in the outbox: {}", parts.join("; "))))
    }

    /// Keeps receipts: from here on their bundles are delivered.
    fn write_receipts(&mut self, verified: &Verified) -> Result<(), Trouble> {
        let receipts = self.inbox.receipts();
        let mut folders: BTreeMap<PathBuf, Vec<(String, Vec<u8>)>> = BTreeMap::new();
        for (place, receipt) in verified {
            let path = place.receipt_in(&receipts);
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let file = (name.to_string_lossy().into_owned(), receipt.canonical());
            folders.entry(folder.to_owned()).or_default().push(file);
        }
        for (folder, files) in folders {
            crash_point!("sync-receipts");
            writ_durable::create_directories(&folder).map_err(Trouble::at(&folder))?;
            let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
            writ_durable::replace_all(&folder, files, 0o644).map_err(Trouble::at(&folder))?;
        }
        for (place, _) in verified {
            self.void.remove(place);
        }
        Ok(())
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
            error!(bundle = %bundle.place.id, reason = %refused.reason, "the depot does not take it; it stays in the outbox");
            self.refused.insert(bundle.place, (refused.reason, now + rest(refused.reason)));
        }
        self.status.refused = self.refused.len() as u64;
        self.refused.len() > before
    }

    /// Goes on with what is sent again: through `resent`, and anew when an answer shows a gap before what was sent. Both are
    /// numbers of the key that the appliance has now.
    fn follow_refill(
        &mut self,
        outbox: &Outbox,
        first: Place,
        resent: Option<Place>,
        held: u64,
    ) -> Result<(), Trouble> {
        if first.chain.is_some() {
            return Ok(());
        }
        let mut refill = resent.map_or(self.refill, |last| self.refill.sent(last.sequence));
        if held < first.sequence.saturating_sub(1) {
            refill = refill.told_of_gap(held, outbox.newest_delivered(), wall_millis());
        }
        self.set_refill(refill)
    }

    /// The depot told which evidence it has; says whether that calls for a delivery.
    pub fn told_of_evidence(&mut self, held: u64, newest: u64) -> Result<bool, Trouble> {
        let outbox = self.outbox()?;
        let before = self.refill.is_wanted();
        self.set_refill(self.refill.told(held, newest, outbox.newest_delivered(), wall_millis()))?;
        if self.refill.is_wanted() && !before {
            let delivered = outbox.newest_delivered();
            warn!(held, newest, delivered, "the depot lacks evidence that it once held: it is sent again");
        }
        self.status.held = Some(held);
        Ok(self.refill.is_wanted())
    }
}

fn wall_millis() -> u64 {
    u64::try_from(now().unix_millis()).unwrap_or(0)
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
            let message = format!("bundle {} is spoken of {count} times in the answer, expected once", bundle.place.id);
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
        |message: String| Trouble::refused("log-inclusion", format!("receipt of {}: {message}", bundle.place.id));
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
                && *id == bundle.place.id.to_string() => {}
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
