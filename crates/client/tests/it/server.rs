//! A depot of one's own making: accepts on loopback, reads a request, and answers whatever a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use writ_client::settings::Timeouts;
use writ_client::{Client, Settings};
use writ_wire::paths::Target;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// A header's value, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A server; ends with its test's process.
pub struct Server {
    pub base: String,
    seen: Receiver<Seen>,
}

impl Server {
    /// Answers every connection's first request by `answer`, then closes it.
    pub fn start(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (tell, seen) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                one(stream, &answer, &tell);
            }
        });
        Self { base, seen }
    }

    /// Answers with these bytes.
    pub fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, stream| {
            let _ = stream.write_all(&bytes);
        })
    }

    /// The next request that came.
    pub fn next(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    pub fn settings(&self) -> Settings {
        let short = Duration::from_millis(300);
        let timeouts = Timeouts { connect: Duration::from_secs(5), first_byte: short, idle: short };
        Settings { timeouts, ..Settings::new(&self.base) }
    }

    /// A client with short timeouts.
    pub fn client(&self) -> Client {
        Client::new(&self.settings()).unwrap()
    }

    /// A client with the timeouts of everyday life: for tests in which nothing is slow on purpose.
    pub fn patient(&self) -> Client {
        Client::new(&Settings::new(&self.base)).unwrap()
    }
}

fn one(mut stream: TcpStream, answer: &impl Fn(&Seen, &mut TcpStream), tell: &Sender<Seen>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let Some(first) = line() else { return };
    let mut headers = Vec::new();
    while let Some(header) = line().filter(|l| !l.is_empty()) {
        let (name, value) = header.split_once(':').unwrap();
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { line: first, headers, body: Vec::new() };
    let length: u64 = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    let _ = reader.take(length).read_to_end(&mut seen.body);
    let _ = tell.send(seen.clone());
    answer(&seen, &mut stream);
}

/// A whole answer.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn target(path: &str) -> Target {
    Target { path: path.to_owned(), query: None }
}
