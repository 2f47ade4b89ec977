//! What nobody well-meaning sends to a port with TLS: the connection ends, without an answer, and nobody else notices.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::daemon::{Daemon, Start, until};
use crate::hostile_http::{odd_framing, odd_lines};
use crate::hostile_requests::{Comes, Ended, Status, odd_http};
use crate::tls::pair;
use crate::world::*;

/// How long a handshake may take here, so that those who never end theirs are soon gone.
const PATIENCE: &str = "700ms";

/// A record (RFC 8446 §5.1).
fn record(kind: u8, version: [u8; 2], body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind][..], &version, &length, body].concat()
}

/// A handshake message of this kind, which says that it has so many bytes.
fn message(kind: u8, says: u32, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &says.to_be_bytes()[1..], body].concat()
}

/// A ClientHello (RFC 8446 §4.1.2) of this version with these extensions.
fn hello(version: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let suites = [0, 4, 0x13, 0x01, 0x13, 0x02];
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let body = [&version[..], &[7; 32], &[0], &suites, &[1, 0], &length, extensions].concat();
    message(1, u32::try_from(body.len()).unwrap(), &body)
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&kind.to_be_bytes()[..], &length, body].concat()
}

/// What is sent instead of a handshake, and whether nothing more will come.
fn odd_handshakes() -> Vec<(&'static str, Vec<u8>, bool)> {
    let (one, three) = ([3, 1], [3, 3]);
    let versions = |list: &[u8]| extension(43, &[&[u8::try_from(list.len()).unwrap()][..], list].concat());
    let named = |name: &[u8]| {
        let long = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
        extension(0, &[&long(name.len() + 3)[..], &[0], &long(name.len()), name].concat())
    };
    let of = |extensions: &[u8]| record(22, one, &hello(three, extensions));
    vec![
        ("nothing", Vec::new(), true),
        ("HTTP", b"GET /health HTTP/1.1\r\nhost: depot\r\n\r\n".to_vec(), false),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), false),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), false),
        ("a proxy's header", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(), false),
        ("zeros", vec![0; 4096], false),
        ("noise", (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(), false),
        ("SSL 2", [&[0x80, 0x2e, 1, 0, 2][..], &[0; 41]].concat(), false),
        ("SSL 3", record(22, [3, 0], &hello([3, 0], &[])), false),
        ("TLS 1.0", record(22, one, &hello([3, 1], &[])), false),
        ("TLS 1.1", record(22, one, &hello([3, 2], &[])), false),
        ("TLS 1.2", record(22, three, &hello(three, &[])), false),
        ("TLS 1.2 as the list has it", of(&versions(&[3, 3])), false),
        ("TLS 1.4", of(&versions(&[3, 5])), false),
        ("no version", of(&versions(&[])), false),
        ("TLS 1.3 without a key", of(&versions(&[3, 4])), false),
        ("a name with NUL", of(&[versions(&[3, 4]), named(b"a\0b")].concat()), false),
        ("an empty name", of(&[versions(&[3, 4]), named(b"")].concat()), false),
        ("a name of 3,000 bytes", of(&[versions(&[3, 4]), named(&[b'a'; 3000])].concat()), false),
        ("an extension twice", of(&[versions(&[3, 4]), versions(&[3, 4])].concat()), false),
        ("an extension longer than all", of(&[0, 43, 0xff, 0xff, 2, 3, 4]), false),
        ("half a hello", of(&versions(&[3, 4]))[..40].to_vec(), true),
        ("half a hello, and then nothing", of(&versions(&[3, 4]))[..40].to_vec(), false),
        ("a hello of 16 MiB, as it says", record(22, one, &message(1, 0xff_ffff, &[7; 16_000])).repeat(8), false),
        ("a record that is too long", [&[22, 3, 1, 0xff, 0xff][..], &[0; 65_535]].concat(), false),
        ("an empty record", record(22, one, &[]), false),
        ("empty records", record(22, one, &[]).repeat(2_000), false),
        ("a record of no kind", record(99, three, &[0; 16]), false),
        ("a heartbeat", record(24, three, &[1, 0x40, 0]), false),
        ("data before the handshake", record(23, three, &[0; 64]), false),
        ("warnings", record(21, three, &[1, 90]).repeat(1_000), false),
        ("a fatal alert", record(21, three, &[2, 40]), false),
        ("changes of ciphers", record(20, three, &[1]).repeat(1_000), false),
        ("a server's hello", record(22, three, &message(2, 40, &[7; 40])), false),
        ("a finished", record(22, three, &message(20, 32, &[7; 32])), false),
        ("an update of keys", record(22, three, &message(24, 1, &[1])), false),
        ("a certificate", record(22, three, &message(11, 4, &[0, 0, 0, 0])), false),
        ("an unknown message", record(22, three, &message(77, 4, &[0; 4])), false),
    ]
}

/// Whether a connection ended without an answer to anything: with nothing, an alert, or part of a handshake.
fn ended_cleanly(stream: &mut TcpStream) -> Result<(), String> {
    let mut came = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) if came.len() < 64 * 1024 => came.extend_from_slice(&buffer[..read]),
            Ok(_) => return Err("more than anybody asked for".to_owned()),
            // What was not read of what we sent ends it in this way.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(e) => return Err(e.to_string()),
        }
    }
    match came.first() {
        None | Some(20..=23) => Ok(()),
        Some(other) => Err(format!("{other:#x}: {}", String::from_utf8_lossy(&came))),
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    // Only ends a test that hangs.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// What the real openssl hears when it sends something over TLS.
fn over_tls(address: SocketAddr, more: &[&str], bytes: &[u8]) -> Comes {
    let port = format!("localhost:{}", address.port());
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &port])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let sending = bytes.to_vec();
    let sent = std::thread::spawn(move || {
        let _ = to.write_all(&sending);
        to
    });
    let mut from = child.stdout.take().unwrap();
    let mut came = Vec::new();
    let mut buffer = [0; 4096];
    // The first line tells; a connection that is kept open would tell no more.
    while !came.contains(&b'\n') {
        match from.read(&mut buffer) {
            Ok(read) if read > 0 => came.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    drop(sent.join());
    let text = String::from_utf8_lossy(&came).into_owned();
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|status| status.parse().ok());
    status.map_or(Ended, Status)
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// How openssl is told to shake hands, and what that comes to.
fn odd_clients(dir: &std::path::Path) -> Vec<(&'static str, Vec<String>, Comes)> {
    let own = |name: &str| dir.join(name).display().to_string();
    let certificate = ["-cert".to_owned(), own("cert.pem"), "-key".to_owned(), own("key.pem")];
    let all = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    vec![
        ("TLS 1.3", all("-tls1_3"), Status(200)),
        ("TLS 1.2 alone", all("-tls1_2"), Ended),
        ("TLS 1.1 alone", all("-tls1_1 -cipher DEFAULT@SECLEVEL=0"), Ended),
        ("HTTP/2 alone", all("-tls1_3 -alpn h2"), Ended),
        ("HTTP/0.9 alone", all("-tls1_3 -alpn http/0.9"), Ended),
        ("HTTP/2 if may be", all("-tls1_3 -alpn h2,http/1.1"), Status(200)),
        ("an unknown protocol", all("-tls1_3 -alpn spdy/3"), Ended),
        ("no cipher in common", all("-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256"), Ended),
        ("no group in common", all("-tls1_3 -groups ffdhe2048"), Ended),
        ("no signature in common", all("-tls1_3 -sigalgs RSA-PSS+SHA256"), Ended),
        ("another name", all("-tls1_3 -servername other.example"), Status(200)),
        ("no name", all("-tls1_3 -noservername"), Status(200)),
        ("a certificate that nobody asked for", [all("-tls1_3"), certificate.to_vec()].concat(), Status(200)),
        ("a hello in pieces", all("-tls1_3 -max_send_frag 512 -split_send_frag 512"), Status(200)),
        ("a status of the certificate", all("-tls1_3 -status"), Status(200)),
    ]
}

/// Stands between and changes one byte of what a client sends from a piece on.
fn tampering(to: SocketAddr, piece: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = connect(to);
        let (mut back, mut forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut forth);
            let _ = forth.shutdown(Shutdown::Both);
        });
        let (mut buffer, mut n) = ([0; 16 * 1024], 0);
        while let Ok(read) = client.read(&mut buffer) {
            if read == 0 {
                break;
            }
            if n >= piece {
                buffer[read - 1] ^= 1;
            }
            n += 1;
            if server.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
    });
    address
}

fn depot(dir: &std::path::Path) -> Daemon {
    pair(dir, "cert.pem", "key.pem", "0x1111", "30");
    let (cert, key) = (dir.join("cert.pem").display().to_string(), dir.join("key.pem").display().to_string());
    Start::new(dir).arguments(&["--tls-cert", &cert, "--tls-key", &key, "--header-timeout", PATIENCE]).start()
}

#[test]
fn every_hostile_handshake_ends_and_nobody_else_notices() {
    let dir = folder();
    let depot = depot(dir.path());
    let address = depot.address;
    let mut wrong = Vec::new();
    // All at once: those that say nothing more are waited for as long as anybody is.
    let handshakes = odd_handshakes();
    std::thread::scope(|scope| {
        let tried: Vec<_> = handshakes
            .iter()
            .map(|(name, bytes, ends)| {
                let one = move || {
                    let mut stream = connect(address);
                    let _ = stream.write_all(bytes);
                    if *ends {
                        let _ = stream.shutdown(Shutdown::Write);
                    }
                    ended_cleanly(&mut stream).map_err(|why| format!("{name}: {why}"))
                };
                scope.spawn(one)
            })
            .collect();
        // One byte after the other, for longer than a handshake may take.
        let slow = scope.spawn(|| {
            let mut stream = connect(address);
            let whole = record(22, [3, 1], &hello([3, 3], &[0; 200]));
            let sent = whole.iter().take_while(|byte| {
                std::thread::sleep(Duration::from_millis(20));
                stream.write_all(&[**byte]).is_ok()
            });
            let sent = sent.count();
            ended_cleanly(&mut stream).map(|()| sent)
        });
        assert_eq!(over_tls(address, &["-tls1_3"], HEALTH), Status(200), "beside all of them");
        wrong.extend(tried.into_iter().filter_map(|one| one.join().unwrap().err()));
        let sent = slow.join().unwrap().unwrap();
        assert!(sent < 200, "a slow one was waited for: {sent}");
    });
    let clients = odd_clients(dir.path());
    for (name, arguments, comes) in &clients {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let found = over_tls(address, &arguments, HEALTH);
        if found != *comes {
            wrong.push(format!("{name}: {found:?} instead of {comes:?}"));
        }
    }
    for piece in 0..3 {
        let found = over_tls(tampering(address, piece), &["-tls1_3"], HEALTH);
        // What comes in the third piece may be after the request already.
        if found != Ended && piece < 2 {
            wrong.push(format!("changed from piece {piece} on: {found:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(handshakes.len() + clients.len() + 4 >= 50, "{} and {}", handshakes.len(), clients.len());
    assert_eq!(over_tls(address, &["-tls1_3"], HEALTH), Status(200));
    // Every place is free again.
    let curl = || {
        let url = format!("https://localhost:{}/metrics", address.port());
        let out = Command::new("curl").args(["-sSk", &url]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    until("all connections to be gone", || curl().contains("writ_depot_connections 1\n").then_some(()));
    assert!(depot.stop().success());
}

#[test]
fn what_is_odd_in_http_is_as_odd_over_tls() {
    let dir = folder();
    let depot = depot(dir.path());
    // Those that say all at once: what is cut off, openssl cannot say, and an answer before all was heard it may lose.
    let all = odd_http().into_iter().chain(odd_lines()).chain(odd_framing());
    let cases = all.filter(|case| !case.ends && case.bytes.len() < 16 * 1024).step_by(4);
    let mut wrong = Vec::new();
    for case in cases {
        let found = over_tls(depot.address, &["-tls1_3"], &case.bytes);
        if found != case.comes {
            wrong.push(format!("{}: {found:?} instead of {:?}", case.name, case.comes));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(depot.stop().success());
}
