//! Endless, slow, short, broken: each ends, by its own name, in one line.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use writ_client::{Client, Error};

use crate::server::{Server, answer, target};

fn get(server: &Server, limit: u64) -> Error {
    let error = server.client().get(&target("/x"), limit).unwrap_err();
    let message = error.to_string();
    assert!(!message.chars().any(char::is_control) && message.len() < 800, "not one line: {message:?}");
    error
}

/// Writes until nobody listens.
fn endlessly(stream: &mut TcpStream, piece: &[u8], pause: Duration) {
    while stream.write_all(piece).is_ok() {
        std::thread::sleep(pause);
    }
}

const AT_ONCE: Duration = Duration::ZERO;
const SLOWLY: Duration = Duration::from_millis(20);

#[test]
fn endless_bodies_end_at_the_bound() {
    for head in ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 99999999999\r\n"] {
        let server = Server::start(move |_, stream| {
            write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n").unwrap();
            let piece = if head.starts_with('T') {
                "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n"
            } else {
                "x".repeat(1024)
            };
            endlessly(stream, piece.as_bytes(), AT_ONCE);
        });
        assert!(matches!(get(&server, 100_000), Error::TooLarge { limit: 100_000, .. }), "{head}");
    }
}

#[test]
fn a_body_that_trickles_ends_although_it_never_pauses_for_long() {
    for head in ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 1000000\r\n"] {
        let server = Server::start(move |_, stream| {
            write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n").unwrap();
            endlessly(stream, if head.starts_with('T') { b"1\r\nx\r\n" } else { b"x" }, SLOWLY);
        });
        // 1,000 bytes are granted no more than the idle time.
        let limit = if head.starts_with('C') { 1_000_000 } else { 1_000 };
        if limit == 1_000 {
            assert!(matches!(get(&server, limit), Error::TimedOut { .. }), "{head}");
        } else {
            assert!(matches!(get(&server, 1_000), Error::TooLarge { .. }), "announced, so not even begun");
        }
    }
}

#[test]
fn silence_ends() {
    let never = Server::start(|_, _| std::thread::sleep(Duration::from_secs(3600)));
    assert!(matches!(get(&never, 100), Error::TimedOut { phase: "waiting for an answer", .. }));
    let half = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
        std::thread::sleep(Duration::from_secs(3600));
    });
    assert!(matches!(get(&half, 100), Error::TimedOut { phase: "waiting for more of the answer", .. }));
}

#[test]
fn headers_are_bounded_in_size_and_time() {
    let slow = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
        endlessly(stream, b"x", SLOWLY);
    });
    assert!(matches!(get(&slow, 100), Error::TimedOut { .. }));
    let one = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
        endlessly(stream, &[b'x'; 1024], AT_ONCE);
    });
    assert!(matches!(get(&one, 100), Error::Malformed { .. }));
    let many = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        endlessly(stream, b"X: x\r\n", AT_ONCE);
    });
    assert!(matches!(get(&many, 100), Error::Malformed { .. }));
    let informational = Server::start(|_, stream| endlessly(stream, b"HTTP/1.1 102 Processing\r\n\r\n", SLOWLY));
    let error = get(&informational, 100);
    assert!(matches!(error, Error::TimedOut { .. } | Error::Malformed { .. } | Error::Refused { .. }), "{error:?}");
}

#[test]
fn a_chunk_that_cannot_be_read_ends() {
    for (piece, pause) in [(&b";x=y"[..], AT_ONCE), (b"f", AT_ONCE), (b"zz\r\n", AT_ONCE), (b"f", SLOWLY)] {
        let server = Server::start(move |_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1").unwrap();
            endlessly(stream, piece, pause);
        });
        let error = get(&server, 100);
        let ended = matches!(error, Error::Malformed { .. } | Error::TimedOut { .. } | Error::TooLarge { .. });
        assert!(ended, "{}: {error:?}", String::from_utf8_lossy(piece));
    }
}

#[test]
fn what_breaks_off_is_not_a_whole_answer() {
    for (head, body) in [("Content-Length: 10\r\n", "half"), ("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n")] {
        let server = Server::saying(format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}"));
        let error = get(&server, 100);
        assert!(matches!(&error, Error::Malformed { .. }), "{error:?}");
        assert!(error.to_string().contains("broke off after 4 bytes"), "{error}");
    }
}

#[test]
fn garbage_is_called_malformed_or_nobody_there() {
    for bytes in [
        &b"\x00\x01\x02\x03\xff\xfe\xfd"[..],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 9999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nhello",
        b"",
    ] {
        let server = Server::saying(bytes);
        let error = get(&server, 100);
        let named = matches!(error, Error::Malformed { .. } | Error::Unreachable { .. });
        assert!(named, "{}: {error:?}", bytes.escape_ascii());
    }
}

#[test]
fn compressed_bodies_are_refused_and_never_unpacked() {
    // What a kilobyte of zeros, compressed a thousandfold, would begin with.
    for encoding in ["gzip", "br", "zstd", "deflate, gzip"] {
        let server =
            Server::saying(answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), b"\x1f\x8b\x08\x00"));
        assert!(get(&server, 1 << 30).to_string().contains("compressed"));
        assert_eq!(server.next().header("accept-encoding"), Some("identity"));
    }
    let identity = Server::saying(answer("200 OK", "Content-Encoding: identity\r\n", b"plain"));
    assert_eq!(identity.client().get(&target("/x"), 100).unwrap(), b"plain");
}

#[test]
fn refusals_are_bounded_and_quoted_in_one_line() {
    let server = Server::saying(answer("429 Too Many Requests", "Retry-After: 99999999\r\n", b"slow\ndown\x1b[31m"));
    let Error::Refused { status, retry_after, body, .. } = get(&server, 100) else { panic!() };
    assert_eq!((status, retry_after.unwrap()), (429, Duration::from_secs(3600)));
    assert_eq!(body, b"slow\ndown\x1b[31m");
    let endless = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 500 Oops\r\n\r\n").unwrap();
        endlessly(stream, &[b'x'; 1024], AT_ONCE);
    });
    let Error::Refused { status: 500, body, .. } = get(&endless, 100) else { panic!() };
    assert!(body.len() <= 64 * 1024);
}

#[test]
fn redirects_are_not_followed() {
    let other = Server::saying(answer("200 OK", "", b"elsewhere"));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: {}/y\r\n", other.base);
        let server = Server::saying(answer(status, &location, b""));
        let expected: u16 = status[..3].parse().unwrap();
        assert_eq!(get(&server, 100).status(), Some(expected));
    }
}

#[test]
fn nobody_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(&writ_client::Settings::new(format!("http://{free}"))).unwrap();
    assert!(matches!(client.get(&target("/x"), 100), Err(Error::Unreachable { .. })));
    let nowhere = Client::new(&writ_client::Settings::new("https://depot.invalid")).unwrap();
    let error = nowhere.get(&target("/x"), 100).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. } | Error::TimedOut { .. }), "{error:?}");
}
