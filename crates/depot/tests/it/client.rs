//! A client that sends exactly what it is told to, also what no library would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, if the status is as expected.
    #[track_caller]
    pub fn expect(self, status: u16) -> Vec<u8> {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self.body
    }
}

/// A connection that is used for one request after another.
pub struct Connection {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    /// As [`Connection::open`], of a server that may be gone.
    pub fn try_open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        // Only ends a test that hangs.
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, rest: Vec::new() })
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn shutdown_write(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    fn more(&mut self) -> std::io::Result<usize> {
        let mut buffer = vec![0; 64 * 1024];
        let read = self.stream.read(&mut buffer)?;
        self.rest.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    /// Reads one answer; `None` when the server ended the connection instead.
    pub fn answer(&mut self, head_only: bool) -> Option<Answer> {
        loop {
            let end = loop {
                if let Some(end) = self.rest.windows(4).position(|w| w == b"\r\n\r\n") {
                    break end;
                }
                if self.more().ok()? == 0 {
                    return None;
                }
            };
            let head = String::from_utf8_lossy(&self.rest[..end]).into_owned();
            self.rest.drain(..end + 4);
            let mut lines = head.split("\r\n");
            let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
                .collect();
            if status == 100 {
                continue;
            }
            let mut answer = Answer { status, headers, body: Vec::new() };
            if head_only || status == 304 {
                return Some(answer);
            }
            if answer.header("transfer-encoding").is_some() {
                answer.body = self.chunks()?;
                return Some(answer);
            }
            let length: usize = answer.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
            while self.rest.len() < length {
                if self.more().ok()? == 0 {
                    return None;
                }
            }
            answer.body = self.rest.drain(..length).collect();
            return Some(answer);
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.rest[..end]).into_owned();
                self.rest.drain(..end + 2);
                return Some(line);
            }
            if self.more().ok()? == 0 {
                return None;
            }
        }
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).ok()?;
            while self.rest.len() < size + 2 {
                if self.more().ok()? == 0 {
                    return None;
                }
            }
            body.extend(self.rest.drain(..size));
            self.rest.drain(..2);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// One request and its answer.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: depot\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || matches!(method, "PUT" | "POST") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        let _ = self.send(format!("{head}\r\n").as_bytes());
        // A server that has heard enough may answer before it has all of the body.
        let _ = self.send(body);
        self.answer(method == "HEAD")
    }
}

/// One request on a connection of its own.
#[track_caller]
pub fn request(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Connection::open(address).request(method, target, headers, body).expect("an answer")
}

pub fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, "GET", target, &[], b"")
}

pub fn put(address: SocketAddr, target: &str, body: &[u8]) -> Answer {
    request(address, "PUT", target, &[], body)
}
