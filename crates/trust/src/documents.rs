//! The documents that a release names, judged by their exact bytes.

use crate::digest::Digest;
use crate::json::MAX_DOCUMENT;
use crate::release::{ClosureRef, Generation, PolicyRef};

/// Why bytes are not the document that a release names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamedDocumentError {
    /// The size is another one.
    #[error("the {document} document has {found} bytes, the release names one of {expected}: fetch it again")]
    Size {
        /// `policy` or `closure`.
        document: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes named.
        expected: u64,
    },
    /// The digest is another one.
    #[error("the {document} document has digest {found}, the release names {expected}: it was altered; fetch it again")]
    Digest {
        /// `policy` or `closure`.
        document: &'static str,
        /// The digest of the bytes.
        found: Digest,
        /// The digest named.
        expected: Digest,
    },
    /// The document is larger than documents are, whatever the release says.
    #[error("the {document} document has {found} bytes, more than the {MAX_DOCUMENT} that a document may have")]
    TooLarge {
        /// `policy` or `closure`.
        document: &'static str,
        /// Bytes found.
        found: usize,
    },
    /// There is a closure document, but the release names none (or the other way round).
    #[error("the release names {expected} closure document for this appliance, but {found} came with it")]
    Closure {
        /// `a` or `no`.
        expected: &'static str,
        /// `one` or `none`.
        found: &'static str,
    },
}

fn check(document: &'static str, size: u64, digest: Digest, bytes: &[u8]) -> Result<(), NamedDocumentError> {
    let found = bytes.len();
    if found > MAX_DOCUMENT {
        return Err(NamedDocumentError::TooLarge { document, found });
    }
    if found as u64 != size {
        return Err(NamedDocumentError::Size { document, found, expected: size });
    }
    let actual = Digest::of(bytes);
    if actual != digest {
        return Err(NamedDocumentError::Digest { document, found: actual, expected: digest });
    }
    Ok(())
}

impl PolicyRef {
    /// Whether these are the exact bytes of the policy document that the release names.
    pub fn check(&self, bytes: &[u8]) -> Result<(), NamedDocumentError> {
        check("policy", self.size, self.digest, bytes)
    }
}

impl ClosureRef {
    /// Whether these are the exact bytes of the closure document that the release names.
    pub fn check(&self, bytes: &[u8]) -> Result<(), NamedDocumentError> {
        check("closure", self.size, self.digest, bytes)
    }
}

impl Generation {
    /// Whether these are the exact documents of this generation: its policy, and its closure where it has one.
    pub fn check_documents(&self, policy: &[u8], closure: Option<&[u8]>) -> Result<(), NamedDocumentError> {
        self.policy.check(policy)?;
        match (&self.closure, closure) {
            (Some(named), Some(bytes)) => named.check(bytes),
            (None, None) => Ok(()),
            (Some(_), None) => Err(NamedDocumentError::Closure { expected: "a", found: "none" }),
            (None, Some(_)) => Err(NamedDocumentError::Closure { expected: "no", found: "one" }),
        }
    }
}
