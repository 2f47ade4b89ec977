//! HKDF and HMAC with SHA-256 (RFC 5869, RFC 2104), and ChaCha20-Poly1305 (RFC 8439), as age uses them.

use hmac::{Hmac, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The bytes that encryption adds.
pub const TAG: usize = 16;

fn mac(key: &[u8]) -> Hmac<Sha256> {
    // Keys of any length are taken.
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

/// A key of 32 bytes, of one block of HKDF.
pub fn hkdf(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let extracted = Zeroizing::new(<[u8; 32]>::from(mac(salt).chain_update(secret).finalize().into_bytes()));
    let expanded = mac(&extracted[..]).chain_update(info).chain_update([1]).finalize();
    Zeroizing::new(expanded.into_bytes().into())
}

/// The MAC of a header under a file's key.
pub fn header_mac(file_key: &[u8; 16], header: &[u8]) -> [u8; 32] {
    mac(&hkdf(file_key, b"", b"header")[..]).chain_update(header).finalize().into_bytes().into()
}

/// Whether that is the MAC, compared in constant time.
pub fn is_header_mac(file_key: &[u8; 16], header: &[u8], given: &[u8]) -> bool {
    mac(&hkdf(file_key, b"", b"header")[..]).chain_update(header).verify_slice(given).is_ok()
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of this cipher has 32 bytes"))
}

/// Encrypts in place, and adds the tag.
pub fn encrypt(key: &[u8; 32], nonce: [u8; 12], data: &mut Vec<u8>) {
    let sealed = cipher(key).seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), data);
    // It refuses what is longer than 256 GiB.
    sealed.expect("a secret is short");
}

/// Decrypts; none where key or bytes are others than those that were encrypted.
pub fn decrypt(key: &[u8; 32], nonce: [u8; 12], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(data.to_vec());
    let opened = cipher(key).open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut buffer).ok()?;
    let length = opened.len();
    buffer.truncate(length);
    Some(buffer)
}
