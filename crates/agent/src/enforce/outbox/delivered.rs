//! Whether a bundle was delivered: a receipt by the site's log that names exactly this bundle, under a checkpoint of the history
//! that was verified here. Receipts are hostile.

use std::collections::BTreeMap;
use std::path::PathBuf;

use writ_evidence::BundleId;
use writ_trust::acceptance::Identity;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, CheckpointError};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::judge::LogProblem;
use writ_trust::log::note::Note;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt, ReceiptError, VerifiedReceipt};
use writ_trust::log::restart::LogRestart;
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::listing::within;
use crate::enforce::refused::Refused;
use crate::enforce::releases::{Folder, absent, unreadable};
use crate::enforce::sitelog::tiles::{self, TilesProblem};
use crate::enforce::{hostile, sitelog};

/// What a receipt is called that is refused.
pub const RECEIPT: &str = "receipt";

/// Where receipts are, and whose count.
#[derive(Debug)]
pub struct Deliveries {
    receipts: PathBuf,
    identity: Identity,
    logs: Vec<Log>,
    keys: Vec<PublicKey>,
    /// What came of holding a checkpoint against the one that is known: many receipts name the same.
    compared: BTreeMap<Digest, Continuity>,
}

/// One of the site's logs, as it is known here.
#[derive(Debug)]
struct Log {
    origin: String,
    folder: PathBuf,
    /// The newest log's checkpoint that is kept; of a log that was lost, what its restart says that is known. Nothing when that
    /// has not come yet.
    known: Option<Checkpoint>,
    /// How many entries of a log that was lost are known to be kept.
    limit: Option<u64>,
}

/// How a checkpoint stands to the one that is known.
#[derive(Debug, Clone)]
enum Continuity {
    /// Both are of one history.
    Proven,
    /// What it takes to tell is not there yet.
    Unknown,
    /// They are not, or what is there proves nothing.
    Refused(Refused),
}

/// A bundle in the outbox.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'a> {
    /// The folder in the outbox of an earlier key, named by its fingerprint; empty for the present one.
    pub folder: &'a str,
    /// Its number in the chain.
    pub sequence: u64,
    /// Its id.
    pub id: BundleId,
    /// Whether it was found delivered before: then the tiles that show it need not be there any more.
    pub proven: bool,
}

impl Deliveries {
    /// By the newest trust root and the checkpoint that is kept. Receipts of a log that was lost count as far as its restart
    /// says that it is known: what it took in after that is lost with it, and is to be delivered again.
    ///
    /// Keys count that are not revoked, whatever their dates: a receipt is of the past, and a key that was replaced in
    /// good order did not lie.
    pub fn new(folder: &Folder, identity: &Identity, chain: &TrustChain, kept: Option<&Checkpoint>) -> Self {
        let (site, root) = (&identity.site, chain.newest());
        let origins = root.origins(site);
        // The restart that leads from the log at this place to the next. A restart for another step of the same list may be
        // signed as well.
        let restart = |at: usize| {
            let signed = folder.restart(site, at + 2).ok().flatten()?;
            let restart = LogRestart::verify(&signed.bytes, &signed.signatures, chain, site).ok()?;
            (restart.previous.origin == origins[at] && restart.origin == origins[at + 1]).then(|| restart.last_known())
        };
        let log = |(at, origin): (usize, &String)| {
            let newest = at + 1 == origins.len();
            let known = if newest { kept.filter(|kept| kept.origin == *origin).cloned() } else { restart(at) };
            let limit = known.as_ref().filter(|_| !newest).map(|known| known.size);
            Log { origin: origin.clone(), folder: folder.log(site, at + 1), known, limit }
        };
        let counts =
            |key: &&writ_trust::root::TrustKey| key.revoked_at.is_none() && key.serves(Role::Log, Some(site)).is_ok();
        Self {
            receipts: folder.receipts(),
            identity: identity.clone(),
            logs: origins.iter().enumerate().map(log).collect(),
            keys: root.keys.iter().filter(counts).map(|key| key.public_key.clone()).collect(),
            compared: BTreeMap::new(),
        }
    }

    /// When a bundle was delivered, as its log says; nothing while there is no receipt, or not yet all that it takes to judge
    /// it. `digest` reads the bundle, and is asked only when there is a receipt to compare.
    pub fn when(
        &mut self,
        bundle: &Bundle<'_>,
        digest: impl FnOnce() -> Option<Digest>,
    ) -> Result<Option<Time>, Refused> {
        let name = within(bundle.folder, format!("{}-{}.receipt.json", bundle.sequence, bundle.id));
        let refused = |rule: &str, problem: String| {
            let message = format!("receipt {name}: rule {rule}: {}; the bundle stays", one_line(problem));
            Refused::new(RECEIPT, rule, message, None)
        };
        let bytes = match absent(hostile::read(&self.receipts.join(&name), MAX_RECEIPT)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(e) => return Err(refused(unreadable(&e), format!("it cannot be read: {e}"))),
        };
        let Some(digest) = digest() else { return Ok(None) };
        let judged = self.verify(&bytes).and_then(|(at, verified)| {
            self.names(&verified.entry, bundle, digest)?;
            Ok((at, verified))
        });
        let (at, verified) = judged.map_err(|(rule, problem)| refused(rule, problem))?;
        let log = &self.logs[at];
        if let Some(limit) = log.limit.filter(|limit| verified.index >= *limit) {
            let index = verified.index;
            let problem = format!(
                "it is by a log that was lost, for entry {index} where {limit} are known: deliver the bundle again"
            );
            return Err(refused("receipt-lost", problem));
        }
        if bundle.proven && log.known.is_some() {
            return Ok(Some(verified.entry.time()));
        }
        match self.continuity(at, &verified.checkpoint.checkpoint) {
            Continuity::Proven => Ok(Some(verified.entry.time())),
            Continuity::Unknown => Ok(None),
            Continuity::Refused(refused) => Err(refused),
        }
    }

    /// Which log it is by, and that it holds.
    fn verify(&self, bytes: &[u8]) -> Result<(usize, VerifiedReceipt), (&'static str, String)> {
        let broken = |problem: String| (RECEIPT, problem);
        let receipt = Receipt::parse(bytes).map_err(|e| broken(e.to_string()))?;
        let note = Note::parse(receipt.checkpoint.as_bytes()).map_err(|e| broken(e.to_string()))?;
        let origin = Checkpoint::parse(&note.text).map_err(|e| broken(e.to_string()))?.origin;
        let at = self.logs.iter().position(|log| log.origin == origin);
        let at = at.ok_or_else(|| broken("it is by a log that the trust root does not list".to_owned()))?;
        match receipt.verify(&origin, &self.keys) {
            Ok(verified) => Ok((at, verified)),
            Err(ReceiptError::Checkpoint(e @ CheckpointError::Unsigned { .. })) => {
                Err(("receipt-key", format!("{e}, or it is revoked: deliver the bundle again")))
            }
            Err(e) => Err(broken(e.to_string())),
        }
    }

    fn names(&self, entry: &LogEntry, bundle: &Bundle<'_>, digest: Digest) -> Result<(), (&'static str, String)> {
        let own = &self.identity;
        let by_key = |key: &PublicKey| match bundle.folder {
            "" => key.ed25519() == own.public_key.ed25519(),
            fingerprint => key.fingerprint() == fingerprint,
        };
        match entry {
            LogEntry::Evidence { site, id, appliance, public_key, sequence, digest: of, .. }
                if (site, appliance) == (&own.site, &own.appliance)
                    && by_key(public_key)
                    && (*sequence, id, *of) == (bundle.sequence, &bundle.id.to_string(), digest) =>
            {
                Ok(())
            }
            _ => Err((RECEIPT, "its entry names another document".to_owned())),
        }
    }

    fn continuity(&mut self, at: usize, offered: &Checkpoint) -> Continuity {
        let digest = sitelog::digest(offered);
        if let Some(known) = self.compared.get(&digest) {
            return known.clone();
        }
        let found = compare(&self.logs[at], offered, digest);
        self.compared.insert(digest, found.clone());
        found
    }
}

/// Holds a checkpoint that a key of its log signed against the one that is known.
fn compare(log: &Log, offered: &Checkpoint, digest: Digest) -> Continuity {
    let Some(known) = &log.known else { return Continuity::Unknown };
    let path = match tiles::between(&log.folder, known, offered) {
        Ok(path) => path,
        Err(problem) if problem.is_missing() => return Continuity::Unknown,
        Err(problem) => {
            let message = format!("the checkpoint of a receipt: {problem}");
            return Continuity::Refused(Refused::new("log", TilesProblem::RULE, message, None));
        }
    };
    let (older, newer) = if known.size <= offered.size { (known, offered) } else { (offered, known) };
    match older.precedes(newer, &path) {
        Ok(()) => Continuity::Proven,
        Err(problem) => {
            let (seen, offered) = (Box::new(known.clone()), Box::new(offered.clone()));
            Continuity::Refused(Refused::of_log(&LogProblem::Fork { seen, offered, problem }, digest))
        }
    }
}
