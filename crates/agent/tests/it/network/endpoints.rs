//! The probes of the network against real servers on loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use writ_agent::network::dns::Resolver;
use writ_agent::network::tls::suites;
use writ_agent::network::tls::trust::Authorities;
use writ_agent::network::{LOOKERS, Sight, look};
use writ_agent::probes::{self, NETWORK};
use writ_policy::observation::{Observation, Value};

use crate::support::now;

fn sight(authorities: Authorities) -> Sight {
    let deadline = Instant::now() + Duration::from_secs(60);
    Sight { now: now(), deadline, resolver: Resolver::of_this_machine(), authorities }
}

/// What a probe sees, which is what its schema promises.
pub fn seen_by(probe: &str, parameters: Json, authorities: Authorities) -> Observation {
    let seen = look(probe, parameters.as_object().unwrap(), &sight(authorities)).unwrap();
    assert_eq!(probes::schema_of(probe).unwrap().unpromised(&seen), [], "{probe}");
    seen
}

pub fn failure(probe: &str, parameters: Json) -> String {
    look(probe, parameters.as_object().unwrap(), &sight(Authorities::public())).unwrap_err()
}

#[test]
fn every_probe_of_the_network_has_its_schema_in_the_registry() {
    let lookers: Vec<_> = LOOKERS.iter().map(|looker| looker.schema).collect();
    assert_eq!(lookers, NETWORK);
    let registry = probes::registry();
    for schema in NETWORK {
        assert!(registry.network.contains(schema.name) && !registry.unobserved(schema.name), "{}", schema.name);
        assert!(probes::named(schema.name).is_none(), "the enforcer does not look with {}", schema.name);
    }
}

#[test]
fn a_port_is_reached_or_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let reached = seen_by("reachable", json!({ "address": address }), Authorities::public());
    assert_eq!(reached.get("reachable"), Some(&true.into()));
    assert!(reached.get("connect_ms").is_some());
    let by_name = format!("localhost:{}", listener.local_addr().unwrap().port());
    let by_name = seen_by("reachable", json!({ "address": by_name }), Authorities::public());
    assert_eq!(by_name.get("reachable"), Some(&true.into()));
    drop(listener);
    let refused = seen_by("reachable", json!({ "address": address }), Authorities::public());
    assert_eq!(refused, Observation::new().with("reachable", false));
    let over = Sight { deadline: Instant::now(), ..sight(Authorities::public()) };
    for probe in ["reachable", "tls_endpoint"] {
        let late = look(probe, json!({ "address": address }).as_object().unwrap(), &over).unwrap_err();
        assert!(late.contains("no time to try every address"), "{probe}: {late}");
    }
    assert!(failure("reachable", json!({ "address": "no port" })).contains("expected host:port"));
    assert!(failure("reachable", json!({})).contains("parameter address is missing"));
    assert!(failure("file", json!({ "path": "/etc/shadow" })).contains("knows no probe `file`"));
}

/// A server of OpenSSL's, killed when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two certificates of one authority, for `localhost` and of a day in the past.
fn certificates(dir: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=ca");
    openssl("req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=front-desk");
    openssl("x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 7 -extfile names -out leaf.crt");
    openssl("x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days -1 -extfile names -out old.crt");
}

fn serve(dir: &Path, certificate: &str, arguments: &str) -> Server {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-key", "leaf.key", "-cert", certificate]);
    command.args(arguments.split_whitespace()).current_dir(dir);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "openssl s_server {arguments} ended");
        if let Some(address) = line.trim().strip_prefix("ACCEPT ") {
            break address.to_owned();
        }
    };
    // What it says of each connection is read, or it would wait for that some day.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Server { child, address }
}

fn list(seen: &Observation, field: &str) -> Vec<String> {
    let Some(Value::List(entries)) = seen.get(field) else { panic!("{field} in {seen:?}") };
    entries.clone()
}

#[test]
fn the_versions_that_a_server_takes_are_told_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let any = "-cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0";
    for (arguments, expected) in [
        (format!("-tls1 {any}"), vec!["TLSv1.0"]),
        (format!("-tls1_1 {any}"), vec!["TLSv1.1"]),
        ("-tls1_2".to_owned(), vec!["TLSv1.2"]),
        ("-tls1_3".to_owned(), vec!["TLSv1.3"]),
        (any.to_owned(), vec!["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
    ] {
        let server = serve(dir.path(), "leaf.crt", &arguments);
        let seen = seen_by("tls_endpoint", json!({ "address": server.address }), Authorities::public());
        assert_eq!(seen.get("reachable"), Some(&true.into()));
        assert_eq!(list(&seen, "protocols"), expected, "{arguments}");
        assert_eq!(seen.get("oldest_protocol"), Some(&expected[0].into()), "{arguments}");
    }
}

#[test]
fn weak_suites_are_counted_and_those_without_forward_secrecy_named() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    for (ciphers, weak, secrecy) in [
        ("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", 0, true),
        ("ECDHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-GCM-SHA384", 2, false),
        ("ECDHE-RSA-AES256-GCM-SHA384:ADH-AES256-SHA:AECDH-AES128-SHA@SECLEVEL=0", 2, true),
        ("ALL:COMPLEMENTOFALL:@SECLEVEL=0", 8, false),
    ] {
        let server = serve(dir.path(), "leaf.crt", &format!("-tls1_2 -cipher {ciphers}"));
        let seen = seen_by("tls_endpoint", json!({ "address": server.address }), Authorities::public());
        assert_eq!(seen.get("weak_cipher_count"), Some(&i64::from(weak).into()), "{ciphers}: {seen:?}");
        assert_eq!(seen.get("forward_secrecy"), Some(&secrecy.into()), "{ciphers}: {seen:?}");
    }
}

#[test]
fn a_certificate_is_trusted_by_its_authority_its_name_and_its_time() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let own = || Authorities::from_file(&dir.path().join("ca.crt")).unwrap();
    let trusted = |seen: &Observation| seen.get("trusted").cloned();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = serve(dir.path(), "leaf.crt", version);
        let address = json!({ "address": server.address });
        let seen = seen_by("tls_endpoint", address.clone(), own());
        assert_eq!(trusted(&seen), Some(true.into()), "{version}: {seen:?}");
        let Some(Value::Int(seconds)) = seen.get("valid_for_seconds") else { panic!("{seen:?}") };
        assert!((6 * 86_400..=7 * 86_400).contains(seconds), "{seconds}");
        assert_eq!(trusted(&seen_by("tls_endpoint", address, Authorities::public())), Some(false.into()));
        let other = json!({ "address": server.address, "server_name": "other.example" });
        assert_eq!(trusted(&seen_by("tls_endpoint", other, own())), Some(false.into()));
    }
    let server = serve(dir.path(), "old.crt", "-tls1_3");
    let seen = seen_by("tls_endpoint", json!({ "address": server.address }), own());
    assert_eq!(trusted(&seen), Some(false.into()));
    let Some(Value::Int(seconds)) = seen.get("valid_for_seconds") else { panic!("{seen:?}") };
    assert!(*seconds < 0, "{seconds}");
    std::fs::write(dir.path().join("none.pem"), "no certificate\n").unwrap();
    assert!(Authorities::from_file(&dir.path().join("none.pem")).is_err());
}

/// Answers every connection with the same bytes, until it is dropped.
fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 1024];
            let _ = stream.read(&mut heard);
            let _ = stream.write_all(bytes);
        }
    });
    address
}

/// A server that takes these suites of each version, as long as it takes connections.
fn taking(takes: fn(u16, u16) -> bool, connections: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            let mut stream = stream.unwrap();
            let mut heard = [0; 2048];
            let Ok(43..) = stream.read(&mut heard) else { continue };
            // A record, a handshake in it, a version, a nonce, a session, suites (RFC 5246 §7.4.1.2).
            let number = |at: usize| u16::from_be_bytes([heard[at], heard[at + 1]]);
            let (version, suites) = (number(9), 44 + usize::from(heard[43]));
            let offered = (0..usize::from(number(suites)) / 2).map(|n| number(suites + 2 + 2 * n));
            let Some(suite) = offered.filter(|suite| *suite >> 8 != 0x13).find(|suite| takes(version, *suite)) else {
                continue;
            };
            let [high, low] = version.to_be_bytes();
            let mut hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, high, low];
            hello.extend([[7; 32].as_slice(), &[0], &suite.to_be_bytes(), &[0]].concat());
            let _ = stream.write_all(&hello);
        }
        // What is refused now is refused before anything is heard.
        for stream in listener.incoming() {
            drop(stream);
        }
    });
    address
}

/// However many weak suites an old version has, those of a newer one without forward secrecy are found.
#[test]
fn a_bound_on_what_is_counted_hides_nothing_of_another_version() {
    let takes = |version, suite| match version {
        0x0301 => suites::WEAK_WITH_SECRECY.contains(&suite),
        0x0303 => suite == 0x009c,
        _ => false,
    };
    let seen = seen_by("tls_endpoint", json!({ "address": taking(takes, usize::MAX) }), Authorities::public());
    assert_eq!(list(&seen, "protocols"), ["TLSv1.0", "TLSv1.2"]);
    assert_eq!((seen.get("forward_secrecy"), seen.get("weak_cipher_count")), (Some(&false.into()), Some(&8.into())));
}

/// Who takes only so many connections has refused no suite.
#[test]
fn a_server_that_limits_connections_is_not_called_strict() {
    let takes = |version, suite| version == 0x0303 && (suite == 0xc02f || suite == 0x0013);
    let whole = seen_by("tls_endpoint", json!({ "address": taking(takes, usize::MAX) }), Authorities::public());
    assert_eq!(whole.get("weak_cipher_count"), Some(&1.into()));
    // One connection for the address, one for each of five versions.
    let said = failure("tls_endpoint", json!({ "address": taking(takes, 6) }));
    assert!(said.contains("does so no more"), "{said}");
}

#[test]
fn what_speaks_something_else_has_no_versions_to_be_judged() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"220 mail.example ESMTP\r\n", b"\x16\x03\x03\xff\xff", b""]
    {
        let seen = seen_by("tls_endpoint", json!({ "address": answering(bytes) }), Authorities::public());
        assert_eq!(seen, Observation::new().with("reachable", true), "{bytes:?}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let seen = seen_by("tls_endpoint", json!({ "address": gone }), Authorities::public());
    assert_eq!(seen, Observation::new().with("reachable", false));
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut sight = sight(Authorities::public());
    sight.deadline = Instant::now() + Duration::from_millis(200);
    let said = look("tls_endpoint", json!({ "address": address }).as_object().unwrap(), &sight).unwrap_err();
    assert!(said.contains("no answer in time"), "{said}");
}
