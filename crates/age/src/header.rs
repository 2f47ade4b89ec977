//! The header of an age file: who can read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The most bytes of a header.
pub const MAX_HEADER: usize = 8 * 1024;
/// The most recipients that a file may name.
pub const MAX_RECIPIENTS: usize = 16;

const VERSION: &str = "age-encryption.org/v1";
/// How many characters of base64 a full line has.
const COLUMNS: usize = 64;

/// Why bytes are no age file that is read here. Whoever can write such a file knows what is in it: nothing is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is larger than any file of a secret.
    #[error("it has {0} bytes, more than the file of a secret may have")]
    TooLarge(usize),
    /// It does not begin as such files do.
    #[error("not an age file: it does not begin with \"age-encryption.org/v1\"")]
    Version,
    /// It is armored otherwise than age does it.
    #[error("not an armored age file: line {0} is not what stands there")]
    Armor(usize),
    /// Its header is not one, or ends too early.
    #[error("not an age file: its header is malformed at line {0}")]
    Header(usize),
    /// Its header is longer than is read.
    #[error("its header has more than {MAX_HEADER} bytes")]
    HeaderTooLarge,
    /// It names more recipients than are tried.
    #[error("it names more than {MAX_RECIPIENTS} recipients")]
    Recipients,
    /// It is locked with a passphrase.
    #[error("it is locked with a passphrase (scrypt), which no appliance has; encrypt it to the appliance's key")]
    Passphrase,
    /// It is for nobody with an X25519 key.
    #[error("it is encrypted to no X25519 key")]
    OtherKinds,
    /// What is encrypted is too short, or of more than one chunk.
    #[error("what is encrypted in it is cut short")]
    Payload,
}

/// A recipient with an X25519 key: the sender's part of the key, and the file's key, wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapped {
    pub share: [u8; 32],
    pub body: [u8; 32],
}

/// A header, read.
#[derive(Debug)]
pub struct Header<'f> {
    /// Who can read it, in order.
    pub wrapped: Vec<Wrapped>,
    /// The bytes that its MAC is of.
    pub authenticated: &'f [u8],
    /// The MAC.
    pub mac: [u8; 32],
    /// What follows.
    pub payload: &'f [u8],
}

/// The header for one recipient, up to where its MAC begins.
pub fn written(wrapped: &Wrapped) -> String {
    let (share, body) = (STANDARD_NO_PAD.encode(wrapped.share), STANDARD_NO_PAD.encode(wrapped.body));
    format!("{VERSION}\n-> X25519 {share}\n{body}\n---")
}

/// The end of a header: its MAC.
pub fn ended(mac: &[u8; 32]) -> String {
    format!(" {}\n", STANDARD_NO_PAD.encode(mac))
}

/// 32 bytes of unpadded base64, of which there is one spelling.
fn decoded(text: &str) -> Option<[u8; 32]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Lines of a header, counted from 1.
struct Lines<'f> {
    file: &'f [u8],
    at: usize,
    number: usize,
}

impl<'f> Lines<'f> {
    fn next(&mut self) -> Result<&'f str, FormatError> {
        self.number += 1;
        let rest = &self.file[self.at..];
        let rest = &rest[..rest.len().min((MAX_HEADER + 1).saturating_sub(self.at))];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            let long = self.file.len() > MAX_HEADER;
            return Err(if long { FormatError::HeaderTooLarge } else { self.wrong() });
        };
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| self.wrong())
    }

    fn wrong(&self) -> FormatError {
        FormatError::Header(self.number)
    }

    /// The lines of a stanza's body: full ones, and a last that is not.
    fn body(&mut self) -> Result<String, FormatError> {
        let mut body = String::new();
        loop {
            let line = self.next()?;
            let plain = line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
            if line.len() > COLUMNS || !plain {
                return Err(self.wrong());
            }
            body.push_str(line);
            if line.len() < COLUMNS {
                return Ok(body);
            }
        }
    }
}

/// Reads a header.
///
/// # Errors
/// See [`FormatError`].
pub fn read(file: &[u8]) -> Result<Header<'_>, FormatError> {
    let mut lines = Lines { file, at: 0, number: 0 };
    if !lines.next().is_ok_and(|line| line == VERSION) {
        return Err(FormatError::Version);
    }
    let (mut wrapped, mut stanzas) = (Vec::new(), 0);
    loop {
        let start = lines.at;
        let line = lines.next()?;
        if let Some(mac) = line.strip_prefix("--- ") {
            let mac = decoded(mac).ok_or_else(|| lines.wrong())?;
            if wrapped.is_empty() {
                return Err(if stanzas == 0 { lines.wrong() } else { FormatError::OtherKinds });
            }
            let authenticated = &file[..start + "---".len()];
            return Ok(Header { wrapped, authenticated, mac, payload: &file[lines.at..] });
        }
        let arguments: Vec<&str> = line.strip_prefix("-> ").ok_or_else(|| lines.wrong())?.split(' ').collect();
        let visible = |argument: &&str| !argument.is_empty() && argument.bytes().all(|b| b.is_ascii_graphic());
        if !arguments.iter().all(visible) {
            return Err(lines.wrong());
        }
        stanzas += 1;
        if stanzas > MAX_RECIPIENTS {
            return Err(FormatError::Recipients);
        }
        match arguments[..] {
            // Whatever else it says: its work is what an attacker chooses.
            ["scrypt", ..] => return Err(FormatError::Passphrase),
            ["X25519", share] => {
                let share = decoded(share).ok_or_else(|| lines.wrong())?;
                let body = decoded(&lines.body()?).ok_or_else(|| lines.wrong())?;
                wrapped.push(Wrapped { share, body });
            }
            ["X25519", ..] => return Err(lines.wrong()),
            _ => {
                lines.body()?;
            }
        }
    }
}
