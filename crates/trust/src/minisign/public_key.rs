//! Public keys: the base64 line, the file around it, and what makes a key unfit.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::key_id::KeyId;
use super::lines::{self, UNTRUSTED};
use super::signature::{Prehash, Signature, VerifyError};
use crate::digest::{Digest, hex};

/// The two bytes that begin every minisign public key: Ed25519.
pub(super) const ALGORITHM: [u8; 2] = *b"Ed";
/// The longest public key file: a comment line of 1,024 bytes and the key.
const MAX_FILE: usize = 1024 + 64;

/// A minisign public key: an Ed25519 key and the id that signatures name it by. Documents hold its base64 line.
///
/// Two keys are equal when key *and* id are; whoever counts signers counts [`PublicKey::ed25519`].
#[derive(Clone)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

/// Why text is not a usable public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The text is far longer than a public key.
    #[error("{0} bytes is too long for a public key: expected the base64 line, or minisign's file of two lines")]
    TooLong(usize),
    /// The text is neither one base64 line nor a comment and a base64 line.
    #[error("not a public key: expected one base64 line, or `untrusted comment: …` and one base64 line")]
    Lines,
    /// The base64 line does not decode into 42 bytes.
    #[error("not a public key: {0}")]
    Encoding(String),
    /// The key is of another algorithm.
    #[error("algorithm {0:?} is not minisign's Ed25519 (\"Ed\")")]
    Algorithm(String),
    /// The bytes are not the canonical encoding of a point of the curve.
    #[error("the 32 bytes of the key are not the canonical encoding of an Ed25519 point")]
    NotAPoint,
    /// The key is of small order: a signature by it proves nothing.
    #[error("the key is of small order: signatures by it prove nothing")]
    Weak,
}

impl PublicKey {
    /// The key with this id and these 32 bytes.
    pub fn from_parts(id: KeyId, bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::NotAPoint)?;
        // A second encoding of one point would be a second fingerprint for one signer.
        if !is_reduced(bytes) {
            return Err(PublicKeyError::NotAPoint);
        }
        if key.is_weak() {
            return Err(PublicKeyError::Weak);
        }
        Ok(Self { id, key })
    }

    /// Reads a public key file (`untrusted comment: …` and the base64 line) or the bare base64 line.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        if text.len() > MAX_FILE {
            return Err(PublicKeyError::TooLong(text.len()));
        }
        if let Some([line]) = lines::split::<1>(text) {
            return Self::from_line(line);
        }
        match lines::split::<2>(text) {
            Some([comment, line]) if comment.starts_with(UNTRUSTED) => Self::from_line(line),
            _ => Err(PublicKeyError::Lines),
        }
    }

    fn from_line(line: &str) -> Result<Self, PublicKeyError> {
        let bytes: [u8; 42] = lines::decode(line).map_err(PublicKeyError::Encoding)?;
        let (algorithm, rest) = bytes.split_at(2);
        if algorithm != ALGORITHM {
            return Err(PublicKeyError::Algorithm(algorithm.escape_ascii().to_string()));
        }
        let (id, key) = rest.split_at(8);
        let id = KeyId::from_bytes(id.try_into().expect("8 of 40 bytes"));
        Self::from_parts(id, key.try_into().expect("32 of 40 bytes"))
    }

    /// The base64 line, beginning `RW`.
    pub fn line(&self) -> String {
        lines::encode(&[&ALGORITHM[..], self.id.as_bytes(), self.key.as_bytes()].concat())
    }

    /// The file that `minisign -p` reads.
    pub fn to_file(&self) -> String {
        format!("{UNTRUSTED}minisign public key {}\n{}\n", self.id, self.line())
    }

    /// The id by which signatures name this key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the Ed25519 key.
    pub fn ed25519(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Lower-case hexadecimal SHA-256 of the 32 bytes of the key: its name in paths and on screens.
    pub fn fingerprint(&self) -> String {
        Digest::of(self.key.as_bytes()).hex()
    }

    /// Verifies a signature over these exact bytes, and the one over its trusted comment.
    pub fn verify_strict(&self, bytes: &[u8], signature: &Signature) -> Result<(), VerifyError> {
        self.verify_prehashed(&Prehash::of(bytes), signature)
    }

    /// Verifies a signature over a message itself (RFC 8032 §5.1.7, strictly): see
    /// [`SecretKey::sign_message`](super::SecretKey::sign_message).
    pub fn verify_message(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), VerifyError> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(message, &signature).map_err(|_| VerifyError::Forged)
    }

    /// As [`PublicKey::verify_strict`], for bytes already hashed (many signatures over one document).
    pub fn verify_prehashed(&self, prehash: &Prehash, signature: &Signature) -> Result<(), VerifyError> {
        self.is_named_by(signature)?;
        signature.check(&self.key, prehash)
    }

    /// As [`PublicKey::verify_strict`] without the trusted comment, which may be anybody's: half the work, for where nothing is
    /// decided by it.
    pub fn verify_document(&self, bytes: &[u8], signature: &Signature) -> Result<(), VerifyError> {
        self.is_named_by(signature)?;
        signature.check_document(&self.key, &Prehash::of(bytes))
    }

    fn is_named_by(&self, signature: &Signature) -> Result<(), VerifyError> {
        if signature.key_id() == self.id {
            return Ok(());
        }
        Err(VerifyError::OtherKey { named: signature.key_id(), given: self.id })
    }
}

/// Whether the y coordinate in an encoding is below 2^255 - 19 (RFC 8032 §5.1.3). The only other second encodings are those
/// of x = 0 with a sign, and these points are of small order.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let highest = bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|byte| *byte == 0xff);
    !(highest && bytes[0] >= 0xed)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.key.as_bytes() == other.key.as_bytes()
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.key.as_bytes().hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.id, hex(self.key.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        Self::parse(text)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.line())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    /// Accepts the bare base64 line only, so that a key has one spelling in a document.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_line(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
