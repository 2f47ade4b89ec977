//! Which receipts count: what was delivered once may have to be delivered again.
//!
//! A receipt under a checkpoint that only a revoked key signed, or of a log that was lost, proves nothing any more. This is judged
//! anew when what counts has changed, and at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tracing::warn;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::Note;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;

use super::outbox::{Outbox, Place};
use super::trouble::Trouble;

/// What a receipt must be by and for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    /// The site's current log.
    origin: String,
    /// Its keys that are not revoked, whatever their dates: a receipt is of the past, and a key that was replaced in good order
    /// did not lie.
    keys: Vec<PublicKey>,
    site: SiteId,
    appliance: ApplianceId,
    /// The appliance's key.
    own: PublicKey,
}

/// The notes that were verified already: a batch of bundles shares one.
type Notes = BTreeMap<String, Option<SignedCheckpoint>>;

impl Standard {
    /// By a trust root; `None` when it names no log for the site.
    pub fn new(root: &TrustRoot, site: &SiteId, appliance: &ApplianceId, own: &PublicKey) -> Option<Self> {
        let origin = root.origins(site).last()?.clone();
        let counts =
            root.keys.iter().filter(|key| key.revoked_at.is_none() && key.serves(Role::Log, Some(site)).is_ok());
        let keys = counts.map(|key| key.public_key.clone()).collect();
        Some(Self { origin, keys, site: site.clone(), appliance: appliance.clone(), own: own.clone() })
    }

    /// The origin of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The places whose receipt does not count, and the sizes of the checkpoints under which the others were delivered. One whose
    /// bundle cannot be read is left as it is.
    pub fn void(
        &self,
        delivered: impl Iterator<Item = Place>,
        outbox: &Path,
        receipts: &Path,
    ) -> (Vec<Place>, BTreeSet<u64>) {
        let (mut notes, mut void) = (Notes::new(), Vec::new());
        for place in delivered {
            let Some(digest) = digest_of(place, outbox) else { continue };
            let bytes = writ_durable::read_bounded(&place.receipt_in(receipts), MAX_RECEIPT).unwrap_or_default();
            if let Err(why) = self.judge(&bytes, place, digest, &mut notes) {
                if void.is_empty() {
                    warn!(bundle = %place.id, "its receipt does not count, so it is sent again: {why}");
                }
                void.push(place);
            }
        }
        (void, notes.into_values().flatten().map(|note| note.checkpoint.size).collect())
    }

    fn judge(&self, bytes: &[u8], place: Place, digest: Digest, notes: &mut Notes) -> Result<(), String> {
        let receipt = Receipt::parse(bytes).map_err(|e| e.to_string())?;
        let verify = || SignedCheckpoint::verify(receipt.checkpoint.as_bytes(), &self.origin, &self.keys).ok();
        let checkpoint = notes.entry(receipt.checkpoint.clone()).or_insert_with(verify).clone();
        let checkpoint = checkpoint.ok_or_else(|| format!("no key that counts has signed it for {}", self.origin))?;
        let verified = receipt.verify_under(checkpoint).map_err(|e| e.to_string())?;
        match &verified.entry {
            LogEntry::Evidence { site, id, appliance, public_key, sequence, digest: of, .. }
                if (site, appliance) == (&self.site, &self.appliance)
                    && self.is_of(place, public_key)
                    && (*sequence, id, *of) == (place.sequence, &place.id.to_string(), digest) =>
            {
                Ok(())
            }
            _ => Err("its entry names another document".to_owned()),
        }
    }

    fn is_of(&self, place: Place, key: &PublicKey) -> bool {
        match place.chain {
            None => key.ed25519() == self.own.ed25519(),
            Some(chain) => key.fingerprint() == chain.hex(),
        }
    }
}

/// After a change of key the enforcer puts the bundles of the earlier one into a folder of their own: their receipts follow them.
/// The new chain uses the same numbers again, so a receipt goes by the digest in it. Says whether any was moved.
pub fn follow(outbox: &Outbox, bundles: &Path, receipts: &Path) -> Result<bool, Trouble> {
    let mut moved = false;
    for place in outbox.waiting.iter().filter(|place| place.chain.is_some()) {
        let from = Place { chain: None, ..*place }.receipt_in(receipts);
        let Ok(bytes) = writ_durable::read_bounded(&from, MAX_RECEIPT) else { continue };
        let entry = Receipt::parse(&bytes).ok().and_then(|receipt| LogEntry::parse(&receipt.entry).ok());
        let of = match entry {
            Some(LogEntry::Evidence { digest, .. }) => Some(digest),
            _ => None,
        };
        if of.is_none() || of != digest_of(*place, bundles) {
            continue;
        }
        let to = place.receipt_in(receipts);
        let folder = to.parent().unwrap_or(receipts);
        writ_durable::create_directories(folder).map_err(Trouble::at(folder))?;
        std::fs::rename(&from, &to).map_err(Trouble::at(&from))?;
        writ_durable::sync_directory(folder).map_err(Trouble::at(folder))?;
        moved = true;
    }
    Ok(moved)
}

/// How many entries the checkpoint in a receipt claims.
pub fn tree_size(receipt: &Receipt) -> Option<u64> {
    let note = Note::parse(receipt.checkpoint.as_bytes()).ok()?;
    Some(Checkpoint::parse(&note.text).ok()?.size)
}

fn digest_of(place: Place, outbox: &Path) -> Option<Digest> {
    Some(Digest::of(&writ_durable::read_bounded(&place.bundle_in(outbox), MAX_BUNDLE).ok()?))
}
