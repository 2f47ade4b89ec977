//! Judging who signed a request.

use writ_trust::digest::Digest;
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

use super::base::{Component, signature_base};
use super::parameters::{Parameters, ParametersError};
use super::{CONTENT_DIGEST, LABEL, Request, SIGNATURE, SIGNATURE_INPUT, WINDOW_MILLIS, content_digest};
use crate::blob::Blob;

/// The values of the headers that a signature stands in. A header that is sent twice is as bad as none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    /// Of `Signature-Input`.
    pub signature_input: Option<&'a str>,
    /// Of `Signature`.
    pub signature: Option<&'a str>,
    /// Of `Content-Digest`.
    pub content_digest: Option<&'a str>,
}

/// A request whose signature holds. Its nonce and its body are still to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the nonce and the body are still to be judged"]
pub struct Verified {
    /// The key that signed.
    pub key: PublicKey,
    /// When it was signed, to the second.
    pub created: Time,
    /// What no other request of the key has.
    pub nonce: [u8; 16],
    /// The digest that the body must have; without one there must be no body.
    pub body: Option<Digest>,
}

/// Why a request is not known to be anybody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no signature.
    #[error("the request has no header {0}")]
    Missing(&'static str),
    /// What is signed is not as the profile has it.
    #[error("{0}")]
    Parameters(#[from] ParametersError),
    /// The signature cannot be read.
    #[error("the header {SIGNATURE} is not `{LABEL}=:` and 64 bytes in base64 and `:`")]
    Signature,
    /// The request line holds what no request line can.
    #[error("the request's method, path or query holds a control character")]
    RequestLine,
    /// The digest of the body cannot be read.
    #[error("the header {CONTENT_DIGEST} is not `sha-256=:` and 32 bytes in base64 and `:`")]
    ContentDigest,
    /// It was signed too long ago, or in the future.
    #[error("signed at {created} and it is {now}: expected within {} s; compare the clocks", WINDOW_MILLIS / 1000)]
    Window {
        /// When it says that it was signed.
        created: Time,
        /// The instant judged by.
        now: Time,
    },
    /// The key is not known.
    #[error("signed with a key that is not known here: fingerprint {0}")]
    UnknownKey(String),
    /// The signature does not fit.
    #[error("the signature does not fit the request: one of the two was altered")]
    Forged,
}

/// Why a body is not the one that was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// There is a body, and the signature does not cover one.
    #[error("the request has a body that its signature does not cover")]
    NotCovered,
    /// The body was altered.
    #[error("the body has digest {found}, the signature covers {signed}")]
    Altered {
        /// The digest of the body.
        found: Digest,
        /// The digest that was signed.
        signed: Digest,
    },
}

/// Judges a request by its first line and headers, so before its body is read: form, window, key, signature.
///
/// `key_of` finds the key with a fingerprint (lower-case hexadecimal); what it returns is checked to have it.
pub fn verify(
    request: &Request<'_>,
    headers: &Headers<'_>,
    key_of: impl FnOnce(&str) -> Option<PublicKey>,
    now: Time,
) -> Result<Verified, VerifyError> {
    let input = headers.signature_input.ok_or(VerifyError::Missing(SIGNATURE_INPUT))?;
    let signature = parse_signature(headers.signature.ok_or(VerifyError::Missing(SIGNATURE))?)?;
    let (parameters, text) = Parameters::parse(input)?;
    let body = match (parameters.covers(Component::ContentDigest), headers.content_digest) {
        (false, _) => None,
        (true, None) => return Err(VerifyError::Missing(CONTENT_DIGEST)),
        (true, Some(value)) => Some(content_digest::from_header(value).ok_or(VerifyError::ContentDigest)?),
    };
    // A line break would let one component speak for the next.
    let Request { method, path, query } = *request;
    if [method, path, query.unwrap_or_default()].iter().any(|part| part.chars().any(char::is_control)) {
        return Err(VerifyError::RequestLine);
    }
    let created = parameters.created;
    if now.millis_since(created).abs() > WINDOW_MILLIS {
        return Err(VerifyError::Window { created, now });
    }
    let unknown = || VerifyError::UnknownKey(parameters.key_id.clone());
    let key = key_of(&parameters.key_id).filter(|key| key.fingerprint() == parameters.key_id).ok_or_else(unknown)?;
    let digest = headers.content_digest.unwrap_or_default();
    let values = parameters.components.iter().map(|c| (c.name(), c.value(request, digest)));
    let base = signature_base(values, text);
    key.verify_message(base.as_bytes(), &signature).map_err(|_| VerifyError::Forged)?;
    Ok(Verified { key, created, nonce: parameters.nonce, body })
}

impl Verified {
    /// Whether a body with this digest is the one that was signed. `None` means that there is no body, or an empty one.
    pub fn check_body(&self, body: Option<Digest>) -> Result<(), BodyError> {
        match (self.body, body) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(BodyError::NotCovered),
            (Some(signed), found) => {
                let found = found.unwrap_or_else(|| Digest::of(b""));
                if found == signed { Ok(()) } else { Err(BodyError::Altered { found, signed }) }
            }
        }
    }
}

fn parse_signature(header: &str) -> Result<[u8; 64], VerifyError> {
    let base64 = header.strip_prefix(LABEL).and_then(|t| t.strip_prefix("=:")).and_then(|t| t.strip_suffix(':'));
    let base64 = base64.filter(|text| text.len() == 88).ok_or(VerifyError::Signature)?;
    Blob::decode(base64).ok().and_then(|blob| blob.0.try_into().ok()).ok_or(VerifyError::Signature)
}
