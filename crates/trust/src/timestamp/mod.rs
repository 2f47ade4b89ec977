//! Timestamps by others (RFC 3161): that an authority saw the exact bytes of a checkpoint at a time.
//!
//! The log's own word says when only as far as the log's key is to be trusted. An authority of the trust root has another key,
//! which the log's holder does not have: what it stamped existed by then, and a log only grows, so every entry that the stamped
//! checkpoint covers was logged by then too.
//!
//! Nothing is asked of anybody here: a request is bytes, and so is an answer. Certificates and their path are judged by `webpki`,
//! as of the time in the token: a token stays good after its authority's certificate has ended. Hashes are SHA-256, SHA-384 and
//! SHA-512, keys RSA from 2048 bits on, the curves P-256 and P-384 (with SHA-256 and SHA-384), and Ed25519.

mod certificate;
mod der;
mod error;
mod hash;
mod name;
mod request;
mod response;
mod verify;

pub use certificate::Certificate;
pub use error::TimestampError;
pub use name::{AuthorityId, TimestampName, TimestampNameError};
pub use request::{NONCE, request};
pub use response::Token;
pub use verify::Stamped;

/// The largest answer of an authority that is looked at, in bytes.
pub const MAX_RESPONSE: usize = 32 * 1024;
