//! One bucket, and what it can be asked.

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use writ_client::settings::Timeouts;
use writ_client::{Answer, Ask, Sending, Web};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::BucketError;
use crate::sign::{self, hex};
use crate::xml::{self, Element};

/// The most that one request may store, in bytes (5 GiB; Amazon S3 User Guide, "Uploading objects").
pub const MAX_OBJECT: u64 = 5 * 1024 * 1024 * 1024;
/// The mode in which nobody may shorten a lock or remove what it holds.
const COMPLIANCE: &str = "COMPLIANCE";
/// The most pages of a list that are asked for: ten million versions.
const MAX_PAGES: usize = 10_000;
/// The longest key or version that is taken from an answer, in bytes.
const MAX_NAME: usize = 1024;

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server, as in `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Certificates (PEM) of the authorities that may vouch for the server's name, instead of the public web's.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP is allowed beyond loopback.
    pub allow_http: bool,
    /// How long it may be silent: for a first byte, and within a body.
    pub patience: Duration,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its MD5 (RFC 1321), which servers want with a lock: it protects from errors of the line, and from nobody.
    pub md5: [u8; 16],
}

/// The digests of a body that comes piece by piece.
#[derive(Clone, Default)]
pub struct Digests {
    sha256: Sha256,
    md5: Md5,
    size: u64,
}

impl Digests {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.md5.update(piece);
        self.size += piece.len() as u64;
    }

    /// What all of them are.
    pub fn content(self) -> Content {
        Content {
            size: self.size,
            sha256: Digest::from_bytes(self.sha256.finalize().into()),
            md5: self.md5.finalize().into(),
        }
    }
}

/// Reads a body to its end for its digests.
pub fn digests(from: &mut dyn Read) -> io::Result<Content> {
    let (mut digests, mut piece) = (Digests::default(), vec![0; 256 * 1024]);
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(digests.content()),
            Ok(count) => digests.update(&piece[..count]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// How an object is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The mode, in the server's words.
    pub mode: String,
    /// Until when.
    pub until: Time,
}

impl Lock {
    /// Whether nobody can remove the object before `until`.
    pub fn holds_until(&self, until: Time) -> bool {
        self.mode == COMPLIANCE && self.until >= until
    }
}

/// What came of storing an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    Stored,
    /// Something of that key was there already, and was left alone.
    Occupied,
}

/// What a server says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its length in bytes.
    pub size: u64,
    /// Which version it is; none where the server keeps no versions.
    pub version: Option<String>,
    /// What holds it.
    pub lock: Option<Lock>,
    /// Its SHA-256, where the server keeps that.
    pub sha256: Option<Digest>,
    /// Its MD5, where the server's entity tag is that.
    pub md5: Option<[u8; 16]>,
}

impl Stored {
    /// Whether the server says that it is this content. By SHA-256 where it keeps that, otherwise by MD5; none where it says
    /// neither, and only reading it tells.
    pub fn is(&self, content: &Content) -> Option<bool> {
        if self.size != content.size {
            return Some(false);
        }
        let by_sha256 = self.sha256.map(|sha256| sha256 == content.sha256);
        by_sha256.or_else(|| self.md5.map(|md5| md5 == content.md5))
    }
}

/// A version of an object, or a mark that hides those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The key, without the bucket's prefix.
    pub key: String,
    /// Which version.
    pub version: String,
    /// Whether it is a mark of deletion, which has no content.
    pub is_mark: bool,
}

/// A bucket.
#[derive(Clone)]
pub struct Bucket {
    web: Web,
    at: Address,
    region: String,
    by: Credentials,
}

impl Bucket {
    /// A bucket that is asked by somebody.
    pub fn new(at: &Address, settings: &Settings, by: Credentials) -> Result<Self, writ_client::SettingsError> {
        let timeouts = Timeouts { first_byte: settings.patience, idle: settings.patience, ..Timeouts::default() };
        let web = writ_client::Settings {
            ca_file: settings.ca_file.clone(),
            allow_http: settings.allow_http,
            timeouts,
            ..writ_client::Settings::new(&settings.endpoint)
        };
        Ok(Self { web: Web::new(&web)?, at: at.clone(), region: settings.region.clone(), by })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.at
    }

    /// The server that it is on.
    pub fn endpoint(&self) -> &str {
        self.web.address()
    }

    /// Whether the bucket locks what is written to it with a lock (`GetObjectLockConfiguration`).
    pub fn locks(&self) -> Result<bool, BucketError> {
        let what = format!("GET s3://{}?object-lock", self.at.bucket);
        match self.document(&what, "", &[("object-lock", "")]) {
            Ok(root) => {
                let enabled = root.text_of("ObjectLockEnabled");
                Ok(root.name == "ObjectLockConfiguration" && enabled == Some("Enabled"))
            }
            Err(error) if error.code() == Some("ObjectLockConfigurationNotFoundError") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores an object of which the key is free, locked until a date in the mode `COMPLIANCE`.
    pub fn put(
        &self,
        key: &str,
        body: &mut dyn Read,
        content: &Content,
        kind: &str,
        until: Time,
    ) -> Result<Put, BucketError> {
        let what = self.name("PUT", key);
        if content.size > MAX_OBJECT {
            let why = format!("{} bytes are more than the {MAX_OBJECT} that one request may store", content.size);
            return Err(BucketError::Malformed { what, why });
        }
        let headers = vec![
            ("content-type", kind.to_owned()),
            ("content-md5", STANDARD.encode(content.md5)),
            ("if-none-match", "*".to_owned()),
            ("x-amz-checksum-sha256", STANDARD.encode(content.sha256.as_bytes())),
            ("x-amz-object-lock-mode", COMPLIANCE.to_owned()),
            ("x-amz-object-lock-retain-until-date", until.to_string()),
        ];
        let sending = Sending::Stream(body, content.size);
        let body = content.sha256.hex();
        let answer = self.ask("PUT", key, &[], headers, (sending, &body), 0, &mut |_| Ok(()))?;
        match answer.status {
            _ if answer.is_success() => Ok(Put::Stored),
            412 => Ok(Put::Occupied),
            status => Err(BucketError::refused(&what, status, &answer.refusal)),
        }
    }

    /// What the server says of an object, or of one version of it; none where there is none.
    pub fn head(&self, key: &str, version: Option<&str>) -> Result<Option<Stored>, BucketError> {
        let query: Vec<(&str, &str)> = version.iter().map(|version| ("versionId", *version)).collect();
        let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
        let answer = self.ask("HEAD", key, &query, headers, nothing(), 0, &mut |_| Ok(()))?;
        match answer.status {
            200 => {
                stored(&answer).map(Some).map_err(|why| BucketError::Malformed { what: self.name("HEAD", key), why })
            }
            404 => Ok(None),
            // A mark of deletion.
            405 => Ok(None),
            status => Err(BucketError::refused(&self.name("HEAD", key), status, &answer.refusal)),
        }
    }

    /// Reads an object, or one version of it, of at most `limit` bytes, piece by piece; false where there is none.
    pub fn get(
        &self,
        key: &str,
        version: Option<&str>,
        limit: u64,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<bool, BucketError> {
        let query: Vec<(&str, &str)> = version.iter().map(|version| ("versionId", *version)).collect();
        let answer = self.ask("GET", key, &query, Vec::new(), nothing(), limit, sink)?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            status => Err(BucketError::refused(&self.name("GET", key), status, &answer.refusal)),
        }
    }

    /// Every version of every object whose key begins so, in the order of keys, of each the newest first.
    pub fn versions(&self, prefix: &str) -> Result<Vec<Version>, BucketError> {
        let what = format!("GET s3://{}?versions&prefix={}{prefix}", self.at.bucket, self.at.prefix);
        let malformed = |why: &str| BucketError::Malformed { what: what.clone(), why: why.to_owned() };
        let whole = format!("{}{prefix}", self.at.prefix);
        let (mut all, mut from): (Vec<Version>, Option<(String, String)>) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let mut query = vec![("versions", ""), ("prefix", whole.as_str()), ("max-keys", "1000")];
            if let Some((key, version)) = &from {
                query.extend([("key-marker", key.as_str()), ("version-id-marker", version.as_str())]);
            }
            let page = self.document(&what, "", &query)?;
            if page.name != "ListVersionsResult" {
                return Err(malformed("it is no list of versions"));
            }
            for element in &page.children {
                if matches!(element.name.as_str(), "Version" | "DeleteMarker") {
                    all.push(self.version(element).ok_or_else(|| malformed("a version without a key of ours"))?);
                }
            }
            if page.text_of("IsTruncated") != Some("true") {
                return Ok(all);
            }
            let of = |name: &str| page.text_of(name).filter(|text| text.len() <= MAX_NAME).map(str::to_owned);
            let next = of("NextKeyMarker").map(|key| (key, of("NextVersionIdMarker").unwrap_or_default()));
            let goes_on = next.is_some() && next != from;
            if !goes_on {
                return Err(malformed("it says that it goes on, and not where"));
            }
            from = next;
        }
        Err(malformed("it goes on without end"))
    }

    fn version(&self, element: &Element) -> Option<Version> {
        let of = |name: &str| element.text_of(name).filter(|text| (1..=MAX_NAME).contains(&text.len()));
        let key = of("Key")?.strip_prefix(&self.at.prefix)?.to_owned();
        let version = of("VersionId").unwrap_or("null").to_owned();
        Some(Version { key, version, is_mark: element.name == "DeleteMarker" })
    }

    fn document(&self, what: &str, key: &str, query: &[(&str, &str)]) -> Result<Element, BucketError> {
        let mut bytes = Vec::new();
        let answer = self.ask("GET", key, query, Vec::new(), nothing(), xml::MAX_XML as u64, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        if answer.status != 200 {
            return Err(BucketError::refused(what, answer.status, &answer.refusal));
        }
        xml::parse(&bytes).map_err(|e| BucketError::Malformed { what: what.to_owned(), why: format!("no XML: {e}") })
    }

    fn name(&self, method: &str, key: &str) -> String {
        format!("{method} {}{key}", self.at)
    }

    /// Sends a request, signed. A key is of characters that need no escape: ours are.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one request")]
    fn ask(
        &self,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        mut headers: Vec<(&str, String)>,
        (sending, body): (Sending<'_>, &str),
        limit: u64,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Answer, BucketError> {
        let path = match key {
            "" => format!("/{}", self.at.bucket),
            key => format!("/{}/{}{key}", self.at.bucket, self.at.prefix),
        };
        let request = sign::Request { method, host: self.web.host(), path: &path, query, headers: &headers, body };
        let signed = sign::sign(&request, &self.region, &self.by, now());
        headers.extend(signed);
        let target = match sign::query(query) {
            query if query.is_empty() => path,
            query => format!("{path}?{query}"),
        };
        Ok(self.web.ask(Ask { method, target: &target, headers: &headers, sending, limit }, sink)?)
    }
}

/// No body, and its SHA-256.
fn nothing() -> (Sending<'static>, &'static str) {
    (Sending::Nothing, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What the headers of an object say.
fn stored(answer: &Answer) -> Result<Stored, String> {
    let size = answer.header("content-length").and_then(|size| size.parse().ok()).ok_or("it does not say its size")?;
    let version = answer.header("x-amz-version-id").filter(|id| *id != "null" && id.len() <= MAX_NAME);
    let until = answer.header("x-amz-object-lock-retain-until-date");
    let lock = match (answer.header("x-amz-object-lock-mode"), until) {
        (Some(mode), Some(until)) => {
            let until = instant(until).ok_or("until when it is locked cannot be read")?;
            Some(Lock { mode: mode.chars().take(40).collect(), until })
        }
        _ => None,
    };
    let sha256 = answer.header("x-amz-checksum-sha256").and_then(|text| STANDARD.decode(text).ok());
    let sha256 = sha256.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).map(Digest::from_bytes);
    Ok(Stored { size, version: version.map(str::to_owned), lock, sha256, md5: answer.header("etag").and_then(md5_of) })
}

/// An instant in whole seconds, whatever its fraction: some servers write nine digits of it.
fn instant(text: &str) -> Option<Time> {
    let text = text.trim();
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "Z"));
    let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let seconds = seconds.strip_suffix('Z').unwrap_or(seconds);
    if zone != "Z" && zone != "+00:00" {
        return None;
    }
    format!("{seconds}Z").parse().ok()
}

/// The MD5 that an entity tag is, unless the object came in parts.
fn md5_of(tag: &str) -> Option<[u8; 16]> {
    let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    if digits.len() != 32 {
        return None;
    }
    let mut md5 = [0; 16];
    for (at, byte) in md5.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (hex(&md5) == digits.to_ascii_lowercase()).then_some(md5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_servers_write_them() {
        let plain: Time = "2032-11-28T00:00:00Z".parse().unwrap();
        for text in ["2032-11-28T00:00:00Z", "2032-11-28T00:00:00.000Z", "2032-11-28T00:00:00.123456789Z"] {
            assert_eq!(instant(text), Some(plain), "{text}");
        }
        for bad in ["", "2032-11-28", "2032-11-28T00:00:00.1+02:00", "tomorrow"] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_entity_tag_is_an_md5_where_it_is_one() {
        assert_eq!(md5_of("\"d41d8cd98f00b204e9800998ecf8427e\"").map(|md5| md5[0]), Some(0xd4));
        for none in [
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "\"d41d8cd98f00b204e9800998ecf8427e-2\"",
            "\"+41d8cd98f00b204e9800998ecf8427e\"",
            "\"é1d8cd98f00b204e9800998ecf8427e\"",
        ] {
            assert_eq!(md5_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_lock_holds_only_in_the_mode_that_nobody_ends() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let lock = |mode: &str| Lock { mode: mode.to_owned(), until: at("2032-11-28T00:00:00Z") };
        assert!(lock("COMPLIANCE").holds_until(at("2032-11-28T00:00:00Z")));
        assert!(!lock("COMPLIANCE").holds_until(at("2032-11-28T00:00:01Z")));
        assert!(!lock("GOVERNANCE").holds_until(at("2027-01-01T00:00:00Z")));
    }

    #[test]
    fn a_body_has_the_digests_of_its_bytes() {
        let content = digests(&mut &b"abc"[..]).unwrap();
        assert_eq!((content.size, content.sha256), (3, Digest::of(b"abc")));
        assert_eq!(hex(&content.md5), "900150983cd24fb0d6963f7d28e17f72");
    }
}
