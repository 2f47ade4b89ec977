//! From what the folder of releases offers to what this appliance has accepted: every rule, then durably, then the floor.

use std::io;
use std::path::{Path, PathBuf};

use tracing::{debug, info};
use writ_trust::acceptance::{self, Accepted, Identity, LogProof};
use writ_trust::digest::Digest;
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::refusal::Rule;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::generation::{self, Documents, Generation};
use super::releases::{Folder, Signed, root_versions};
use super::state::Point;
use crate::crash_point;

/// The floor's file in the state directory.
pub const FLOOR: &str = "floor";

/// Something that was refused, and why, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The document, such as `release` or `trust-root`.
    pub what: String,
    /// The rule, by name.
    pub rule: String,
    /// One line for people.
    pub message: String,
    /// Digest of its exact bytes, when they could be read.
    pub digest: Option<Digest>,
}

impl Refused {
    fn new(what: &str, rule: &str, message: impl std::fmt::Display, digest: Option<Digest>) -> Self {
        Self { what: what.to_owned(), rule: rule.to_owned(), message: one_line(message), digest }
    }

    /// That nothing could be judged at all.
    pub fn unable(error: &AcceptError) -> Self {
        Self::new("releases", "readable", error, None)
    }
}

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

    /// Looks at what the folder offers above the floor. Changes nothing. `lost`: the documents of the release at the floor
    /// are wanted again.
    pub fn look(&self, chain: &TrustChain, floor: &Floor, lost: bool, now: Time) -> Look {
        let mut look = Look::default();
        let at = floor.release.map(|r| Point { epoch: r.epoch, serial: r.serial });
        for point in self.folder.offers(&self.identity.site, at) {
            match self.judge(point, chain, floor, lost, now) {
                Judged::Known => break,
                Judged::NotThere => {}
                Judged::Waiting(what) => look.waiting = look.waiting.or(Some(format!("release {point}: {what}"))),
                Judged::Refused(refused) => look.refused.push(refused),
                Judged::Accepted(candidate) => {
                    look.accepted = Some(candidate);
                    break;
                }
            }
        }
        look
    }

    fn judge(&self, point: Point, chain: &TrustChain, floor: &Floor, lost: bool, now: Time) -> Judged {
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
        let log = LogProof::default();
        let accepted = acceptance::accept(&signed.bytes, &signed.signatures, chain, floor, &self.identity, &log, now);
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(refusal) => {
                let message = format!("release {point}: {refusal}");
                return Judged::Refused(Refused::new("release", refusal.rule().name(), message, Some(digest)));
            }
        };
        self.complete(point, accepted, signed.bytes)
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
                    return Judged::Refused(Refused::new(what, "document-digest", message, Some(*digest)));
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
                Judged::Refused(Refused::new(
                    e.what(),
                    e.rule(),
                    format!("release {point}: rule {}: {e}", e.rule()),
                    digest,
                ))
            }
        }
    }

    /// Makes an accepted release durable, its documents first and the floor last. Nothing is activated before this
    /// returned.
    pub fn store(&self, candidate: &Candidate, roots: &[(u64, Signed)]) -> Result<(), AcceptError> {
        let point = candidate.generation.point();
        self.store_roots(roots).map_err(AcceptError::Store)?;
        crash_point!("before the documents are stored");
        generation::store(&self.state_dir, point, &candidate.documents).map_err(AcceptError::Store)?;
        crash_point!("documents stored, floor not raised");
        let floor = candidate.accepted.floor.canonical();
        writ_durable::replace(&self.state_dir.join(FLOOR), &floor, 0o600).map_err(AcceptError::Store)?;
        crash_point!("floor raised, nothing adopted");
        info!(release = %point, digest = %candidate.generation.digest, log = %candidate.accepted.log, "accepted");
        Ok(())
    }

    fn store_roots(&self, roots: &[(u64, Signed)]) -> io::Result<()> {
        if roots.is_empty() {
            return Ok(());
        }
        let directory = self.state_dir.join("trust");
        writ_durable::create_directories(&directory)?;
        for (version, root) in roots {
            for signature in &root.signatures {
                // The key id in the name only keeps the files apart.
                let name = writ_trust::minisign::Signature::parse(signature)
                    .map(|s| writ_trust::minisign::signature_file_name(&format!("{version}.json"), s.key_id()));
                if let Ok(name) = name {
                    writ_durable::replace(&directory.join(name), signature, 0o644)?;
                }
            }
            writ_durable::replace(&directory.join(format!("{version}.json")), &root.bytes, 0o644)?;
            debug!(version, "trust root stored");
        }
        Ok(())
    }
}

/// The rule that a document breaks which cannot be read: too large, or not a plain file.
fn unreadable(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::FileTooLarge { Rule::Size.name() } else { "readable" }
}

enum Judged {
    /// It is what runs already, or waits to.
    Known,
    /// There is a folder but no release in it.
    NotThere,
    /// A document that it names is not there yet.
    Waiting(String),
    Refused(Refused),
    Accepted(Box<Candidate>),
}
