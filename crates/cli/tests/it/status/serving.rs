//! `writ status serve`: two things can be read, and nothing else is done, whatever comes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use writ_agent::clock::now;

use crate::doctor::all_done;
use crate::doctor::house::House;

/// The page of a file.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// The page of a status that was written down.
pub fn page_of(file: &Path) -> String {
    let answer = Server::start(file).get("/");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

impl Server {
    /// Has the status of a house written down, and serves it.
    pub fn of(house: &House) -> Self {
        let file = house.path("page.json");
        let said = house.status(&["--json", "--out", file.to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        Self::start(&file)
    }

    fn start(file: &Path) -> Self {
        let mut child = serve(file).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap();
        Self { child, address }
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes())
    }

    /// Sends this, and reads to the end.
    pub fn ask(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // What is refused need not be heard to its end.
        let _ = stream.write_all(request);
        answer(&mut stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn serve(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(["status", "serve", "--from"]).arg(file);
    command
}

#[test]
fn the_page_and_its_json_can_be_read_and_nothing_else() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.courier(&all_done(), |_| {});
    let server = Server::of(&house);
    let page = server.get("/");
    assert_eq!(page.status, 200, "{}", page.head);
    let process = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    assert!(process.lines().any(|line| line == "Seccomp:\t2"), "{process}");
    for words in
        ["<h1>clinic-001/front-desk</h1>", "Well: nothing needs anybody.", "1-7, issued", "1 holds", "None is open."]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    for header in [
        "Content-Type: text/html; charset=utf-8",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
        "Referrer-Policy: no-referrer",
        "Connection: close",
    ] {
        assert!(page.head.lines().any(|line| line == header), "{header}: {}", page.head);
    }
    // The one thing that the page's policy lets in is its style sheet, by its digest.
    let style = page.body.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let mut openssl = Command::new("sh");
    openssl.args(["-c", "openssl dgst -sha256 -binary | base64"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut openssl = openssl.spawn().unwrap();
    openssl.stdin.take().unwrap().write_all(style.as_bytes()).unwrap();
    let digest = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    let policy = format!("default-src 'none'; style-src 'sha256-{}'; base-uri 'none'", digest.trim());
    assert!(page.head.contains(&policy), "{policy}: {}", page.head);
    // Nothing that would need more than that.
    for part in ["<script", "style=\"", " on", "src=", "<link", "http-equiv=\"Content"] {
        let tags = page.body.split('<').map(|tag| tag.split('>').next().unwrap_or_default());
        let found: Vec<&str> = tags.filter(|tag| format!("<{tag}").contains(part)).collect();
        assert!(found.is_empty(), "{part}: {found:?}");
    }
    let json = server.get("/status.json");
    let report: Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!((json.status, &report["schema"]), (200, &"writ.status.v1".into()));
    let as_host = |line: &str, host: &str| server.ask(format!("{line}\r\nHost: {host}\r\n\r\n").as_bytes()).status;
    for (line, host, status) in [
        ("GET /favicon.ico HTTP/1.1", "localhost", 404),
        ("GET /../page.json HTTP/1.1", "localhost", 404),
        ("HEAD / HTTP/1.1", "localhost", 405),
        ("POST /status.json HTTP/1.1", "localhost", 405),
        ("DELETE / HTTP/1.1", "localhost", 405),
        ("GET / HTTP/1.1", "attacker.example", 421),
        ("GET / HTTP/3", "localhost", 400),
    ] {
        assert_eq!(as_host(line, host), status, "{line} {host}");
    }
}

#[test]
fn it_turns_red_when_it_is_old_or_the_enforcer_is_silent() {
    let house = House::new();
    let enforcer = house.enforcing(&house.policy());
    let server = Server::of(&house);
    let old = "<strong>This is old.</strong>";
    let page = server.get("/").body;
    assert!(page.contains("<header class=\"good\">") && !page.contains(old), "{page}");
    let file = house.path("page.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    for away in [-600_000, 600_000] {
        report["at"] = serde_json::json!(now().plus_millis(away));
        std::fs::write(&file, report.to_string()).unwrap();
        let page = server.get("/").body;
        assert!(
            page.contains("<header class=\"bad\">") && page.contains(old) && page.contains("<title>OLD: "),
            "{page}"
        );
    }
    house.edit_state("status.json", |status| status["at"] = "2026-01-01T00:00:00Z".into());
    let page = Server::of(&house).get("/").body;
    assert!(page.contains("<strong>The enforcer is silent.</strong>"), "{page}");
    drop(enforcer);
    let page = Server::of(&house).get("/").body;
    assert!(
        page.contains("<strong>The enforcer does not run.</strong>") && page.contains("<header class=\"bad\">"),
        "{page}"
    );
    assert!(page.contains("1 not looked at") && !page.contains("1 holds"), "{page}");
}

#[test]
fn hostile_requests_keep_nobody_waiting() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let server = Server::of(&house);
    assert_eq!(server.ask(&vec![b'x'; 100_000]).status, 431);
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(server.ask(huge.as_bytes()).status, 431);
    assert_eq!(server.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").status, 400);
    assert_eq!(server.ask(b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 400);
    assert_eq!(server.ask(b"\r\n\r\n").status, 400);
    // Many that send nothing, or a little and no more: the next who asks is answered.
    let mut silent: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    for stream in &mut silent {
        let _ = stream.write_all(b"GET / HT");
    }
    assert_eq!(server.get("/").status, 200);
    // Who asks in two parts is answered too, and who is gone before the answer harms nobody.
    let mut slow = server.connect();
    slow.write_all(b"GET /status.json HTTP/1.1\r\n").unwrap();
    assert_eq!(server.get("/").status, 200);
    slow.write_all(b"Host: localhost\r\n\r\n").unwrap();
    assert_eq!(answer(&mut slow).status, 200);
    for _ in 0..50 {
        let mut gone = server.connect();
        gone.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        gone.shutdown(Shutdown::Both).unwrap();
    }
    // Who never comes to an end hears so.
    let mut endless = server.connect();
    endless.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(answer(&mut endless).status, 408);
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn other_machines_reach_it_only_where_that_is_said() {
    let house = House::new();
    let file = house.path("page.json");
    std::fs::write(&file, "{}").unwrap();
    let refused = |command: &mut Command| {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        said
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8086"] {
        let said = refused(serve(&file).args(["--listen", address]));
        assert!(said.contains("--allow-network"), "{address}: {said}");
    }
    let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let said = refused(serve(&file).arg("--socket").stdin(Stdio::from(OwnedFd::from(everywhere))));
    assert!(said.contains("--allow-network"), "{said}");
    for stdin in [Stdio::null(), Stdio::piped()] {
        let said = refused(serve(&file).arg("--socket").stdin(stdin));
        assert!(said.contains("StandardInput=socket"), "{said}");
    }
}

/// As systemd starts it: the socket is there before it, and it ends when nobody asks any more.
#[test]
fn a_socket_that_was_there_is_served_until_nobody_asks() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let file = house.path("page.json");
    house.status(&["--json", "--out", file.to_str().unwrap()]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..2 {
        // Who came first waits in the socket's line.
        let mut early = TcpStream::connect(address).unwrap();
        early.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let stdin = Stdio::from(OwnedFd::from(listener.try_clone().unwrap()));
        let output =
            serve(&file).args(["--socket", "--idle", "1"]).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(answer(&mut early).status, 200);
        let output = output.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    }
}
