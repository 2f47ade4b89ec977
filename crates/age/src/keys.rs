//! The two halves of an appliance's key for secrets.

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::Zeroizing;

use crate::bech32;

const SECRET_PREFIX: &str = "age-secret-key-";
const PUBLIC_PREFIX: &str = "age";
/// The most bytes of a file that holds a key.
const MAX_KEY_FILE: usize = 4096;

/// Why a text is no key. Nothing of the text is quoted: it may be a secret in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It holds no secret key, or is altered.
    #[error(
        "not an age identity: expected one line \"AGE-SECRET-KEY-1…\", as `writ secret identity` or age-keygen writes it"
    )]
    Identity,
    /// It holds more than one.
    #[error("more than one age identity in one file: an appliance has one")]
    Several,
    /// It is of another kind than X25519.
    #[error("an age identity of another kind than X25519, which secrets of appliances are not encrypted to")]
    Kind,
    /// It is no public key, or is altered.
    #[error("not an age recipient: expected \"age1\" and 58 letters and digits")]
    Recipient,
    /// It is a public key that nothing can be encrypted to.
    #[error("an age recipient of small order, which everybody could decrypt for")]
    SmallOrder,
}

/// The secret half, which never leaves its appliance. Wiped from memory when dropped; prints nothing of itself.
pub struct Identity(Zeroizing<[u8; 32]>);

impl Identity {
    /// A new one from 32 random bytes, which the caller draws from the system and wipes.
    pub fn generate(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*random))
    }

    /// Reads an identity file of age: comments that begin with `#`, empty lines, and one key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_FILE {
            return Err(KeyError::Identity);
        }
        let mut keys = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (key, more) = (keys.next().ok_or(KeyError::Identity)?, keys.next());
        if more.is_some() {
            return Err(KeyError::Several);
        }
        let small = Zeroizing::new(key.get(..16).unwrap_or_default().to_ascii_lowercase());
        if small.starts_with("age-plugin-") || small.starts_with("age-secret-key-p") {
            return Err(KeyError::Kind);
        }
        bech32::decode(SECRET_PREFIX, key).map(Self).ok_or(KeyError::Identity)
    }

    /// The identity file, as age-keygen writes it.
    pub fn to_file(&self) -> Zeroizing<String> {
        let mut key = bech32::encode(SECRET_PREFIX, &self.0);
        key.make_ascii_uppercase();
        Zeroizing::new(format!("# public key: {}\n{}\n", self.recipient(), key.as_str()))
    }

    /// The public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(MontgomeryPoint::mul_base_clamped(*self.0).to_bytes())
    }

    /// What both halves of two keys come to (RFC 7748, section 6.1); none where that is nothing.
    pub(crate) fn agree(&self, with: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        agree(&self.0, with)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, hidden)", self.recipient())
    }
}

/// X25519; none where the result is all zero, which every secret key would come to.
pub(crate) fn agree(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(MontgomeryPoint(*public).mul_clamped(*secret).to_bytes());
    // Whether it is nothing is no secret: the public key alone decides that.
    shared.iter().any(|byte| *byte != 0).then_some(shared)
}

/// The public half: what a secret is encrypted to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient([u8; 32]);

impl Recipient {
    /// The 32 raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a recipients file of age: comments that begin with `#`, empty lines, and one key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse_file(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_FILE {
            return Err(KeyError::Recipient);
        }
        let mut keys = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        match (keys.next(), keys.next()) {
            (Some(key), None) => key.parse(),
            _ => Err(KeyError::Recipient),
        }
    }
}

impl FromStr for Recipient {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // In capital letters it would be the same key, written in another way: one way is enough.
        let key = bech32::decode(PUBLIC_PREFIX, text).filter(|_| !text.bytes().any(|b| b.is_ascii_uppercase()));
        let key = *key.ok_or(KeyError::Recipient)?;
        // The scalar does not matter: clamped, it takes the small part of any point away.
        agree(&[1; 32], &key).map(|_| Self(key)).ok_or(KeyError::SmallOrder)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode(PUBLIC_PREFIX, &self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_those_of_age() {
        let identity = Identity::generate(&[7; 32]);
        let text = identity.to_file();
        assert_eq!(Identity::parse(&text).unwrap().recipient(), identity.recipient());
        assert!(text.lines().nth(1).unwrap().starts_with("AGE-SECRET-KEY-1"));
        assert_eq!(identity.recipient().to_string().parse::<Recipient>().unwrap(), identity.recipient());
        assert!(!format!("{identity:?}").contains("SECRET-KEY"));
    }

    #[test]
    fn both_sides_agree_as_in_rfc_7748() {
        let b = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let (one, two) = (Identity::generate(&[1; 32]), Identity::generate(&b));
        assert_eq!(one.agree(two.recipient().as_bytes()), two.agree(one.recipient().as_bytes()));
        // Bob's public key, as the RFC has it.
        let bob = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        assert_eq!(two.recipient().as_bytes(), &bob);
    }

    fn hex(text: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
        }
        bytes
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        let good = Identity::generate(&[7; 32]).to_file();
        let key = good.lines().nth(1).unwrap();
        for (text, says) in [
            (String::new(), KeyError::Identity),
            ("hunter2".to_owned(), KeyError::Identity),
            (key[..key.len() - 1].to_owned(), KeyError::Identity),
            (key.replacen("AGE", "age", 1), KeyError::Identity),
            (format!("{key}\n{key}\n"), KeyError::Several),
            ("AGE-SECRET-KEY-PQ-1QQQ".to_owned(), KeyError::Kind),
            ("AGE-PLUGIN-YUBIKEY-1QQQ".to_owned(), KeyError::Kind),
            ("#".repeat(5000), KeyError::Identity),
        ] {
            assert_eq!(Identity::parse(&text).err(), Some(says), "{text}");
        }
        // One letter is another.
        let (rest, last) = key.split_at(key.len() - 1);
        let altered = format!("{rest}{}", if last == "Q" { "P" } else { "Q" });
        assert_eq!(Identity::parse(&altered).err(), Some(KeyError::Identity));
        assert_eq!("age1".parse::<Recipient>(), Err(KeyError::Recipient));
        let capital = Identity::generate(&[7; 32]).recipient().to_string().to_ascii_uppercase();
        assert_eq!(capital.parse::<Recipient>(), Err(KeyError::Recipient));
        for small in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            let text = bech32::encode(PUBLIC_PREFIX, &small);
            assert_eq!(text.parse::<Recipient>(), Err(KeyError::SmallOrder));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(random in any::<[u8; 32]>()) {
            let identity = Identity::generate(&random);
            let again = Identity::parse(&identity.to_file()).unwrap();
            prop_assert_eq!(&*again.0, &*identity.0);
            prop_assert_eq!(identity.recipient().to_string().parse(), Ok(identity.recipient()));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = Identity::parse(&text);
            let _ = text.parse::<Recipient>();
            let _ = Recipient::parse_file(&text);
        }
    }
}
