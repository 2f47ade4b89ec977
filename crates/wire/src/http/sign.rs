//! Signing a request.

use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use super::base::{Component, signature_base};
use super::parameters::Parameters;
use super::{CONTENT_DIGEST, LABEL, Request, SIGNATURE, SIGNATURE_INPUT, content_digest};
use crate::blob::Blob;

/// The values of the headers that make a request a signed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// Of `Signature-Input`.
    pub signature_input: String,
    /// Of `Signature`.
    pub signature: String,
    /// Of `Content-Digest`, when there is a body.
    pub content_digest: Option<String>,
}

impl SignedHeaders {
    /// Names and values, as they are sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let digest = self.content_digest.as_deref().map(|value| (CONTENT_DIGEST, value));
        [(SIGNATURE_INPUT, &*self.signature_input), (SIGNATURE, &*self.signature)].into_iter().chain(digest)
    }
}

/// Signs a request. `body` is the digest of its body, if it has one; `now` becomes `created`, in whole seconds; `nonce` is
/// 16 bytes that the caller draws anew for each request.
pub fn sign(
    request: &Request<'_>,
    body: Option<&Digest>,
    key: &SecretKey,
    now: Time,
    nonce: [u8; 16],
) -> SignedHeaders {
    let content_digest = body.map(content_digest::to_header);
    let covered = |component: &Component| *component != Component::ContentDigest || content_digest.is_some();
    let parameters = Parameters {
        components: Component::ALL.into_iter().filter(covered).collect(),
        created: now,
        nonce,
        key_id: key.public_key().fingerprint(),
    };
    let text = parameters.to_string();
    let value = |component: &Component| {
        (component.name(), component.value(request, content_digest.as_deref().unwrap_or_default()))
    };
    let base = signature_base(parameters.components.iter().map(value), &text);
    let signature = Blob(key.sign_message(base.as_bytes()).to_vec());
    SignedHeaders {
        signature_input: format!("{LABEL}={text}"),
        signature: format!("{LABEL}=:{}:", signature.encode()),
        content_digest,
    }
}
