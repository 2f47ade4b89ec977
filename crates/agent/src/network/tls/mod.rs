//! Asking a TLS server which versions and suites it takes, one connection for each question.

pub(crate) mod answer;
mod hello;
pub mod suites;
pub mod trust;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use self::answer::Answer;
pub use self::hello::Version;

/// How long a server may think about a hello.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of offering something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The server takes the version, and this suite.
    Takes(u16),
    /// The server says no, or ends the connection.
    Refuses,
    /// What answers speaks something else.
    NotTls,
}

/// A stream whose reads and writes all end at one instant: a peer that sends a byte now and then gains nothing.
pub struct Bounded {
    stream: TcpStream,
    deadline: Instant,
}

impl Bounded {
    /// Connects, and gives the connection until the deadline.
    pub fn connect(to: SocketAddr, patience: Duration, deadline: Instant) -> io::Result<Self> {
        let left = deadline.saturating_duration_since(Instant::now()).min(patience);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let stream = TcpStream::connect_timeout(&to, left)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, deadline })
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Offers one version with these suites, on a connection of its own.
///
/// # Errors
/// One line, when the server can no longer be reached or does not answer in time: then nobody knows.
pub fn offer(
    to: SocketAddr,
    version: Version,
    suites: &[u16],
    name: Option<&str>,
    deadline: Instant,
) -> Result<Reply, String> {
    let mut random = [0; 96];
    getrandom::fill(&mut random).map_err(|e| format!("no randomness: {e}"))?;
    let until = deadline.min(Instant::now() + PATIENCE);
    let failed = |e: io::Error| format!("offered {}: {}", version.name(), said(&e));
    let mut stream = Bounded::connect(to, PATIENCE, until).map_err(failed)?;
    let hello = hello::client_hello(version, suites, name, &random);
    match stream.write_all(&hello).and_then(|()| reply(&mut stream)) {
        Ok(Some(Ok(Answer::Hello { version: taken, suite }))) if taken == version.code() && suites.contains(&suite) => {
            Ok(Reply::Takes(suite))
        }
        // An older version than offered is a no to this one.
        Ok(Some(Ok(_)) | None) => Ok(Reply::Refuses),
        Ok(Some(Err(answer::NotTls))) => Ok(Reply::NotTls),
        Err(e) if is_end(&e) => Ok(Reply::Refuses),
        Err(e) => Err(failed(e)),
    }
}

/// The answer; none when the connection ended before it.
fn reply(stream: &mut Bounded) -> io::Result<Option<Result<Answer, answer::NotTls>>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < answer::MOST_BYTES {
        let length = match stream.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        bytes.extend(&buffer[..length]);
        match answer::read(&bytes) {
            Ok(Some(answer)) => return Ok(Some(Ok(answer))),
            Ok(None) => {}
            Err(e) => return Ok(Some(Err(e))),
        }
    }
    Ok(Some(Err(answer::NotTls)))
}

fn is_end(e: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(e.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// An error of a connection in words.
pub fn said(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        _ => e.to_string(),
    }
}
