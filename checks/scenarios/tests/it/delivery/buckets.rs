//! A server of buckets, for one test. In `cargo xtask test` it is moto, which keeps what it has in memory and asks nobody for a key;
//! in `cargo xtask test --all` these tests run once more on Ceph's radosgw, which looks at signatures, at dates, and at what a lock is.

mod moto;
mod radosgw;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Child;

use writ_bucket::sign::{self, Request};
use writ_bucket::{Credentials, Version, xml};
use writ_client::{Ask, Sending, Web};
use writ_scenarios::Time;
use writ_trust::digest::Digest;

use super::clocks::Clock;
use super::world::World;
use crate::house::now_plus;

/// Says that these tests run on the strict one.
const STRICT: &str = "WRIT_TEST_ON_RADOSGW";
/// Who asks.
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "a-secret-of-tests";

/// Whether the server looks at who asks, and keeps a lock as it must be kept.
pub fn is_strict() -> bool {
    std::env::var_os(STRICT).is_some()
}

/// What was started; killed when dropped, the last of it first.
struct Started {
    processes: Vec<Child>,
    port: u16,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Started {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The server.
pub struct Server {
    started: Started,
    pub endpoint: String,
    clock: Clock,
}

/// What it answered.
pub struct Said {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Said {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name}: {:?}", self.headers), |(_, value)| value)
    }
}

impl Server {
    /// Starts it at a port, or at any with 0, with the time of a clock: who signs at another is refused.
    pub fn start(port: u16, clock: &Clock) -> Self {
        let started = if is_strict() { radosgw::start(port, clock) } else { moto::start(port) };
        Self { endpoint: format!("http://127.0.0.1:{}", started.port), started, clock: clock.clone() }
    }

    pub fn port(&self) -> u16 {
        self.started.port
    }

    /// One request of somebody with the key, and nothing of our own client but how it is signed.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        mut body: &[u8],
    ) -> Said {
        let web = Web::new(&writ_client::Settings::new(&self.endpoint)).unwrap();
        let mut headers: Vec<(&str, String)> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let digest = Digest::of(body).hex();
        let request = Request { method, host: web.host(), path, query, headers: &headers, body: &digest };
        let by = Credentials::parse(&key(SECRET)).unwrap();
        let signed = sign::sign(&request, "us-east-1", &by, now_plus(self.clock.seconds() * 1000));
        headers.extend(signed);
        let target = match sign::query(query) {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let sending = match body.len() {
            0 => Sending::Nothing,
            length => Sending::Stream(&mut body, length as u64),
        };
        let mut said = Vec::new();
        let ask = Ask { method, target: &target, headers: &headers, sending, limit: 1 << 20 };
        let answer = web.ask(ask, &mut |piece| {
            said.extend_from_slice(piece);
            Ok(())
        });
        let answer = answer.unwrap();
        Said { status: answer.status, headers: answer.headers, body: [said, answer.refusal].concat() }
    }

    /// The same, of which only the status counts.
    pub fn status(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> u16 {
        self.ask(method, path, query, headers, body).status
    }

    /// Makes a bucket.
    pub fn make(&self, name: &str, locks: bool) {
        let lock: &[(&str, &str)] = if locks { &[("x-amz-bucket-object-lock-enabled", "true")] } else { &[] };
        let said = self.ask("PUT", &format!("/{name}"), &[], lock, b"");
        assert_eq!(said.status, 200, "{}", String::from_utf8_lossy(&said.body));
    }

    /// Every version of every object of a bucket, by its own list.
    pub fn versions(&self, bucket: &str) -> Vec<Version> {
        let said = self.ask("GET", &format!("/{bucket}"), &[("versions", "")], &[], b"");
        let text = String::from_utf8_lossy(&said.body).into_owned();
        assert_eq!(said.status, 200, "{text}");
        let page = xml::parse(&said.body).unwrap();
        assert_eq!((page.name.as_str(), page.text_of("IsTruncated")), ("ListVersionsResult", Some("false")), "{text}");
        let elements = page.children.iter().filter(|child| ["Version", "DeleteMarker"].contains(&child.name.as_str()));
        let of = |element: &xml::Element, name: &str| element.text_of(name).unwrap().to_owned();
        elements
            .map(|e| Version { key: of(e, "Key"), version: of(e, "VersionId"), is_mark: e.name == "DeleteMarker" })
            .collect()
    }

    /// The mode in which a version is locked, and until when.
    pub fn lock(&self, bucket: &str, of: &Version) -> (String, Time) {
        let said = self.ask("HEAD", &format!("/{bucket}/{}", of.key), &[("versionId", &of.version)], &[], b"");
        assert_eq!(said.status, 200);
        // Some write nine digits of a second.
        let until = format!("{}Z", &said.header("x-amz-object-lock-retain-until-date")[..19]);
        (said.header("x-amz-object-lock-mode").to_owned(), until.parse().unwrap())
    }
}

fn key(secret: &str) -> String {
    format!("[default]\naws_access_key_id = {ID}\naws_secret_access_key = {secret}\n")
}

/// The file of an access key, with the secret that belongs to it or another.
pub fn credentials(world: &World, right: bool) -> PathBuf {
    let path = world.house.path("etc/bucket.credentials");
    fs::write(&path, key(if right { SECRET } else { "another-secret" })).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
