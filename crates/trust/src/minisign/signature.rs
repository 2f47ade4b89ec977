//! Detached signature files.

use std::fmt;

use blake2::{Blake2b512, Digest as _};
use ed25519_dalek::VerifyingKey;

use super::key_id::KeyId;
use super::lines::{self, MAX_TRUSTED, MAX_UNTRUSTED, TRUSTED, UNTRUSTED};
use crate::json::MAX_SIGNATURE;

/// The two bytes of a prehashed signature.
pub(super) const PREHASHED: [u8; 2] = *b"ED";
/// The two bytes of a legacy signature, over the bytes themselves.
const LEGACY: [u8; 2] = *b"Ed";

/// The name of the file that holds a key's signature over a document: `<document>.<key id>.minisig`.
pub fn signature_file_name(document: &str, key: KeyId) -> String {
    format!("{document}.{key}.minisig")
}

/// The BLAKE2b-512 of some bytes, which is what a prehashed signature signs.
#[derive(Clone, PartialEq, Eq)]
pub struct Prehash([u8; 64]);

impl Prehash {
    /// The prehash of these exact bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Blake2b512::digest(bytes).into())
    }

    /// The 64 raw bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// A parsed minisign signature. Nothing in it is proven until [`super::PublicKey::verify_strict`] says so.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    key_id: KeyId,
    signature: [u8; 64],
    global: [u8; 64],
    untrusted_comment: String,
    trusted_comment: String,
}

/// Why bytes are not a signature file that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The file is larger than a signature may be.
    #[error("{0} bytes is more than the {MAX_SIGNATURE} a signature file may have")]
    TooLarge(usize),
    /// The file is not UTF-8.
    #[error("not a signature file: not UTF-8 after byte {0}")]
    NotUtf8(usize),
    /// The file has not the four lines of a signature.
    #[error("not a signature file: expected four lines, as `minisign -S` writes them")]
    Lines,
    /// A comment line does not begin as it must, is too long or holds control characters.
    #[error("not a signature file: line {0} is not the comment that minisign writes there")]
    Comment(u8),
    /// A base64 line does not decode.
    #[error("not a signature file: line {line}: {problem}")]
    Encoding {
        /// Which line, from 1.
        line: u8,
        /// What is wrong with it.
        problem: String,
    },
    /// The signature is a legacy one, over the bytes instead of their hash.
    #[error("legacy signature (`Ed`): only prehashed ones (`ED`) are accepted; sign again without `-l`")]
    Legacy,
    /// The signature is of an unknown algorithm.
    #[error("signature algorithm {0:?} is unknown: expected \"ED\"")]
    Algorithm(String),
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The signature names another key.
    #[error("made with key {named}, not with {given}")]
    OtherKey {
        /// The id that the signature names.
        named: KeyId,
        /// The id of the key it was judged by.
        given: KeyId,
    },
    /// The signature does not fit the bytes.
    #[error("does not fit the document's bytes: one of the two was altered")]
    Forged,
    /// The signature fits, but not its trusted comment.
    #[error("fits the document, but its trusted comment was altered")]
    CommentForged,
}

impl Signature {
    /// Reads a signature file.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_SIGNATURE {
            return Err(SignatureError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| SignatureError::NotUtf8(e.valid_up_to()))?;
        let [first, second, third, fourth] = lines::split::<4>(text).ok_or(SignatureError::Lines)?;
        let comment = |line: &str, prefix: &str, longest, number| match line.strip_prefix(prefix) {
            Some(comment) if lines::fits_comment(comment, longest) => Ok(comment.to_owned()),
            _ => Err(SignatureError::Comment(number)),
        };
        let encoding = |line| move |problem| SignatureError::Encoding { line, problem };
        let untrusted_comment = comment(first, UNTRUSTED, MAX_UNTRUSTED, 1)?;
        let packed: [u8; 74] = lines::decode(second).map_err(encoding(2))?;
        let trusted_comment = comment(third, TRUSTED, MAX_TRUSTED, 3)?;
        let global: [u8; 64] = lines::decode(fourth).map_err(encoding(4))?;
        let (algorithm, rest) = packed.split_at(2);
        if algorithm == LEGACY {
            return Err(SignatureError::Legacy);
        }
        if algorithm != PREHASHED {
            return Err(SignatureError::Algorithm(algorithm.escape_ascii().to_string()));
        }
        let (id, signature) = rest.split_at(8);
        Ok(Self {
            key_id: KeyId::from_bytes(id.try_into().expect("8 of 72 bytes")),
            signature: signature.try_into().expect("64 of 72 bytes"),
            global,
            untrusted_comment,
            trusted_comment,
        })
    }

    pub(super) fn assemble(
        key_id: KeyId,
        signature: [u8; 64],
        global: [u8; 64],
        untrusted_comment: &str,
        trusted_comment: &str,
    ) -> Self {
        Self {
            key_id,
            signature,
            global,
            untrusted_comment: untrusted_comment.to_owned(),
            trusted_comment: trusted_comment.to_owned(),
        }
    }

    /// The key that claims to have made this signature.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The comment that the signature covers. It decides nothing.
    pub fn trusted_comment(&self) -> &str {
        &self.trusted_comment
    }

    /// The comment that nothing covers.
    pub fn untrusted_comment(&self) -> &str {
        &self.untrusted_comment
    }

    pub(super) fn check_document(&self, key: &VerifyingKey, prehash: &Prehash) -> Result<(), VerifyError> {
        let signature = ed25519_dalek::Signature::from_bytes(&self.signature);
        key.verify_strict(prehash.as_bytes(), &signature).map_err(|_| VerifyError::Forged)
    }

    pub(super) fn check(&self, key: &VerifyingKey, prehash: &Prehash) -> Result<(), VerifyError> {
        self.check_document(key, prehash)?;
        let covered = [&self.signature[..], self.trusted_comment.as_bytes()].concat();
        let global = ed25519_dalek::Signature::from_bytes(&self.global);
        key.verify_strict(&covered, &global).map_err(|_| VerifyError::CommentForged)
    }
}

impl fmt::Display for Signature {
    /// The signature file, as `minisign -V` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packed = [&PREHASHED[..], self.key_id.as_bytes(), &self.signature].concat();
        writeln!(f, "{UNTRUSTED}{}\n{}", self.untrusted_comment, lines::encode(&packed))?;
        writeln!(f, "{TRUSTED}{}\n{}", self.trusted_comment, lines::encode(&self.global))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature(by {}, {:?})", self.key_id, self.trusted_comment)
    }
}
