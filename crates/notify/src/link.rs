//! The link by which somebody answers: what it is about, under a keyed hash (HMAC-SHA-256, RFC 2104) of a key that is only here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use writ_trust::time::Time;
use zeroize::Zeroizing;

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 1024;
/// How long a link is good, in milliseconds (7 days).
const GOOD_FOR: i64 = 7 * 86_400_000;

/// What makes and judges links.
#[derive(Clone)]
pub struct Links {
    base: Option<String>,
    key: Zeroizing<[u8; 32]>,
}

/// What a link is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The incident, or several that were told at once.
    pub key: String,
    /// The contact that it was written to.
    pub contact: String,
    /// Until when it is good.
    pub until: Time,
}

/// Why a token is no link. Nobody outside is told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or was changed since.
    #[error("it was not made here")]
    Forged,
    /// It was good once.
    #[error("it is too old")]
    Expired,
}

impl Links {
    /// Links that begin with `base`, such as `https://ack.msp.example`; without one there are none.
    pub fn new(base: Option<&str>, key: [u8; 32]) -> Self {
        Self { base: base.map(|base| base.trim_end_matches('/').to_owned()), key: Zeroizing::new(key) }
    }

    /// The link for somebody to answer by.
    pub fn make(&self, key: &str, contact: &str, now: Time) -> Option<String> {
        Some(format!("{}/a/{}", self.base.as_ref()?, self.token(key, contact, now)))
    }

    /// The last part of that.
    pub fn token(&self, key: &str, contact: &str, now: Time) -> String {
        let payload = format!("{key}\n{contact}\n{}", now.plus_millis(GOOD_FOR).unix_millis());
        let mac = self.mac(payload.as_bytes()).finalize().into_bytes();
        format!("{}.{}", BASE64.encode(&payload), BASE64.encode(mac))
    }

    /// What a token is about.
    ///
    /// # Errors
    /// [`LinkError`]; the comparison takes the same time wherever it fails.
    pub fn judge(&self, token: &str, now: Time) -> Result<Link, LinkError> {
        let parts = token.split_once('.').filter(|_| token.len() <= LONGEST);
        let (payload, mac) = parts.ok_or(LinkError::Forged)?;
        let decode = |text: &str| BASE64.decode(text).map_err(|_| LinkError::Forged);
        let (payload, mac) = (decode(payload)?, decode(mac)?);
        self.mac(&payload).verify_slice(&mac).map_err(|_| LinkError::Forged)?;
        let text = String::from_utf8(payload).map_err(|_| LinkError::Forged)?;
        let mut lines = text.split('\n');
        let (Some(key), Some(contact), Some(until)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(LinkError::Forged);
        };
        let until = Time::from_unix_millis(until.parse().map_err(|_| LinkError::Forged)?);
        if now > until {
            return Err(LinkError::Expired);
        }
        Ok(Link { key: key.to_owned(), contact: contact.to_owned(), until })
    }

    fn mac(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key[..]).expect("a key of any length will do");
        mac.update(b"writ-notify-link-v1\n");
        mac.update(payload);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_is_good_for_what_and_whom_it_was_made_and_not_for_ever() {
        let links = Links::new(Some("https://ack.example/"), [7; 32]);
        let now = Time::from_unix_millis(1_795_444_856_000);
        let link = links.make("clinic-001/front-desk/INC-1", "on-call", now).unwrap();
        let token = link.strip_prefix("https://ack.example/a/").unwrap();
        let judged = links.judge(token, now).unwrap();
        assert_eq!((judged.key.as_str(), judged.contact.as_str()), ("clinic-001/front-desk/INC-1", "on-call"));
        assert_eq!(links.judge(token, now.plus_millis(GOOD_FOR + 1)), Err(LinkError::Expired));
        assert_eq!(Links::new(None, [8; 32]).judge(token, now), Err(LinkError::Forged));
        assert!(Links::new(None, [7; 32]).make("a", "b", now).is_none());
        let (payload, mac) = token.split_once('.').unwrap();
        for bad in ["", ".", "a.b", payload, &format!("{payload}."), &format!(".{mac}"), &token[1..], &"x".repeat(2000)]
        {
            assert_eq!(links.judge(bad, now), Err(LinkError::Forged), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_one(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0_usize..200, flip in 1_u8..=255) {
            let links = Links::new(None, [7; 32]);
            let now = Time::from_unix_millis(0);
            prop_assert!(links.judge(&String::from_utf8_lossy(&bytes), now).is_err());
            let mut token = links.token("site/appliance/INC-1", "on-call", now).into_bytes();
            let at = at % token.len();
            token[at] ^= flip;
            // The last digit of base64 has bits that mean nothing; strict decoding refuses those as well.
            prop_assert!(links.judge(&String::from_utf8_lossy(&token), now).is_err());
        }
    }
}
