//! Tokens: 256 random bits, of which only the SHA-256 is ever kept.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use writ_trust::digest::Digest;
use zeroize::Zeroizing;

/// The bytes of a token.
const BYTES: usize = 32;
/// The characters of one.
const LENGTH: usize = 43;

/// A new token, as it stands in a link or a cookie: 43 characters of base64url.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn new() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    getrandom::fill(&mut bytes[..]).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Zeroizing::new(BASE64.encode(&bytes[..])))
}

/// What is kept of a token; `None` for what cannot be one. Whoever reads what is kept can use none of it.
pub fn kept(token: &str) -> Option<Digest> {
    let is_one = token.len() == LENGTH && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    is_one.then(|| Digest::of(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_shape_and_never_the_same() {
        let (one, other) = (new().unwrap(), new().unwrap());
        assert!(one != other && kept(&one).is_some() && kept(&one) != kept(&other));
        let long = "a".repeat(LENGTH + 1);
        let odd = format!("{}/", "a".repeat(LENGTH - 1));
        for bad in ["", "a", &one[1..], &long, &odd] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }
}
