//! Load on an HTTP server of this machine: requests made ready beforehand, sent over kept-alive connections on loopback, as
//! fast as answers come. Bounded in count. What it costs, the server does not have: few threads wait for many connections.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::answer::Answer;

/// How long nothing may come from the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// Threads that wait for connections.
const THREADS: usize = 2;
/// Bytes read at once.
const PIECE: usize = 256 * 1024;

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

    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
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
    let take = || requests.get(next.fetch_add(1, Ordering::Relaxed)).map(std::slice::from_ref);
    let (load, _) = hold(address, connections, false, &take, &see)?;
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
    let take = || sessions.get(next.fetch_add(1, Ordering::Relaxed)).map(Vec::as_slice);
    hold(address, at_a_time, true, &take, &see)
}

/// Sends what `take` gives, on so many connections at a time, each of which waits for an answer before it goes on. `anew` opens
/// another connection for whatever `take` gives.
fn hold<'a>(
    address: SocketAddr,
    connections: usize,
    anew: bool,
    take: &(impl Fn() -> Option<&'a [Vec<u8>]> + Sync),
    see: &(impl Fn(u16, &[u8]) + Sync),
) -> Result<(Load, Vec<f64>)> {
    let threads = THREADS.min(connections);
    let start = Instant::now();
    let parts: Vec<Result<(Load, Vec<f64>)>> = std::thread::scope(|scope| {
        let own = |thread: usize| connections / threads + usize::from(thread < connections % threads);
        let thread = |thread| scope.spawn(move || Waiting::hold(address, own(thread), anew, take, see));
        let working: Vec<_> = (0..threads).map(thread).collect();
        working.into_iter().map(|thread| thread.join().expect("a thread that does not panic")).collect()
    });
    let (mut load, mut seconds) = (Load { took: start.elapsed(), ..Load::default() }, Vec::new());
    for part in parts {
        let (part, own) = part?;
        load.add(part);
        seconds.extend(own);
    }
    Ok((load, seconds))
}

/// One connection: what is left to be sent on it, and what has come.
struct Connection<'a> {
    stream: TcpStream,
    requests: &'a [Vec<u8>],
    /// Bytes of the first request that were sent.
    sent: usize,
    answer: Answer,
    opened: Instant,
}

impl<'a> Connection<'a> {
    fn open(address: SocketAddr, requests: &'a [Vec<u8>]) -> Result<Self> {
        let opened = Instant::now();
        // On loopback a connection is there at once.
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, requests, sent: 0, answer: Answer::default(), opened })
    }

    /// Sends as much as the other side takes.
    fn send(&mut self) -> Result<()> {
        let Some(request) = self.requests.first() else { return Ok(()) };
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e).context("sending a request"),
            }
        }
        Ok(())
    }

    /// Takes what has come; whether that completes the answer.
    fn receive(&mut self, piece: &mut [u8]) -> Result<bool> {
        loop {
            match self.stream.read(piece) {
                Ok(0) => bail!("the server hung up"),
                Ok(read) => {
                    if self.answer.take(&piece[..read])? {
                        return Ok(true);
                    }
                    // Less than there was room for: whatever comes later is told of.
                    if read < piece.len() {
                        return Ok(false);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e).context("reading an answer"),
            }
        }
    }
}

/// A thread's connections.
struct Waiting<'a> {
    poll: rustix::fd::OwnedFd,
    connections: Vec<Option<Connection<'a>>>,
    open: usize,
}

impl<'a> Waiting<'a> {
    fn hold(
        address: SocketAddr,
        count: usize,
        anew: bool,
        take: &impl Fn() -> Option<&'a [Vec<u8>]>,
        see: &impl Fn(u16, &[u8]),
    ) -> Result<(Load, Vec<f64>)> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut waiting = Self { poll, connections: (0..count).map(|_| None).collect(), open: 0 };
        for place in 0..count {
            waiting.begin(address, place, take)?;
        }
        let (mut load, mut seconds) = (Load::default(), Vec::new());
        let (mut events, mut piece) = (Vec::with_capacity(count), vec![0; PIECE]);
        let limit = Timespec { tv_sec: i64::try_from(PATIENCE.as_secs())?, tv_nsec: 0 };
        while waiting.open > 0 {
            epoll::wait(&waiting.poll, spare_capacity(&mut events), Some(&limit))?;
            if events.is_empty() {
                bail!("nothing came from the server for {} s", PATIENCE.as_secs());
            }
            for event in events.drain(..) {
                let place = usize::try_from(event.data.u64())?;
                let Some(connection) = &mut waiting.connections[place] else { continue };
                connection.send()?;
                if !connection.receive(&mut piece)? {
                    continue;
                }
                let (status, body) = connection.answer.get()?;
                *load.statuses.entry(status).or_default() += 1;
                load.bytes += body.len() as u64;
                see(status, body);
                connection.answer.clear();
                (connection.requests, connection.sent) = (&connection.requests[1..], 0);
                if connection.requests.is_empty() {
                    if anew {
                        seconds.push(connection.opened.elapsed().as_secs_f64());
                        waiting.end(place);
                        waiting.begin(address, place, take)?;
                        continue;
                    }
                    match take() {
                        Some(requests) => connection.requests = requests,
                        None => {
                            waiting.end(place);
                            continue;
                        }
                    }
                }
                connection.send()?;
            }
        }
        Ok((load, seconds))
    }

    fn begin(&mut self, address: SocketAddr, place: usize, take: &impl Fn() -> Option<&'a [Vec<u8>]>) -> Result<()> {
        let Some(requests) = take() else { return Ok(()) };
        let connection = Connection::open(address, requests)?;
        let (data, edges) = (epoll::EventData::new_u64(place as u64), epoll::EventFlags::ET);
        epoll::add(&self.poll, &connection.stream, data, epoll::EventFlags::IN | epoll::EventFlags::OUT | edges)?;
        self.connections[place] = Some(connection);
        self.open += 1;
        Ok(())
    }

    /// Closes a connection, which the kernel then forgets to tell of.
    fn end(&mut self, place: usize) {
        self.connections[place] = None;
        self.open -= 1;
    }
}
