//! An authority of time behind HTTP (RFC 3161 §3.4), honest or not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it answers.
pub enum Answer {
    /// This, with 200.
    Bytes(Vec<u8>),
    /// Another status.
    Status(u16),
    /// A gigabyte of zeros.
    Endless,
    /// Nothing, ever.
    Never,
}

type Habit = Box<dyn Fn(&[u8]) -> Answer + Send>;

/// The server; it ends with the process.
pub struct Server {
    pub url: String,
    habit: Arc<Mutex<Habit>>,
}

impl Server {
    /// One that answers as `habit` says, by the request's body.
    pub fn start(habit: impl Fn(&[u8]) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/tsr", listener.local_addr().unwrap());
        let habit: Arc<Mutex<Habit>> = Arc::new(Mutex::new(Box::new(habit)));
        let own = habit.clone();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                kept.extend(serve(stream, &own));
            }
        });
        Self { url, habit }
    }

    /// From now on it answers so.
    pub fn now(&self, habit: impl Fn(&[u8]) -> Answer + Send + 'static) {
        *self.habit.lock().unwrap() = Box::new(habit);
    }
}

/// Answers one request; gives the connection back where it is to stay open.
fn serve(mut stream: TcpStream, habit: &Mutex<Habit>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut line) = (0, String::new());
    let mut head = Vec::new();
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push(std::mem::take(&mut line));
    }
    assert!(head[0].starts_with("POST /tsr HTTP/1.1"), "{head:?}");
    assert!(head.iter().any(|line| line.to_lowercase().starts_with("content-type: application/timestamp-query")));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let said = (habit.lock().unwrap())(&body);
    let kind = "Content-Type: application/timestamp-reply\r\nConnection: close";
    match said {
        Answer::Bytes(bytes) => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\n\r\n", bytes.len());
            let _ = stream.write_all(&bytes);
        }
        Answer::Status(status) => {
            let _ = write!(stream, "HTTP/1.1 {status} No\r\n{kind}\r\nContent-Length: 0\r\n\r\n");
        }
        Answer::Endless => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{kind}\r\n\r\n");
            let zeros = [0; 65536];
            while stream.write_all(&zeros).is_ok() {}
        }
        Answer::Never => return Some(stream),
    }
    None
}
