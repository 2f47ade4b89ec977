//! HTTP/1.1 (RFC 9112) as far as a page needs it that can only be read: one request, one answer, and the line is closed. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The largest head of a request, in bytes.
pub const MAX_HEAD: usize = 8 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `/`.
    Page,
    /// `/status.json`.
    Json,
}

/// What a request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Its head is not whole yet.
    Unfinished,
    /// It is answered.
    Answer(Wanted),
    /// It is refused.
    Refuse(Status),
}

/// The status of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400: it is not HTTP.
    BadRequest,
    /// 404.
    NotFound,
    /// 405: the page can only be read.
    MethodNotAllowed,
    /// 408: it took too long.
    Timeout,
    /// 421: it is meant for another host. A name that somebody else made lead here is no name of this page.
    Misdirected,
    /// 431: the head is too large.
    TooLarge,
    /// 503: there is nothing to show.
    Unavailable,
}

impl Status {
    /// Its code and phrase.
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::Misdirected => "421 Misdirected Request",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

/// Judges what has come of a request so far. `names` are those of this host, beside its addresses and `localhost`.
pub fn judge(bytes: &[u8], names: &[String]) -> Asked {
    let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
        return if bytes.len() >= MAX_HEAD { Asked::Refuse(Status::TooLarge) } else { Asked::Unfinished };
    };
    if end > MAX_HEAD {
        return Asked::Refuse(Status::TooLarge);
    }
    whole(&bytes[..end], names).map_or_else(Asked::Refuse, Asked::Answer)
}

fn whole(head: &[u8], names: &[String]) -> Result<Wanted, Status> {
    let head = std::str::from_utf8(head).map_err(|_| Status::BadRequest)?;
    let mut lines = head.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version @ ("HTTP/1.0" | "HTTP/1.1")] = words[..] else { return Err(Status::BadRequest) };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(Status::BadRequest);
    }
    let mut hosts = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_graphic())
            || line.contains(|c: char| c.is_control() && c != '\t')
        {
            return Err(Status::BadRequest);
        }
        if name.eq_ignore_ascii_case("host") {
            hosts.push(value.trim());
        }
    }
    match (&hosts[..], version) {
        ([host], _) if is_own(host, names) => {}
        ([_], _) => return Err(Status::Misdirected),
        ([], "HTTP/1.0") => {}
        _ => return Err(Status::BadRequest),
    }
    let wanted = match target {
        "/" => Wanted::Page,
        "/status.json" => Wanted::Json,
        _ => return Err(Status::NotFound),
    };
    if method == "GET" { Ok(wanted) } else { Err(Status::MethodNotAllowed) }
}

/// Whether a `Host` is an address, `localhost`, or one of the names. A page elsewhere can make a name of its own lead to this
/// machine, and would read the answer (DNS rebinding); it cannot make an address do so.
fn is_own(host: &str, names: &[String]) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let Some((address, port)) = address.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return false,
        None => host,
    };
    name.parse::<Ipv4Addr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn is_port(text: &str) -> bool {
    !text.starts_with('+') && text.parse::<u16>().is_ok()
}

/// An answer: its head and its body. `policy` is its Content-Security-Policy.
pub fn answer(status: Status, kind: &str, policy: &str, body: &[u8]) -> Vec<u8> {
    let allow = if status == Status::MethodNotAllowed { "Allow: GET\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}Connection: close\r\nCache-Control: no-store\r\n\
         Content-Security-Policy: {policy}\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
         Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\r\n",
        status.line(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Asked {
        judge(text.as_bytes(), &["front-desk.local".to_owned()])
    }

    #[test]
    fn two_things_can_be_read_and_nothing_else_is_answered() {
        use Status::{BadRequest, MethodNotAllowed, Misdirected, NotFound, TooLarge};
        let to = |line: &str, host: &str| of(&format!("{line}\r\nHost: {host}\r\n\r\n"));
        let get = |host: &str| to("GET / HTTP/1.1", host);
        for host in ["127.0.0.1:8086", "localhost", "LOCALHOST:80", "[::1]:8086", "[::1]", "front-desk.local:8086"] {
            assert_eq!(get(host), Asked::Answer(Wanted::Page), "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example:8086", "[::1", "[::1]x", "localhost:99999", "localhost:+80", ""]
        {
            assert_eq!(get(host), Asked::Refuse(Misdirected), "{host}");
        }
        assert_eq!(to("GET /status.json HTTP/1.1", "localhost"), Asked::Answer(Wanted::Json));
        assert_eq!(of("GET / HTTP/1.0\r\n\r\n"), Asked::Answer(Wanted::Page));
        for (line, status) in [
            ("GET /../etc/passwd HTTP/1.1", NotFound),
            ("GET /?x HTTP/1.1", NotFound),
            ("GET http://localhost/ HTTP/1.1", NotFound),
            ("HEAD / HTTP/1.1", MethodNotAllowed),
            ("POST /status.json HTTP/1.1", MethodNotAllowed),
            ("POST /other HTTP/1.1", NotFound),
            ("GET / HTTP/2", BadRequest),
            ("GET  / HTTP/1.1", BadRequest),
            ("GET /", BadRequest),
            ("\u{1b}[2J / HTTP/1.1", BadRequest),
        ] {
            assert_eq!(to(line, "localhost"), Asked::Refuse(status), "{line:?}");
        }
        assert_eq!(of("GET / HTTP/1.1\r\n\r\n"), Asked::Refuse(BadRequest));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), Asked::Refuse(BadRequest));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n"), Asked::Refuse(BadRequest));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: localhost\r\n"), Asked::Unfinished);
        assert_eq!(of(&"x".repeat(MAX_HEAD)), Asked::Refuse(TooLarge));
        assert_eq!(to("GET / HTTP/1.1", &"x".repeat(MAX_HEAD)), Asked::Refuse(TooLarge));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 0..600_usize) {
            let mut whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n".to_vec();
            whole.splice(cut.min(whole.len())..cut.min(whole.len()), bytes.iter().copied());
            whole.extend_from_slice(b"\r\n\r\n");
            prop_assert!(judge(&whole, &[]) != Asked::Unfinished);
            // What is not whole is never answered.
            prop_assert!(!matches!(judge(&bytes, &[]), Asked::Answer(_)) || bytes.windows(4).any(|part| part == b"\r\n\r\n"));
        }
    }
}
