//! Public keys of SSH: lines of authorized_keys(5) and of `.pub` files, and the blob of RFC 4253, section 6.6, in them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

/// The longest blob that is read: an RSA key of 16,384 bits takes 2 KiB.
const MAX_BLOB: usize = 32 * 1024;

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// For instance `ssh-ed25519`.
    pub kind: String,
    /// The length of an RSA key.
    pub rsa_bits: Option<i64>,
    /// As `ssh-keygen -lf` shows it: `SHA256:…`.
    pub fingerprint: String,
}

impl PublicKey {
    /// Reads a line `[options] type base64 [comment]`; none when it holds no key.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        // Options stand before the type, which the blob repeats.
        let all: Vec<&str> = split(line.trim()).take(3).collect();
        let pair = |at: usize| {
            let (kind, blob) = (all.get(at)?, all.get(at + 1)?);
            Self::of_blob(&decoded(blob)?).filter(|key| key.kind == *kind)
        };
        pair(0).or_else(|| pair(1))
    }

    /// Reads a blob.
    pub(crate) fn of_blob(blob: &[u8]) -> Option<Self> {
        let (kind, rest) = string(blob)?;
        let kind = std::str::from_utf8(kind).ok().filter(|kind| is_kind(kind))?.to_owned();
        let rsa_bits = match kind.as_str() {
            "ssh-rsa" => Some(bits(string(string(rest)?.1)?.0)),
            _ => None,
        };
        let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)));
        Some(Self { kind, rsa_bits, fingerprint })
    }
}

/// Names of algorithms: printable, and never longer than 64 characters (RFC 4251, section 6).
fn is_kind(kind: &str) -> bool {
    (1..=64).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    (text.len() <= MAX_BLOB).then(|| STANDARD.decode(text).ok())?
}

/// A length and so many bytes (RFC 4251, section 5), and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
    let rest = &bytes[4..];
    (length <= rest.len()).then(|| rest.split_at(length))
}

/// The bits of a number without its leading noughts.
fn bits(number: &[u8]) -> i64 {
    let significant = number.iter().position(|byte| *byte != 0).map_or(&[][..], |at| &number[at..]);
    let leading = significant.first().map_or(0, |byte| i64::from(byte.leading_zeros()));
    i64::try_from(significant.len()).unwrap_or(0) * 8 - leading
}

/// The keys of an authorized_keys(5).
pub(crate) fn public_keys(bytes: &[u8]) -> Vec<PublicKey> {
    String::from_utf8_lossy(bytes).lines().filter_map(PublicKey::parse).collect()
}

/// Words at white space, of which quoted parts are one: options hold commands.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let (mut quoted, mut before) = (false, ' ');
        let end = rest.find(|c: char| {
            if c == '"' && before != '\\' {
                quoted = !quoted;
            }
            before = c;
            c.is_whitespace() && !quoted
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// The public key that an OpenSSH private key carries in the clear, also one with a passphrase (PROTOCOL.key).
pub(crate) fn within_private_key(bytes: &[u8]) -> Option<PublicKey> {
    let text = std::str::from_utf8(bytes).ok()?;
    let body = text.trim().strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let body: String = body.split("-----END").next()?.split_whitespace().collect();
    let decoded = STANDARD.decode(body).ok()?;
    let (_cipher, rest) = string(decoded.strip_prefix(b"openssh-key-v1\0")?)?;
    let (_derivation, rest) = string(rest)?;
    let (_options, rest) = string(rest)?;
    PublicKey::of_blob(string(rest.get(4..)?)?.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF3NNu86FRJBkLJzZiUCw8FBeQkLsB8do1dh1CoWxAc5";

    #[test]
    fn lines_with_and_without_options_are_keys() {
        let key = PublicKey::parse(KEY).unwrap();
        assert_eq!((key.kind.as_str(), key.rsa_bits, key.fingerprint.len()), ("ssh-ed25519", None, 50));
        for line in [
            format!("  {KEY} ann@desk with more words"),
            format!("restrict,command=\"echo \\\" a b\" {KEY}"),
            format!("no-pty\t{KEY}"),
        ] {
            assert_eq!(PublicKey::parse(&line).as_ref(), Some(&key), "{line}");
        }
        for bad in [
            "",
            "# comment",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIF3NNu86FRJBkLJzZiUCw8FBeQkLsB8do1dh1CoWxAc5",
            "ssh-ed25519 !!!!",
            "a b ssh-ed25519 AAAA",
            "command=\"never closed ssh-ed25519 AAAA",
        ] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lengths_are_of_the_number() {
        assert_eq!((bits(&[0, 0x80, 0]), bits(&[1]), bits(&[0, 0]), bits(&[])), (16, 1, 0, 0));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), line in "(ssh-rsa )?[A-Za-z0-9+/= \"\\\\]{0,80}") {
            let _ = (PublicKey::of_blob(&bytes), within_private_key(&bytes), PublicKey::parse(&line));
            let body = STANDARD.encode([b"openssh-key-v1\0", &bytes[..]].concat());
            let _ = within_private_key(format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END").as_bytes());
        }
    }
}
