//! An HTTP/1.1 answer as it comes, piece by piece. Only answers that state their length are read.

use anyhow::{Context, Result, bail};

/// The largest headers that are read, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The largest body that is read, in bytes.
const MAX_BODY: usize = 64 << 20;

/// What has come of one answer.
#[derive(Debug, Default)]
pub struct Answer {
    bytes: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    /// Where the body begins.
    body: usize,
    /// Where it ends.
    end: usize,
}

impl Answer {
    /// Takes more of it; whether it is complete.
    pub fn take(&mut self, piece: &[u8]) -> Result<bool> {
        self.bytes.extend_from_slice(piece);
        if self.head.is_none() {
            self.head = head(&self.bytes)?;
        }
        match self.head {
            None if self.bytes.len() > MAX_HEAD => bail!("an answer without an end of its headers"),
            None => Ok(false),
            Some(Head { end, .. }) if self.bytes.len() > end => bail!("something follows an answer"),
            Some(Head { end, .. }) => Ok(self.bytes.len() == end),
        }
    }

    /// Status and body of an answer that is complete.
    pub fn get(&self) -> Result<(u16, &[u8])> {
        let Head { status, body, end } = self.head.context("an answer that has not come")?;
        Ok((status, &self.bytes[body..end]))
    }

    /// Makes ready for the next one.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.head = None;
    }
}

/// The head of an answer, once it is whole.
fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let lengths = lines.filter_map(|line| line.split_once(':'));
    let mut lengths = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = lengths.next().context("an answer without a length")?;
    let length: usize = length.trim().parse()?;
    if length > MAX_BODY {
        bail!("an answer of {length} bytes");
    }
    Ok(Some(Head { status, body: end + 4, end: end + 4 + length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-Length: 5\r\nx: y\r\n\r\nhello";

    #[test]
    fn an_answer_comes_in_any_pieces() {
        for at in 1..WHOLE.len() {
            let mut answer = Answer::default();
            assert!(!answer.take(&WHOLE[..at]).unwrap(), "{at}");
            assert!(answer.take(&WHOLE[at..]).unwrap(), "{at}");
            assert_eq!(answer.get().unwrap(), (404, &b"hello"[..]));
            answer.clear();
            assert!(answer.take(WHOLE).unwrap());
        }
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        let bad: [&[u8]; 5] = [
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore",
        ];
        for bad in bad {
            assert!(Answer::default().take(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert!(Answer::default().take(&[b'a'; MAX_HEAD + 1]).is_err());
    }
}
