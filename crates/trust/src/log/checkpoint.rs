//! Checkpoints (C2SP `tlog-checkpoint`): what a log commits to, signed by its key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{Note, NoteError, NoteKey};
use super::proof::{self, ProofError};
use super::tree::Hash;
use crate::ids::SiteId;
use crate::json::MAX_INTEGER;
use crate::minisign::{KeyId, PublicKey, SecretKey};
use crate::role::Role;
use crate::root::{KeyProblem, TrustRoot};
use crate::root_chain::TrustChain;
use crate::text::one_line;
use crate::time::Time;

/// A log of this many entries has this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also its key's name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
}

/// A checkpoint whose signature held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The exact note.
    pub note: String,
    /// When the log's key last said that this is its head (its own `cosignature/v1`); `None` without. A claim of the log:
    /// it shows whether news is withheld by anybody but the log itself.
    pub fresh_at: Option<Time>,
}

/// Why a note is not a checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not that of a checkpoint.
    #[error("not a checkpoint: expected three lines, the log's origin, its size and its root hash in base64")]
    Text,
    /// It is of another log.
    #[error("the checkpoint is of the log {:?}, expected {:?}", one_line(.found), one_line(.expected))]
    Origin {
        /// The log it is of.
        found: String,
        /// The log asked about.
        expected: String,
    },
    /// No key of the log signed it.
    #[error("no log key of the trust root signed the checkpoint of {} entries", .size)]
    Unsigned {
        /// The size that it claims.
        size: u64,
    },
    /// A key of the log signed it, which does not count now.
    #[error("the checkpoint of {size} entries is signed by log key {key}, which does not count: {problem}")]
    Unfit {
        /// The size that it claims.
        size: u64,
        /// Which key signed.
        key: KeyId,
        /// Why it does not count.
        problem: KeyProblem,
    },
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of a checkpoint. Extension lines are not used here and refused.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(CheckpointError::Text)?.split('\n').collect();
        let [origin, size, root] = lines[..] else { return Err(CheckpointError::Text) };
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(CheckpointError::Text)?;
        let size: u64 = size.parse().map_err(|_| CheckpointError::Text)?;
        let checkpoint = Self { origin: origin.to_owned(), size, root };
        // One spelling only, and no size that a document could not name.
        if checkpoint.text() != text || origin.is_empty() || size > MAX_INTEGER.unsigned_abs() {
            return Err(CheckpointError::Text);
        }
        Ok(checkpoint)
    }

    /// Whether a later checkpoint of the same log continues this one.
    pub fn precedes(&self, later: &Self, proof: &[Hash]) -> Result<(), ProofError> {
        proof::verify_consistency(self.size, &self.root, later.size, &later.root, proof)
    }
}

impl SignedCheckpoint {
    /// Signs a checkpoint, and says that it is the head at this time.
    pub fn sign(checkpoint: Checkpoint, secret: &SecretKey, time: Time) -> Self {
        let (text, key) = (checkpoint.text(), NoteKey::new(&checkpoint.origin, &secret.public_key()));
        let note = format!("{text}\n{}{}", key.sign(&text, secret), key.cosign(&text, secret, time));
        let seconds = time.unix_millis() / 1000;
        Self { checkpoint, note, fresh_at: Some(Time::from_unix_millis(seconds * 1000)) }
    }

    /// The note with the lines under the log's own name alone: without those of witnesses.
    pub fn own_lines(&self) -> String {
        let Ok(note) = Note::parse(self.note.as_bytes()) else { return self.note.clone() };
        let own = note.lines.iter().filter(|line| line.name == self.checkpoint.origin);
        format!("{}\n{}", note.text, own.map(super::note::Line::text).collect::<String>())
    }

    /// Judges a note by the keys by which a site's log may sign now ([`log_keys`]). A log key that signed it and does not count is
    /// named: [`CheckpointError::Unfit`].
    pub fn verify_now(
        note: &[u8],
        origin: &str,
        root: &TrustRoot,
        site: &SiteId,
        now: Time,
    ) -> Result<Self, CheckpointError> {
        let unsigned = match Self::verify(note, origin, &log_keys(root, site, now)) {
            Err(CheckpointError::Unsigned { size }) => CheckpointError::Unsigned { size },
            other => return other,
        };
        for key in root.keys.iter().filter(|key| key.serves(Role::Log, Some(site)).is_ok()) {
            if let Err(problem) = key.counts_now(Role::Log, Some(site), now)
                && let Ok(signed) = Self::verify(note, origin, std::slice::from_ref(&key.public_key))
            {
                let (size, key) = (signed.checkpoint.size, key.public_key.key_id());
                return Err(CheckpointError::Unfit { size, key, problem });
            }
        }
        Err(unsigned)
    }

    /// Judges a note by the keys of a log: see [`log_keys`] and [`log_keys_ever`].
    pub fn verify(note: &[u8], origin: &str, keys: &[PublicKey]) -> Result<Self, CheckpointError> {
        let parsed = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&parsed.text)?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::Origin { found: checkpoint.origin, expected: origin.to_owned() });
        }
        let keys: Vec<NoteKey> = keys.iter().map(|key| NoteKey::new(origin, key)).collect();
        if !keys.iter().any(|key| key.signed(&parsed)) {
            return Err(CheckpointError::Unsigned { size: checkpoint.size });
        }
        let fresh_at = keys.iter().filter_map(|key| key.cosigned(&parsed)).max();
        // Parsed as UTF-8 above.
        let note = String::from_utf8_lossy(note).into_owned();
        Ok(Self { checkpoint, note, fresh_at })
    }
}

/// The keys by which a site's log may sign now.
pub fn log_keys(root: &TrustRoot, site: &SiteId, now: Time) -> Vec<PublicKey> {
    let counts = root.keys.iter().filter(|key| key.counts_now(Role::Log, Some(site), now).is_ok());
    counts.map(|key| key.public_key.clone()).collect()
}

/// The keys by which a site's log could ever sign, for what was signed in the past. What a key signed after it was revoked
/// cannot be told from what it signed before without a timestamp, so audits say which checkpoints count on one.
pub fn log_keys_ever(chain: &TrustChain, site: &SiteId) -> Vec<PublicKey> {
    let served = chain.newest().keys.iter().filter(|key| key.serves(Role::Log, Some(site)).is_ok());
    served.map(|key| key.public_key.clone()).collect()
}
