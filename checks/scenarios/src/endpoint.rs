//! A language model's endpoint that says what it is told to: chat completions over plain HTTP, one thread for each connection.
//!
//! It answers by what it is asked: it reads the schema that the question has for its answer (`response_format.json_schema`), and fills
//! it with the runbooks that it is told to prefer. Every byte that reaches it is kept, so that what must not reach it can be
//! searched for.

mod asked;
mod said;

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

pub use asked::Asked;

/// The most connections at a time; whoever comes then finds the door shut.
const MOST_CONNECTIONS: usize = 16;
/// The most questions that are kept.
const MOST_KEPT: usize = 1_000;

/// How the endpoint answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// As it should.
    Behaves,
    /// As it should, after so long.
    Slow(Duration),
    /// As it should, and names these runbooks whatever it was offered.
    Names(Vec<String>),
    /// As it should, with these members beside the choice.
    Adds(Value),
    /// This text in the place of a choice.
    Says(String),
    /// Two choices that contradict each other.
    Contradicts(Vec<String>, Vec<String>),
    /// As it should, and counts so many tokens: this text in the place of each number.
    Counts(&'static str),
    /// The answer that it gave to the question before, again.
    Repeats,
    /// These bytes as the body of an answer.
    Sends(Vec<u8>),
    /// This status, and a body that says so.
    Status(u16),
    /// That what is asked for is at another address.
    Redirects(String),
    /// A body of so many bytes, an answer among them.
    Oversized(usize),
    /// Half of a good answer, and the end of the connection.
    Truncated,
    /// A good answer a byte at a time, each after so long.
    Drips(Duration),
    /// An answer that does not end, as fast as it is taken.
    Endless,
    /// Nothing, with the connection open until whoever asked goes.
    Silent,
    /// Nothing: the connection is closed.
    Down,
}

/// What the threads share.
struct Shared {
    script: Mutex<Script>,
    asked: Mutex<VecDeque<Asked>>,
    /// The body of the last good answer.
    last: Mutex<Vec<u8>>,
    /// Time between the last byte of a question and the last of its answer, of all of them.
    took: Mutex<Duration>,
    open: AtomicUsize,
    stop: AtomicBool,
}

struct Script {
    manner: Manner,
    prefers: Vec<String>,
}

/// The endpoint; it stops when dropped.
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    enter: Arc<Enter>,
    thread: Option<JoinHandle<()>>,
}

/// Takes a thread to where the endpoint stands.
type Enter = dyn Fn() -> Result<()> + Send + Sync;

impl Endpoint {
    /// Listens on this machine, and behaves.
    pub fn start() -> Result<Self> {
        Self::start_at("127.0.0.1:0", || Ok(()))
    }

    /// Listens elsewhere. `enter` runs first in the thread that listens (to stand in another namespace).
    pub fn start_at(listen: &str, enter: impl Fn() -> Result<()> + Send + Sync + 'static) -> Result<Self> {
        let script = Mutex::new(Script { manner: Manner::Behaves, prefers: Vec::new() });
        let shared = Arc::new(Shared {
            script,
            asked: Mutex::default(),
            last: Mutex::default(),
            took: Mutex::default(),
            open: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let enter: Arc<Enter> = Arc::new(enter);
        let (sender, bound) = std::sync::mpsc::channel();
        let own = (Arc::clone(&shared), Arc::clone(&enter), listen.to_owned());
        let thread = thread::Builder::new().name("endpoint".into()).spawn(move || {
            let (shared, enter, listen) = own;
            let listener = enter().and_then(|()| TcpListener::bind(&listen).context("the endpoint cannot listen"));
            let listener = match listener {
                Ok(listener) => listener,
                Err(e) => return drop(sender.send(Err(e))),
            };
            let _ = sender.send(listener.local_addr().context("where does the endpoint listen?"));
            listen_on(&listener, &shared);
        })?;
        let address = bound.recv().context("the endpoint ended")??;
        Ok(Self { address, shared, enter, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of its interface, as a site names it.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Answers so from now on.
    pub fn is(&self, manner: Manner) {
        lock(&self.shared.script).manner = manner;
    }

    /// Names these runbooks from now on, in this order, where it is offered them; otherwise the first that it is offered.
    pub fn prefers(&self, runbooks: &[&str]) {
        lock(&self.shared.script).prefers = runbooks.iter().map(|name| (*name).to_owned()).collect();
    }

    /// What it was asked so far, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).iter().cloned().collect()
    }

    /// How often it was asked something.
    pub fn calls(&self) -> usize {
        lock(&self.shared.asked).len()
    }

    /// How long it took itself over all answers so far.
    pub fn took(&self) -> Duration {
        *lock(&self.shared.took)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
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

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen_on(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        if shared.open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            shared.open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let own = Arc::clone(shared);
        let served = thread::Builder::new().name("answer".into()).spawn(move || {
            // Whoever hangs up in the middle has been answered.
            let _ = serve(client, &own);
            own.open.fetch_sub(1, Ordering::Relaxed);
        });
        if served.is_err() {
            shared.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn serve(mut client: TcpStream, shared: &Shared) -> Result<()> {
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    client.set_write_timeout(Some(Duration::from_secs(60)))?;
    let (asked, whole) = asked::read(&mut client);
    let began = Instant::now();
    let (manner, prefers) = {
        let script = lock(&shared.script);
        (script.manner.clone(), script.prefers.clone())
    };
    // What came is kept whether or not it was a question.
    let mut kept = lock(&shared.asked);
    if !asked.bytes.is_empty() && kept.len() < MOST_KEPT {
        kept.push_back(asked.clone());
    }
    drop(kept);
    if !whole {
        return Ok(());
    }
    let answer = said::Answer { asked: &asked, prefers: &prefers, last: &shared.last };
    let said = answer.give(&mut client, &manner, &shared.stop);
    *lock(&shared.took) += began.elapsed();
    client.flush()?;
    said
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::json;

    use super::*;

    fn ask(endpoint: &Endpoint, body: &Value) -> String {
        let body = body.to_string();
        let mut client = TcpStream::connect(endpoint.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = client.take(1 << 20).read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    fn question() -> Value {
        let names = json!({ "type": "string", "enum": ["RB-A", "RB-B"] });
        let schema = json!({
            "type": "object", "required": ["runbooks", "reason"], "additionalProperties": false,
            "properties": { "runbooks": { "type": "array", "items": names, "minItems": 1, "maxItems": 2 }, "reason": { "type": "string" } },
        });
        json!({
            "model": "m", "messages": [{ "role": "user", "content": "which?" }],
            "response_format": { "type": "json_schema", "json_schema": { "name": "plan", "strict": true, "schema": schema } },
        })
    }

    /// What an answer's choice is.
    fn choice(said: &str) -> Value {
        let body: Value = serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap();
        let content = body["choices"][0]["message"]["content"].as_str().unwrap();
        serde_json::from_str(content).unwrap()
    }

    #[test]
    fn it_chooses_among_what_it_is_offered_and_keeps_what_it_is_asked() {
        let endpoint = Endpoint::start().unwrap();
        assert_eq!(choice(&ask(&endpoint, &question()))["runbooks"], json!(["RB-A"]));
        endpoint.prefers(&["RB-X", "RB-B"]);
        assert_eq!(choice(&ask(&endpoint, &question()))["runbooks"], json!(["RB-B"]));
        endpoint.is(Manner::Names(vec!["RB-X".into()]));
        assert_eq!(choice(&ask(&endpoint, &question()))["runbooks"], json!(["RB-X"]));
        let asked = endpoint.asked();
        assert_eq!((asked.len(), endpoint.calls()), (3, 3));
        assert_eq!(asked[0].body, question().to_string().into_bytes());
        assert_eq!(asked[0].header("authorization"), Some("Bearer k"));
        let other = String::from_utf8(asked[0].without_header("authorization")).unwrap();
        assert!(!other.contains("Bearer") && other.contains("which?"), "{other}");
    }

    #[test]
    fn each_lie_is_told() {
        let endpoint = Endpoint::start().unwrap();
        let says = |manner: Manner| {
            endpoint.is(manner);
            ask(&endpoint, &question())
        };
        assert!(says(Manner::Redirects("http://elsewhere/".into())).contains("\r\nLocation: http://elsewhere/\r\n"));
        assert!(says(Manner::Status(500)).starts_with("HTTP/1.1 500 "));
        assert_eq!(says(Manner::Down), "");
        assert!(says(Manner::Counts("NaN")).contains("\"prompt_tokens\":NaN"));
        assert_eq!(choice(&says(Manner::Adds(json!({ "path": "/etc/shadow" }))))["path"], "/etc/shadow");
        let whole = says(Manner::Behaves);
        assert!(whole.starts_with(&says(Manner::Truncated)[..40]));
        assert_eq!(choice(&says(Manner::Repeats)), choice(&whole));
        assert!(says(Manner::Oversized(300_000)).len() > 300_000);
        assert_eq!(says(Manner::Endless).len(), 1 << 20, "as much as is read");
        assert_eq!(
            choice(&says(Manner::Contradicts(vec!["RB-A".into()], vec!["RB-B".into()])))["runbooks"],
            json!(["RB-A"])
        );
    }
}
