//! Receipts (`writ.receipt.v1`): that a log holds an entry, with everything it takes to check that offline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::checkpoint::{CheckpointError, SignedCheckpoint};
use super::entry::{EntryError, LogEntry};
use super::proof::{self, MAX_PROOF, ProofError};
use super::tree::{Hash, leaf_hash};
use crate::document::{self, DocumentError};
use crate::ids::SiteId;
use crate::json;
use crate::minisign::PublicKey;
use crate::root::TrustRoot;
use crate::time::Time;

/// The schema of [`Receipt`].
pub const RECEIPT_SCHEMA: &str = "writ.receipt.v1";
/// The largest receipt, in bytes.
pub const MAX_RECEIPT: usize = 64 * 1024;

/// That an entry is in a log, as the log says; [`Receipt::verify`] says whether it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The exact bytes of the entry.
    pub entry: Vec<u8>,
    /// Its number in the log, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf up.
    pub proof: Vec<Hash>,
    /// The checkpoint that it is proven under: a signed note.
    pub checkpoint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    entry: String,
    index: u64,
    proof: Vec<String>,
    checkpoint: String,
}

/// Why bytes are not a receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Too large to be looked at.
    #[error("{0} bytes is more than the {MAX_RECEIPT} that a receipt may have")]
    TooLarge(usize),
    /// Not the document.
    #[error("not a receipt: {0}")]
    Document(#[from] DocumentError),
    /// A member is not base64, or a proof is not one.
    #[error("not a receipt: {0}")]
    Member(&'static str),
    /// The checkpoint does not count.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// The entry cannot be read.
    #[error("{0}")]
    Entry(#[from] EntryError),
    /// The proof proves nothing.
    #[error("entry {index} is not proven to be in the log of {size} entries: {problem}")]
    Proof {
        /// The entry's number.
        index: u64,
        /// The log's size.
        size: u64,
        /// What is wrong.
        problem: ProofError,
    },
}

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// What was logged.
    pub entry: LogEntry,
    /// Its number in the log.
    pub index: u64,
    /// The checkpoint that includes it.
    pub checkpoint: SignedCheckpoint,
}

impl Receipt {
    /// Reads a receipt; judges nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > MAX_RECEIPT {
            return Err(ReceiptError::TooLarge(bytes.len()));
        }
        let document: Document = document::parse(bytes, RECEIPT_SCHEMA)?;
        if document.proof.len() > MAX_PROOF {
            return Err(ReceiptError::Member("its proof is longer than any"));
        }
        let decode = |text: &String| STANDARD.decode(text).ok();
        let proof = document.proof.iter().map(|hash| decode(hash)?.try_into().ok()).collect::<Option<Vec<Hash>>>();
        Ok(Self {
            entry: decode(&document.entry).ok_or(ReceiptError::Member("its entry is not base64"))?,
            index: document.index,
            proof: proof.ok_or(ReceiptError::Member("its proof is not a list of hashes in base64"))?,
            checkpoint: document.checkpoint,
        })
    }

    /// The RFC 8785 bytes, which are what is stored.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(&Document {
            schema: RECEIPT_SCHEMA.to_owned(),
            entry: STANDARD.encode(&self.entry),
            index: self.index,
            proof: self.proof.iter().map(|hash| STANDARD.encode(hash)).collect(),
            checkpoint: self.checkpoint.clone(),
        })
    }

    /// Whether the log of this origin, by one of these keys, holds the entry. What the entry must say is the caller's to ask.
    pub fn verify(&self, origin: &str, keys: &[PublicKey]) -> Result<VerifiedReceipt, ReceiptError> {
        let checkpoint = SignedCheckpoint::verify(self.checkpoint.as_bytes(), origin, keys)?;
        self.verify_under(checkpoint)
    }

    /// As [`Receipt::verify`], by the keys by which a site's log may sign now: see [`SignedCheckpoint::verify_now`].
    pub fn verify_now(
        &self,
        origin: &str,
        root: &TrustRoot,
        site: &SiteId,
        now: Time,
    ) -> Result<VerifiedReceipt, ReceiptError> {
        self.verify_under(SignedCheckpoint::verify_now(self.checkpoint.as_bytes(), origin, root, site, now)?)
    }

    /// As [`Receipt::verify`], under a checkpoint whose signature held already (many receipts of one answer).
    pub fn verify_under(&self, checkpoint: SignedCheckpoint) -> Result<VerifiedReceipt, ReceiptError> {
        let (size, root) = (checkpoint.checkpoint.size, checkpoint.checkpoint.root);
        proof::verify_inclusion(&leaf_hash(&self.entry), self.index, size, &self.proof, &root)
            .map_err(|problem| ReceiptError::Proof { index: self.index, size, problem })?;
        Ok(VerifiedReceipt { entry: LogEntry::parse(&self.entry)?, index: self.index, checkpoint })
    }
}
