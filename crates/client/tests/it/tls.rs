//! Whose word on a depot's name counts. OpenSSL makes the certificate and serves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use writ_client::{Client, Error, Settings};

use crate::server::{answer, target};

struct Serving {
    process: Child,
    port: u16,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes a certificate for `name` and serves with it, from a folder that holds whole answers.
fn serve(folder: &Path, name: &str) -> Serving {
    serve_with(folder, name, &[])
}

fn serve_with(folder: &Path, name: &str, more: &[&str]) -> Serving {
    let config = format!(
        "[req]\ndistinguished_name = name\nx509_extensions = leaf\nprompt = no\n[name]\nCN = test\n[leaf]\n\
         basicConstraints = critical,CA:FALSE\nsubjectAltName = {name}\n"
    );
    fs::write(folder.join("config"), config).unwrap();
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-config", "config", "-keyout", "key.pem", "-out", "ca.pem"])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    fs::write(folder.join("hello"), answer("200 OK", "", b"over TLS")).unwrap();
    let mut process = Command::new("openssl")
        .current_dir(folder)
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "ca.pem", "-key", "key.pem", "-HTTP"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says `ACCEPT 127.0.0.1:<port>` once it listens.
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port =
        lines.into_iter().find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()).unwrap();
    Serving { process, port }
}

#[test]
fn only_given_authorities_vouch_for_the_depot() {
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(folder.path(), "IP:127.0.0.1");
    let mut settings = Settings::new(format!("https://127.0.0.1:{}", serving.port));
    settings.ca_file = Some(folder.path().join("ca.pem"));
    assert_eq!(Client::new(&settings).unwrap().get(&target("/hello"), 100).unwrap(), b"over TLS");
    settings.ca_file = None;
    let error = Client::new(&settings).unwrap().get(&target("/hello"), 100).unwrap_err();
    assert!(matches!(&error, Error::Unreachable { .. }) && error.to_string().contains("ertificate"), "{error}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(folder.path(), "DNS:depot.example");
    let mut settings = Settings::new(format!("https://127.0.0.1:{}", serving.port));
    settings.ca_file = Some(folder.path().join("ca.pem"));
    let error = Client::new(&settings).unwrap().get(&target("/hello"), 100).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn an_older_protocol_is_not_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let serving = serve_with(folder.path(), "IP:127.0.0.1", &["-tls1_2"]);
    let mut settings = Settings::new(format!("https://127.0.0.1:{}", serving.port));
    settings.ca_file = Some(folder.path().join("ca.pem"));
    let error = Client::new(&settings).unwrap().get(&target("/hello"), 100).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}
