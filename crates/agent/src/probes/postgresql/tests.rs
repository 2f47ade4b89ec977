use std::os::unix::net::UnixListener;

use super::*;

/// What PostgreSQL 15.18 of Debian 12 answered to this start and query, byte for byte.
const CAPTURED: &[u8] = include_bytes!("captured.bin");
const REFUSED: &[u8] = include_bytes!("refused.bin");

fn server(answer: &'static [u8]) -> (tempfile::TempDir, std::thread::JoinHandle<()>) {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // All of it: who closes with something unread resets the connection.
        let mut heard = [0; 8192];
        let _ = stream.read(&mut heard);
        let _ = stream.write_all(answer);
    });
    (dir, thread)
}

fn look(folder: &Path) -> Result<Observation, Unseen> {
    let mut context =
        ProbeContext::new(writ_trust::time::Time::from_unix_millis(0), Instant::now(), "/nowhere".into(), None);
    let parameters = serde_json::json!({ "socket": folder }).as_object().cloned().unwrap();
    run(&Parameters::checked(&parameters, SCHEMA.parameters).unwrap(), &mut context)
}

#[test]
fn a_captured_answer_is_read() {
    let seen = observe(CAPTURED).unwrap();
    assert_eq!(seen.get("version"), Some(&"15.18".into()));
    assert_eq!((seen.get("data_checksums"), seen.get("tls")), (Some(&true.into()), Some(&false.into())));
    assert_eq!((seen.get("checksum_failure_count"), seen.get("superuser_count")), (Some(&0.into()), Some(&1.into())));
    assert_eq!(seen.get("archive_age_seconds"), None, "nothing was archived yet");
    assert_eq!(SCHEMA.unpromised(&seen), []);
    for cut in 0..CAPTURED.len() {
        let whole = protocol::is_complete(&CAPTURED[..cut]);
        assert!(!whole, "{cut} bytes of {} are not all", CAPTURED.len());
    }
    assert!(protocol::is_complete(CAPTURED));
}

#[test]
fn a_refusal_says_why() {
    let reason = observe(REFUSED).unwrap_err();
    assert!(reason.contains("28000") && reason.contains("role \"root\" does not exist"), "{reason}");
    let password = [b'R', 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4];
    assert!(protocol::is_complete(&password));
    assert!(observe(&password).unwrap_err().contains("password"));
}

#[test]
fn a_server_that_is_none_is_told_from_one_that_lies() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(look(empty.path()), Err(Unseen::NotApplicable(_)) | Err(Unseen::Failed(_))));
    // A socket that nobody listens at.
    drop(UnixListener::bind(empty.path().join(SOCKET)).unwrap());
    assert_eq!(look(empty.path()).unwrap(), Observation::new().with("reachable", false));
    for (answer, says) in [
        (&b""[..], "does not answer as"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as"),
        (b"D\0\0\0\x08\0\x06\xff\xff", "cut off"),
        (b"D\0\0\0\x06\0\0", "0 columns"),
        (b"D\0\0\0\x06\xff\xff", "cut off"),
    ] {
        let (dir, thread) = server(answer);
        let Err(Unseen::Failed(reason)) = look(dir.path()) else { panic!("{answer:?}") };
        assert!(reason.contains(says), "{answer:?}: {reason}");
        thread.join().unwrap();
    }
}

#[test]
fn a_server_that_says_too_much_is_not_heard_out() {
    static FLOOD: [u8; MAX_ANSWER + 4096] = [b'N'; MAX_ANSWER + 4096];
    let (dir, thread) = server(&FLOOD);
    let Err(Unseen::Failed(reason)) = look(dir.path()) else { panic!() };
    assert!(reason.contains("more than"), "{reason}");
    thread.join().unwrap();
}
