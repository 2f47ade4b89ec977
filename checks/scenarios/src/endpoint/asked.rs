//! What an endpoint is asked, as it came over the wire.

use std::io::{Read, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// The most bytes of one question.
const MOST: usize = 1 << 20;

/// A question.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Every byte, as it came.
    pub bytes: Vec<u8>,
    /// The first line and the headers.
    pub head: String,
    /// The body, put together.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header; the name without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Every byte but the lines of a header.
    pub fn without_header(&self, name: &str) -> Vec<u8> {
        let other = |line: &&str| !line.split(':').next().unwrap_or_default().eq_ignore_ascii_case(name);
        let head: Vec<&str> = self.head.lines().filter(other).collect();
        [head.join("\n").as_bytes(), b"\n\n", &self.bytes[self.head_length()..]].concat()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn head_length(&self) -> usize {
        end_of_head(&self.bytes).unwrap_or(self.bytes.len())
    }
}

/// Reads one question; gives what came of it, and whether that is all.
pub fn read(client: &mut TcpStream) -> (Asked, bool) {
    let mut asked = Asked::default();
    let mut piece = [0; 16 * 1024];
    loop {
        if asked.head.is_empty()
            && let Some(end) = end_of_head(&asked.bytes)
        {
            asked.head = String::from_utf8_lossy(&asked.bytes[..end]).trim_end().to_owned();
            if asked.header("expect").is_some() && client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
                return (asked, false);
            }
        }
        if !asked.head.is_empty()
            && let Some(body) = body(&asked)
        {
            asked.body = body;
            return (asked, true);
        }
        match client.read(&mut piece) {
            Ok(read) if read > 0 && asked.bytes.len() + read <= MOST => asked.bytes.extend_from_slice(&piece[..read]),
            _ => return (asked, false),
        }
    }
}

/// Where the body begins.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The body, once all of it has come.
fn body(asked: &Asked) -> Option<Vec<u8>> {
    let rest = &asked.bytes[asked.head_length()..];
    if asked.header("transfer-encoding").is_some() {
        return rest.ends_with(b"0\r\n\r\n").then(|| dechunked(rest));
    }
    let length: usize = asked.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
    rest.get(..length).map(<[u8]>::to_vec)
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length =
            std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(chunk) = length.filter(|length| *length > 0).and_then(|length| rest.get(end + 2..end + 2 + length))
        else {
            break;
        };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + chunk.len()..).unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_pieces_is_put_together() {
        assert_eq!(dechunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
        assert_eq!(dechunked(b"0\r\n\r\n"), b"");
        assert_eq!(dechunked(b"zz\r\n"), b"");
    }
}
