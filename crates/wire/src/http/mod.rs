//! Who sends a request: HTTP Message Signatures (RFC 9421) in one small profile.
//!
//! The label is `writ`, the algorithm Ed25519. `@method`, `@path` and `@query` are covered always, `content-digest`
//! (RFC 9530, SHA-256) whenever there is a body. `@authority` is not, so that a signature survives a proxy that ends TLS
//! and rewrites `Host`: a request signed for one depot can be replayed to another one, which would have to trust the same
//! key, and all that it could do there is what its signer asked for. The parameters are `created`, `nonce`, `keyid` (the
//! fingerprint of the key), `alg` and `tag`, all required, none more than once, in any order.
//!
//! [`sign`](sign::sign) makes the headers; [`verify`](verify::verify) judges them before the body is read, and
//! [`Verified::check_body`](verify::Verified::check_body) judges the body; [`NonceWindow`](nonce::NonceWindow) refuses
//! what was seen before.

pub mod base;
pub mod content_digest;
pub mod nonce;
pub mod parameters;
pub mod sign;
pub mod verify;

/// The request header that says what is signed.
pub const SIGNATURE_INPUT: &str = "signature-input";
/// The request header that holds the signature.
pub const SIGNATURE: &str = "signature";
/// The request header that holds the digest of the body.
pub const CONTENT_DIGEST: &str = "content-digest";
/// The label of our signature in both headers.
pub const LABEL: &str = "writ";
/// The value of the parameter `tag`.
pub const TAG: &str = "writ-v1";
/// The value of the parameter `alg`.
pub const ALGORITHM: &str = "ed25519";
/// How far `created` may be from the verifier's clock, in milliseconds.
pub const WINDOW_MILLIS: i64 = 300_000;

/// The parts of a request that a signature covers, as they stand in its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, as in `GET`.
    pub method: &'a str,
    /// The path as it was sent, beginning with a slash.
    pub path: &'a str,
    /// The query as it was sent, without its question mark.
    pub query: Option<&'a str>,
}
