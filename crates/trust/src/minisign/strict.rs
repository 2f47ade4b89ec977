//! Verifying one Ed25519 signature strictly (RFC 8032 §5.1.7 without cofactor, nothing of small order, one encoding of
//! everything).
//!
//! `ed25519_dalek` has `verify_strict` for that, which unpacks the commitment R of every signature to see that it is not of
//! small order. Its `verify` computes what R must be and compares the bytes; after that R is the one encoding of its point, so
//! it is of small order if and only if it is one of eight strings. The verdict is the same, a tenth sooner. Keys of small
//! order never become a [`PublicKey`](super::PublicKey).

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// The eight points whose order divides the cofactor, in their one encoding.
const SMALL_ORDER: [[u8; 32]; 8] = [
    encoded(0x01, [0; 30], 0x00),
    encoded(0xec, [0xff; 30], 0x7f),
    encoded(0x00, [0; 30], 0x00),
    encoded(0x00, [0; 30], 0x80),
    encoded(0x26, ORDER_EIGHT[0], 0x05),
    encoded(0x26, ORDER_EIGHT[0], 0x85),
    encoded(0xc7, ORDER_EIGHT[1], 0x7a),
    encoded(0xc7, ORDER_EIGHT[1], 0xfa),
];

/// What is between the first and the last byte of the points of order eight.
const ORDER_EIGHT: [[u8; 30]; 2] = [
    [
        0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac,
        0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc,
    ],
    [
        0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53,
        0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03,
    ],
];

const fn encoded(first: u8, between: [u8; 30], last: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    (bytes[0], bytes[31]) = (first, last);
    let mut at = 0;
    while at < between.len() {
        bytes[at + 1] = between[at];
        at += 1;
    }
    bytes
}

/// Whether a signature is the key's over a message. The key is not of small order.
pub fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    key.verify(message, &signature).is_ok() && !SMALL_ORDER.contains(signature.r_bytes())
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::Scalar;
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha512};

    use super::*;

    #[test]
    fn the_points_of_small_order_are_these() {
        let mut own = SMALL_ORDER;
        let mut theirs = EIGHT_TORSION.map(|point| point.compress().to_bytes());
        own.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(own, theirs);
    }

    /// A signature with R of our choice: s = k a satisfies [s]B = R + [k]A where R is the identity.
    fn with_commitment(key: &SigningKey, r: [u8; 32], message: &[u8]) -> [u8; 64] {
        let hash = Sha512::new().chain_update(r).chain_update(key.verifying_key().as_bytes()).chain_update(message);
        let s = Scalar::from_hash(hash) * key.to_scalar();
        [r, s.to_bytes()].concat().try_into().unwrap()
    }

    #[test]
    fn a_commitment_of_small_order_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key();
        let forged = with_commitment(&key, SMALL_ORDER[0], b"message");
        assert!(public.verify(b"message", &Signature::from_bytes(&forged)).is_ok(), "the equation holds");
        assert!(public.verify_strict(b"message", &Signature::from_bytes(&forged)).is_err());
        assert!(!verify(&public, b"message", &forged));
        for r in SMALL_ORDER {
            assert!(!verify(&public, b"message", &with_commitment(&key, r, b"message")));
        }
        // The identity in its other encodings: y = 1 + p, and x = -0.
        for r in [encoded(0xee, [0xff; 30], 0x7f), encoded(0x01, [0; 30], 0x80)] {
            assert!(!verify(&public, b"message", &with_commitment(&key, r, b"message")));
        }
    }

    proptest! {
        #[test]
        fn the_verdict_is_that_of_verify_strict(
            seed in any::<[u8; 32]>(),
            message in prop::collection::vec(any::<u8>(), 0..100),
            flips in prop::collection::vec(0usize..512, 0..3),
            larger in any::<bool>(),
        ) {
            let key = SigningKey::from_bytes(&seed);
            let mut signature = key.sign(&message).to_bytes();
            for flip in flips {
                signature[flip / 8] ^= 1 << (flip % 8);
            }
            if larger {
                // s + 2^252 is near s + L, the order of the group: never a second spelling of s.
                signature[63] = signature[63].wrapping_add(0x10);
            }
            let public = key.verifying_key();
            let strict = public.verify_strict(&message, &Signature::from_bytes(&signature)).is_ok();
            prop_assert_eq!(verify(&public, &message, &signature), strict);
        }
    }
}
