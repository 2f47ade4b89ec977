//! Signature files: only those that hold are kept.

use writ_trust::json::MAX_SIGNATURE;
use writ_trust::minisign::{PublicKey, signature_file_name};
use writ_wire::Signed;

use super::Fetch;
use crate::failure::Outcome;
use crate::signatures::{self, SignatureFile, is_by};

impl Fetch<'_> {
    /// Writes the signature files of a document that are of keys of the trust roots and hold. What the document is worth
    /// with them is for the caller to ask.
    pub fn keep_signatures(&mut self, document: &str, signed: &Signed) -> Outcome<()> {
        for (signature, key) in signatures::holding(&self.chain, signed) {
            let path = signature_file_name(document, key.key_id());
            let there = self.to.read(&path, MAX_SIGNATURE)?;
            // Another one by the same key says no more than the one that is here.
            if !there.is_some_and(|there| is_by(&key, &signed.document.0, &there)) {
                self.to.replace(&path, signature)?;
            }
        }
        Ok(())
    }

    /// The signature files of a document that are in the folder.
    pub fn kept_signatures(&self, document: &str) -> Outcome<Vec<SignatureFile>> {
        signatures::of(&self.to.path(document))
    }

    /// Whether a file is here with a signature file beside it that is this key's.
    pub fn is_signed(&self, document: &str, limit: usize, key: &PublicKey) -> Outcome<bool> {
        let bytes = self.to.read(document, limit)?;
        let signature = self.to.read(&format!("{document}.minisig"), MAX_SIGNATURE)?;
        Ok(bytes.zip(signature).is_some_and(|(bytes, signature)| is_by(key, &bytes, &signature)))
    }
}
