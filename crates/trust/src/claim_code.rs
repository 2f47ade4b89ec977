//! The claim code: the fingerprint of a new appliance's key, as people read it aloud, compare it and type it.
//!
//! It is the whole fingerprint (64 hexadecimal digits, see [`PublicKey::fingerprint`]) and four digits more that tell a slip of
//! the pen from another key: CRC-16/IBM-3740 (polynomial 0x1021, initial value 0xffff) over the 32 bytes of the fingerprint. That
//! finds every slip within one group of four, and every pair of neighbours that changed places. It protects nothing: the
//! fingerprint does.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::minisign::PublicKey;

/// Hexadecimal digits of a fingerprint.
const FINGERPRINT: usize = 64;
/// Digits of a code: the fingerprint, and four to check it by.
const DIGITS: usize = FINGERPRINT + 4;
/// The longest text that is read as a code, in bytes: every digit with a separator.
const LONGEST: usize = 2 * DIGITS;

/// The claim code of a key. It is written in groups of four digits; see [`ClaimCode::digits`] for the bare form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimCode([u8; 32]);

/// Why text is not a [`ClaimCode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimCodeError {
    /// A character is none of a code.
    #[error("{0:?} is no part of a claim code: expected the digits 0 to 9 and a to f, in groups or not")]
    Character(char),
    /// Too few digits, or too many.
    #[error("{0} digits: expected {DIGITS}, or the {FINGERPRINT} of a bare fingerprint")]
    Length(usize),
    /// The digits contradict each other.
    #[error("the last four digits do not fit the others: there is a slip in it, read it again")]
    Slip,
}

impl ClaimCode {
    /// The code of a key.
    pub fn of(key: &PublicKey) -> Self {
        Self(*Digest::of(key.ed25519()).as_bytes())
    }

    /// Whether it is this key's.
    pub fn is_of(&self, key: &PublicKey) -> bool {
        *self == Self::of(key)
    }

    /// The fingerprint: 64 lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        Digest::from_bytes(self.0).hex()
    }

    /// The 68 digits without anything between them, as a QR code has them.
    pub fn digits(&self) -> String {
        format!("{}{:04x}", self.fingerprint(), crc(&self.0))
    }

    /// The groups of four digits.
    pub fn groups(&self) -> Vec<String> {
        let digits = self.digits();
        digits.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect()
    }

    /// Three lines of at most six groups, for a narrow screen and for reading aloud.
    pub fn lines(&self) -> Vec<String> {
        self.groups().chunks(6).map(|groups| groups.join(" ")).collect()
    }
}

/// CRC-16/IBM-3740, by its definition.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

impl fmt::Display for ClaimCode {
    /// Groups of four digits with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.groups().join(" "))
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClaimCode {
    type Err = ClaimCodeError;

    /// Reads a code as people write it: in upper or lower case, with spaces, line breaks, dots, colons or hyphens anywhere. A bare
    /// fingerprint is one without the digits to check it by.
    fn from_str(text: &str) -> Result<Self, ClaimCodeError> {
        if text.len() > LONGEST {
            return Err(ClaimCodeError::Length(text.len()));
        }
        let mut digits = Vec::with_capacity(DIGITS);
        for c in text.chars() {
            match c {
                c if c.is_ascii_hexdigit() => digits.push(c.to_ascii_lowercase()),
                ' ' | '\t' | '\n' | '\r' | '-' | ':' | '.' => {}
                c => return Err(ClaimCodeError::Character(c)),
            }
        }
        let text: String = digits.iter().collect();
        let (fingerprint, check) = match text.len() {
            FINGERPRINT => (text.as_str(), None),
            DIGITS => (&text[..FINGERPRINT], Some(&text[FINGERPRINT..])),
            other => return Err(ClaimCodeError::Length(other)),
        };
        let digest: Digest =
            format!("sha256:{fingerprint}").parse().map_err(|_| ClaimCodeError::Length(fingerprint.len()))?;
        let code = Self(*digest.as_bytes());
        match check {
            Some(check) if format!("{:04x}", crc(&code.0)) != check => Err(ClaimCodeError::Slip),
            _ => Ok(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::minisign::SecretKey;

    #[test]
    fn the_check_is_that_of_the_catalogue_of_crcs() {
        assert_eq!(crc(b"123456789"), 0x29b1, "CRC-16/IBM-3740's published check value");
    }

    #[test]
    fn a_code_is_the_fingerprint_in_groups() {
        let key = SecretKey::generate(&[1; 40]).public_key();
        let code = ClaimCode::of(&key);
        assert!(code.is_of(&key) && !code.is_of(&SecretKey::generate(&[2; 40]).public_key()));
        assert_eq!((code.fingerprint(), code.groups().len(), code.lines().len()), (key.fingerprint(), 17, 3));
        assert!(code.lines().iter().all(|line| line.len() <= 29));
        assert_eq!(code.to_string().replace(' ', ""), code.digits());
        assert!(code.digits().starts_with(&key.fingerprint()));
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = ClaimCode::of(&SecretKey::generate(&[1; 40]).public_key());
        for text in [
            code.to_string(),
            code.digits(),
            code.to_string().to_uppercase(),
            code.lines().join("\n"),
            code.groups().join("-"),
            code.fingerprint(),
        ] {
            assert_eq!(text.parse::<ClaimCode>(), Ok(code), "{text}");
        }
        for (text, error) in [
            (String::new(), ClaimCodeError::Length(0)),
            ("abc".into(), ClaimCodeError::Length(3)),
            (format!("{} 0", code.digits()), ClaimCodeError::Length(69)),
            ("0".repeat(10_000), ClaimCodeError::Length(10_000)),
            (code.to_string().replace(' ', "_"), ClaimCodeError::Character('_')),
            ("ç".repeat(68), ClaimCodeError::Character('ç')),
        ] {
            assert_eq!(text.parse::<ClaimCode>(), Err(error), "{text:.80}");
        }
    }

    proptest! {
        /// One group written down wrong, in whatever way, is told.
        #[test]
        fn a_slip_within_a_group_is_told(key in any::<[u8; 32]>(), group in 0_usize..17, other in any::<u16>()) {
            let code = ClaimCode(key);
            let mut groups = code.groups();
            let slip = format!("{other:04x}");
            prop_assume!(groups[group] != slip);
            groups[group] = slip;
            prop_assert_eq!(groups.join(" ").parse::<ClaimCode>(), Err(ClaimCodeError::Slip));
        }

        /// So are two neighbours that changed places.
        #[test]
        fn neighbours_that_changed_places_are_told(key in any::<[u8; 32]>(), at in 0_usize..67) {
            let code = ClaimCode(key);
            let mut digits = code.digits().into_bytes();
            prop_assume!(digits[at] != digits[at + 1]);
            digits.swap(at, at + 1);
            let text = String::from_utf8(digits).unwrap();
            prop_assert_eq!(text.parse::<ClaimCode>(), Err(ClaimCodeError::Slip));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,140}") {
            let _ = text.parse::<ClaimCode>();
        }
    }
}
