//! What `Signature-Input` says: which components are covered, and the parameters (RFC 9421 §2.3), in one strict spelling.

use std::fmt;

use writ_trust::time::Time;

use super::base::Component;
use super::{ALGORITHM, LABEL, TAG};
use crate::blob::Blob;

/// The longest `Signature-Input` that is read, in bytes; ours have about 250.
pub const MAX_INPUT: usize = 1024;

/// Covered components and parameters of one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// What is covered, in the order of the signature base.
    pub components: Vec<Component>,
    /// When it was signed, to the second.
    pub created: Time,
    /// 16 bytes that no other request of the key has.
    pub nonce: [u8; 16],
    /// The fingerprint of the key, in lower-case hexadecimal.
    pub key_id: String,
}

/// What of `Signature-Input` is not as the profile has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// It is too long.
    #[error("the header signature-input has {0} bytes: expected at most {MAX_INPUT}")]
    TooLong(usize),
    /// It does not begin with our label.
    #[error("the header signature-input does not hold exactly one signature with the label {LABEL}")]
    Label,
    /// The covered components are not a list of known ones.
    #[error("the list of covered components cannot be read, repeats one, or names one that the profile has not")]
    Components,
    /// A component that must be covered is not.
    #[error("the signature does not cover {0}")]
    NotCovered(&'static str),
    /// The text between the parameters, or after them, is not as it must be.
    #[error("the signature's parameters are not `;name=value` one after another")]
    Form,
    /// A parameter is missing.
    #[error("the signature's parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is given twice.
    #[error("the signature's parameter {0} is given twice")]
    Repeated(&'static str),
    /// A parameter has another form than it must have.
    #[error("the signature's parameter {name} is not {expected}")]
    Value {
        /// Which parameter.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// There is a parameter that the profile has not.
    #[error("the signature has a parameter that the profile has not")]
    Unknown,
}

/// The parameters, in the order in which we write them.
const NAMES: [&str; 5] = ["created", "nonce", "keyid", "alg", "tag"];

impl Parameters {
    /// Reads the value of `Signature-Input`: the parameters, and their exact text, which is what was signed.
    pub fn parse(header: &str) -> Result<(Self, &str), ParametersError> {
        if header.len() > MAX_INPUT {
            return Err(ParametersError::TooLong(header.len()));
        }
        let text = header.strip_prefix(LABEL).and_then(|t| t.strip_prefix('=')).ok_or(ParametersError::Label)?;
        let inner = text.strip_prefix('(').ok_or(ParametersError::Components)?;
        let (list, rest) = inner.split_once(')').ok_or(ParametersError::Components)?;
        let components = parse_components(list)?;
        let [created, nonce, key_id, algorithm, tag] = split(rest)?;
        let is = |found: &str, name, wanted, expected| {
            if quoted(found) == Some(wanted) { Ok(()) } else { Err(ParametersError::Value { name, expected }) }
        };
        is(algorithm, "alg", ALGORITHM, "\"ed25519\"")?;
        is(tag, "tag", TAG, "\"writ-v1\"")?;
        let bad = |name, expected| ParametersError::Value { name, expected };
        let created =
            seconds(created).ok_or(bad("created", "a whole number of seconds since 1970, before the year 10000"))?;
        let nonce = quoted(nonce).and_then(|n| Blob::decode(n).ok()).and_then(|b| b.0.try_into().ok());
        let nonce = nonce.ok_or(bad("nonce", "16 bytes in base64"))?;
        let key_id = quoted(key_id).filter(|k| is_fingerprint(k));
        let key_id = key_id.ok_or(bad("keyid", "the 64 lower-case hexadecimal digits of a fingerprint"))?.to_owned();
        Ok((Self { components, created, nonce, key_id }, text))
    }

    /// Whether a component is covered.
    pub fn covers(&self, component: Component) -> bool {
        self.components.contains(&component)
    }
}

impl fmt::Display for Parameters {
    /// The text that is signed, and that stands in `Signature-Input` after the label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.components.iter().map(|c| format!("\"{}\"", c.name())).collect();
        let nonce = Blob(self.nonce.to_vec()).encode();
        let (created, key_id) = (self.created.unix_millis() / 1000, &self.key_id);
        write!(f, "({});created={created};nonce=\"{nonce}\";keyid=\"{key_id}\"", names.join(" "))?;
        write!(f, ";alg=\"{ALGORITHM}\";tag=\"{TAG}\"")
    }
}

fn parse_components(list: &str) -> Result<Vec<Component>, ParametersError> {
    let mut components = Vec::new();
    for item in list.split(' ') {
        let known = quoted(item).and_then(|name| Component::ALL.into_iter().find(|c| c.name() == name));
        match known {
            Some(component) if !components.contains(&component) => components.push(component),
            _ => return Err(ParametersError::Components),
        }
    }
    for required in [Component::Method, Component::Path, Component::Query] {
        if !components.contains(&required) {
            return Err(ParametersError::NotCovered(required.name()));
        }
    }
    Ok(components)
}

/// The raw values of the parameters, in the order of [`NAMES`].
fn split(rest: &str) -> Result<[&str; 5], ParametersError> {
    let mut values = [None; 5];
    let mut pieces = rest.split(';');
    if pieces.next() != Some("") {
        return Err(ParametersError::Form);
    }
    for piece in pieces {
        let (name, value) = piece.split_once('=').ok_or(ParametersError::Form)?;
        let position = NAMES.iter().position(|known| *known == name).ok_or(ParametersError::Unknown)?;
        if values[position].replace(value).is_some() {
            return Err(ParametersError::Repeated(NAMES[position]));
        }
    }
    let mut found = [""; 5];
    for (position, name) in NAMES.into_iter().enumerate() {
        found[position] = values[position].ok_or(ParametersError::Missing(name))?;
    }
    Ok(found)
}

/// The text between two double quotes, when it is plain. Escapes are refused: nothing that we write needs one.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    inner.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\').then_some(inner)
}

/// A whole number of seconds in its one spelling, as far as a time can be written.
fn seconds(text: &str) -> Option<Time> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let one_spelling = text == "0" || !text.starts_with('0');
    if plain && one_spelling { Time::from_unix_seconds(text.parse().ok()?) } else { None }
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
