//! Streamable HTTP: who is answered, and what no client can do to others.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::Clinic;

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A server that this test started.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(clinic: &Clinic, more: &[&str]) -> Self {
        let token = clinic.beside("mcp.token");
        fs::write(&token, format!("{TOKEN}\n")).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let at = clinic.beside("address");
        let mut writ = clinic.writ(&["--listen", "127.0.0.1:0"]);
        writ.arg("--token-file").arg(&token).arg("--address-file").arg(&at).args(more).stderr(Stdio::piped());
        let mut child = writ.spawn().unwrap();
        // It says where it serves once it does.
        let mut said = Vec::new();
        let mut from = child.stderr.take().unwrap();
        while !said.contains(&b'\n') {
            let mut byte = [0];
            assert_eq!(from.read(&mut byte).unwrap(), 1, "it went: {}", String::from_utf8_lossy(&said));
            said.extend(byte);
        }
        let address = fs::read_to_string(&at).unwrap().trim().parse().unwrap();
        assert_eq!(String::from_utf8(said).unwrap().trim(), format!("serving http://{address}/mcp"));
        Self { child, address }
    }

    /// Sends bytes, and gives the status and the body of one answer; none where the server ends the connection instead.
    pub fn raw(&self, bytes: &[u8]) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // Only ends a test that hangs.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = stream.write_all(bytes);
        answer(&mut stream)
    }

    pub fn post(&self, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        self.raw(request(self.address, headers, body).as_bytes()).unwrap()
    }

    /// Asks as a client with the token does.
    pub fn ask(&self, method: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let (status, body) = self.post(&[], &body);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request of a client with the token, but for what is said otherwise; an empty value leaves a header out.
fn request(address: SocketAddr, headers: &[(&str, &str)], body: &str) -> String {
    let (host, bearer, length) = (address.to_string(), format!("Bearer {TOKEN}"), body.len().to_string());
    let usual = [
        ("host", host.as_str()),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("content-length", length.as_str()),
    ];
    let named = |name: &str| headers.iter().any(|(other, _)| *other == name);
    let all = usual.iter().filter(|(name, _)| !named(name)).chain(headers).filter(|(_, value)| !value.is_empty());
    let lines: String = all.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /mcp HTTP/1.1\r\n{lines}\r\n{body}")
}

fn answer(stream: &mut TcpStream) -> Option<(u16, String)> {
    let mut came = Vec::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        let text = String::from_utf8_lossy(&came).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(": "));
            let mut length =
                length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, n)| n.parse::<usize>());
            if body.len() >= length.next_back().map_or(0, Result::unwrap) {
                return Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()));
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => came.extend_from_slice(&buffer[..read]),
        }
    }
}

#[test]
fn only_who_shows_the_token_for_this_host_is_answered() {
    let clinic = Clinic::new();
    let server = Server::start(&clinic, &[]);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let local = format!("localhost:{}", server.address.port());
    let own = format!("http://{}", server.address);
    for (headers, status) in [
        (vec![], 200),
        (vec![("host", local.as_str())], 200),
        (vec![("origin", own.as_str())], 200),
        (vec![("authorization", "")], 401),
        (vec![("authorization", "Bearer 0123456789abcdef0123456789abcdee")], 401),
        (vec![("authorization", "Basic MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")], 401),
        (vec![("host", "evil.example")], 403),
        (vec![("host", "127.0.0.1:1")], 403),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "http://evil.example"), ("authorization", "")], 403),
        (vec![("content-type", "text/plain")], 415),
        (vec![("accept", "text/html")], 406),
        (vec![("mcp-protocol-version", "1999-01-01")], 400),
    ] {
        let (found, body) = server.post(&headers, &ping);
        assert_eq!(found, status, "{headers:?}: {body}");
        assert!(status == 200 || !body.contains("clinic"), "{body}");
    }
    let line = |line: &str| request(server.address, &[], &ping).replace("POST /mcp", line);
    for (request, status) in
        [("GET /mcp", 405), ("DELETE /mcp", 405), ("POST /", 404), ("POST /mcp/../x", 404), ("OPTIONS /mcp", 405)]
    {
        assert_eq!(server.raw(line(request).as_bytes()).unwrap().0, status, "{request}");
    }
    let tools = server.ask("tools/list", &json!({}));
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 6);
    let drift = server.ask("tools/call", &json!({ "name": "drift", "arguments": {} }));
    assert_eq!(drift["result"]["structuredContent"]["total"], 1, "{drift}");
}

#[test]
fn no_body_and_no_slow_client_ends_the_server() {
    let clinic = Clinic::new();
    let server = Server::start(&clinic, &["--connections", "4"]);
    let large =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "x": "y".repeat(300_000) } }).to_string();
    let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{}", "[".repeat(50_000));
    for (body, statuses) in [
        (large.as_str(), &[413][..]),
        (&deep, &[400, 415]),
        ("", &[400, 415]),
        ("[]", &[400, 415]),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", &[400, 415]),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", &[400, 202]),
        ("\u{0}", &[400, 415]),
    ] {
        let (status, said) = server.post(&[], body);
        assert!(statuses.contains(&status) && said.len() < 1_000, "{status}: {said}");
    }
    let unknown = server.ask("no/such", &json!({}));
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    // A head that has no end, and one with too many lines.
    let endless = format!("POST /mcp HTTP/1.1\r\nhost: {}\r\nx: {}", server.address, "y".repeat(64 * 1024));
    assert!(server.raw(endless.as_bytes()).is_none_or(|(status, _)| status == 431 || status == 400));
    let many = format!("POST /mcp HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(200));
    assert!(server.raw(many.as_bytes()).is_none_or(|(status, _)| status == 431 || status == 400));
    // Three who send nothing hold three places, and the fourth is for everybody else.
    let idle: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let clients: Vec<Value> = std::thread::scope(|scope| {
        let ask = || server.ask("tools/call", &json!({ "name": "drift", "arguments": {} }));
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(clients.iter().all(|answer| answer["result"]["structuredContent"]["total"] == 1));
    drop(idle);
    assert_eq!(server.ask("ping", &json!({}))["result"], json!({}));
}
