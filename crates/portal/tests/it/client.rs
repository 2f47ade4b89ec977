//! A client that sends exactly what it is told to, and reads one answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as text, if the status is as expected.
    #[track_caller]
    pub fn expect(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self.text()
    }

    /// Where it leads to.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }
}

/// Sends some bytes and reads one answer; `None` where the server ends the connection instead.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    // Only ends a test that hangs.
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    // A server that has answered already may not read the rest.
    let _ = stream.write_all(bytes);
    let mut came = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Some(answer) = parse(&came, bytes.starts_with(b"HEAD")) {
            return Some(answer);
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => came.extend_from_slice(&buffer[..read]),
        }
    }
}

fn parse(came: &[u8], head_only: bool) -> Option<Answer> {
    let end = came.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&came[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer { status, head, body: Vec::new() };
    let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = &came[end + 4..];
    if head_only {
        return Some(answer);
    }
    (body.len() >= length).then(|| {
        answer.body = body[..length].to_vec();
        answer
    })
}

/// A browser: it has a cookie once it was given one, and says where its forms come from.
#[derive(Debug, Clone)]
pub struct Browser {
    pub address: SocketAddr,
    pub cookie: Option<String>,
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookie: None }
    }

    fn head(&self, method: &str, path: &str) -> String {
        let cookie = self.cookie.as_ref().map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{cookie}", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        raw(self.address, format!("{}\r\n", self.head("GET", path)).as_bytes()).unwrap()
    }

    /// A page, which must be there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        self.get(path).expect(200)
    }

    /// Sends a form as a browser does from a page without a referrer.
    pub fn post(&mut self, path: &str, form: &str) -> Answer {
        let head = self.head("POST", path);
        let kind = "content-type: application/x-www-form-urlencoded\r\norigin: null\r\nsec-fetch-site: same-origin";
        let request = format!("{head}{kind}\r\ncontent-length: {}\r\n\r\n{form}", form.len());
        let answer = raw(self.address, request.as_bytes()).unwrap();
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        answer
    }

    /// Signs in by a link, as a person does: looks at its page, and presses the button.
    #[track_caller]
    pub fn sign_in(address: SocketAddr, link: &str) -> Self {
        let mut browser = Self::new(address);
        let path = &link[link.find("/login/").unwrap_or_else(|| panic!("{link}"))..];
        assert!(browser.page(path).contains("<button"), "a page with a button");
        let answer = browser.post(path, "");
        assert_eq!((answer.status, answer.location()), (303, "/"), "{}", answer.text());
        assert!(browser.cookie.is_some());
        browser
    }
}
