//! The local break-glass code: stretched, so that whoever reads the file does not have the code.
//!
//! The file keeps the SHA-256 of scrypt's output, and a request carries that output: neither the code nor anything that a
//! request could be forged from lies on disk before somebody types the code. Stretching, which costs memory, is done by the
//! program that asks; the enforcer only hashes once.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use writ_trust::digest::Digest;
use writ_trust::json::{self, JsonError};
use zeroize::Zeroizing;

/// The schema of the file.
pub const SCHEMA: &str = "writ.pause-code.v1";
/// The largest file, in bytes.
const MAX_FILE: usize = 4096;
/// The shortest code, in characters.
pub const SHORTEST: usize = 8;
/// scrypt's parameters: 16 MiB and a few tens of milliseconds.
const LOG_N: u8 = 14;

/// A stored code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    schema: String,
    /// What distinguishes it from other codes: the first digits of its salt's digest. Not secret.
    pub reference: String,
    salt: Digest,
    log_n: u8,
    verifier: Digest,
}

/// A code after stretching, as a request carries it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stretched(Digest);

/// Why a code cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a stored code.
    #[error("{}: not a stored code: {source}; make one with `writ-enforce pause-code`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: JsonError,
    },
    /// The file follows another schema or asks for an absurd cost.
    #[error("{}: schema or cost is not known to this version", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// The code is too short.
    #[error("the code has fewer than {SHORTEST} characters")]
    TooShort,
    /// scrypt refused.
    #[error("the code cannot be stretched: {0}")]
    Stretch(String),
}

impl Stored {
    /// Stores a new code. `salt` is 32 random bytes.
    pub fn new(code: &str, salt: [u8; 32]) -> Result<Self, CodeError> {
        if code.chars().count() < SHORTEST {
            return Err(CodeError::TooShort);
        }
        let salt = Digest::from_bytes(salt);
        let reference = Digest::of(salt.as_bytes()).hex()[..12].to_owned();
        let mut stored = Self { schema: SCHEMA.to_owned(), reference, salt, log_n: LOG_N, verifier: salt };
        stored.verifier = Digest::of(stored.stretch(code)?.0.as_bytes());
        Ok(stored)
    }

    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, CodeError> {
        let unreadable = |source| CodeError::Unreadable { path: path.to_owned(), source };
        let bytes = writ_durable::read_bounded(path, MAX_FILE).map_err(unreadable)?;
        let malformed = |source| CodeError::Malformed { path: path.to_owned(), source };
        let stored: Self = json::parse(&bytes, MAX_FILE).map_err(malformed)?;
        if stored.schema != SCHEMA || !(10..=18).contains(&stored.log_n) {
            return Err(CodeError::Unknown { path: path.to_owned() });
        }
        Ok(stored)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// Stretches a code that somebody typed.
    pub fn stretch(&self, code: &str) -> Result<Stretched, CodeError> {
        let parameters = scrypt::Params::new(self.log_n, 8, 1, 32).map_err(|e| CodeError::Stretch(e.to_string()))?;
        let mut out = Zeroizing::new([0; 32]);
        scrypt::scrypt(code.as_bytes(), self.salt.as_bytes(), &parameters, &mut out[..])
            .map_err(|e| CodeError::Stretch(e.to_string()))?;
        Ok(Stretched(Digest::from_bytes(*out)))
    }

    /// Whether this is the stretched code; takes the same time whatever was given.
    pub fn fits(&self, given: &Stretched) -> bool {
        Digest::of(given.0.as_bytes()).as_bytes().ct_eq(self.verifier.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_code_fits_and_the_file_does_not_hold_it() {
        let stored = Stored::new("correct horse", [7; 32]).unwrap();
        assert!(stored.fits(&stored.stretch("correct horse").unwrap()));
        assert!(!stored.fits(&stored.stretch("correct horsf").unwrap()));
        assert!(!stored.fits(&Stretched(stored.verifier)), "the file itself is no code");
        assert!(!String::from_utf8(stored.to_bytes()).unwrap().contains("horse"));
        assert!(matches!(Stored::new("short", [7; 32]), Err(CodeError::TooShort)));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), stored.to_bytes()).unwrap();
        assert_eq!(Stored::read(file.path()).unwrap(), stored);
        let costly = String::from_utf8(stored.to_bytes()).unwrap().replace("\"log_n\":14", "\"log_n\":60");
        for bad in ["", "{}", &*costly] {
            std::fs::write(file.path(), bad).unwrap();
            assert!(Stored::read(file.path()).is_err(), "{bad}");
        }
    }
}
