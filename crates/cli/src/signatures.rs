//! Signature files beside a document: finding them, and writing one.

use std::path::{Path, PathBuf};

use writ_trust::json::MAX_SIGNATURE;
use writ_trust::minisign::{PublicKey, SecretKey, Signature, signature_file_name};
use writ_trust::root_chain::TrustChain;
use writ_trust::threshold::MAX_SIGNATURES;
use writ_wire::{Blob, Signed};

use crate::failure::{Failure, Outcome};
use crate::files;

/// What nothing covers in our signature files.
const UNTRUSTED_COMMENT: &str = "signed with writ; verify with minisign -V";

/// A signature file as it was read.
pub struct SignatureFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

impl AsRef<[u8]> for SignatureFile {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The signature files of a document: `<document>.<key id>.minisig` and `<document>.minisig`, each content once.
pub fn of(document: &Path) -> Outcome<Vec<SignatureFile>> {
    let prefix = format!("{}.", files::name_of(document));
    let mut found: Vec<SignatureFile> = Vec::new();
    for path in files::list(files::parent_of(document))? {
        let name = files::name_of(&path);
        if !name.starts_with(&prefix) || !name.ends_with(".minisig") {
            continue;
        }
        if found.len() == MAX_SIGNATURES {
            return Err(Failure::refused(format!("more than {MAX_SIGNATURES} signature files beside one document"))
                .at(document.display())
                .next("remove those that are not needed"));
        }
        let bytes = files::read_shared(&path, MAX_SIGNATURE, "a signature file")?;
        if !found.iter().any(|other| other.bytes == bytes) {
            found.push(SignatureFile { path, bytes });
        }
    }
    Ok(found)
}

/// Of the signature files that came with a document those that are of keys of the trust roots and hold, each with its key.
/// What only looks like one would stand in the place of a true one.
pub fn holding<'s>(chain: &TrustChain, signed: &'s Signed) -> Vec<(&'s [u8], PublicKey)> {
    let one = |blob: &'s Blob| {
        let key = chain.newest().key(Signature::parse(&blob.0).ok()?.key_id())?.public_key.clone();
        is_by(&key, &signed.document.0, &blob.0).then_some((&blob.0[..], key))
    };
    signed.signatures.iter().filter_map(one).collect()
}

/// Whether a signature file is one of this key over these bytes.
pub fn is_by(key: &PublicKey, bytes: &[u8], signature: &[u8]) -> bool {
    Signature::parse(signature).is_ok_and(|signature| key.verify_strict(bytes, &signature).is_ok())
}

/// Signs the exact bytes of a document and writes `<document>.<key id>.minisig` beside it. Signing again is harmless:
/// the same key over the same bytes gives the same file.
pub fn write(document: &Path, bytes: &[u8], key: &SecretKey, trusted_comment: &str) -> Outcome<PathBuf> {
    let signature = key
        .sign(bytes, trusted_comment, UNTRUSTED_COMMENT)
        .map_err(|e| Failure::could_not("cannot sign").at(document.display()).because(e))?;
    let path = document.with_file_name(signature_file_name(&files::name_of(document), key.key_id()));
    let content = signature.to_string();
    if !files::create(&path, content.as_bytes(), 0o644, "the signature file")? {
        let there = files::read(&path, MAX_SIGNATURE, "the signature file")?;
        let same_comment = |s: Signature| s.trusted_comment() == trusted_comment;
        let holds = Signature::parse(&there)
            .is_ok_and(|s| key.public_key().verify_strict(bytes, &s).is_ok() && same_comment(s));
        if !holds {
            // What stands there is not a signature over these bytes, so it protects nothing.
            files::replace(&path, content.as_bytes(), 0o644, "the signature file")?;
        }
    }
    Ok(path)
}
