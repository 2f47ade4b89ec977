//! Counting signatures: who really signed these bytes, and is that enough?

use std::collections::BTreeSet;
use std::fmt;

use crate::ids::SiteId;
use crate::minisign::{KeyId, Prehash, PublicKey, Signature, SignatureError, VerifyError};
use crate::role::Role;
use crate::root::{KeyProblem, TrustKey, TrustRoot};
use crate::time::Time;

/// The most signatures looked at for one document; more is an attempt to waste time.
pub const MAX_SIGNATURES: usize = 64;

/// A key that signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The key.
    pub public_key: PublicKey,
    /// Its name in the trust root.
    pub name: String,
}

/// Why one signature was not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] SignatureError),
    /// No key of the root has the id that it names.
    #[error("key {0} is not in the trust root")]
    UnknownKey(KeyId),
    /// The key is known but does not count.
    #[error("key {key} does not count: {problem}")]
    Unfit {
        /// Which key.
        key: KeyId,
        /// Why not.
        problem: KeyProblem,
    },
    /// The signature does not hold.
    #[error("signature by key {key} {problem}")]
    Unsound {
        /// Which key it names.
        key: KeyId,
        /// What does not fit.
        problem: VerifyError,
    },
    /// The same public key was already counted.
    #[error("key {0} was already counted")]
    Repeated(KeyId),
}

/// What came of judging the signatures over one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The keys that count, each once, in order of their 32 bytes.
    pub signers: Vec<Signer>,
    /// The signatures that do not, in the order given, by their position from 0.
    pub rejected: Vec<(usize, Rejection)>,
}

impl Tally {
    /// Judges signature files over the exact bytes of a document. `fit` says whether a key of the root may count at all.
    ///
    /// Only the first [`MAX_SIGNATURES`] are looked at; callers refuse more.
    pub fn count<S: AsRef<[u8]>>(
        root: &TrustRoot,
        bytes: &[u8],
        signatures: &[S],
        fit: impl Fn(&TrustKey) -> Result<(), KeyProblem>,
    ) -> Self {
        let prehash = Prehash::of(bytes);
        let mut tally = Self::default();
        let mut counted = BTreeSet::new();
        for (position, signature) in signatures.iter().take(MAX_SIGNATURES).enumerate() {
            match judge(root, &prehash, signature.as_ref(), &fit) {
                Ok(key) if counted.insert(*key.public_key.ed25519()) => {
                    tally.signers.push(Signer { public_key: key.public_key.clone(), name: key.name.clone() });
                }
                Ok(key) => tally.rejected.push((position, Rejection::Repeated(key.public_key.key_id()))),
                Err(rejection) => tally.rejected.push((position, rejection)),
            }
        }
        tally.signers.sort_by_key(|signer| *signer.public_key.ed25519());
        tally
    }

    /// Judges the signatures over a release of a site, by the `release` keys that count now.
    pub fn of_release<S: AsRef<[u8]>>(
        root: &TrustRoot,
        site: &SiteId,
        bytes: &[u8],
        signatures: &[S],
        now: Time,
    ) -> Self {
        Self::count(root, bytes, signatures, |key| key.counts_now(Role::Release, Some(site), now))
    }

    /// Whether the root's threshold for a role is met.
    pub fn meets(&self, root: &TrustRoot, role: Role) -> bool {
        self.signers.len() >= root.threshold(role) as usize
    }
}

fn judge<'r>(
    root: &'r TrustRoot,
    prehash: &Prehash,
    signature: &[u8],
    fit: &impl Fn(&TrustKey) -> Result<(), KeyProblem>,
) -> Result<&'r TrustKey, Rejection> {
    let signature = Signature::parse(signature)?;
    let id = signature.key_id();
    let key = root.key(id).ok_or(Rejection::UnknownKey(id))?;
    fit(key).map_err(|problem| Rejection::Unfit { key: id, problem })?;
    key.public_key.verify_prehashed(prehash, &signature).map_err(|problem| Rejection::Unsound { key: id, problem })?;
    Ok(key)
}

impl fmt::Display for Tally {
    /// Why signatures were not counted, in one line; empty when all were.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        for (count, (_, rejection)) in self.rejected.iter().take(SHOWN).enumerate() {
            write!(f, "{}{rejection}", if count == 0 { "" } else { "; " })?;
        }
        match self.rejected.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
