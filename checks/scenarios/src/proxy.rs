//! A hostile proxy in front of the depot: it forwards what it is asked and lies as it is told.
//!
//! One request a connection, plain HTTP/1.1: enough for the clients of this project, and simple enough to lie with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// The largest request or answer that is forwarded, in bytes.
const MAX_BODY: u64 = 256 << 20;
/// How much an endless answer sends before the proxy itself gives up, in bytes.
const ENDLESS: u64 = 1 << 30;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The other header lines.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer: the depot's, or what is made of it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status line.
    pub status: String,
    /// The other header lines; the length is written anew.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The status code.
    pub fn code(&self) -> u16 {
        self.status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

/// What the proxy says instead of the truth.
#[derive(Debug)]
pub enum Said {
    /// This answer.
    Answer(Answer),
    /// An answer that never ends, as fast as it is taken.
    Endless,
    /// Half of this answer, and then nothing, with the connection open until the client goes.
    Stalled(Answer),
    /// Nothing: the connection is closed.
    Nothing,
}

/// Makes a lie of the depot's answer; `None` leaves it as it is.
pub type Lie = Box<dyn Fn(&Asked, &Answer) -> Option<Said> + Send + Sync>;

/// The proxy; it stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    lie: Arc<Mutex<Option<Arc<Lie>>>>,
    told: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    enter: Arc<Enter>,
    thread: Option<JoinHandle<()>>,
}

/// Takes a thread to where the proxy stands.
type Enter = dyn Fn() -> Result<()> + Send + Sync;

impl Proxy {
    /// Listens, and forwards to the depot. `enter` runs first in each of its threads (to stand in another namespace).
    pub fn start(
        listen: &str,
        depot: SocketAddr,
        enter: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let (lie, told, stop) =
            (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (sender, bound) = std::sync::mpsc::channel();
        let enter: Arc<Enter> = Arc::new(enter);
        let shared = (Arc::clone(&lie), Arc::clone(&told), Arc::clone(&stop), Arc::clone(&enter), listen.to_owned());
        let thread = thread::Builder::new().name("proxy".into()).spawn(move || {
            let (lie, told, stop, enter, listen) = shared;
            let listener = enter().and_then(|()| TcpListener::bind(&listen).context("the proxy cannot listen"));
            let listener = match listener {
                Ok(listener) => listener,
                Err(e) => return drop(sender.send(Err(e))),
            };
            let _ = sender.send(listener.local_addr().context("where does the proxy listen?"));
            for client in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (lie, told, enter) = (Arc::clone(&lie), Arc::clone(&told), Arc::clone(&enter));
                thread::spawn(move || {
                    let _ = enter().and_then(|()| serve(client, depot, &lie, &told));
                });
            }
        })?;
        let address = bound.recv().context("the proxy ended")??;
        Ok(Self { address, lie, told, stop, enter, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells this lie from now on.
    pub fn lie(&self, lie: impl Fn(&Asked, &Answer) -> Option<Said> + Send + Sync + 'static) {
        self.told.store(0, Ordering::Relaxed);
        *self.lie.lock().expect("the lie") = Some(Arc::new(Box::new(lie)));
    }

    /// Tells the truth from now on.
    pub fn honest(&self) {
        *self.lie.lock().expect("the lie") = None;
    }

    /// How often the present lie was told.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Woken from where it stands: from elsewhere its address might be somebody else's.
        let (enter, address) = (Arc::clone(&self.enter), self.address);
        let woken = thread::spawn(move || {
            enter().is_ok() && TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
        });
        if woken.join().unwrap_or(false)
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(client: TcpStream, depot: SocketAddr, lie: &Mutex<Option<Arc<Lie>>>, told: &AtomicUsize) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(client.try_clone()?);
    let (first, headers) = head(&mut reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let length = length_of(&headers)?.unwrap_or(0);
    if value(&headers, "expect").is_some() {
        client.try_clone()?.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; usize::try_from(length)?];
    reader.read_exact(&mut body)?;
    let asked = Asked { method, target, headers, body };
    let answer = forward(&asked, depot)?;
    let lie = lie.lock().expect("the lie").clone();
    let said = lie.and_then(|lie| lie(&asked, &answer));
    if said.is_some() {
        told.fetch_add(1, Ordering::Relaxed);
    }
    say(client, said.unwrap_or(Said::Answer(answer)), asked.method == "HEAD")
}

fn forward(asked: &Asked, depot: SocketAddr) -> Result<Answer> {
    let mut upstream = TcpStream::connect(depot)?;
    upstream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut request = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
    for line in &asked.headers {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(name.as_str(), "connection" | "expect" | "content-length" | "transfer-encoding") {
            request.push_str(&format!("{line}\r\n"));
        }
    }
    if !asked.body.is_empty() || asked.method == "PUT" || asked.method == "POST" {
        request.push_str(&format!("Content-Length: {}\r\n", asked.body.len()));
    }
    request.push_str("Connection: close\r\n\r\n");
    upstream.write_all(request.as_bytes())?;
    upstream.write_all(&asked.body)?;
    let mut reader = BufReader::new(upstream);
    let (status, headers) = head(&mut reader)?;
    let mut body = Vec::new();
    let bodiless = asked.method == "HEAD" || status.contains(" 304 ") || status.contains(" 204 ");
    match length_of(&headers)? {
        _ if bodiless => {}
        Some(length) => {
            body.resize(usize::try_from(length)?, 0);
            reader.read_exact(&mut body)?;
        }
        None if value(&headers, "transfer-encoding").is_some() => dechunk(&mut reader, &mut body)?,
        None => drop(reader.take(MAX_BODY).read_to_end(&mut body)?),
    }
    Ok(Answer { status, headers, body })
}

fn dechunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let mut line = String::new();
        reader.take(1024).read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16)?;
        if length == 0 || body.len() as u64 + length > MAX_BODY {
            return Ok(());
        }
        reader.take(length).read_to_end(body)?;
        reader.take(2).read_line(&mut line)?;
    }
}

fn say(mut client: TcpStream, said: Said, bodiless: bool) -> Result<()> {
    let (answer, part) = match said {
        Said::Nothing => return Ok(()),
        Said::Endless => return endless(client),
        Said::Answer(answer) => {
            let whole = answer.body.len();
            (answer, whole)
        }
        Said::Stalled(answer) => {
            let half = answer.body.len() / 2;
            (answer, half)
        }
    };
    let mut text = format!("{}\r\n", answer.status);
    for line in &answer.headers {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let keep_length = name == "content-length" && bodiless;
        if keep_length || !matches!(name.as_str(), "connection" | "content-length" | "transfer-encoding") {
            text.push_str(&format!("{line}\r\n"));
        }
    }
    if !bodiless {
        text.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    client.write_all(text.as_bytes())?;
    if bodiless {
        return Ok(());
    }
    client.write_all(&answer.body[..part])?;
    if part < answer.body.len() {
        // Until the client has had enough.
        let _ = client.read(&mut [0; 1]);
    }
    Ok(())
}

fn endless(mut client: TcpStream) -> Result<()> {
    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")?;
    let block = [b' '; 64 * 1024];
    let mut sent = 0;
    while sent < ENDLESS && client.write_all(&block).is_ok() {
        sent += block.len() as u64;
    }
    Ok(())
}

/// The first line and the header lines.
fn head(reader: &mut impl BufRead) -> Result<(String, Vec<String>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.take(64 * 1024).read_line(&mut line)? == 0 || lines.len() > 200 {
            bail!("the connection ended before its head did");
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    if lines.is_empty() {
        bail!("an empty head");
    }
    let first = lines.remove(0);
    Ok((first, lines))
}

fn value<'h>(headers: &'h [String], name: &str) -> Option<&'h str> {
    headers.iter().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn length_of(headers: &[String]) -> Result<Option<u64>> {
    let Some(length) = value(headers, "content-length") else { return Ok(None) };
    let length: u64 = length.parse().context("a length that is no number")?;
    if length > MAX_BODY {
        bail!("{length} bytes is more than this proxy forwards");
    }
    Ok(Some(length))
}
