//! The hashes that a timestamp may be made with.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::der::{Element, NULL, OID};
use super::error::TimestampError;

/// An accepted hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

/// 2.16.840.1.101.3.4.2.1
pub const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 2.16.840.1.101.3.4.2.2
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
/// 2.16.840.1.101.3.4.2.3
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

impl Hash {
    /// Reads an `AlgorithmIdentifier` of a hash; `what` it is of, for the error.
    pub fn read(element: &Element, what: &'static str) -> Result<Self, TimestampError> {
        match algorithm(element)? {
            SHA256 => Ok(Self::Sha256),
            SHA384 => Ok(Self::Sha384),
            SHA512 => Ok(Self::Sha512),
            _ => Err(TimestampError::Hash(what)),
        }
    }

    /// The hash of some bytes.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// The object identifier of an `AlgorithmIdentifier` that has no parameters, or the null ones.
pub fn algorithm<'a>(element: &Element<'a>) -> Result<&'a [u8], TimestampError> {
    let mut inner = element.inner();
    let oid = inner.expect(OID)?;
    if inner.optional(NULL)?.is_some_and(|null| !null.content.is_empty()) {
        return Err(TimestampError::Malformed("a null with something in it"));
    }
    inner.end()?;
    Ok(oid.content)
}
