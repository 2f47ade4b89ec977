//! Starting and stopping, and what a depot does not start with.

use std::process::Command;

use writ_trust::numbers::TrustVersion;

use crate::client::{Connection, get};
use crate::daemon::{Daemon, Start, until};
use crate::world::*;

fn refusal(start: Start<'_>) -> String {
    match start.try_start() {
        Ok(_) => panic!("it started"),
        Err((status, log)) => {
            assert_eq!(status.code(), Some(2), "{log}");
            log.lines().last().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn what_cannot_be_right_is_refused_by_name() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let second = refusal(Start::new(dir.path()));
    assert!(second.contains("another writ-depot is running on this data directory"), "{second}");
    depot.kill();

    let mut other = root();
    other.expires_at = time("2088-01-01T00:00:00Z");
    std::fs::write(dir.path().join("trust.json"), other.canonical()).unwrap();
    let chain = refusal(Start::new(dir.path()));
    assert!(chain.contains("is not the beginning of the stored chain"), "{chain}");
    std::fs::write(dir.path().join("trust.json"), b"{}").unwrap();
    let none = refusal(Start::new(dir.path()));
    assert!(none.contains("trust.json") && none.contains("schema"), "{none}");

    prepare(dir.path(), &root());
    std::fs::write(dir.path().join("log.key"), secret(RELEASE).to_open_file().as_bytes()).unwrap();
    let key = refusal(Start::new(dir.path()));
    assert!(key.contains("does not give the key") && key.contains("role `log`"), "{key}");
    std::fs::write(dir.path().join("log.key"), b"nonsense").unwrap();
    let key = refusal(Start::new(dir.path()));
    assert!(key.contains("log.key: not a secret key file"), "{key}");
    std::fs::remove_file(dir.path().join("log.key")).unwrap();
    let key = refusal(Start::new(dir.path()));
    assert!(key.contains("log.key") && key.contains("No such file"), "{key}");

    prepare(dir.path(), &root());
    std::fs::write(dir.path().join("data/depot.sqlite"), b"this is no database, and long enough to be looked at")
        .unwrap();
    let _ = std::fs::remove_file(dir.path().join("data/depot.sqlite-wal"));
    let database = refusal(Start::new(dir.path()));
    assert!(database.contains("database:"), "{database}");
}

#[test]
fn a_log_key_that_is_listed_and_does_not_count_now_stops_the_logs_alone() {
    for revoked in [false, true] {
        let mut root = root();
        let key = root.keys.iter_mut().find(|key| key.public_key == public(LOG)).unwrap();
        match revoked {
            true => key.revoked_at = Some(time("2026-01-01T00:00:00Z")),
            false => key.valid_until = time("2026-01-01T00:00:00Z"),
        }
        let dir = folder_with(&root);
        let depot = Start::new(dir.path()).start();
        assert!(depot.log().contains("THE SITE LOGS TAKE NOTHING"), "{}", depot.log());
        assert_eq!(get(depot.address, "/ready").status, 200);
        assert_eq!(get(depot.address, "/trust/1.json").expect(200), root.canonical());
        // What would be logged is not taken.
        let envelope = signed(release(1, None).canonical(), &[RELEASE]).canonical();
        let released = crate::client::put(depot.address, &format!("/publish/releases/{SITE}"), &envelope);
        assert_eq!(released.status, 200, "pending");
        let policy = format!("/publish/documents/{}", writ_trust::digest::Digest::of(POLICY));
        assert_eq!(crate::client::put(depot.address, &policy, POLICY).status, 503);
    }
}

#[test]
fn plain_http_does_not_leave_the_machine_unasked() {
    let dir = folder();
    let start = Start::new(dir.path());
    let mut command = start.command(&dir.path().join("address"));
    let arguments: Vec<_> = command.get_args().map(|a| a.to_owned()).collect();
    let changed = arguments.iter().map(|a| if a == "127.0.0.1:0" { "0.0.0.0:0".into() } else { a.clone() });
    let out = Command::new(command.get_program()).args(changed).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("loopback only"), "{said}");
    assert!(!dir.path().join("data").exists(), "nothing was made");
    let help = command.arg("--help").stdout(std::process::Stdio::piped()).output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("A first start") && help.contains("log_origins"), "{help}");
}

#[test]
fn a_gentle_stop_answers_what_was_asked_before() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let mut next = root();
    next.version = TrustVersion::new(2).unwrap();
    let envelope = signed(next.canonical(), &[TRUST_A, TRUST_B]).canonical();
    let mut open = Connection::open(address);
    let head = format!("PUT /publish/trust/2 HTTP/1.1\r\nhost: d\r\ncontent-length: {}\r\n\r\n", envelope.len());
    open.send(head.as_bytes()).unwrap();
    open.send(&envelope[..10]).unwrap();
    // Answered after the one above was begun, so that is under way.
    until("the request to be under way", || get(address, "/metrics").text().contains("connections 2").then_some(()));
    assert!(Command::new("kill").arg(depot.pid().to_string()).status().unwrap().success());
    until("no more connections to be taken", || std::net::TcpStream::connect(address).err());
    open.send(&envelope[10..]).unwrap();
    assert_eq!(open.answer(false).unwrap().status, 200);
    assert!(ended(depot).success());
    let depot = Start::new(dir.path()).start();
    assert_eq!(get(depot.address, "/trust/2.json").expect(200), next.canonical());
}

#[test]
fn a_depot_whose_places_are_all_taken_stops_taking_connections_at_once() {
    let dir = folder();
    let depot = Start::new(dir.path()).arguments(&["--connections", "2"]).start();
    let address = depot.address;
    let begun = b"PUT /publish/trust/2 HTTP/1.1\r\nhost: d\r\ncontent-length: 2\r\n\r\n";
    let (mut one, mut other) = (Connection::open(address), Connection::open(address));
    one.send(begun).unwrap();
    let told = until("both places to be taken", || {
        let told = other.request("GET", "/metrics", &[], b"").unwrap().text();
        told.contains("connections 2").then_some(told)
    });
    assert!(told.contains("writ_depot_connections 2"), "{told}");
    other.send(begun).unwrap();
    assert!(Command::new("kill").arg(depot.pid().to_string()).status().unwrap().success());
    until("no more connections to be taken", || std::net::TcpStream::connect(address).err());
    one.send(b"{}").unwrap();
    assert_eq!(one.answer(false).unwrap().status, 400, "what was begun is answered");
    drop(other);
    assert!(ended(depot).success());
}

fn ended(mut depot: Daemon) -> std::process::ExitStatus {
    depot.ended()
}

#[test]
fn tls_is_1_3_and_nothing_older() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let openssl = |arguments: &[&str]| {
        let out = Command::new("openssl").args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(
        &[&["req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test", "-days", "2"][..], &curve]
            .concat(),
    );
    openssl(&[&["req", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost"][..], &curve].concat());
    std::fs::write(at("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(&[
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "names",
        "-out",
        "leaf.pem",
    ]);
    let (cert, key) = (at("leaf.pem").display().to_string(), at("leaf.key").display().to_string());
    std::fs::create_dir_all(at("data/cache/nar")).unwrap();
    let large: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(at("data/cache/nar/large.nar"), &large).unwrap();
    let depot = Start::new(dir.path()).arguments(&["--tls-cert", &cert, "--tls-key", &key]).start();
    let url = format!("https://localhost:{}/health", depot.address.port());
    let curl = |arguments: &[&str]| {
        let out = Command::new("curl")
            .args(["-sS", "--cacert"])
            .arg(at("ca.pem"))
            .args(arguments)
            .arg(&url)
            .output()
            .unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    assert_eq!(curl(&["--tlsv1.3"]), (true, "ok\n".to_owned()));
    assert!(!curl(&["--tls-max", "1.2"]).0);
    let nar = format!("https://localhost:{}/nar/large.nar", depot.address.port());
    let out = Command::new("curl").args(["-sS", "--cacert"]).arg(at("ca.pem")).arg(&nar).output().unwrap();
    assert!(out.stdout == large, "{} bytes came", out.stdout.len());
    // Somebody who does not speak TLS at all is not answered, and others still are.
    assert_eq!(Connection::open(depot.address).request("GET", "/health", &[], b"").map(|a| a.status), None);
    assert!(curl(&[]).0);
}

/// The first root is trusted because it was given; whoever gets it from here may still ask who signed it.
#[test]
fn the_first_root_is_given_out_with_the_signatures_beside_it() {
    let dir = folder();
    let whole = signed(root().canonical(), &[TRUST_A]);
    let name = format!("trust.json.{}.minisig", secret(TRUST_A).public_key().key_id());
    std::fs::write(dir.path().join(name), &whole.signatures[0].0).unwrap();
    std::fs::write(dir.path().join("trust.json.0000000000000000.minisig"), "of nobody listed").unwrap();
    let depot = Start::new(dir.path()).start();
    assert_eq!(get(depot.address, "/trust/1").body, whole.canonical());
    depot.kill();
}
