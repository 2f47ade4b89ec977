//! Secrets as age files (age-encryption.org/v1): encrypted to one appliance's X25519 key, and read back there.
//!
//! What is written, `age -d` reads, and what `age -r` writes is read. Only so much of the format is here as secrets need: X25519
//! recipients, and one chunk. A file that asks for more is refused before anything dear is done: the work of a passphrase
//! (`scrypt`) is never begun, whatever it costs, and sizes and numbers of recipients are bounded.
//!
//! The primitives are those that the programs have anyway: curve25519-dalek, and HMAC and SHA-256 of RustCrypto; ChaCha20-Poly1305
//! of ring. The crate `age` brings plugins, SSH keys, passphrases and translations besides, into a process that is root.
//!
//! Source: <https://age-encryption.org/v1> (C2SP, age.md). Pure: randomness comes in as an argument.

mod armor;
mod bech32;
mod derive;
mod file;
mod header;
mod keys;

pub use self::armor::{MAX_ARMORED, decode as dearmor, encode as armor};
pub use self::file::{MAX_FILE, MAX_SECRET, OpenError, RANDOM, SealError, inspect, open, seal};
pub use self::header::{FormatError, MAX_HEADER, MAX_RECIPIENTS};
pub use self::keys::{Identity, KeyError, Recipient};
