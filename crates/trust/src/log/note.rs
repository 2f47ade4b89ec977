//! Signed notes (C2SP `signed-note`): a text, a blank line, and signature lines `— name base64(key id, signature)`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::digest::hex;
use crate::minisign::{KeyId, PublicKey, SecretKey};
use crate::time::Time;

/// The largest note, in bytes.
pub const MAX_NOTE: usize = 16 * 1024;
/// The most signature lines looked at.
const MAX_LINES: usize = 64;
/// What begins a signature line.
const DASH: &str = "\u{2014} ";
/// The algorithm bytes of C2SP `signed-note` and `tlog-cosignature`.
const ED25519: u8 = 0x01;
const COSIGNATURE: u8 = 0x04;

/// Why bytes are not a signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too large to be looked at.
    #[error("{0} bytes is more than the {MAX_NOTE} that a signed note may have")]
    TooLarge(usize),
    /// Not a note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
}

/// A key under the name by which notes know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: PublicKey,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The key's name.
    pub name: String,
    /// The four bytes that tell keys of one name apart.
    pub id: [u8; 4],
    /// The signature: 64 bytes, or 72 for a cosignature.
    pub signature: Vec<u8>,
}

/// A note, its signatures not judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text that is signed, with its last line feed.
    pub text: String,
    /// The signature lines, in order.
    pub lines: Vec<Line>,
}

impl NoteKey {
    /// A key under a name without white space or `+`, as trust roots allow for an origin.
    pub fn new(name: &str, key: &PublicKey) -> Self {
        Self { name: name.to_owned(), key: key.clone() }
    }

    /// `name+id+base64`, as Go's `sumdb/note` and witnesses take it.
    pub fn verifier_key(&self) -> String {
        let key = [&[ED25519][..], self.key.ed25519()].concat();
        format!("{}+{}+{}", self.name, hex(&self.id(ED25519)), STANDARD.encode(key))
    }

    /// `name+id+base64` as witnesses have it (C2SP `tlog-cosignature`).
    pub fn cosigner_key(&self) -> String {
        let key = [&[COSIGNATURE][..], self.key.ed25519()].concat();
        format!("{}+{}+{}", self.name, hex(&self.id(COSIGNATURE)), STANDARD.encode(key))
    }

    /// The four bytes by which its cosignatures are known, as eight hexadecimal digits.
    pub fn cosigner_id(&self) -> String {
        hex(&self.cosigner())
    }

    /// The four bytes by which its cosignatures are known.
    pub fn cosigner(&self) -> [u8; 4] {
        self.id(COSIGNATURE)
    }

    /// Reads a verifier key, of a signer or a cosigner; `None` for what is neither, or is no usable key.
    pub fn parse_verifier_key(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let (&algorithm, key) = key.split_first()?;
        let bytes: &[u8; 32] = key.try_into().ok()?;
        // Notes know keys by other ids than minisign does: this one is never shown.
        let key = PublicKey::from_parts(KeyId::from_bytes([0; 8]), bytes).ok()?;
        let read = Self::new(name, &key);
        let known = matches!(algorithm, ED25519 | COSIGNATURE) && hex(&read.id(algorithm)) == id;
        (known && is_plain_name(name)).then_some(read)
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a line is by the name and id of this key's cosignatures. Whether it holds, [`NoteKey::cosigned`] says.
    pub fn is_cosignature(&self, line: &Line) -> bool {
        line.name == self.name && line.id == self.id(COSIGNATURE)
    }

    fn id(&self, algorithm: u8) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', algorithm])
            .chain_update(self.key.ed25519())
            .finalize();
        hash[..4].try_into().expect("4 of 32 bytes")
    }

    /// Whether this key signed the note. Lines of its name and id that do not hold are passed over: what counts is one that
    /// does.
    pub fn signed(&self, note: &Note) -> bool {
        let id = self.id(ED25519);
        note.lines.iter().filter(|line| line.name == self.name && line.id == id).any(|line| {
            let signature: Option<&[u8; 64]> = line.signature.as_slice().try_into().ok();
            signature.is_some_and(|signature| self.key.verify_message(note.text.as_bytes(), signature).is_ok())
        })
    }

    /// The latest time of which this key cosigned the note (C2SP `tlog-cosignature`, whole seconds); `None` without a
    /// cosignature that holds. One of a time that cannot be written (see [`Time`]) is passed over.
    pub fn cosigned(&self, note: &Note) -> Option<Time> {
        let id = self.id(COSIGNATURE);
        let of_key = note.lines.iter().filter(|line| line.name == self.name && line.id == id);
        of_key
            .filter_map(|line| {
                let (seconds, signature) = line.signature.split_first_chunk::<8>()?;
                let (seconds, signature) = (u64::from_be_bytes(*seconds), signature.try_into().ok()?);
                let time = Time::from_unix_seconds(seconds)?;
                self.key.verify_message(&cosigned_text(seconds, &note.text), signature).ok()?;
                Some(time)
            })
            .max()
    }

    /// The signature line of the secret half over a text, which ends with a line feed.
    pub fn sign(&self, text: &str, secret: &SecretKey) -> String {
        self.line(ED25519, &secret.sign_message(text.as_bytes()))
    }

    /// The cosignature line of the secret half: that it saw this text at a time, in whole seconds.
    pub fn cosign(&self, text: &str, secret: &SecretKey, time: Time) -> String {
        let seconds = u64::try_from(time.unix_millis() / 1000).unwrap_or(0);
        let signature = secret.sign_message(&cosigned_text(seconds, text));
        self.line(COSIGNATURE, &[&seconds.to_be_bytes()[..], &signature].concat())
    }

    fn line(&self, algorithm: u8, signature: &[u8]) -> String {
        let packed = STANDARD.encode([&self.id(algorithm)[..], signature].concat());
        format!("{DASH}{} {packed}\n", self.name)
    }
}

fn cosigned_text(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+')
}

impl Note {
    /// Reads a note. Lines that are not signatures end it with an error; signatures by unknown keys are kept and mean nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::TooLarge(bytes.len()));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        if all.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::Malformed("it holds control characters"));
        }
        let (text, signatures) = all.rsplit_once("\n\n").ok_or(NoteError::Malformed("no blank line ends its text"))?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed("its last line is not ended"))?;
        let lines: Vec<Line> = signatures
            .split('\n')
            .map(Line::parse)
            .collect::<Option<_>>()
            .ok_or(NoteError::Malformed("a line after its text is no signature"))?;
        if lines.len() > MAX_LINES {
            return Err(NoteError::Malformed("more signatures than anybody could need"));
        }
        Ok(Self { text: format!("{text}\n"), lines })
    }
}

impl Line {
    /// The line as it stands in a note, with its line feed.
    pub fn text(&self) -> String {
        let packed = STANDARD.encode([&self.id[..], &self.signature].concat());
        format!("{DASH}{} {packed}\n", self.name)
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, packed) = line.strip_prefix(DASH)?.split_once(' ')?;
        let packed = STANDARD.decode(packed).ok()?;
        let (id, signature) = packed.split_first_chunk::<4>()?;
        (is_plain_name(name) && !signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            signature: signature.to_vec(),
        })
    }
}
