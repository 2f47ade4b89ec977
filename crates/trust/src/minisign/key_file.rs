//! Secret key files, locked with a passphrase or open.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::key_id::KeyId;
use super::lines::{self, UNTRUSTED};
use super::public_key::ALGORITHM;
use super::secret_key::{SecretKey, checksum};
use super::stretch::{KdfStrength, Limits, StretchError};

const SCRYPT: [u8; 2] = *b"Sc";
const OPEN: [u8; 2] = [0, 0];
const CHECKSUM: [u8; 2] = *b"B2";
/// The longest secret key file: a comment line of 1,024 bytes and 212 characters of base64.
const MAX_FILE: usize = 2048;

/// A secret key file that was read but not yet unlocked.
pub struct SecretKeyFile {
    /// The salt and limits of a locked file.
    lock: Option<([u8; 32], Limits)>,
    /// Key id, secret key and checksum, covered by the stretched passphrase if the file is locked.
    packed: Zeroizing<[u8; 104]>,
}

/// Why a secret key file cannot be read or unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// The text is far longer than a secret key file.
    #[error("{0} bytes is too long for a secret key file of minisign")]
    TooLong(usize),
    /// The text is not a comment line and a base64 line.
    #[error("not a secret key file: expected `untrusted comment: …` and one base64 line, as `minisign -G` writes them")]
    Lines,
    /// The base64 line does not decode into 158 bytes. (Nothing of it is quoted.)
    #[error("not a secret key file: its second line is not the base64 of 158 bytes")]
    Encoding,
    /// A public key or signature was given, or a key of another algorithm.
    #[error("not a secret key file of minisign: its key or checksum algorithm is unknown")]
    Algorithm,
    /// The file is locked in a way this program does not know.
    #[error("the secret key file is locked with an unknown method: expected scrypt, or none")]
    UnknownLock,
    /// The stored limits are refused.
    #[error(transparent)]
    Limits(#[from] StretchError),
    /// The file is locked and no passphrase was given.
    #[error("the secret key file is locked: it needs its passphrase")]
    Locked,
    /// The checksum does not fit.
    #[error("wrong passphrase, or the secret key file was altered")]
    WrongPassphrase,
    /// The checksum of an open file does not fit, or what should be empty in it is not.
    #[error("the secret key file was altered: its checksum or its empty fields do not fit")]
    Damaged,
    /// The stored public half is not that of the secret half.
    #[error("the secret key file was altered: its two halves are not of one key")]
    Mismatched,
}

impl SecretKeyFile {
    /// Reads a secret key file of minisign. Takes no passphrase yet and allocates nothing that the file asks for.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        if text.len() > MAX_FILE {
            return Err(SecretKeyError::TooLong(text.len()));
        }
        let line = match lines::split::<2>(text) {
            Some([comment, line]) if comment.starts_with(UNTRUSTED) => line,
            _ => return Err(SecretKeyError::Lines),
        };
        let bytes = Zeroizing::new(lines::decode::<158>(line).map_err(|_| SecretKeyError::Encoding)?);
        if bytes[..2] != ALGORITHM || bytes[4..6] != CHECKSUM {
            return Err(SecretKeyError::Algorithm);
        }
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let lock = match [bytes[2], bytes[3]] {
            SCRYPT => {
                let salt = bytes[6..38].try_into().expect("32 bytes");
                Some((salt, Limits { operations: number(38), memory: number(46) }))
            }
            // Nothing is stretched for an open file, so minisign leaves salt and limits empty.
            OPEN if bytes[6..54].iter().all(|b| *b == 0) => None,
            OPEN => return Err(SecretKeyError::Damaged),
            _ => return Err(SecretKeyError::UnknownLock),
        };
        let mut packed = Zeroizing::new([0; 104]);
        packed.copy_from_slice(&bytes[54..]);
        Ok(Self { lock, packed })
    }

    /// Whether a passphrase is needed.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// The key, unlocked with its passphrase. An open file ignores the passphrase. Takes as much memory as the key's
    /// [`KdfStrength`] says: 1 GiB by default.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<SecretKey, SecretKeyError> {
        let Some((salt, limits)) = &self.lock else { return self.open() };
        let mut stream = Zeroizing::new([0; 104]);
        limits.stretch(passphrase, salt, &mut stream)?;
        let mut packed = Zeroizing::new([0; 104]);
        for (plain, (covered, cover)) in packed.iter_mut().zip(self.packed.iter().zip(stream.iter())) {
            *plain = covered ^ cover;
        }
        if !bool::from(checksum(&packed).ct_eq(&packed[72..])) {
            return Err(SecretKeyError::WrongPassphrase);
        }
        unpack(&packed)
    }

    /// The key of an open file; [`SecretKeyError::Locked`] if it has a passphrase.
    pub fn open(&self) -> Result<SecretKey, SecretKeyError> {
        if self.lock.is_some() {
            return Err(SecretKeyError::Locked);
        }
        // `minisign -G -W` stores no checksum in open files; we do, and check the one that is there.
        let stored = &self.packed[72..];
        if stored.iter().any(|b| *b != 0) && checksum(&self.packed) != stored {
            return Err(SecretKeyError::Damaged);
        }
        unpack(&self.packed)
    }
}

fn unpack(packed: &[u8; 104]) -> Result<SecretKey, SecretKeyError> {
    let id = KeyId::from_bytes(packed[..8].try_into().expect("8 bytes"));
    let seed = Zeroizing::new(<[u8; 32]>::try_from(&packed[8..40]).expect("32 bytes"));
    let key = SecretKey::from_parts(id, &seed);
    // Signing under a foreign public half would leak the secret one.
    if key.public_key().ed25519() != &packed[40..72] {
        return Err(SecretKeyError::Mismatched);
    }
    Ok(key)
}

impl SecretKey {
    /// The file that `minisign -S` unlocks with this passphrase. `salt` is 32 random bytes, used once.
    pub fn to_locked_file(
        &self,
        passphrase: &[u8],
        salt: &[u8; 32],
        strength: KdfStrength,
    ) -> Result<Zeroizing<String>, SecretKeyError> {
        let limits = strength.limits();
        let mut stream = Zeroizing::new([0; 104]);
        limits.stretch(passphrase, salt, &mut stream)?;
        let mut packed = self.packed();
        for (byte, cover) in packed.iter_mut().zip(stream.iter()) {
            *byte ^= cover;
        }
        Ok(file("minisign encrypted secret key", SCRYPT, salt, limits, &packed))
    }

    /// The file without passphrase, for keys that a machine must use alone; its mode is all that protects it.
    pub fn to_open_file(&self) -> Zeroizing<String> {
        let none = Limits { operations: 0, memory: 0 };
        file("minisign unencrypted secret key", OPEN, &[0; 32], none, &self.packed())
    }
}

fn file(comment: &str, lock: [u8; 2], salt: &[u8; 32], limits: Limits, packed: &[u8; 104]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 158]);
    bytes[..2].copy_from_slice(&ALGORITHM);
    bytes[2..4].copy_from_slice(&lock);
    bytes[4..6].copy_from_slice(&CHECKSUM);
    bytes[6..38].copy_from_slice(salt);
    bytes[38..46].copy_from_slice(&limits.operations.to_le_bytes());
    bytes[46..54].copy_from_slice(&limits.memory.to_le_bytes());
    bytes[54..].copy_from_slice(packed);
    let line = Zeroizing::new(lines::encode(&bytes[..]));
    Zeroizing::new(format!("{UNTRUSTED}{comment}\n{}\n", line.as_str()))
}

impl fmt::Debug for SecretKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKeyFile").field("locked", &self.is_locked()).finish_non_exhaustive()
    }
}
