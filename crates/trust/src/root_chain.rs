//! Walking from the root that is baked in to the newest one.

use crate::digest::Digest;
use crate::minisign::KeyId;
use crate::numbers::{Epoch, TrustVersion};
use crate::role::Role;
use crate::root::{KeyProblem, RootError, TrustKey, TrustRoot};
use crate::threshold::{MAX_SIGNATURES, Tally};
use crate::time::Time;

/// A chain of trust roots without gaps. The first is trusted by being given; each other was signed by the threshold of
/// the one before and by its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustChain {
    pinned: Link,
    later: Vec<Link>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    root: TrustRoot,
    digest: Digest,
}

/// Why a trust root does not continue a chain.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Too many signatures to look at.
    #[error("{0} signatures over one trust root: expected at most {MAX_SIGNATURES}")]
    TooManySignatures(usize),
    /// Not signed by enough of the trust keys of the root before it.
    #[error(
        "signed by {found} of the {needed} trust keys that root {previous} asks for{}: it does not follow root {previous}; \
         give the roots in order, with all their signatures",
        why(.tally)
    )]
    BelowPreviousThreshold {
        /// The newest root known.
        previous: TrustVersion,
        /// How many of its keys signed.
        found: usize,
        /// How many it takes.
        needed: u32,
        /// What came of each signature.
        tally: Tally,
    },
    /// Not a trust root.
    #[error("signed as a trust root should be, but it is none: {0}")]
    Root(#[from] RootError),
    /// Not the next version.
    #[error("version {found} does not follow root {}: expected version {expected}", .expected.saturating_sub(1))]
    NotNext {
        /// The version it has.
        found: TrustVersion,
        /// The version it should have.
        expected: u64,
    },
    /// Not signed by enough of its own trust keys.
    #[error("root {version} is signed by {found} of the {needed} trust keys that it asks for itself{}", why(.tally))]
    BelowOwnThreshold {
        /// Which root.
        version: TrustVersion,
        /// How many of its keys signed.
        found: usize,
        /// How many it takes.
        needed: u32,
        /// What came of each signature.
        tally: Tally,
    },
    /// The epoch fell.
    #[error("root {version} has epoch {found}, below epoch {floor} of the root before: an epoch never falls")]
    EpochFell {
        /// Which root.
        version: TrustVersion,
        /// Its epoch.
        found: Epoch,
        /// The epoch before.
        floor: Epoch,
    },
    /// A key is gone.
    #[error("root {version} no longer lists key {key}: old keys stay listed for ever (retire or revoke it instead)")]
    KeyDropped {
        /// Which root.
        version: TrustVersion,
        /// The key.
        key: KeyId,
    },
    /// A revocation is gone or was moved to a later time.
    #[error("root {version} takes back or delays the revocation of key {key}: a revoked key stays revoked")]
    RevocationUndone {
        /// Which root.
        version: TrustVersion,
        /// The key.
        key: KeyId,
    },
    /// A log key can do less.
    #[error(
        "root {version} takes the role log, or a site, from key {key}: what it signed as a log would be nobody's; revoke the \
         key instead"
    )]
    LogKeyNarrowed {
        /// Which root.
        version: TrustVersion,
        /// The key.
        key: KeyId,
    },
    /// A log origin is gone.
    #[error("root {version} drops or reorders the log origins of site {site}: a restarted log appends one")]
    OriginsRewritten {
        /// Which root.
        version: TrustVersion,
        /// The site.
        site: crate::ids::SiteId,
    },
}

fn why(tally: &Tally) -> String {
    if tally.rejected.is_empty() { String::new() } else { format!(" ({tally})") }
}

impl TrustChain {
    /// A chain of one root that is trusted because whoever calls was given it safely (baked into an image, handed to an
    /// auditor). Its own signatures are not asked for.
    pub fn pinned(bytes: &[u8]) -> Result<Self, RootError> {
        let root = TrustRoot::parse(bytes)?;
        Ok(Self { pinned: Link { root, digest: Digest::of(bytes) }, later: Vec::new() })
    }

    /// A chain from a pinned root through later ones, given in order as bytes and signature files.
    ///
    /// The error comes with the position of the root that broke the chain, from 0 in `later`.
    pub fn walk<B: AsRef<[u8]>, S: AsRef<[u8]>>(pinned: &[u8], later: &[(B, Vec<S>)]) -> Result<Self, WalkError> {
        let mut chain = Self::pinned(pinned).map_err(WalkError::Pinned)?;
        for (position, (bytes, signatures)) in later.iter().enumerate() {
            chain.extend(bytes.as_ref(), signatures).map_err(|error| WalkError::Later { position, error })?;
        }
        Ok(chain)
    }

    /// Adds the next root. Giving one again that the chain has already, byte for byte, changes nothing.
    ///
    /// "Version N+1 is accepted only when signed by the threshold of N's `trust` keys and by its own; a spare that slept
    /// for a year walks the chain, expiry counting only on the last." So neither a root's `expires_at` nor a key's
    /// validity dates count here; only revocation does. The dates could not protect a sleeper anyway: whoever holds a
    /// threshold of retired keys would just sign one more root.
    pub fn extend<S: AsRef<[u8]>>(&mut self, bytes: &[u8], signatures: &[S]) -> Result<(), ChainError> {
        let digest = Digest::of(bytes);
        if self.links().any(|link| link.digest == digest) {
            return Ok(());
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(ChainError::TooManySignatures(signatures.len()));
        }
        let previous = self.newest();
        let tally = Tally::count(previous, bytes, signatures, counts_in_chain);
        if !tally.meets(previous, Role::Trust) {
            let (needed, found) = (previous.threshold(Role::Trust), tally.signers.len());
            return Err(ChainError::BelowPreviousThreshold { previous: previous.version, found, needed, tally });
        }
        let root = TrustRoot::parse(bytes)?;
        let (version, expected) = (root.version, previous.version.get() + 1);
        if version.get() != expected {
            return Err(ChainError::NotNext { found: version, expected });
        }
        let tally = Tally::count(&root, bytes, signatures, counts_in_chain);
        if !tally.meets(&root, Role::Trust) {
            let (needed, found) = (root.threshold(Role::Trust), tally.signers.len());
            return Err(ChainError::BelowOwnThreshold { version, found, needed, tally });
        }
        nothing_taken_back(previous, &root)?;
        self.later.push(Link { root, digest });
        Ok(())
    }

    fn links(&self) -> impl DoubleEndedIterator<Item = &Link> {
        std::iter::once(&self.pinned).chain(&self.later)
    }

    fn last(&self) -> &Link {
        self.later.last().unwrap_or(&self.pinned)
    }

    /// The newest root: the one that judges what is new.
    pub fn newest(&self) -> &TrustRoot {
        &self.last().root
    }

    /// The digest of the newest root's exact bytes.
    pub fn newest_digest(&self) -> Digest {
        self.last().digest
    }

    /// The root of one version, if the chain reaches back to it.
    pub fn at(&self, version: TrustVersion) -> Option<&TrustRoot> {
        self.links().find(|link| link.root.version == version).map(|link| &link.root)
    }

    /// The digest of one version's exact bytes.
    pub fn digest_at(&self, version: TrustVersion) -> Option<Digest> {
        self.links().find(|link| link.root.version == version).map(|link| link.digest)
    }

    /// Every root, oldest first.
    pub fn roots(&self) -> impl DoubleEndedIterator<Item = &TrustRoot> {
        self.links().map(|link| &link.root)
    }

    /// Whether the newest root has expired at this instant. "Expiry counting only on the last."
    pub fn is_expired(&self, now: Time) -> bool {
        now >= self.newest().expires_at
    }
}

/// Why a chain could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The pinned root itself cannot be read.
    #[error("the pinned trust root: {0}")]
    Pinned(RootError),
    /// A later root does not continue the chain.
    #[error("later trust root number {}: {error}", .position + 1)]
    Later {
        /// Its position among the later ones, from 0.
        position: usize,
        /// What is wrong with it.
        error: ChainError,
    },
}

fn counts_in_chain(key: &TrustKey) -> Result<(), KeyProblem> {
    key.serves(Role::Trust, None)?;
    key.revoked_at.map_or(Ok(()), |at| Err(KeyProblem::Revoked(at)))
}

fn nothing_taken_back(previous: &TrustRoot, next: &TrustRoot) -> Result<(), ChainError> {
    let version = next.version;
    if next.epoch < previous.epoch {
        return Err(ChainError::EpochFell { version, found: next.epoch, floor: previous.epoch });
    }
    for old in &previous.keys {
        let key = old.public_key.key_id();
        let new = next.keys.iter().find(|new| new.public_key == old.public_key);
        let new = new.ok_or(ChainError::KeyDropped { version, key })?;
        match (old.revoked_at, new.revoked_at) {
            (Some(_), None) => return Err(ChainError::RevocationUndone { version, key }),
            (Some(before), Some(after)) if after > before => {
                return Err(ChainError::RevocationUndone { version, key });
            }
            _ => {}
        }
        if old.roles.contains(&Role::Log) && !serves_log_as(new, old) {
            return Err(ChainError::LogKeyNarrowed { version, key });
        }
    }
    for (site, origins) in &previous.log_origins {
        if !next.origins(site).starts_with(origins) {
            return Err(ChainError::OriginsRewritten { version, site: site.clone() });
        }
    }
    Ok(())
}

/// Whether a key may be the log of every site that it was the log of before. Appliances keep checkpoints that it signed, and read
/// them under the newest root.
fn serves_log_as(new: &TrustKey, old: &TrustKey) -> bool {
    let everywhere = new.sites.is_empty();
    new.roles.contains(&Role::Log)
        && (everywhere || !old.sites.is_empty() && old.sites.iter().all(|site| new.sites.contains(site)))
}
