//! From what the folder of releases offers to what this appliance has accepted: every rule, then durably, then the floor.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tracing::{debug, info};
use writ_trust::acceptance::{self, Accepted, Identity, LogInclusion, LogProof, check_chain};
use writ_trust::digest::Digest;
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::judge::LogProblem;
use writ_trust::minisign::{KeyId, Prehash, Signature, signature_file_name};
use writ_trust::refusal::{Refusal, Rule};
use writ_trust::release::Generation as Entry;
use writ_trust::root::TrustKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::generation::{self, Documents, Generation};
use super::refused::{Refused, Source};
use super::releases::{Folder, Signed, root_versions, unreadable};
use super::sitelog::kept::{self, KeptError};
use super::sitelog::offered::{self, Continued};
use super::sitelog::tiles::TilesProblem;
use super::state::Point;
use crate::crash_point;

/// The floor's file in the state directory.
pub const FLOOR: &str = "floor";

/// Why nothing can be accepted at all.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The first trust root cannot be read or is not one.
    #[error("{}: the first trust root: {message}", path.display())]
    Pinned {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The floor cannot be read: accepting anything could go below it.
    #[error("{}: {message}; nothing is accepted until it is restored (or removed, if this machine is to start anew)", path.display())]
    Floor {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The checkpoint that was verified last cannot be read: accepting anything could continue another history.
    #[error("{0}; nothing is accepted until it is restored (or removed, if this machine is to start anew)")]
    Checkpoint(#[from] KeptError),
    /// The trust roots at hand are not those that were accepted before.
    #[error("{0}")]
    Roots(Box<Refusal>),
    /// Something accepted could not be stored.
    #[error("what was accepted could not be stored: {0}")]
    Store(#[source] io::Error),
}

/// What a look at the folder came to.
#[derive(Debug, Default)]
pub struct Look {
    /// What was refused.
    pub refused: Vec<Refused>,
    /// The release whose documents are still missing, with what is missing.
    pub waiting: Option<String>,
    /// What was newly accepted.
    pub accepted: Option<Box<Candidate>>,
    /// The newest release that people signed and that is not taken up, and why.
    pub offered: Option<Offered>,
}

/// A signed release that is not taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Which.
    pub release: Point,
    /// Why.
    pub why: Untaken,
}

/// Why a signed release is not taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untaken {
    /// Its time has not come: from then on.
    NotBefore(Time),
    /// A document that it names is not there yet.
    Incomplete,
    /// It breaks this rule.
    Refused(String),
}

/// An accepted release with its documents, not yet stored.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What was accepted, with the floor to store.
    pub accepted: Accepted,
    /// The documents.
    pub documents: Documents,
    /// The documents, understood.
    pub generation: Generation,
}

/// What was accepted and seen before, by which what is offered is judged.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// What was accepted.
    pub floor: &'a Floor,
    /// The newest checkpoint of the site's log that was verified.
    pub kept: Option<&'a SignedCheckpoint>,
    /// The documents of the release at the floor are wanted again.
    pub lost: bool,
    /// What is obeyed.
    pub running: Option<&'a Entry>,
    /// The machine's clock.
    pub now: Time,
}

/// Who accepts, and where from.
pub struct Acceptor {
    identity: Identity,
    state_dir: PathBuf,
    pinned: PathBuf,
    folder: Folder,
}

impl Acceptor {
    /// An acceptor for an appliance, its first trust root and a folder of releases.
    pub fn new(identity: Identity, state_dir: &Path, pinned: &Path, folder: Folder) -> Self {
        Self { identity, state_dir: state_dir.to_owned(), pinned: pinned.to_owned(), folder }
    }

    /// The folder it looks at.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The chain of trust roots: the first one, those accepted before, and what the folder adds. Refused roots end it.
    pub fn chain(&self, refused: &mut Vec<Refused>) -> Result<(TrustChain, Vec<(u64, Signed)>), AcceptError> {
        let pinned_error = |message: String| AcceptError::Pinned { path: self.pinned.clone(), message };
        let bytes = writ_durable::read_bounded(&self.pinned, MAX_DOCUMENT).map_err(|e| pinned_error(e.to_string()))?;
        let mut chain = TrustChain::pinned(&bytes).map_err(|e| pinned_error(one_line(e)))?;
        let own = Folder::new(&self.state_dir);
        let mut added = Vec::new();
        for version in root_versions(chain.newest().version.get()) {
            if let Ok(Some(root)) = own.root(version)
                && chain.extend(&root.bytes, &root.signatures).is_ok()
            {
                continue;
            }
            let root = match self.folder.root(version) {
                Ok(Some(root)) => root,
                Ok(None) => break,
                Err(e) => {
                    refused.push(Refused::new("trust-root", "readable", format!("trust root {version}: {e}"), None));
                    break;
                }
            };
            if let Err(e) = chain.extend(&root.bytes, &root.signatures) {
                let digest = Some(Digest::of(&root.bytes));
                refused.push(Refused::new("trust-root", "trust-chain", format!("trust root {version}: {e}"), digest));
                break;
            }
            added.push((version, root));
        }
        Ok((chain, added))
    }

    /// The floor. Where none was kept, it is that of what runs, or the beginning.
    pub fn floor(&self, chain: &TrustChain, running: Option<(Point, Digest)>) -> Result<Floor, AcceptError> {
        let path = self.state_dir.join(FLOOR);
        let error = |message: String| AcceptError::Floor { path: path.clone(), message };
        match writ_durable::read_bounded(&path, MAX_SIGNATURE) {
            Ok(bytes) => Floor::parse(&bytes).map_err(|e| error(format!("not a floor: {e}"))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut floor = Floor::initial(self.identity.site.clone(), chain);
                floor.release = running.map(|(point, digest)| {
                    let Point { epoch, serial } = point;
                    FloorRelease { epoch, serial, digest }
                });
                Ok(floor)
            }
            Err(e) => Err(error(format!("cannot be read: {e}"))),
        }
    }

    /// Looks at what the folder offers above the floor. Changes nothing.
    ///
    /// A release whose time has not come takes the place of those before it all the same: what people signed last is what they
    /// want, so an older one that was not accepted by then never is. Its documents may be read again.
    pub fn look(&self, chain: &TrustChain, before: &Before) -> Look {
        let mut look = Look::default();
        let at = before.floor.release.map(|r| Point { epoch: r.epoch, serial: r.serial });
        let mut superseded = false;
        for point in self.folder.offers(&self.identity.site, at) {
            if superseded && at != Some(point) {
                continue;
            }
            let untaken = |why| Some(Offered { release: point, why });
            match self.judge(point, chain, before) {
                Judged::Known => break,
                Judged::NotThere => {}
                Judged::Waiting(what) => {
                    look.waiting = look.waiting.or(Some(format!("release {point}: {what}")));
                    look.offered = look.offered.or(untaken(Untaken::Incomplete));
                }
                Judged::TooEarly(refused, not_before) => {
                    superseded = true;
                    look.refused.push(refused);
                    look.offered = look.offered.or(untaken(Untaken::NotBefore(not_before)));
                }
                Judged::Refused(refused) => {
                    if refused.source == Source::Keyed {
                        look.offered = look.offered.or(untaken(Untaken::Refused(refused.rule.clone())));
                    }
                    look.refused.push(refused);
                }
                Judged::Accepted(candidate) => {
                    look.accepted = Some(candidate);
                    break;
                }
            }
        }
        look
    }

    fn judge(&self, point: Point, chain: &TrustChain, before: &Before) -> Judged {
        let Before { floor, kept, lost, running, now } = *before;
        let signed = match self.folder.release(&self.identity.site, point) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Judged::NotThere,
            Err(e) => {
                let rule = unreadable(&e);
                let message = format!("release {point}: rule {rule}: it cannot be read: {e}");
                return Judged::Refused(Refused::new("release", rule, message, None));
            }
        };
        let digest = Digest::of(&signed.bytes);
        if !lost && floor.release.is_some_and(|r| r.digest == digest) {
            return Judged::Known;
        }
        let (receipt, continued) = match self.proof(point, chain, kept, digest) {
            Ok(proof) => proof,
            Err(refused) => return Judged::Refused(refused),
        };
        let log = LogProof { receipt: receipt.as_deref(), continuity: continued.after(kept) };
        let Signed { bytes, signatures } = &signed;
        let accepted = acceptance::accept_beside(bytes, signatures, chain, floor, &self.identity, &log, running, now);
        match (accepted, &continued.problem) {
            (Ok(accepted), _) => self.complete(point, accepted, signed.bytes),
            // Without its tiles nothing can be said of the log's history; all else was found right.
            (Err(Refusal::Log(LogProblem::Fork { .. })), Some(problem @ TilesProblem::Missing(_))) => {
                Judged::Waiting(problem.to_string())
            }
            (Err(Refusal::Log(LogProblem::Fork { .. })), Some(problem)) => {
                let message = format!("release {point}: {problem}");
                Judged::Refused(Refused::new("release", TilesProblem::RULE, message, Some(digest)))
            }
            (Err(refusal), _) => {
                let refused = Refused::of_release(&format!("release {point}"), &refusal, digest);
                match refusal {
                    Refusal::NotBefore { not_before, .. } => Judged::TooEarly(refused, not_before),
                    _ => Judged::Refused(refused),
                }
            }
        }
    }

    /// What came with a release from the site's log: its receipt, and what leads there from the checkpoint that is kept.
    fn proof(
        &self,
        point: Point,
        chain: &TrustChain,
        kept: Option<&SignedCheckpoint>,
        digest: Digest,
    ) -> Result<(Option<Vec<u8>>, Continued), Refused> {
        let site = &self.identity.site;
        if chain.newest().origins(site).is_empty() {
            return Ok((None, Continued::default()));
        }
        let receipt = self.folder.receipt(site, point).map_err(|e| {
            let rule = Rule::LogInclusion.name();
            let message = format!("release {point}: rule {rule}: its receipt cannot be read: {e}; fetch it again");
            Refused::new("release", rule, message, Some(digest))
        })?;
        let claimed = receipt.as_deref().and_then(offered::claimed);
        let kept = kept.map(|kept| &kept.checkpoint);
        let continued = claimed.map(|offered| Continued::gather(&self.folder, chain, site, kept, &offered));
        Ok((receipt, continued.unwrap_or_default()))
    }

    /// Fetches the documents that an accepted release names and judges them.
    fn complete(&self, point: Point, accepted: Accepted, release: Vec<u8>) -> Judged {
        let entry = &accepted.entry;
        let named = [Some(("policy", &entry.policy.digest, entry.policy.size))]
            .into_iter()
            .chain([entry.closure.as_ref().map(|c| ("closure", &c.digest, c.size))])
            .flatten();
        let mut found = Vec::new();
        for (what, digest, size) in named {
            match self.folder.document(digest, size) {
                Ok(Some(bytes)) => found.push(bytes),
                Ok(None) => return Judged::Waiting(format!("its {what} document {digest} is not there yet")),
                Err(e) => {
                    let message = format!("release {point}: its {what} document {digest}: {e}");
                    return Judged::Refused(Refused::new(what, "document-digest", message, Some(*digest)).keyed());
                }
            }
        }
        let mut found = found.into_iter();
        let documents = Documents { release, policy: found.next().unwrap_or_default(), closure: found.next() };
        match Generation::read(&documents, &self.identity.site, &self.identity.appliance) {
            Ok(generation) => Judged::Accepted(Box::new(Candidate { accepted, documents, generation })),
            Err(e) => {
                let bytes = match e.what() {
                    "policy" => Some(&documents.policy),
                    "closure" => documents.closure.as_ref(),
                    _ => Some(&documents.release),
                };
                let digest = bytes.map(|b| Digest::of(b));
                let message = format!("release {point}: rule {}: {e}", e.rule());
                Judged::Refused(Refused::new(e.what(), e.rule(), message, digest).keyed())
            }
        }
    }

    /// Makes an accepted release durable: its documents first, then the checkpoint it was found under, and the floor last.
    /// Nothing is activated before this returned. Gives the checkpoint when it takes the place of the one kept.
    pub fn store(
        &self,
        candidate: &Candidate,
        roots: &[(u64, Signed)],
        chain: &TrustChain,
        kept: Option<&SignedCheckpoint>,
        now: Time,
    ) -> Result<Option<SignedCheckpoint>, AcceptError> {
        let point = candidate.generation.point();
        self.store_roots(roots, chain).map_err(AcceptError::Store)?;
        crash_point!("before the documents are stored");
        generation::store(&self.state_dir, point, &candidate.documents).map_err(AcceptError::Store)?;
        crash_point!("documents stored, checkpoint not kept");
        let newer = match &candidate.accepted.log {
            LogInclusion::Included(inclusion) if kept::supersedes(&inclusion.checkpoint, kept, now) => {
                let keys = log_keys_ever(chain, &self.identity.site);
                Some(kept::own_lines(inclusion.checkpoint.clone(), &keys))
            }
            _ => None,
        };
        if let Some(newer) = &newer {
            kept::write(&self.state_dir, newer).map_err(AcceptError::Store)?;
        }
        crash_point!("checkpoint kept, floor not raised");
        let floor = candidate.accepted.floor.canonical();
        writ_durable::replace(&self.state_dir.join(FLOOR), &floor, 0o600).map_err(AcceptError::Store)?;
        crash_point!("floor raised, nothing adopted");
        info!(release = %point, digest = %candidate.generation.digest, log = %candidate.accepted.log, "accepted");
        Ok(newer)
    }

    /// Keeps a verified checkpoint durably, after the roots that name its log: without them it could not be read back.
    pub fn keep(&self, checkpoint: &SignedCheckpoint, roots: &[(u64, Signed)], chain: &TrustChain) -> io::Result<()> {
        self.store_roots(roots, chain)?;
        crash_point!("roots stored, checkpoint not kept");
        kept::write(&self.state_dir, checkpoint)?;
        crash_point!("checkpoint kept");
        Ok(())
    }

    /// Makes the newest trust root durable and raises the floor to it, before anything is judged by it: whoever keeps that root
    /// back later must not bring to life again what it revoked. Gives the floor. Whether the root has expired is for whoever
    /// judges by it.
    pub fn settle_roots(
        &self,
        roots: &[(u64, Signed)],
        chain: &TrustChain,
        floor: Floor,
    ) -> Result<Floor, AcceptError> {
        check_chain(chain, &floor, &self.identity.site).map_err(|refusal| AcceptError::Roots(Box::new(refusal)))?;
        let path = self.state_dir.join(FLOOR);
        if chain.newest().version <= floor.trust.version && path.exists() {
            return Ok(floor);
        }
        self.store_roots(roots, chain).map_err(AcceptError::Store)?;
        crash_point!("roots stored, floor not raised to them");
        let raised = floor.with_trust(chain);
        writ_durable::replace(&path, &raised.canonical(), 0o600).map_err(AcceptError::Store)?;
        crash_point!("floor raised to the newest root");
        info!(version = %raised.trust.version, "trust root accepted");
        Ok(raised)
    }

    fn store_roots(&self, roots: &[(u64, Signed)], chain: &TrustChain) -> io::Result<()> {
        if roots.is_empty() {
            return Ok(());
        }
        let directory = self.state_dir.join("trust");
        writ_durable::create_directories(&directory)?;
        for (version, root) in roots {
            let document = format!("{version}.json");
            for (key, signature) in sound_signatures(root, chain) {
                writ_durable::replace(&directory.join(signature_file_name(&document, key)), signature, 0o644)?;
            }
            writ_durable::replace(&directory.join(document), &root.bytes, 0o644)?;
            debug!(version, "trust root stored");
        }
        Ok(())
    }
}

/// The signatures of a trust root that hold, one for each key that any root lists: one that only names a good key's id
/// must not take the place of that key's own.
fn sound_signatures<'r>(root: &'r Signed, chain: &TrustChain) -> BTreeMap<KeyId, &'r [u8]> {
    let prehash = Prehash::of(&root.bytes);
    let mut sound = BTreeMap::new();
    for bytes in &root.signatures {
        let Ok(signature) = Signature::parse(bytes) else { continue };
        let holds = |key: &&TrustKey| {
            key.public_key.key_id() == signature.key_id()
                && key.public_key.verify_prehashed(&prehash, &signature).is_ok()
        };
        if chain.newest().keys.iter().any(|key| holds(&key)) {
            sound.entry(signature.key_id()).or_insert(bytes.as_slice());
        }
    }
    sound
}

enum Judged {
    /// It is what runs already, or waits to.
    Known,
    /// There is a folder but no release in it.
    NotThere,
    /// A document that it names is not there yet.
    Waiting(String),
    /// It breaks no rule but that its time has not come.
    TooEarly(Refused, Time),
    Refused(Refused),
    Accepted(Box<Candidate>),
}
