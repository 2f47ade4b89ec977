//! Load on an HTTP server of this machine: requests made ready beforehand, sent over kept-alive connections on loopback, as
//! fast as answers come. Bounded in count; what it costs, the server does not have.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The largest answer that is read, in bytes.
const MAX_BODY: u64 = 64 << 20;

/// What a load came to.
#[derive(Debug, Default)]
pub struct Load {
    /// How many answers came, by status code.
    pub statuses: BTreeMap<u16, usize>,
    /// Bytes of all bodies.
    pub bytes: u64,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Load {
    /// Answers per second.
    pub fn per_second(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let answers = self.statuses.values().sum::<usize>() as f64;
        answers / self.took.as_secs_f64()
    }

    /// Fails unless every answer had this status.
    pub fn all(self, status: u16) -> Result<Self> {
        if self.statuses.keys().any(|found| *found != status) {
            bail!("expected only {status}, got {:?}", self.statuses);
        }
        Ok(self)
    }
}

/// A whole request.
pub fn request(method: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    if !body.is_empty() || method != "GET" {
        bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// Sends every request once, over so many connections; `see` looks at each answer's body.
pub fn drive(
    address: SocketAddr,
    connections: usize,
    requests: &[Vec<u8>],
    see: impl Fn(u16, &[u8]) + Sync,
) -> Result<Load> {
    let next = AtomicUsize::new(0);
    let (load, _) = at_once(connections, || {
        let (mut connection, mut load) = (Connection::open(address)?, Load::default());
        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            connection.exchange(request, &mut load, &see)?;
        }
        Ok((load, ()))
    })?;
    Ok(load)
}

/// Holds every session once, so many at a time: each opens a connection, sends its requests one after another, and hangs up.
/// Also returns how many seconds each took.
pub fn sessions(
    address: SocketAddr,
    at_a_time: usize,
    sessions: &[Vec<Vec<u8>>],
    see: impl Fn(u16, &[u8]) + Sync,
) -> Result<(Load, Vec<f64>)> {
    let next = AtomicUsize::new(0);
    let (load, seconds) = at_once(at_a_time, || {
        let (mut load, mut seconds) = (Load::default(), Vec::new());
        while let Some(requests) = sessions.get(next.fetch_add(1, Ordering::Relaxed)) {
            let start = Instant::now();
            let mut connection = Connection::open(address)?;
            for request in requests {
                connection.exchange(request, &mut load, &see)?;
            }
            seconds.push(start.elapsed().as_secs_f64());
        }
        Ok((load, seconds))
    })?;
    Ok((load, seconds.into_iter().flatten().collect()))
}

/// Does the same on so many threads at the same time; adds up what they loaded.
fn at_once<T: Send>(threads: usize, work: impl Fn() -> Result<(Load, T)> + Sync) -> Result<(Load, Vec<T>)> {
    let start = Instant::now();
    let parts: Vec<Result<(Load, T)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker that does not panic")).collect()
    });
    let (mut load, mut others) = (Load { took: start.elapsed(), ..Load::default() }, Vec::new());
    for part in parts {
        let (part, other) = part?;
        load.bytes += part.bytes;
        for (status, count) in part.statuses {
            *load.statuses.entry(status).or_default() += count;
        }
        others.push(other);
    }
    Ok((load, others))
}

struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let reader = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
        Ok(Self { stream, reader, body: Vec::new() })
    }

    fn exchange(&mut self, request: &[u8], load: &mut Load, see: &impl Fn(u16, &[u8])) -> Result<()> {
        self.stream.write_all(request)?;
        let status = answer(&mut self.reader, &mut self.body)?;
        *load.statuses.entry(status).or_default() += 1;
        load.bytes += self.body.len() as u64;
        see(status, &self.body);
        Ok(())
    }
}

fn answer(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Result<u16> {
    let (mut line, mut status, mut length) = (Vec::new(), None, None);
    loop {
        line.clear();
        reader.take(64 * 1024).read_until(b'\n', &mut line)?;
        let text = std::str::from_utf8(&line)?.trim_end();
        match (status, text) {
            (None, first) => status = Some(first.split(' ').nth(1).context("no status line")?.parse::<u16>()?),
            (Some(_), "") => break,
            (Some(_), header) => {
                if let Some((name, value)) = header.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = Some(value.trim().parse::<u64>()?);
                }
            }
        }
    }
    body.clear();
    let length = length.context("an answer without a length")?;
    if length > MAX_BODY {
        bail!("an answer of {length} bytes");
    }
    reader.take(length).read_to_end(body)?;
    if body.len() as u64 != length {
        bail!("the answer ended early");
    }
    status.context("no status")
}
