//! Keys and detached signatures in the format of minisign 0.11 (<https://jedisct1.github.io/minisign/#signature-format>).
//!
//! Only prehashed signatures (`ED`: Ed25519 over the BLAKE2b-512 of the bytes) are made and accepted; legacy ones (`Ed`)
//! are refused. Comments are carried, and the trusted one is verified, but no comment decides anything.

mod key_file;
mod key_id;
mod lines;
mod public_key;
mod secret_key;
mod signature;
mod stretch;

pub use key_file::{SecretKeyError, SecretKeyFile};
pub use key_id::{KeyId, KeyIdError};
pub use public_key::{PublicKey, PublicKeyError};
pub use secret_key::{SecretKey, SignError};
pub use signature::{Prehash, Signature, SignatureError, VerifyError, signature_file_name};
pub use stretch::{KdfStrength, StretchError};
