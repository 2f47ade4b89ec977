//! The token that a client shows.

use subtle::ConstantTimeEq as _;
use writ_trust::digest::Digest;
use zeroize::Zeroizing;

/// The shortest and the longest token, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 32..=512;
/// The most bytes of a file that holds one.
pub const MAX_FILE: usize = 4 * 1024;

/// Why a file holds no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not one line of {} to {} visible ASCII characters", LENGTHS.start(), LENGTHS.end())]
pub struct TokenError;

/// A token, of which no more is kept than decides whether another is the same.
#[derive(Clone)]
pub struct Token(Digest);

impl Token {
    /// That of a file.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn parse(file: Zeroizing<Vec<u8>>) -> Result<Self, TokenError> {
        let text = file.strip_suffix(b"\n").unwrap_or(&file);
        let fits = LENGTHS.contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        if fits { Ok(Self(Digest::of(text))) } else { Err(TokenError) }
    }

    /// Whether an `Authorization` header shows it (RFC 6750, section 2.1). Digests are compared, in a time that tells nothing of
    /// where they differ.
    pub fn is_shown(&self, header: Option<&[u8]>) -> bool {
        let shown = header.and_then(|header| header.split_at_checked(7));
        let Some((_, token)) = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer ")) else {
            return false;
        };
        self.0.as_bytes().ct_eq(Digest::of(token).as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_the_token() {
        let text = "0123456789abcdef0123456789abcdef";
        let token = Token::parse(Zeroizing::new(format!("{text}\n").into_bytes())).unwrap();
        let shown = |header: &str| token.is_shown(Some(header.as_bytes()));
        assert!(shown(&format!("Bearer {text}")) && shown(&format!("bearer {text}")));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Basic 0123456789abcdef0123456789abcdef",
            text,
            "Bearer 0123456789abcdef0123456789abcdee",
        ] {
            assert!(!shown(wrong), "{wrong}");
        }
        assert!(!shown(&format!("Bearer {text} ")) && !shown(&format!("Bearer  {text}")) && !token.is_shown(None));
        for bad in
            ["", "short", &*"x".repeat(513), "0123456789abcdef 123456789abcdef", "0123456789abcdef0123456789abcdef\n\n"]
        {
            assert!(Token::parse(Zeroizing::new(bad.as_bytes().to_vec())).is_err(), "{bad}");
        }
    }
}
