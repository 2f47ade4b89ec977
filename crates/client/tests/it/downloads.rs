//! Large bodies into files: continued where they broke off, never larger than they may be.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use writ_client::{Downloaded, Error};

use crate::server::{Seen, Server, answer, target};

const BODY: &[u8] = b"0123456789";

fn open(path: &Path) -> File {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).unwrap()
}

fn begin(seen: &Seen) -> usize {
    let range = seen.header("range").map_or("bytes=0-", |range| range);
    range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

/// Serves ranges as it should.
fn honest() -> Server {
    Server::start(|seen, stream| {
        let from = begin(seen);
        let response = match from {
            0 => answer("200 OK", "", BODY),
            10.. => answer("416 Range Not Satisfiable", "Content-Range: bytes */10\r\n", b""),
            _ => answer("206 Partial Content", &format!("Content-Range: bytes {from}-9/10\r\n"), &BODY[from..]),
        };
        let _ = stream.write_all(&response);
    })
}

#[test]
fn what_broke_off_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nar");
    for (there, received) in [(0, 10), (1, 9), (9, 1), (10, 0)] {
        fs::write(&path, &BODY[..there]).unwrap();
        let server = honest();
        let downloaded = server.patient().download(&target("/nar/x"), &mut open(&path), 10).unwrap();
        assert_eq!(downloaded, Downloaded { size: 10, received });
        assert_eq!(fs::read(&path).unwrap(), BODY);
        assert_eq!(server.next().header("range").is_some(), there > 0);
    }
}

#[test]
fn what_came_before_a_break_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nar");
    let server = Server::start(|seen, stream| {
        let from = begin(seen);
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-9/10\r\n\r\n", 10 - from);
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&BODY[from..from + 1]);
    });
    for come in 1..=9 {
        let error = server.patient().download(&target("/nar/x"), &mut open(&path), 10).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), &BODY[..come]);
    }
    server.patient().download(&target("/nar/x"), &mut open(&path), 10).unwrap();
    assert_eq!(fs::read(&path).unwrap(), BODY);
}

#[test]
fn a_depot_that_does_not_continue_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nar");
    fs::write(&path, b"another thing").unwrap();
    let server = Server::saying(answer("200 OK", "", BODY));
    server.patient().download(&target("/nar/x"), &mut open(&path), 20).unwrap();
    assert_eq!(fs::read(&path).unwrap(), BODY);
}

#[test]
fn what_is_longer_than_the_body_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nar");
    for total in ["Content-Range: bytes */10\r\n", ""] {
        fs::write(&path, b"longer than the real one").unwrap();
        let server = Server::start(move |seen, stream| {
            let _ = stream.write_all(&match begin(seen) {
                0 => answer("200 OK", "", BODY),
                _ => answer("416 Range Not Satisfiable", total, b""),
            });
        });
        let downloaded = server.patient().download(&target("/nar/x"), &mut open(&path), 100).unwrap();
        assert_eq!(downloaded, Downloaded { size: 10, received: 10 });
        assert_eq!(fs::read(&path).unwrap(), BODY);
        assert_eq!(server.next().header("range"), Some("bytes=24-"));
        assert_eq!(server.next().header("range"), None);
    }
}

#[test]
fn lies_about_the_part_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nar");
    for (status, range) in [
        ("206 Partial Content", "Content-Range: bytes 0-9/10\r\n"),
        ("206 Partial Content", "Content-Range: bytes 5-4/10\r\n"),
        ("206 Partial Content", "Content-Range: bytes 5-10/10\r\n"),
        ("206 Partial Content", "Content-Range: lines 5-9/10\r\n"),
        ("206 Partial Content", "Content-Range: bytes 5-9/10\r\nContent-Range: bytes 5-9/10\r\n"),
        ("206 Partial Content", ""),
        ("416 Range Not Satisfiable", "Content-Range: bytes */10\r\n"),
        ("416 Range Not Satisfiable", ""),
        ("404 Not Found", ""),
    ] {
        fs::write(&path, &BODY[..5]).unwrap();
        let server = Server::saying(answer(status, range, &BODY[5..]));
        let error = server.patient().download(&target("/nar/x"), &mut open(&path), 10).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. } | Error::Refused { .. }), "{status} {range}: {error:?}");
        assert_eq!(fs::read(&path).unwrap(), &BODY[..5], "{range}");
    }
    // A part nobody asked for.
    fs::remove_file(&path).unwrap();
    let server = Server::saying(answer("206 Partial Content", "Content-Range: bytes 0-9/10\r\n", BODY));
    assert_eq!(server.patient().download(&target("/nar/x"), &mut open(&path), 10).unwrap_err().status(), Some(206));
}

#[test]
fn no_file_grows_beyond_its_bound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nar");
    for there in [0, 5] {
        fs::write(&path, &BODY[..there]).unwrap();
        let server = Server::start(|seen, stream| {
            let from = begin(seen);
            let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Range: bytes {from}-99999/*\r\n\r\n");
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let error = server.patient().download(&target("/nar/x"), &mut open(&path), 50_000).unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 50_000, .. }), "{error:?}");
        assert!(fs::metadata(&path).unwrap().len() <= 50_000);
    }
    fs::write(&path, BODY).unwrap();
    let error = honest().patient().download(&target("/nar/x"), &mut open(&path), 9).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 9, .. }), "there already");
    let announced = Server::saying(answer("206 Partial Content", "Content-Range: bytes 10-19/20\r\n", BODY));
    let error = announced.patient().download(&target("/nar/x"), &mut open(&path), 15).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 15, .. }), "announced");
}

#[test]
fn a_full_disk_is_not_the_depot_s_fault() {
    let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let server = Server::saying(answer("200 OK", "", &[b'x'; 100_000]));
    let error = server.patient().download(&target("/nar/x"), &mut full, 200_000).unwrap_err();
    assert!(matches!(error, Error::Local { .. }), "{error:?}");
}
