//! Whole files: encrypting a secret, and reading it back.

use zeroize::Zeroizing;

use crate::derive::{self, TAG};
use crate::header::{self, FormatError, Header, MAX_HEADER, Wrapped};
use crate::keys::{Identity, Recipient};

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 32 * 1024;
/// The largest file of one, in bytes.
pub const MAX_FILE: usize = MAX_HEADER + NONCE + MAX_SECRET + TAG;
/// How many random bytes encrypting takes: the sender's key, the file's key and a nonce.
pub const RANDOM: usize = 64;

const NONCE: usize = 16;
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// Each key wraps one file key, so the nonce is nothing.
const WRAPPING_NONCE: [u8; 12] = [0; 12];
/// The first chunk, which is the last.
const ONLY_CHUNK: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Why a secret is not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is too long.
    #[error("a secret has at most {MAX_SECRET} bytes, and this one has {0}")]
    TooLong(usize),
    /// The recipient is none.
    #[error("the recipient is of small order, which everybody could decrypt for")]
    SmallOrder,
}

/// Why a file is not decrypted. Nothing of what is in it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is no age file that is read here.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It is for others.
    #[error("it is encrypted to another key than this appliance's")]
    NotForUs,
    /// It is for us and was altered.
    #[error("it was altered after it was encrypted, or is cut short")]
    Altered,
}

/// The key that wraps the file's.
fn wrapping(shared: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive::hkdf(shared, &[&share[..], &recipient[..]].concat(), X25519_LABEL)
}

/// Encrypts a secret to one recipient, in age's binary form. `random` is drawn anew from the system for every call, and wiped
/// by the caller.
///
/// # Errors
/// See [`SealError`].
pub fn seal(recipient: &Recipient, secret: &[u8], random: &[u8; RANDOM]) -> Result<Vec<u8>, SealError> {
    if secret.len() > MAX_SECRET {
        return Err(SealError::TooLong(secret.len()));
    }
    let ours = Identity::generate(&part(random, 0));
    let file_key = Zeroizing::new(part::<16>(random, 32));
    let nonce = part::<NONCE>(random, 48);
    let share = *ours.recipient().as_bytes();
    let shared = ours.agree(recipient.as_bytes()).ok_or(SealError::SmallOrder)?;
    let mut body = file_key.to_vec();
    derive::encrypt(&wrapping(&shared, &share, recipient.as_bytes()), WRAPPING_NONCE, &mut body);
    let body = body.try_into().unwrap_or([0; 32]);
    let head = header::written(&Wrapped { share, body });
    let mac = derive::header_mac(&file_key, head.as_bytes());
    // Encrypted in place: no copy of the secret is left in memory.
    let mut chunk = Vec::with_capacity(secret.len() + TAG);
    chunk.extend_from_slice(secret);
    derive::encrypt(&derive::hkdf(&file_key[..], &nonce, b"payload"), ONLY_CHUNK, &mut chunk);
    Ok([head.as_bytes(), header::ended(&mac).as_bytes(), &nonce, &chunk].concat())
}

fn part<const N: usize>(random: &[u8; RANDOM], from: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&random[from..from + N]);
    part
}

fn bounded(file: &[u8]) -> Result<Header<'_>, FormatError> {
    // What begins as none is no age file of any size.
    let header = header::read(file)?;
    let chunk = header.payload.len();
    if chunk > NONCE + MAX_SECRET + TAG {
        return Err(FormatError::TooLarge(file.len()));
    }
    if chunk < NONCE + TAG { Err(FormatError::Payload) } else { Ok(header) }
}

/// Whether bytes are an age file that the holder of some X25519 key could read, as far as can be told without that key.
///
/// # Errors
/// See [`FormatError`].
pub fn inspect(file: &[u8]) -> Result<(), FormatError> {
    bounded(file).map(drop)
}

/// Decrypts a file in age's binary form.
///
/// # Errors
/// See [`OpenError`].
pub fn open(file: &[u8], identity: &Identity) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let header = bounded(file)?;
    let own = *identity.recipient().as_bytes();
    let file_key = header.wrapped.iter().find_map(|wrapped| unwrapped(wrapped, identity, &own));
    let file_key = file_key.ok_or(OpenError::NotForUs)?;
    if !derive::is_header_mac(&file_key, header.authenticated, &header.mac) {
        return Err(OpenError::Altered);
    }
    let (nonce, chunk) = header.payload.split_at(NONCE);
    derive::decrypt(&derive::hkdf(&file_key[..], nonce, b"payload"), ONLY_CHUNK, chunk).ok_or(OpenError::Altered)
}

fn unwrapped(wrapped: &Wrapped, identity: &Identity, own: &[u8; 32]) -> Option<Zeroizing<[u8; 16]>> {
    let shared = identity.agree(&wrapped.share)?;
    let key = derive::decrypt(&wrapping(&shared, &wrapped.share, own), WRAPPING_NONCE, &wrapped.body)?;
    Some(Zeroizing::new(key.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use proptest::prelude::*;

    use super::*;
    use crate::header::MAX_RECIPIENTS;

    fn identity(n: u8) -> Identity {
        Identity::generate(&[n; 32])
    }

    fn sealed(secret: &[u8]) -> Vec<u8> {
        seal(&identity(1).recipient(), secret, &[9; RANDOM]).unwrap()
    }

    #[test]
    fn who_has_the_key_reads_it_and_nobody_else() {
        let file = sealed(b"open sesame");
        assert_eq!(open(&file, &identity(1)).unwrap().as_slice(), b"open sesame");
        assert_eq!(open(&file, &identity(2)).unwrap_err(), OpenError::NotForUs);
        assert!(inspect(&file).is_ok());
        assert!(!file.windows(4).any(|window| window == b"sesa"));
        assert_eq!(
            seal(&identity(1).recipient(), &vec![0; MAX_SECRET + 1], &[9; RANDOM]),
            Err(SealError::TooLong(32769))
        );
        let largest = sealed(&vec![7; MAX_SECRET]);
        assert!(largest.len() <= MAX_FILE);
        assert_eq!(open(&largest, &identity(1)).unwrap().len(), MAX_SECRET);
    }

    /// A file with other stanzas than its own.
    fn with_stanzas(stanzas: &str) -> Vec<u8> {
        let file = sealed(b"open sesame");
        let at = file.windows(3).position(|window| window == b"---").unwrap();
        [b"age-encryption.org/v1\n", stanzas.as_bytes(), &file[at..]].concat()
    }

    #[test]
    fn what_is_dear_or_unbounded_is_refused_before_it_is_begun() {
        let salt = STANDARD_NO_PAD.encode([1; 16]);
        let body = STANDARD_NO_PAD.encode([1; 32]);
        let stanza = format!("-> X25519 {body}\n{body}\n");
        let cases = [
            // 2^60 rounds.
            (format!("-> scrypt {salt} 60\n{body}\n"), FormatError::Passphrase),
            (format!("{stanza}-> scrypt {salt} 10\n{body}\n"), FormatError::Passphrase),
            (stanza.repeat(MAX_RECIPIENTS + 1), FormatError::Recipients),
            (format!("-> ssh-ed25519 AAAA {body}\n{body}\n"), FormatError::OtherKinds),
            (String::new(), FormatError::Header(2)),
            (format!("-> X25519 {body} more\n{body}\n"), FormatError::Header(2)),
            (format!("-> X25519 {body}\n{body}=\n"), FormatError::Header(3)),
            (format!("-> X25519 {salt}\n{body}\n"), FormatError::Header(2)),
            (format!("-> X25519  {body}\n{body}\n"), FormatError::Header(2)),
            (format!("X25519 {body}\n{body}\n"), FormatError::Header(2)),
            (format!("-> grease {}\n\n", "x".repeat(MAX_HEADER)), FormatError::HeaderTooLarge),
        ];
        for (stanzas, expected) in cases {
            // Long enough that only the header can be what is too large.
            let mut file = with_stanzas(&stanzas);
            file.resize(file.len().max(MAX_HEADER + 100), 0);
            assert_eq!(open(&file, &identity(1)).unwrap_err(), expected.into(), "{stanzas}");
            assert_eq!(inspect(&file), Err(expected));
        }
        // Recipients that come to nothing, and unknown kinds beside a known one, harm nothing.
        let zero = STANDARD_NO_PAD.encode([0; 32]);
        let others = with_stanzas(&format!("-> X25519 {zero}\n{body}\n-> p256tag a b\n\n"));
        assert_eq!(open(&others, &identity(1)).unwrap_err(), OpenError::NotForUs);
        let huge = [sealed(b"x"), vec![0; MAX_SECRET]].concat();
        assert!(matches!(inspect(&huge), Err(FormatError::TooLarge(_))));
        assert_eq!(inspect(b"hunter2\n"), Err(FormatError::Version));
        assert_eq!(inspect(b""), Err(FormatError::Version));
    }

    #[test]
    fn no_prefix_of_a_file_is_one() {
        let file = sealed(b"open sesame");
        for end in 0..file.len() {
            assert!(open(&file[..end], &identity(1)).is_err(), "{end} bytes");
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(
            secret in prop::collection::vec(any::<u8>(), 0..300), key in any::<[u8; 32]>(), random in any::<[u8; 32]>()
        ) {
            let identity = Identity::generate(&key);
            let mut all = [0; RANDOM];
            all[..32].copy_from_slice(&random);
            let file = seal(&identity.recipient(), &secret, &all).unwrap();
            prop_assert_eq!(open(&file, &identity).unwrap().to_vec(), secret);
        }

        #[test]
        fn one_bit_makes_another_file(at in 0..300_usize, bit in 0..8_u8) {
            let mut file = sealed(b"open sesame, and a few words more");
            let at = at % file.len();
            file[at] ^= 1 << bit;
            prop_assert!(open(&file, &identity(1)).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), stanzas in "[-> X25519scrypt/\n=A]{0,80}") {
            let _ = open(&bytes, &identity(1));
            let _ = open(&with_stanzas(&stanzas), &identity(1));
        }
    }
}
