//! The first word of a client in every version of TLS (RFC 6101, RFC 5246 §7.4.1.2, RFC 8446 §4.1.2). Pure.
//!
//! One hello offers one version: what a server takes is then its own choice and not a negotiation.

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// SSL 3.0 (RFC 6101).
    Ssl3,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// Every one, the oldest first.
    pub const ALL: [Self; 5] = [Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// Its name, as OpenSSL writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    /// Its number on the wire.
    pub const fn code(self) -> u16 {
        0x0300 + self as u16
    }
}

/// What is unforeseeable in a hello: 32 bytes of randomness, 32 of a session's name, 32 of a key of X25519 (any are one).
pub type Random = [u8; 96];

/// A renegotiation that is protected, and nothing more (RFC 5746 §3.3).
const SIGNALLING: u16 = 0x00ff;

/// The record that offers one version and these suites; `name` is that of the server, for servers of many.
pub fn client_hello(version: Version, suites: &[u16], name: Option<&str>, random: &Random) -> Vec<u8> {
    let (nonce, rest) = random.split_at(32);
    let (session, key) = rest.split_at(32);
    let mut body = version.min(Version::Tls12).code().to_be_bytes().to_vec();
    body.extend(nonce);
    // TLS 1.3 in the clothes of 1.2, for what stands between (RFC 8446 §D.4).
    sized(&mut body, 1, if version == Version::Tls13 { session } else { &[] });
    let offered = suites.iter().copied().chain((version < Version::Tls13).then_some(SIGNALLING));
    sized(&mut body, 2, &numbers(offered));
    body.extend([1, 0]);
    if version > Version::Ssl3 {
        sized(&mut body, 2, &extensions(version, name, key));
    }
    let mut handshake = vec![1, 0];
    sized(&mut handshake, 2, &body);
    // The outer version is 1.0 for all that is newer: what stands between knows it (RFC 8446 §5.1).
    let mut record = vec![22];
    record.extend(version.min(Version::Tls10).code().to_be_bytes());
    sized(&mut record, 2, &handshake);
    record
}

fn extensions(version: Version, name: Option<&str>, key: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |code: u16, content: &[u8]| {
        all.extend(code.to_be_bytes());
        sized(&mut all, 2, content);
    };
    if let Some(name) = name {
        let (mut entry, mut list) = (vec![0], Vec::new());
        sized(&mut entry, 2, name.as_bytes());
        sized(&mut list, 2, &entry);
        add(0, &list);
    }
    // x25519, secp256r1, secp384r1, secp521r1, ffdhe2048, ffdhe3072.
    add(10, &listed(2, &numbers([0x001d, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101])));
    add(11, &listed(1, &[0]));
    if version >= Version::Tls12 {
        // ECDSA, EdDSA, RSA-PSS and RSA with SHA-2, and with SHA-1 what old servers have.
        let schemes = [
            0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501,
            0x0601, 0x0203, 0x0201,
        ];
        add(13, &listed(2, &numbers(schemes)));
    }
    if version < Version::Tls13 {
        add(23, &[]);
    } else {
        add(43, &listed(1, &version.code().to_be_bytes()));
        let mut share = numbers([0x001d]);
        sized(&mut share, 2, key);
        add(51, &listed(2, &share));
    }
    all
}

fn numbers(numbers: impl IntoIterator<Item = u16>) -> Vec<u8> {
    numbers.into_iter().flat_map(u16::to_be_bytes).collect()
}

fn listed(width: usize, content: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    sized(&mut list, width, content);
    list
}

/// Appends content behind its length, in `width` bytes. All that is sized here is shorter than 64 KiB by far.
fn sized(to: &mut Vec<u8>, width: usize, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    to.extend(&length[2 - width..]);
    to.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_rfc() {
        let hello = client_hello(Version::Tls12, &[0xc02f], Some("a.example"), &[7; 96]);
        assert_eq!(&hello[..3], &[22, 3, 1]);
        assert_eq!(usize::from(hello[3]) << 8 | usize::from(hello[4]), hello.len() - 5);
        assert_eq!(&hello[5..11], &[1, 0, hello[7], hello[8], 3, 3]);
        assert_eq!(usize::from(hello[7]) << 8 | usize::from(hello[8]), hello.len() - 9);
        assert_eq!(&hello[43..50], &[0, 0, 4, 0xc0, 0x2f, 0x00, 0xff], "no session, the suite and the signal");
        assert!(hello.windows(18).any(|w| w == b"\0\0\0\x0e\0\x0c\0\0\x09a.example"), "{hello:?}");
        let old = client_hello(Version::Ssl3, &[0x0005], Some("a.example"), &[7; 96]);
        assert_eq!(
            (&old[..3], old.len()),
            (&[22, 3, 0][..], 5 + 4 + 2 + 32 + 1 + 2 + 4 + 2),
            "SSL 3.0 has no extensions"
        );
        let new = client_hello(Version::Tls13, &[0x1301], None, &[7; 96]);
        assert_eq!(&new[9..11], &[3, 3]);
        assert!(new.windows(7).any(|w| w == [0, 43, 0, 3, 2, 3, 4]));
    }
}
