//! Who asks.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;
use writ_wire::courier;
use writ_wire::http::Request;
use writ_wire::http::sign::{SignedHeaders, sign};
use writ_wire::paths::Target;
use writ_wire::signed::Signed;

/// Signs requests, by RFC 9421 in the profile of [`writ_wire::http`].
pub struct Signer {
    key: Arc<SecretKey>,
    delegation: Option<String>,
}

impl Signer {
    /// Signs with a key that the depot knows by itself, as an auditor's.
    pub fn new(key: impl Into<Arc<SecretKey>>) -> Self {
        Self { key: key.into(), delegation: None }
    }

    /// Signs with a courier's key, for which an appliance vouches.
    pub fn courier(key: impl Into<Arc<SecretKey>>, delegation: &Signed) -> Self {
        Self { key: key.into(), delegation: Some(courier::to_header(delegation)) }
    }

    /// The value of the header that carries the delegation.
    pub(crate) fn delegation(&self) -> Option<&str> {
        self.delegation.as_deref()
    }

    pub(crate) fn sign(&self, method: &str, target: &Target, body: Option<&[u8]>) -> SignedHeaders {
        let request = Request { method, path: &target.path, query: target.query.as_deref() };
        let mut nonce = [0; 16];
        // Without randomness the kernel itself is not up; a nonce that was used before is refused, so nothing is lost.
        let _ = getrandom::fill(&mut nonce);
        sign(&request, body.map(Digest::of).as_ref(), &self.key, now(), nonce)
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
