//! A server of buckets: moto, which `cargo xtask test` installs from PyPI. It keeps what it has in memory, and asks nobody for a key.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use writ_bucket::{Address, Bucket, Credentials, Settings};
use writ_client::{Ask, Sending, Web};
use writ_scenarios::flake::repository;
use writ_tools::python;

use super::world::World;

/// The server; killed when dropped.
pub struct Moto {
    child: Child,
    pub endpoint: String,
}

impl Moto {
    /// Starts it at a port, or at any with 0.
    pub fn start(port: u16) -> Self {
        let python = python::folder("moto").join("bin/python");
        assert!(python.is_file(), "no {}: run `cargo xtask test`, which installs it", python.display());
        let script = repository().join("checks/scenarios/tests/it/delivery/bucket_server.py");
        let mut command = Command::new(python);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(port.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap_or_else(|e| panic!("moto says {line:?}: {e}"));
        Self { child, endpoint: format!("http://127.0.0.1:{port}") }
    }

    pub fn port(&self) -> u16 {
        self.endpoint.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// As an outage: what it had is gone with it.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// One request of somebody with a key, which is not looked at here; gives the status.
    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let web = Web::new(&writ_client::Settings::new(&self.endpoint)).unwrap();
        let key = [("authorization", AUTHORIZATION)];
        let headers = headers.iter().chain(&key).map(|(name, value)| (*name, (*value).to_owned()));
        let headers: Vec<(&str, String)> = headers.collect();
        let mut reader = body;
        let sending = match body {
            [] => Sending::Nothing,
            body => Sending::Stream(&mut reader, body.len() as u64),
        };
        let ask = Ask { method, target, headers: &headers, sending, limit: 1 << 20 };
        web.ask(ask, &mut |_| Ok(())).unwrap().status
    }

    /// Makes a bucket.
    pub fn make(&self, name: &str, locks: bool) {
        let lock: &[(&str, &str)] = if locks { &[("x-amz-bucket-object-lock-enabled", "true")] } else { &[] };
        assert_eq!(self.ask("PUT", &format!("/{name}"), lock, b""), 200);
    }

    /// A bucket, as our own client sees it.
    pub fn bucket(&self, name: &str) -> Bucket {
        let at: Address = format!("s3://{name}").parse().unwrap();
        let settings = Settings {
            endpoint: self.endpoint.clone(),
            region: "us-east-1".to_owned(),
            ca_file: None,
            allow_http: false,
            patience: Duration::from_secs(30),
        };
        Bucket::new(&at, &settings, Credentials::parse(KEY).unwrap()).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261128/us-east-1/s3/aws4_request, \
                             SignedHeaders=host, Signature=0";
const KEY: &str = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = a-secret-of-tests\n";

/// The file of an access key.
pub fn credentials(world: &World) -> PathBuf {
    let path = world.house.path("etc/bucket.credentials");
    fs::write(&path, KEY).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
