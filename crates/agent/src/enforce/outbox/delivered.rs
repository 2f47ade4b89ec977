//! Whether a bundle was delivered: a receipt by the site's log that names exactly this bundle. Receipts are hostile.

use std::path::PathBuf;

use writ_evidence::BundleId;
use writ_trust::acceptance::Identity;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::Note;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::log::restart::LogRestart;
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;

use crate::enforce::hostile;
use crate::enforce::refused::Refused;
use crate::enforce::releases::{Folder, absent, unreadable};

/// Where receipts are, and whose count.
#[derive(Debug)]
pub struct Deliveries {
    receipts: PathBuf,
    identity: Identity,
    /// The origins of the site's logs, and of those that were lost how many of their entries are known to be kept.
    logs: Vec<(String, Option<u64>)>,
    keys: Vec<PublicKey>,
}

impl Deliveries {
    /// By the newest trust root. Receipts of a log that was lost count as far as its restart says that it is known: what it
    /// took in after that is lost with it, and is to be delivered again.
    ///
    /// Keys count that are not revoked, whatever their dates: a receipt is of the past, and a key that was replaced in
    /// good order did not lie.
    pub fn new(folder: &Folder, identity: &Identity, chain: &TrustChain) -> Self {
        let (site, root) = (&identity.site, chain.newest());
        let origins = root.origins(site);
        let known = |number: usize| {
            let restart = folder.restart(site, number).ok().flatten()?;
            Some(LogRestart::verify(&restart.bytes, &restart.signatures, chain, site).ok()?.previous.size)
        };
        let limit = |at: usize| if at + 1 == origins.len() { None } else { Some(known(at + 2).unwrap_or(0)) };
        let counts =
            |key: &&writ_trust::root::TrustKey| key.revoked_at.is_none() && key.serves(Role::Log, Some(site)).is_ok();
        Self {
            receipts: folder.receipts(),
            identity: identity.clone(),
            logs: origins.iter().enumerate().map(|(at, origin)| (origin.clone(), limit(at))).collect(),
            keys: root.keys.iter().filter(counts).map(|key| key.public_key.clone()).collect(),
        }
    }

    /// Whether there is a receipt for a bundle. `digest` reads the bundle, and is asked only when there is one to compare.
    pub fn holds(&self, sequence: u64, id: BundleId, digest: impl FnOnce() -> Option<Digest>) -> Result<bool, Refused> {
        let name = format!("{sequence}-{id}.receipt.json");
        let bytes = match absent(hostile::read(&self.receipts.join(&name), MAX_RECEIPT)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(false),
            Err(e) => {
                let rule = unreadable(&e);
                let message = format!("receipt {name}: rule {rule}: it cannot be read: {e}");
                return Err(Refused::new("receipt", rule, message, None));
            }
        };
        let Some(digest) = digest() else { return Ok(false) };
        match self.judge(&bytes, sequence, id, digest) {
            Ok(()) => Ok(true),
            Err(problem) => {
                let message = format!("receipt {name}: rule receipt: {}; the bundle stays", one_line(problem));
                Err(Refused::new("receipt", "receipt", message, Some(Digest::of(&bytes))))
            }
        }
    }

    fn judge(&self, bytes: &[u8], sequence: u64, id: BundleId, digest: Digest) -> Result<(), String> {
        let receipt = Receipt::parse(bytes).map_err(|e| e.to_string())?;
        let note = Note::parse(receipt.checkpoint.as_bytes()).map_err(|e| e.to_string())?;
        let origin = Checkpoint::parse(&note.text).map_err(|e| e.to_string())?.origin;
        let log = self.logs.iter().find(|(known, _)| *known == origin);
        let (_, limit) = log.ok_or_else(|| "it is by a log that the trust root does not list".to_owned())?;
        let verified = receipt.verify(&origin, &self.keys).map_err(|e| e.to_string())?;
        if let Some(limit) = limit.filter(|limit| verified.index >= *limit) {
            return Err(format!(
                "it is by a log that was lost, for entry {} where {limit} are known: deliver the bundle again",
                verified.index
            ));
        }
        let own = &self.identity;
        match &verified.entry {
            LogEntry::Evidence { site, id: logged, appliance, public_key, sequence: number, digest: of, .. }
                if (site, appliance) == (&own.site, &own.appliance)
                    && public_key.ed25519() == own.public_key.ed25519()
                    && (*number, logged, *of) == (sequence, &id.to_string(), digest) =>
            {
                Ok(())
            }
            _ => Err("its entry names another document".to_owned()),
        }
    }
}
