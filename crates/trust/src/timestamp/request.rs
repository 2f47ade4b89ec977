//! What an authority is asked (RFC 3161 §2.4.1).

use super::der::{BOOLEAN, INTEGER, NULL, OCTETS, OID, SEQUENCE, element};
use super::hash::{Hash, SHA256};

/// How many random bytes a request takes.
pub const NONCE: usize = 16;

/// A request for a timestamp of the SHA-256 of these bytes, with the authority's certificates; and the nonce that the answer must
/// repeat, as [`Stamped::nonce`](super::Stamped::nonce) gives it. `random` must be fresh from the system.
pub fn request(bytes: &[u8], mut random: [u8; NONCE]) -> (Vec<u8>, Vec<u8>) {
    // A positive number of exactly so many bytes, whatever was drawn.
    random[0] = random[0] & 0x7f | 0x40;
    let algorithm = element(SEQUENCE, &[&element(OID, &[SHA256]), &element(NULL, &[])]);
    let imprint = element(SEQUENCE, &[&algorithm, &element(OCTETS, &[&Hash::Sha256.of(bytes)])]);
    let (version, nonce) = (element(INTEGER, &[&[1]]), element(INTEGER, &[&random]));
    let whole = element(SEQUENCE, &[&version, &imprint, &nonce, &element(BOOLEAN, &[&[0xff]])]);
    (whole, random.to_vec())
}
