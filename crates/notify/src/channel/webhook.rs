//! A webhook as [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
//! signs it: `webhook-id` (the same whenever the message is sent again), `webhook-timestamp` (seconds, of this sending) and
//! `webhook-signature`: `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`. A receiver that refuses old timestamps and
//! ids that it has can be told nothing twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;
use writ_trust::time::Time;
use zeroize::Zeroizing;

use super::Unsent;
use super::post::Poster;
use crate::message::Message;

/// The key that signs: `whsec_` and base64 of 24 to 64 bytes.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Reads one. The error does not tell it.
    ///
    /// # Errors
    /// One line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected whsec_ and base64 of 24 to 64 bytes, such as of: openssl rand -base64 32";
        let encoded = text.trim().strip_prefix("whsec_").ok_or(expected)?;
        let bytes = Zeroizing::new(BASE64.decode(encoded).map_err(|_| expected)?);
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(expected.to_owned()) }
    }
}

/// The body of a message.
pub fn body(message: &Message) -> Vec<u8> {
    let whole =
        json!({ "type": format!("writ.{}", kind(&message.kind)), "timestamp": message.at, "data": message.data });
    serde_json::to_vec(&whole).unwrap_or_default()
}

/// A kind without its number.
fn kind(kind: &str) -> &str {
    kind.split_once('-').map_or(kind, |(kind, _)| kind)
}

/// The value of `webhook-signature`.
pub fn signature(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("a key of any length will do");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// Sends a message.
///
/// # Errors
/// [`Unsent`]
pub fn send(poster: &Poster, url: &str, secret: &Secret, message: &Message, now: Time) -> Result<(), Unsent> {
    let (body, seconds) = (body(message), now.unix_millis().div_euclid(1000));
    let signature = signature(secret, &message.id, seconds, &body);
    let headers = [
        ("webhook-id", message.id.as_str()),
        ("webhook-timestamp", &seconds.to_string()),
        ("webhook-signature", signature.as_str()),
    ];
    poster.post(url, &headers, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the specification's own libraries.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%"] {
            let why = Secret::parse(bad).err().unwrap();
            assert!(!why.contains("MfKQ"), "{why}");
        }
    }
}
