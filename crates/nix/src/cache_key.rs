//! Keys of binary caches, in Nix's own spelling: `name:base64` (32 bytes public, 64 bytes secret).
//!
//! Source: nix `libstore/crypto.cc`; the secret half is libsodium's form, seed and public key.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_trust::digest::Digest;
use writ_trust::minisign::{KeyId, PublicKey, SecretKey};
use zeroize::Zeroizing;

/// The largest key file, in bytes.
const MAX_FILE: usize = 1024;

/// A secret key that signs the paths of a binary cache.
pub struct CacheKey {
    name: String,
    seed: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

/// Why something is not a key of a binary cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheKeyError {
    /// The name is not one that Nix can carry.
    #[error("{0:?} is not a name for a cache key: expected 1 to 100 of a-z A-Z 0-9 . _ -")]
    Name(String),
    /// The text is not a secret key. (Nothing of it is quoted.)
    #[error(
        "not a secret cache key: expected `name:` and the base64 of 64 bytes, as nix-store --generate-binary-cache-key writes it"
    )]
    Secret,
    /// The two halves are not of one key.
    #[error("the secret cache key was altered: its two halves are not of one key")]
    Mismatched,
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn check_name(name: &str) -> Result<(), CacheKeyError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if (1..=100).contains(&name.len()) && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(CacheKeyError::Name(name.chars().take(120).collect()))
    }
}

/// The key id that a cache key goes by in a trust root: the first 8 bytes of the SHA-256 of its public half, since Nix's
/// form has none.
fn key_id(public: &[u8; 32]) -> KeyId {
    let mut id = [0; 8];
    id.copy_from_slice(&Digest::of(public).as_bytes()[..8]);
    KeyId::from_bytes(id)
}

impl CacheKey {
    /// A new key of this name from 32 random bytes, which the caller draws from the system and wipes.
    pub fn generate(name: &str, seed: &[u8; 32]) -> Result<Self, CacheKeyError> {
        check_name(name)?;
        let mut random = Zeroizing::new([0; 40]);
        random[..32].copy_from_slice(seed);
        let public = *SecretKey::generate(&random).public_key().ed25519();
        Ok(Self { name: name.to_owned(), seed: Zeroizing::new(*seed), public })
    }

    /// Reads Nix's secret form, `name:base64(seed, public key)`.
    pub fn parse(text: &str) -> Result<Self, CacheKeyError> {
        let (name, encoded) = text.trim_end().split_once(':').ok_or(CacheKeyError::Secret)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| CacheKeyError::Secret)?);
        if bytes.len() != 64 {
            return Err(CacheKeyError::Secret);
        }
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&bytes[..32]);
        let key = Self::generate(name, &seed)?;
        if key.public[..] == bytes[32..] { Ok(key) } else { Err(CacheKeyError::Mismatched) }
    }

    /// Reads a secret key file.
    pub fn read(path: &Path) -> Result<Self, CacheKeyError> {
        let unreadable = |source| CacheKeyError::Unreadable { path: path.display().to_string(), source };
        let bytes = Zeroizing::new(writ_durable::read_bounded(path, MAX_FILE).map_err(unreadable)?);
        Self::parse(std::str::from_utf8(&bytes).map_err(|_| CacheKeyError::Secret)?)
    }

    /// Its name, as signatures and `trusted-public-keys` carry it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Nix's secret form: what a key file holds.
    pub fn secret_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&self.seed[..], &self.public].concat());
        let encoded = Zeroizing::new(STANDARD.encode(&bytes[..]));
        Zeroizing::new(format!("{}:{}", self.name, encoded.as_str()))
    }

    /// Nix's public form: what `trusted-public-keys` holds.
    pub fn public_text(&self) -> String {
        format!("{}:{}", self.name, STANDARD.encode(self.public))
    }

    /// The public half as a trust root lists it, beside [`CacheKey::name`].
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_parts(key_id(&self.public), &self.public)
            .expect("a key derived from a seed is a point of full order")
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({}, hidden)", self.public_text())
    }
}

/// Nix's form of a public key that a trust root lists: its name, and the key without the id.
pub fn public_text(name: &str, key: &PublicKey) -> Result<String, CacheKeyError> {
    check_name(name)?;
    Ok(format!("{name}:{}", STANDARD.encode(key.ed25519())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_its_public_form_is_nix_s() {
        let key = CacheKey::generate("clinic-cache-1", &[7; 32]).unwrap();
        let again = CacheKey::parse(&format!("{}\n", key.secret_text().as_str())).unwrap();
        assert_eq!(again.public_text(), key.public_text());
        assert_eq!(public_text("clinic-cache-1", &key.public_key()).unwrap(), key.public_text());
    }

    #[test]
    fn what_is_not_a_key_is_refused_and_not_quoted() {
        let good = CacheKey::generate("k", &[7; 32]).unwrap().secret_text();
        let mut altered = good.as_bytes().to_vec();
        altered[20] ^= 1;
        let altered = String::from_utf8(altered).unwrap();
        for bad in ["", "k", "k:", "k:AAAA", "a b:AAAA", ":AAAA", &altered] {
            let error = CacheKey::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("AAAA"), "{error}");
        }
        assert!(CacheKey::generate("a:b", &[7; 32]).is_err());
        assert!(CacheKey::generate("", &[7; 32]).is_err());
    }
}
