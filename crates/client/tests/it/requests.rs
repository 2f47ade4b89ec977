//! What is sent: signed by whom, with which body, asked for again how.

use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use writ_client::{Error, Signer};
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;
use writ_wire::courier::{self, Delegation};
use writ_wire::http::Request;
use writ_wire::http::verify::{Headers, Verified, verify};
use writ_wire::paths::Target;

use crate::server::{Seen, Server, answer, target};

fn key(n: u8) -> SecretKey {
    SecretKey::generate(&[n; 40])
}

fn now() -> Time {
    Time::from_unix_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn judge(seen: &Seen) -> Verified {
    let mut parts = seen.line.split(' ');
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let headers = Headers {
        signature_input: seen.header("signature-input"),
        signature: seen.header("signature"),
        content_digest: seen.header("content-digest"),
    };
    verify(&Request { method, path, query }, &headers, |_| Some(key(2).public_key()), now()).unwrap()
}

#[test]
fn what_is_sent_is_signed_as_it_arrives() {
    let server = Server::saying(answer("200 OK", "", b"{}"));
    let (site, appliance) = ("clinic-001".parse().unwrap(), "front-desk".parse().unwrap());
    let delegation = Delegation::make(&site, &appliance, &key(1), &key(2).public_key(), now()).unwrap();
    let client = server.patient().signed_by(Signer::courier(key(2), &delegation));
    let sync = Target { path: "/agent/sync".into(), query: Some("trust=1&log=0".into()) };
    client.get(&sync, 100).unwrap();
    let first = server.next();
    judge(&first).check_body(None).unwrap();
    assert_eq!(first.line, "GET /agent/sync?trust=1&log=0 HTTP/1.1");
    let carried = courier::from_header(first.header("writ-courier").unwrap()).unwrap();
    Delegation::verify(&carried, &key(1).public_key(), now()).unwrap();

    client.post(&target("/agent/checkin"), b"{\"a\":1}", 100).unwrap();
    let second = server.next();
    assert_eq!((second.body.as_slice(), second.header("content-type")), (&b"{\"a\":1}"[..], Some("application/json")));
    judge(&second).check_body(Some(Digest::of(b"{\"a\":1}"))).unwrap();
    assert_ne!(judge(&first).nonce, judge(&second).nonce);

    client.unsigned().get(&sync, 100).unwrap();
    let third = server.next();
    assert_eq!((third.header("signature"), third.header("writ-courier")), (None, None));
    server.patient().signed_by(Signer::new(key(2))).get(&sync, 100).unwrap();
    let fourth = server.next();
    judge(&fourth).check_body(None).unwrap();
    assert_eq!(fourth.header("writ-courier"), None);
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start(|seen, stream| {
        let response = match seen.header("if-none-match") {
            Some("\"v1\"") => b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
            _ => answer("200 OK", "ETag: \"v1\"\r\n", b"body"),
        };
        let _ = io::Write::write_all(stream, &response);
    });
    let client = server.patient();
    let fetched = client.get_if_changed(&target("/agent/sync"), None, 100).unwrap().unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.etag.as_deref()), (&b"body"[..], Some("\"v1\"")));
    assert_eq!(client.get_if_changed(&target("/agent/sync"), Some("\"v1\""), 100).unwrap(), None);
    assert!(client.get_if_changed(&target("/agent/sync"), Some("\"v0\""), 100).unwrap().is_some());
    let unasked = Server::saying("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    assert_eq!(unasked.patient().get_if_changed(&target("/x"), None, 100).unwrap_err().status(), Some(304));
}

#[test]
fn what_is_there_and_what_is_not() {
    for (status, there) in [("200 OK", Some(true)), ("404 Not Found", Some(false)), ("500 Oops", None)] {
        let server = Server::saying(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"));
        assert_eq!(server.patient().exists(&target("/nar/x")).ok(), there, "{status}");
        assert!(server.next().line.starts_with("HEAD /nar/x "));
    }
}

#[test]
fn uploads_are_streamed_in_their_exact_length() {
    let server = Server::saying(answer("201 Created", "", b"done"));
    let mut body = io::repeat(b'x');
    let said = server.patient().put_stream(&target("/publish/nar/x"), &mut body, 100_000, 10).unwrap();
    assert_eq!(said, b"done");
    let seen = server.next();
    assert_eq!((seen.body.len(), seen.header("transfer-encoding")), (100_000, None));
    assert_eq!(server.patient().put(&target("/publish/trust/1"), b"{}", 10).unwrap(), b"done");
    assert_eq!(server.next().line, "PUT /publish/trust/1 HTTP/1.1");
}

#[test]
fn an_upload_that_cannot_be_read_here_is_not_the_depot_s_fault() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let server = Server::saying(answer("200 OK", "", b""));
    let error = server.patient().put_stream(&target("/x"), &mut Failing, 10, 10).unwrap_err();
    assert!(matches!(&error, Error::Local { .. }) && error.to_string().contains("on fire"), "{error:?}");
    let short = server.patient().put_stream(&target("/x"), &mut &b"half"[..], 10, 10).unwrap_err();
    assert!(matches!(short, Error::Local { .. }), "a file that became shorter: {short:?}");
}
