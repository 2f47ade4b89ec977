//! What a server answers to a hello: its own hello, or an alert (RFC 5246 §6.2, §7.2, §7.4.1.3; RFC 8446 §4.1.3). Pure, and
//! hostile bytes are nothing new to it.

/// The largest record, in bytes, with all that a version ever added (RFC 5246 §6.2.3).
const LARGEST_RECORD: usize = (1 << 14) + 2048;
/// How many bytes of an answer are looked at: a hello is a few hundred.
pub const MOST_BYTES: usize = 32 * 1024;

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It takes up the offer, in this version and with this suite.
    Hello {
        /// The number of the version.
        version: u16,
        /// The number of the suite.
        suite: u16,
    },
    /// It says no, for this reason.
    Alert(u8),
}

/// Reads an answer as far as it has come; none when more is needed.
///
/// # Errors
/// When it is no TLS.
pub fn read(bytes: &[u8]) -> Result<Option<Answer>, NotTls> {
    let mut handshake: Vec<u8> = Vec::new();
    let mut rest = bytes;
    loop {
        let Some((header, after)) = rest.split_first_chunk::<5>() else {
            return if starts_like_tls(rest) { Ok(None) } else { Err(NotTls) };
        };
        if !starts_like_tls(header) {
            return Err(NotTls);
        }
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > LARGEST_RECORD {
            return Err(NotTls);
        }
        let Some(content) = after.get(..length) else { return Ok(None) };
        rest = &after[length..];
        match header[0] {
            ALERT => return content.get(1).map(|reason| Some(Answer::Alert(*reason))).ok_or(NotTls),
            _ => handshake.extend(content),
        }
        if let Some(answer) = hello(&handshake)? {
            return Ok(Some(answer));
        }
    }
}

/// The bytes are no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTls;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;

fn starts_like_tls(record: &[u8]) -> bool {
    record.first().is_none_or(|kind| matches!(*kind, ALERT | HANDSHAKE))
        && record.get(1).is_none_or(|major| *major == 3)
}

fn hello(handshake: &[u8]) -> Result<Option<Answer>, NotTls> {
    let Some((header, after)) = handshake.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]);
    if header[0] != SERVER_HELLO || length > LARGEST_RECORD {
        return Err(NotTls);
    }
    let Some(body) = after.get(..length) else { return Ok(None) };
    body_of(body).map(Some).ok_or(NotTls)
}

fn body_of(body: &[u8]) -> Option<Answer> {
    let number = |bytes: &[u8]| Some(u16::from_be_bytes(*bytes.first_chunk()?));
    let legacy = number(body)?;
    let session = usize::from(*body.get(34)?);
    let rest = body.get(35 + session..)?;
    let suite = number(rest)?;
    let mut extensions = rest.get(3..)?.get(2..).unwrap_or_default();
    while let Some((header, after)) = extensions.split_first_chunk::<4>() {
        let (code, length) = (number(header)?, usize::from(number(&header[2..])?));
        let content = after.get(..length)?;
        if code == SUPPORTED_VERSIONS {
            return Some(Answer::Hello { version: number(content)?, suite });
        }
        extensions = &after[length..];
    }
    Some(Answer::Hello { version: legacy, suite })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn captured(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// What OpenSSL 3.0.19 answered to a hello of TLS 1.2: its hello, and the beginning of its certificate.
    fn tls12() -> Vec<u8> {
        captured(
            "16 03 03 00 5d 02 00 00 59 03 03 40 44 20 8f ce fd 8d 90 2a 7a 69 68 d9 30 ac 21 33 fb 69 e6 b8 ba 0a ef \
             a2 78 72 47 c2 34 e6 d8 20 cb 06 f2 09 62 8e 07 38 da 7b 9e 0f 2e ed fd 0f 3e f3 b8 71 76 42 ff f1 df 87 \
             26 77 c2 45 46 c4 c0 30 00 00 11 ff 01 00 01 00 00 0b 00 04 03 00 01 02 00 17 00 00 16 03 03 03 33 0b 00 \
             03 2f 00 03 2c",
        )
    }

    #[test]
    fn a_hello_and_an_alert_are_told_apart() {
        assert_eq!(read(&tls12()), Ok(Some(Answer::Hello { version: 0x0303, suite: 0xc030 })));
        // The same server to one of TLS 1.0: protocol_version.
        assert_eq!(read(&captured("15 03 01 00 02 02 46")), Ok(Some(Answer::Alert(70))));
        let whole = 5 + 0x5d;
        for cut in 0..whole {
            assert_eq!(read(&tls12()[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn a_version_in_an_extension_counts() {
        let mut body = vec![3, 3];
        body.extend([0; 32]);
        body.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
        let mut bytes = vec![22, 3, 3, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
        bytes.extend(&body);
        assert_eq!(read(&bytes), Ok(Some(Answer::Hello { version: 0x0304, suite: 0x1301 })));
        // In records of one byte each, as a peer may send it.
        let single: Vec<u8> = bytes[5..].iter().flat_map(|byte| [22, 3, 3, 0, 1, *byte]).collect();
        assert_eq!(read(&single), read(&bytes));
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn other_protocols_are_none() {
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"220 mail.example ESMTP\r\n",
            &[22, 3, 3, 0, 0],
            &[22, 3, 3, 0xff, 0xff],
            &[22, 2, 0, 0, 1],
            &[22, 3, 3, 0, 4, 11, 0, 0, 0],
            &[21, 3, 3, 0, 1, 2],
            &[22, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3],
        ] {
            assert_eq!(read(other), Err(NotTls), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in 0_usize..100, with in any::<u8>()) {
            let _ = read(&bytes);
            let mut bytes = tls12();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = read(&bytes);
        }
    }
}
