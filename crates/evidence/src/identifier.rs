//! Keyed hashes of identifying values.
//!
//! The same user on the same site always has the same hash, so that an auditor can follow one through the evidence, and
//! without the site's salt nobody can go from the hash to the name or compare sites.

use std::fmt;

use sha2::{Digest as _, Sha256};
use writ_trust::digest::hex;
use zeroize::Zeroizing;

/// A site's secret salt. Never written into evidence.
#[derive(Clone)]
pub struct Salt(Zeroizing<[u8; 32]>);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Salt {
    /// A salt of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The keyed hash of a value: `id:` and 32 hexadecimal digits of HMAC-SHA-256 (RFC 2104).
    ///
    /// What is already such a hash stays as it is, so hashing twice changes nothing.
    pub fn hash(&self, value: &str) -> String {
        if is_hash(value) {
            return value.to_owned();
        }
        let pad = |with: u8| {
            let mut block = Zeroizing::new([with; 64]);
            block.iter_mut().zip(self.0.iter()).for_each(|(b, k)| *b ^= k);
            block
        };
        let inner = Sha256::new().chain_update(&pad(0x36)[..]).chain_update(value.as_bytes()).finalize();
        let outer = Sha256::new().chain_update(&pad(0x5c)[..]).chain_update(inner).finalize();
        format!("id:{}", &hex(&outer)[..32])
    }
}

/// Whether a text is a keyed hash as [`Salt::hash`] writes it.
pub fn is_hash(text: &str) -> bool {
    text.strip_prefix("id:").is_some_and(|h| h.len() == 32 && h.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha_256() {
        // RFC 4231 test case 1, its 20-byte key padded with zeros as HMAC does with short keys.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(Salt::new(key).hash("Hi There"), "id:b0344c61d8db38535ca8afceaf0bf12b");
    }

    #[test]
    fn same_site_same_hash_other_site_other_hash() {
        let (a, b) = (Salt::new([1; 32]), Salt::new([2; 32]));
        assert_eq!(a.hash("jane"), a.hash("jane"));
        assert_ne!(a.hash("jane"), b.hash("jane"));
        assert_ne!(a.hash("jane"), a.hash("joan"));
        assert_eq!(a.hash(&a.hash("jane")), a.hash("jane"));
        assert!(!format!("{a:?}").contains('1'));
    }
}
