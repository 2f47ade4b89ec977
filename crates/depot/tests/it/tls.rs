//! Certificates that are renewed while a depot serves.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::daemon::{Daemon, Start, until};
use crate::world::*;

/// Runs the real openssl in a folder.
#[track_caller]
pub fn openssl(dir: &Path, arguments: &[&str]) {
    let out = Command::new("openssl").args(arguments).current_dir(dir).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A certificate for `localhost` with this serial number, and its key.
pub fn pair(dir: &Path, certificate: &str, key: &str, serial: &str, days: &str) {
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-set_serial", serial];
    let files = ["-days", days, "-keyout", key, "-out", certificate];
    openssl(dir, &[&["req", "-x509"][..], &curve, &names, &files].concat());
}

/// A pair that ended years ago.
fn ended_pair(dir: &Path, certificate: &str, key: &str) {
    let config = "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\npolicy=p\n\
                  x509_extensions=e\n[p]\ncommonName=supplied\n[e]\nbasicConstraints=CA:FALSE\n";
    for (name, text) in [("ca.cnf", config), ("index", ""), ("serial", "7777\n")] {
        fs::write(dir.join(name), text).unwrap();
    }
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(dir, &[&["req", "-subj", "/CN=localhost", "-keyout", key, "-out", "ended.csr"][..], &curve].concat());
    let dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"];
    let files = ["-keyfile", key, "-in", "ended.csr", "-out", certificate];
    openssl(dir, &[&["ca", "-batch", "-selfsign", "-notext", "-config", "ca.cnf"][..], &dates, &files].concat());
}

/// The serial number of the certificate that a new connection is shown.
fn serial(address: SocketAddr) -> Option<String> {
    let port = format!("localhost:{}", address.port());
    let shown = Command::new("openssl")
        .args(["s_client", "-connect", &port, "-servername", "localhost", "-tls1_3"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let mut x509 = Command::new("openssl")
        .args(["x509", "-noout", "-serial"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = x509.stdin.take().unwrap().write_all(&shown.stdout);
    let told = String::from_utf8(x509.wait_with_output().unwrap().stdout).unwrap();
    told.trim().strip_prefix("serial=").map(str::to_owned)
}

/// One connection by the real openssl that stays open.
struct Open {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Open {
    fn new(address: SocketAddr) -> Self {
        let port = format!("localhost:{}", address.port());
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-no_ign_eof", "-connect", &port, "-servername", "localhost", "-tls1_3"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    /// The status of one more request on it.
    fn get(&mut self, target: &str) -> String {
        self.to.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
        self.to.flush().unwrap();
        let mut status = String::new();
        // What is left of the answer before.
        while !status.starts_with("HTTP/1.1 ") {
            status.clear();
            assert!(self.from.read_line(&mut status).unwrap() > 0, "the connection ended");
        }
        status.trim_end().to_owned()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn curl(address: SocketAddr, target: &str) -> (bool, String) {
    let url = format!("https://localhost:{}{target}", address.port());
    let out = Command::new("curl").args(["-sSk", "--tlsv1.3", &url]).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
}

fn metric(address: SocketAddr, name: &str) -> f64 {
    let told = curl(address, "/metrics").1;
    let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name}: {told}")).parse().unwrap()
}

fn hang_up(depot: &Daemon) {
    assert!(Command::new("kill").args(["-HUP", &depot.pid().to_string()]).status().unwrap().success());
}

/// Swings a link to another file in one rename, as certbot does.
fn swing(link: &Path, to: &str) {
    let next = link.with_extension("next");
    symlink(to, &next).unwrap();
    fs::rename(next, link).unwrap();
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart_and_no_connection_ends() {
    let dir = folder();
    let (live, archive) = (dir.path().join("live"), dir.path().join("archive"));
    fs::create_dir(&live).unwrap();
    fs::create_dir(&archive).unwrap();
    pair(&archive, "cert1.pem", "key1.pem", "0x1111", "30");
    symlink("../archive/cert1.pem", live.join("cert.pem")).unwrap();
    symlink("../archive/key1.pem", live.join("key.pem")).unwrap();
    let (cert, key) = (live.join("cert.pem").display().to_string(), live.join("key.pem").display().to_string());
    let start = Start::new(dir.path()).arguments(&["--tls-cert", &cert, "--tls-key", &key, "--renew", "1s"]);
    let depot = start.arguments(&["--header-timeout", "2m"]).start();
    let address = depot.address;
    assert_eq!(serial(address).as_deref(), Some("1111"));
    let left = metric(address, "writ_depot_tls_expires_seconds");
    assert!((29.0 * 86_400.0..=30.0 * 86_400.0).contains(&left), "{left}");
    let mut open = Open::new(address);
    assert_eq!(open.get("/health"), "HTTP/1.1 200 OK");
    let done = AtomicBool::new(false);
    let failed = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut failed = Vec::new();
            while !done.load(Ordering::Relaxed) {
                failed.extend(Some(curl(address, "/health")).filter(|answer| *answer != (true, "ok\n".to_owned())));
            }
            failed
        });
        pair(&archive, "cert2.pem", "key2.pem", "0x2222", "90");
        swing(&live.join("cert.pem"), "../archive/cert2.pem");
        swing(&live.join("key.pem"), "../archive/key2.pem");
        until("the new certificate", || serial(address).filter(|serial| serial == "2222"));
        // As lego does: a new file in place of the old one, at the same name.
        pair(dir.path(), "live/cert3.pem", "live/key3.pem", "0x3333", "90");
        fs::rename(live.join("cert3.pem"), live.join("cert.pem")).unwrap();
        fs::rename(live.join("key3.pem"), live.join("key.pem")).unwrap();
        until("the one after it", || serial(address).filter(|serial| serial == "3333"));
        done.store(true, Ordering::Relaxed);
        load.join().unwrap()
    });
    assert_eq!(failed, Vec::new(), "requests beside the swaps");
    assert_eq!(open.get("/health"), "HTTP/1.1 200 OK", "a connection of before goes on");
    assert!(metric(address, "writ_depot_tls_expires_seconds") > 89.0 * 86_400.0);
    assert_eq!(metric(address, "writ_depot_tls_reload_failures_total"), 0.0, "{}", depot.log());
    assert!(depot.log().contains("a new certificate is served from now on"), "{}", depot.log());
    drop(open);
    assert!(depot.stop().success());
}

#[test]
fn a_pair_that_is_of_no_use_is_told_loudly_and_the_one_before_serves_on() {
    let dir = folder();
    let tls = dir.path().join("tls");
    fs::create_dir(&tls).unwrap();
    pair(&tls, "cert.pem", "key.pem", "0x1111", "30");
    pair(&tls, "other.pem", "other.key", "0x2222", "30");
    ended_pair(&tls, "ended.pem", "ended.key");
    let (cert, key) = (tls.join("cert.pem").display().to_string(), tls.join("key.pem").display().to_string());
    let depot = Start::new(dir.path()).arguments(&["--tls-cert", &cert, "--tls-key", &key]).start();
    let address = depot.address;
    let (good, good_key) = (fs::read(&cert).unwrap(), fs::read(&key).unwrap());
    let at = |name: &str| fs::read(tls.join(name)).unwrap();
    let failures = || metric(address, "writ_depot_tls_reload_failures_total");
    let mut told = 0;
    for (certificate, secret, why) in [
        (b"-----BEGIN CERTIFICATE-----\n".to_vec(), good_key.clone(), "cert.pem"),
        (Vec::new(), good_key.clone(), "no certificate is in it"),
        (at("other.pem"), good_key.clone(), "--tls-cert and --tls-key"),
        (at("other.pem"), b"no key".to_vec(), "key.pem"),
        (at("ended.pem"), at("ended.key"), "the one that is served holds now"),
        (vec![b'a'; 300_000], good_key.clone(), "cannot be read"),
    ] {
        fs::write(&cert, certificate).unwrap();
        fs::write(&key, secret).unwrap();
        let before = failures();
        hang_up(&depot);
        until(why, || (failures() > before).then_some(()));
        let loud = |line: &&str| line.contains("THE CERTIFICATE CANNOT BE RENEWED") && line.contains(why);
        until(why, || depot.log().lines().find(loud).map(|_| ()));
        assert_eq!(serial(address).as_deref(), Some("1111"), "{why}");
        told += 1;
    }
    assert_eq!(told, 6);
    fs::remove_file(&cert).unwrap();
    hang_up(&depot);
    until("a file that is gone", || depot.log().contains("No such file").then_some(()));
    assert_eq!(serial(address).as_deref(), Some("1111"));
    // Nothing secret is told.
    let secret = String::from_utf8(good_key).unwrap();
    assert!(secret.lines().filter(|line| !line.starts_with('-')).all(|line| !depot.log().contains(line)));
    fs::write(&key, at("other.key")).unwrap();
    fs::write(&cert, at("other.pem")).unwrap();
    hang_up(&depot);
    until("the pair that fits", || serial(address).filter(|serial| serial == "2222"));
    let before = failures();
    hang_up(&depot);
    until("a look at what is served", || depot.log().contains("those that are served").then_some(()));
    assert_eq!(failures(), before);
    drop(good);
    assert!(depot.stop().success());
}

#[test]
fn a_depot_without_tls_takes_no_harm_from_a_hangup() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    hang_up(&depot);
    let told = crate::client::get(depot.address, "/metrics").text();
    assert!(told.contains("writ_depot_tls_expires_seconds inf"), "{told}");
    assert!(depot.stop().success());
}
