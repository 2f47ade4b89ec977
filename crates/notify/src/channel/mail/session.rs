//! One conversation with a mail server (RFC 5321). Everything that it says is bounded: its lines, their number, and the time that
//! all of it takes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use zeroize::Zeroizing;

use super::{Line, Unsent};

/// How long one answer may take, and all of it.
const ANSWER: Duration = Duration::from_secs(30);
const ALL: Duration = Duration::from_secs(120);
/// The longest line of an answer, in bytes, and the most lines: RFC 5321 has 512 bytes.
const LINE: usize = 2048;
const LINES: usize = 100;

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Between the two.
    None,
}

/// An open conversation.
pub struct Session {
    stream: Stream,
    socket: TcpStream,
    until: Instant,
    /// What was read and not looked at yet.
    read: Vec<u8>,
    /// What the server can do, as it said last.
    can: Vec<String>,
    /// What this machine is called there.
    name: String,
}

/// An answer: its code, and its lines without it.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn said(&self) -> String {
        let text: String = self.lines.join(" ").chars().take(200).collect();
        format!("{} {text}", self.code)
    }

    /// What it is worth where one of success was expected.
    fn expect(self, code: u16, what: &str) -> Result<Self, Unsent> {
        if self.code == code {
            return Ok(self);
        }
        let why = format!("the mail server refused {what}: {}", self.said());
        Err(if (500..600).contains(&self.code) { Unsent::never(why) } else { Unsent::later(why) })
    }

    /// The same where a refusal is of the server or its settings, which somebody mends, and not of the message.
    fn expect_for_now(self, code: u16, what: &str) -> Result<Self, Unsent> {
        self.expect(code, what).map_err(|error| match error {
            Unsent::Never(why) => Unsent::later(why),
            later @ Unsent::Later { .. } => later,
        })
    }

    /// The same where a refusal for now (4yz) is of this recipient or this mail: other mail need not wait for it. With 421 the
    /// server says that it goes away, whatever it was asked.
    fn expect_of_this(self, code: u16, what: &str) -> Result<Self, Unsent> {
        let of_this = (400..500).contains(&self.code) && self.code != 421;
        self.expect(code, what).map_err(|error| match error {
            Unsent::Later { why, wait, .. } => Unsent::Later { why, wait, of_this },
            never @ Unsent::Never(_) => never,
        })
    }
}

fn broken(what: &str) -> impl Fn(io::Error) -> Unsent + '_ {
    move |e| Unsent::later(format!("the mail server: {what}: {e}"))
}

impl Session {
    /// Connects, and protects the line.
    pub fn open(host: &str, port: u16, line: Line, tls: &Arc<ClientConfig>) -> Result<Self, Unsent> {
        let found = (host, port).to_socket_addrs().map_err(broken("its name is not known"))?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        let mut connect = |address: SocketAddr| {
            TcpStream::connect_timeout(&address, Duration::from_secs(10)).map_err(|e| last = e).ok()
        };
        let socket = found.take(4).find_map(&mut connect);
        let socket = socket.ok_or_else(|| broken("it cannot be reached")(last))?;
        let name = match socket.local_addr().map_err(broken("no address here"))?.ip() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        };
        let stream = socket.try_clone().map_err(broken("no connection"))?;
        let until = Instant::now() + ALL;
        let mut session =
            Self { stream: Stream::Plain(stream), socket, until, read: Vec::new(), can: Vec::new(), name };
        if line == Line::Tls {
            session.protect(host, tls)?;
        }
        session.answer()?.expect_for_now(220, "to talk")?;
        session.greet()?;
        if line == Line::StartTls {
            if !session.can.iter().any(|can| can == "STARTTLS") {
                return Err(Unsent::later("the mail server offers no STARTTLS: nothing is sent in the clear"));
            }
            session.ask("STARTTLS", "STARTTLS")?.expect_for_now(220, "STARTTLS")?;
            if !session.read.is_empty() {
                return Err(Unsent::later("the mail server: somebody wrote into the line before it was protected"));
            }
            session.protect(host, tls)?;
            session.greet()?;
        }
        Ok(session)
    }

    fn protect(&mut self, host: &str, tls: &Arc<ClientConfig>) -> Result<(), Unsent> {
        let name = ServerName::try_from(host.to_owned()).map_err(|e| Unsent::later(format!("the mail server: {e}")))?;
        let connection = ClientConnection::new(Arc::clone(tls), name).map_err(|e| Unsent::later(e.to_string()))?;
        let Stream::Plain(socket) = std::mem::replace(&mut self.stream, Stream::None) else {
            return Err(Unsent::later("the line is protected already"));
        };
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            self.bound().map_err(broken("TLS"))?;
            stream.conn.complete_io(&mut stream.sock).map_err(broken("TLS"))?;
        }
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    /// How long the next read or write may take.
    fn bound(&self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now()).min(ANSWER);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.set_write_timeout(Some(left))
    }

    fn greet(&mut self) -> Result<(), Unsent> {
        let hello = format!("EHLO {}", self.name);
        let answer = self.ask(&hello, "to be greeted")?.expect_for_now(250, "to be greeted")?;
        self.can = answer.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    /// Logs in by AUTH PLAIN (RFC 4616) or, where there is only that, LOGIN.
    pub fn log_in(&mut self, user: &str, password: &str) -> Result<(), Unsent> {
        let ways = self.can.iter().find_map(|can| can.strip_prefix("AUTH ")).unwrap_or_default();
        let has = |way: &str| ways.split(' ').any(|offered| offered == way);
        if has("PLAIN") {
            let response = Zeroizing::new(BASE64.encode(Zeroizing::new(format!("\0{user}\0{password}")).as_bytes()));
            let line = Zeroizing::new(format!("AUTH PLAIN {}", *response));
            self.ask(&line, "AUTH")?.expect_for_now(235, "user and password")?;
        } else if has("LOGIN") {
            self.ask("AUTH LOGIN", "AUTH")?.expect_for_now(334, "AUTH")?;
            self.ask(&BASE64.encode(user), "AUTH")?.expect_for_now(334, "the user")?;
            let password = Zeroizing::new(BASE64.encode(password));
            self.ask(&password, "AUTH")?.expect_for_now(235, "user and password")?;
        } else {
            return Err(Unsent::later("the mail server takes neither AUTH PLAIN nor LOGIN"));
        }
        Ok(())
    }

    /// Hands a mail over. Once its last line has gone and the answer is lost, nobody knows whether it was taken.
    pub fn hand_over(&mut self, from: &str, to: &str, mail: &[u8]) -> Result<(), Unsent> {
        self.ask(&format!("MAIL FROM:<{from}>"), "MAIL")?.expect(250, "the sender")?;
        self.ask(&format!("RCPT TO:<{to}>"), "RCPT")?.expect_of_this(250, "the recipient")?;
        self.ask("DATA", "DATA")?.expect(354, "the mail")?;
        let mut stuffed = Vec::with_capacity(mail.len() + 64);
        for line in mail.split_inclusive(|byte| *byte == b'\n') {
            if line.first() == Some(&b'.') {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        if !stuffed.ends_with(b"\r\n") {
            stuffed.extend_from_slice(b"\r\n");
        }
        stuffed.extend_from_slice(b".\r\n");
        self.write(&stuffed).map_err(broken("it took no more of the mail"))?;
        self.answer()?.expect_of_this(250, "the mail").map(|_| ())
    }

    /// Ends it; whatever comes of that.
    pub fn leave(&mut self) {
        let _ = self.write(b"QUIT\r\n");
        let _ = self.answer();
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn ask(&mut self, line: &str, what: &str) -> Result<Answer, Unsent> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.write(line.as_bytes()).map_err(broken(what))?;
        self.answer()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bound()?;
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Stream::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn answer(&mut self) -> Result<Answer, Unsent> {
        let mut lines = Vec::new();
        while lines.len() < LINES {
            let line = self.line().map_err(broken("no answer"))?;
            let (code, rest) = parse(&line).ok_or_else(|| Unsent::later("the mail server does not speak SMTP"))?;
            lines.push(rest.text);
            if rest.last {
                return Ok(Answer { code, lines });
            }
        }
        Err(Unsent::later("the mail server does not come to an end"))
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.read.len() > LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its line has no end"));
            }
            self.bound()?;
            let mut some = [0; 1024];
            let count = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut some),
                Stream::Tls(stream) => stream.read(&mut some),
                Stream::None => Err(io::ErrorKind::NotConnected.into()),
            };
            match count {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.read.extend_from_slice(&some[..count]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

struct Rest {
    last: bool,
    text: String,
}

/// `250-text`, `250 text` or `250`.
fn parse(line: &str) -> Option<(u16, Rest)> {
    let code = line.get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let (last, text) = match line.as_bytes().get(3) {
        None => (true, ""),
        Some(b' ') => (true, line.get(4..)?),
        Some(b'-') => (false, line.get(4..)?),
        Some(_) => return None,
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(500).collect();
    Some((code, Rest { last, text }))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What comes of a server that says this, whatever it hears.
    fn of(said: &'static [u8]) -> Result<(), Unsent> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(said);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = io::copy(&mut stream, &mut io::sink());
        });
        let tls = super::super::tls(None).unwrap();
        let came = Session::open("127.0.0.1", port, Line::Plain, &Arc::new(tls)).and_then(|mut session| {
            let sent = session.hand_over("a@b", "c@d", b"x\r\n.y\r\n");
            session.leave();
            sent
        });
        server.join().unwrap();
        came
    }

    #[test]
    fn what_a_server_says_is_bounded_and_told_apart() {
        assert_eq!(of(b"220 a\r\n250-a\r\n250 SIZE\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n221 bye\r\n"), Ok(()));
        let never = |said| matches!(of(said), Err(Unsent::Never(_)));
        let later = |said| matches!(of(said), Err(Unsent::Later { .. }));
        assert!(never(b"220 a\r\n250 a\r\n250 ok\r\n550 no such user\r\n"));
        assert!(never(b"220 a\r\n250 a\r\n250 ok\r\n250 ok\r\n354 go\r\n554 no\r\n"));
        let of_this = |said| matches!(of(said), Err(Unsent::Later { of_this: true, .. }));
        let of_all = |said| matches!(of(said), Err(Unsent::Later { of_this: false, .. }));
        assert!(of_this(b"220 a\r\n250 a\r\n250 ok\r\n451 busy\r\n"), "one mailbox");
        assert!(of_this(b"220 a\r\n250 a\r\n250 ok\r\n250 ok\r\n354 go\r\n452 full\r\n"), "one mail");
        assert!(of_all(b"220 a\r\n250 a\r\n451 busy\r\n"), "the sender is everybody's");
        assert!(of_all(b"220 a\r\n250 a\r\n250 ok\r\n421 going\r\n") && of_all(b"220 a\r\n250 a\r\n250 ok\r\n"));
        assert!(later(b"554 go away\r\n") && later(b"") && later(b"220 a\r\n"));
        assert!(later(b"HTTP/1.1 400 Bad Request\r\n") && later(b"22\xffx\r\n") && later("22ä\r\n".as_bytes()));
        assert!(later(b"220 a\r\n250 a\r\n250 ok\r\n250 ok\r\n354 go\r\n"), "its last answer is lost");
        assert!(later(vec![b'2'; 100_000].leak()), "a line without an end");
        assert!(later(b"220-a\r\n".repeat(10_000).leak()), "an answer without an end");
    }
}
