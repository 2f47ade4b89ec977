//! Secret keys in memory, and signing with them.

use std::fmt;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::key_id::KeyId;
use super::lines::{self, MAX_TRUSTED, MAX_UNTRUSTED};
use super::public_key::{ALGORITHM, PublicKey};
use super::signature::{Prehash, Signature};

/// A secret key, unlocked. Wiped from memory when dropped; prints nothing of itself.
pub struct SecretKey {
    id: KeyId,
    key: SigningKey,
}

/// Why bytes cannot be signed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The comment does not fit one line of a signature file.
    #[error("the {which} comment does not fit a signature file: expected one line of at most {longest} bytes")]
    Comment {
        /// `trusted` or `untrusted`.
        which: &'static str,
        /// The most bytes it may have.
        longest: usize,
    },
}

impl SecretKey {
    /// A new key from 40 random bytes: 32 for the key and 8 for its id. The caller draws them from the system and wipes
    /// them.
    pub fn generate(random: &[u8; 40]) -> Self {
        let (seed, id) = random.split_at(32);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).expect("32 of 40 bytes"));
        Self::from_parts(KeyId::from_bytes(id.try_into().expect("8 of 40 bytes")), &seed)
    }

    pub(super) fn from_parts(id: KeyId, seed: &[u8; 32]) -> Self {
        Self { id, key: SigningKey::from_bytes(seed) }
    }

    /// The id by which signatures name this key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_parts(self.id, self.key.verifying_key().as_bytes())
            .expect("a key derived from a seed is a point of full order")
    }

    /// Signs these exact bytes: the signature whose `to_string()` is the file that `minisign -V` accepts.
    pub fn sign(&self, bytes: &[u8], trusted_comment: &str, untrusted_comment: &str) -> Result<Signature, SignError> {
        for (which, comment, longest) in
            [("trusted", trusted_comment, MAX_TRUSTED), ("untrusted", untrusted_comment, MAX_UNTRUSTED)]
        {
            if !lines::fits_comment(comment, longest) {
                return Err(SignError::Comment { which, longest });
            }
        }
        let signature = self.key.sign(Prehash::of(bytes).as_bytes()).to_bytes();
        let global = self.key.sign(&[&signature[..], trusted_comment.as_bytes()].concat()).to_bytes();
        Ok(Signature::assemble(self.id, signature, global, untrusted_comment, trusted_comment))
    }

    /// Signs a message itself, without the prehash and the file around it (RFC 8032 §5.1.6): for signed notes and HTTP
    /// message signatures. Such messages begin with text of their own, so none is a prehash that a file could carry.
    pub fn sign_message(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Key id, secret key and checksum as a key file stores them, before encryption.
    pub(super) fn packed(&self) -> Zeroizing<[u8; 104]> {
        let mut packed = Zeroizing::new([0; 104]);
        packed[..8].copy_from_slice(self.id.as_bytes());
        packed[8..40].copy_from_slice(Zeroizing::new(self.key.to_bytes()).as_ref());
        packed[40..72].copy_from_slice(self.key.verifying_key().as_bytes());
        let sum = checksum(&packed);
        packed[72..].copy_from_slice(&sum);
        packed
    }
}

/// BLAKE2b-256 over algorithm, key id and secret key: how an unlocked key is known to be whole.
pub(super) fn checksum(packed: &[u8; 104]) -> [u8; 32] {
    Blake2b::<U32>::new().chain_update(ALGORITHM).chain_update(&packed[..72]).finalize().into()
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, hidden)", self.id)
    }
}
