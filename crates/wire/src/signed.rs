//! A document and the signature files over it, in one piece.

use serde::{Deserialize, Serialize};
use writ_trust::json::{self, JsonError, MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::minisign::{PublicKey, SecretKey, SignError, Signature, SignatureError, VerifyError};
use writ_trust::threshold::MAX_SIGNATURES;

use crate::MAX_ENVELOPE;
use crate::blob::Blob;

/// The exact bytes of a document and of the minisign files over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The document.
    pub document: Blob,
    /// Its signature files.
    pub signatures: Vec<Blob>,
}

/// Why an envelope does not hold what one key must have signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// The parts are larger or more than they may be.
    #[error("{what} of {found}: expected at most {limit}")]
    Bounds {
        /// What is too large or too many.
        what: &'static str,
        /// How large, in bytes, or how many.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// Exactly one signature was expected.
    #[error("{0} signatures: expected exactly one")]
    NotOne(usize),
    /// The signature file cannot be read.
    #[error("its signature file: {0}")]
    SignatureFile(#[from] SignatureError),
    /// The signature does not hold.
    #[error("its signature {0}")]
    Signature(#[from] VerifyError),
}

impl Signed {
    /// A document with one signature by this key, whose trusted comment is `comment`.
    pub fn by(document: Vec<u8>, key: &SecretKey, comment: &str) -> Result<Self, SignError> {
        let signature = key.sign(&document, comment, "signature from writ")?.to_string().into_bytes();
        Ok(Self { document: Blob(document), signatures: vec![Blob(signature)] })
    }

    /// Reads an envelope that travels by itself, of at most [`MAX_ENVELOPE`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        json::parse(bytes, MAX_ENVELOPE)
    }

    /// The RFC 8785 bytes, which are what we write.
    pub fn canonical(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// Whether document and signatures are within the bounds that all documents and signature files have.
    pub fn check_bounds(&self) -> Result<(), SignedError> {
        let largest = self.signatures.iter().map(|signature| signature.0.len()).max().unwrap_or(0);
        for (what, found, limit) in [
            ("a document", self.document.0.len(), MAX_DOCUMENT),
            ("a number of signatures", self.signatures.len(), MAX_SIGNATURES),
            ("a signature file", largest, MAX_SIGNATURE),
        ] {
            if found > limit {
                return Err(SignedError::Bounds { what, found, limit });
            }
        }
        Ok(())
    }

    /// The only signature, read but not judged.
    pub fn single(&self) -> Result<Signature, SignedError> {
        let [signature] = &self.signatures[..] else { return Err(SignedError::NotOne(self.signatures.len())) };
        Ok(Signature::parse(&signature.0)?)
    }

    /// Whether there is exactly one signature and it is this key's over the exact bytes.
    pub fn verify_single(&self, key: &PublicKey) -> Result<(), SignedError> {
        self.check_bounds()?;
        let signature = self.single()?;
        Ok(key.verify_strict(&self.document.0, &signature)?)
    }

    /// Whether there is exactly one signature and it is this key's over the exact bytes; not whether its trusted comment is.
    pub fn verify_document(&self, key: &PublicKey) -> Result<(), SignedError> {
        self.check_bounds()?;
        let signature = self.single()?;
        Ok(key.verify_document(&self.document.0, &signature)?)
    }
}
