//! An endpoint of a model, on one thread: real HTTP, answered as a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What came over the line.
pub struct Captured {
    pub head: String,
    pub body: Vec<u8>,
}

impl Captured {
    /// The number that an answer has to repeat.
    pub fn number(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        let text = body["messages"][1]["content"].as_str().unwrap().to_owned();
        text.strip_prefix("Request number ").unwrap().split('.').next().unwrap().to_owned()
    }
}

/// How an endpoint answers.
pub enum Reply {
    /// With these bytes.
    Raw(Vec<u8>),
    /// With nothing, until the other side goes.
    Silence,
    /// With these bytes, and then one byte at a time for as long as somebody listens.
    Drip(Vec<u8>),
    /// With these bytes, again and again, as fast as they are taken.
    Flood(Vec<u8>),
}

/// What is answered to what came.
pub type Answering = Box<dyn Fn(&Captured) -> Reply + Send>;

/// An endpoint, on one thread for as long as the test runs.
pub struct Endpoint {
    pub port: u16,
    pub captured: Arc<Mutex<Vec<Captured>>>,
    pub answering: Arc<Mutex<Answering>>,
}

impl Endpoint {
    pub fn new(answering: impl Fn(&Captured) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let captured: Arc<Mutex<Vec<Captured>>> = Arc::default();
        let answering: Arc<Mutex<Answering>> = Arc::new(Mutex::new(Box::new(answering)));
        let (seen, answers) = (Arc::clone(&captured), Arc::clone(&answering));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(asked) = receive(&stream) else { continue };
                let reply = (answers.lock().unwrap())(&asked);
                seen.lock().unwrap().push(asked);
                answer(stream, reply);
            }
        });
        Self { port, captured, answering }
    }

    pub fn answers(&self, answering: impl Fn(&Captured) -> Reply + Send + 'static) {
        *self.answering.lock().unwrap() = Box::new(answering);
    }

    pub fn calls(&self) -> usize {
        self.captured.lock().unwrap().len()
    }
}

fn receive(stream: &TcpStream) -> Option<Captured> {
    // Whoever speaks another protocol sends no line.
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Captured { head, body })
}

fn answer(mut stream: TcpStream, reply: Reply) {
    let until_gone = |stream: &mut TcpStream| {
        let _ = stream.set_read_timeout(None);
        let _ = stream.read_to_end(&mut Vec::new());
    };
    match reply {
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Silence => until_gone(&mut stream),
        Reply::Drip(bytes) => {
            let mut next = bytes;
            while stream.write_all(&next).is_ok() {
                next = b" ".to_vec();
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                if matches!(stream.read(&mut [0; 1]), Ok(0)) {
                    break;
                }
            }
        }
        Reply::Flood(bytes) => while stream.write_all(&bytes).is_ok() {},
    }
}

/// An answer with its length.
pub fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// What the interface answers where all is well.
pub fn completion(content: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small-1",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content, "refusal": null } }],
        "usage": { "prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540 },
    })
}

/// A document, answered as such a server does.
pub fn ok(document: &Value) -> Reply {
    Reply::Raw(http("200 OK", "Content-Type: application/json\r\n", document.to_string().as_bytes()))
}
