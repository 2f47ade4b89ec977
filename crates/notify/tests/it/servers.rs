//! A real mail server that is not ours, and a sink for requests that answers as it is told.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Debian's Python, which Debian's python3-aiosmtpd is for.
const PYTHON: &str = "/usr/bin/python3";

/// aiosmtpd on a folder; killed when dropped.
pub struct Mail {
    child: Child,
    folder: PathBuf,
    pub port: u16,
}

impl Mail {
    /// Takes mail without TLS.
    pub fn plain(folder: &Path) -> Self {
        Self::start(folder, &["plain"])
    }

    /// On a folder, in a way that its script has.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/mail/smtpd.py");
        let mut command = Command::new(PYTHON);
        command.arg(script).arg(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("python3-aiosmtpd is installed (cargo xtask test does)");
        Self { child, folder: folder.to_owned(), port }
    }

    /// All that was taken, in order.
    pub fn mails(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of a header of a mail or a request.
pub fn header(text: &str, name: &str) -> String {
    let lines = text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

/// What came: method and target, head, body.
#[derive(Debug, Clone)]
pub struct Came {
    pub target: String,
    pub head: String,
    pub body: Vec<u8>,
}

/// Takes requests, and answers with what it was told, or 202.
pub struct Sink {
    pub url: String,
    came: Arc<Mutex<Vec<Came>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let (all, next) = (came.clone(), answers.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                take(stream, &all, &next);
            }
        });
        Self { url, came, answers }
    }

    /// The next answers, each a status and perhaps headers: `429 x\r\nRetry-After: 7`.
    pub fn answer(&self, answers: &[&str]) {
        self.answers.lock().unwrap().extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

fn take(mut stream: TcpStream, all: &Mutex<Vec<Came>>, next: &Mutex<VecDeque<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let Some((first, rest)) = head.split_once("\r\n") else { return };
    let length = header(&rest.replace("\r\n", "\n"), "content-length").parse().unwrap_or(0);
    let mut body = Vec::new();
    if reader.take(length).read_to_end(&mut body).is_err() {
        return;
    }
    let target = first.rsplit_once(' ').map(|(target, _)| target.to_owned()).unwrap_or_default();
    all.lock().unwrap().push(Came { target, head: rest.replace("\r\n", "\n"), body });
    let answer = next.lock().unwrap().pop_front().unwrap_or_else(|| "202 x".to_owned());
    let _ = stream
        .write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 6\r\nConnection: close\r\n\r\nbecame").as_bytes());
}
