//! The addresses of a depot. Every part is a validated name, so none needs escaping and none can climb.

use std::fmt;

use writ_trust::digest::Digest;
use writ_trust::ids::{LogSourceId, SiteId};
use writ_trust::log::witness::CosignatureName;
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::timestamp::TimestampName;

use crate::mac::MacAddress;
use crate::publication::HashPart;

/// Path and query of a request, as they are signed and sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The path, beginning with a slash.
    pub path: String,
    /// The query, without its question mark.
    pub query: Option<String>,
}

impl fmt::Display for Target {
    /// The request target: `<path>` or `<path>?<query>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

fn at(path: impl Into<String>) -> Target {
    Target { path: path.into(), query: None }
}

/// `GET`: what is new, for whoever has trust root `trust` and knows the site's log up to `log` entries.
pub fn sync(trust: TrustVersion, log: u64) -> Target {
    Target { path: "/agent/sync".into(), query: Some(format!("trust={trust}&log={log}")) }
}

/// `POST`: [`crate::check_in::CheckIn`].
pub fn check_in() -> Target {
    at("/agent/checkin")
}

/// `GET`: the exact bytes of a trust root.
pub fn trust_document(version: TrustVersion) -> Target {
    at(format!("/trust/{version}.json"))
}

/// `GET`: a trust root as [`crate::Signed`].
pub fn trust(version: TrustVersion) -> Target {
    at(format!("/trust/{version}"))
}

/// `GET`: the exact bytes of a policy or closure document.
pub fn document(digest: &Digest) -> Target {
    at(format!("/documents/{digest}"))
}

/// `POST`: [`crate::evidence_batch::EvidenceBatch`].
pub fn evidence_submit(site: &SiteId) -> Target {
    at(format!("/api/evidence/sites/{site}/submit"))
}

/// `GET`: [`crate::evidence_page::EvidencePage`] of the site's log number `log`, from an index on.
pub fn evidence_bundles(site: &SiteId, log: u64, from: u64) -> Target {
    Target { path: format!("/api/evidence/sites/{site}/bundles"), query: Some(format!("log={log}&from={from}")) }
}

/// `GET`: counts of the site's evidence.
pub fn evidence_summary(site: &SiteId) -> Target {
    at(format!("/api/evidence/sites/{site}/summary"))
}

/// `GET`: what the depot says of its own evidence. Nobody relies on it.
pub fn evidence_verify(site: &SiteId) -> Target {
    at(format!("/api/evidence/sites/{site}/verify"))
}

/// `GET`: [`crate::releases::Releases`].
pub fn releases(site: &SiteId) -> Target {
    at(format!("/api/releases/{site}"))
}

/// `GET`: [`crate::releases::LoggedRelease`].
pub fn release(site: &SiteId, epoch: Epoch, serial: Serial) -> Target {
    at(format!("/api/releases/{site}/{epoch}-{serial}"))
}

/// `GET`: [`crate::heartbeats::Heartbeats`].
pub fn heartbeats(site: &SiteId) -> Target {
    at(format!("/api/heartbeats/{site}"))
}

/// `POST`: a batch of log lines, packed ([`crate::log_batch`]); answered with [`crate::log_receipt::LogReceipt`].
pub fn log_batch_submit(site: &SiteId, source: &LogSourceId, number: u64) -> Target {
    at(format!("/api/logs/sites/{site}/{source}/{number}"))
}

/// `GET`: the exact bytes of a batch of log lines.
pub fn log_batch(site: &SiteId, digest: &Digest) -> Target {
    at(format!("/api/logs/batches/{site}/{digest}"))
}

/// `GET`: [`crate::log_sources::LogSources`].
pub fn log_sources(site: &SiteId) -> Target {
    at(format!("/api/logs/sites/{site}"))
}

/// `POST`: a [`crate::notice::Notice`] as [`crate::Signed`]; `GET`: [`crate::notices::Notices`].
pub fn notices(site: &SiteId) -> Target {
    at(format!("/api/notices/{site}"))
}

/// `GET`: [`crate::orders::Orders`].
pub fn orders(site: &SiteId) -> Target {
    at(format!("/api/orders/{site}"))
}

/// `PUT`: an order as [`crate::Signed`].
pub fn publish_order(site: &SiteId) -> Target {
    at(format!("/publish/orders/{site}"))
}

/// `GET`: [`crate::claims::Claims`], of every card.
pub fn claims() -> Target {
    at("/api/provision")
}

/// `POST`: a [`crate::claim::Claim`] as [`crate::Signed`]; `GET`: [`crate::claims::Claims`] of one card.
pub fn provision(mac: &MacAddress) -> Target {
    at(format!("/api/provision/{mac}"))
}

/// `GET`: [`crate::placement::Placement`] of the machine that claims the card with a key, for whoever has trust root `trust`.
pub fn placement(mac: &MacAddress, key: &PublicKey, trust: TrustVersion) -> Target {
    let query = Some(format!("key={}&trust={trust}", key.fingerprint()));
    Target { query, ..provision(mac) }
}

/// Which of a site's logs a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The one that grows.
    Current,
    /// One by its number, from 1.
    Number(u64),
}

fn log(site: &SiteId, log: Log, rest: impl fmt::Display) -> Target {
    match log {
        Log::Current => at(format!("/log/{site}/{rest}")),
        Log::Number(number) => at(format!("/log/{site}/{number}/{rest}")),
    }
}

/// `GET`: the newest checkpoint, a signed note.
pub fn log_checkpoint(site: &SiteId, which: Log) -> Target {
    log(site, which, "checkpoint")
}

/// `GET`: a tile or a bundle of entries, by its path in C2SP's layout (`tile/0/x001/067`, `tile/entries/000.p/7`).
pub fn log_tile(site: &SiteId, which: Log, tile: &str) -> Target {
    log(site, which, tile)
}

/// `GET`: the document by which log `number` began, as [`crate::Signed`]; the first log has none.
pub fn log_restart(site: &SiteId, number: u64) -> Target {
    log(site, Log::Number(number), "restart")
}

/// `GET`: [`crate::log_times::LogTimes`].
pub fn log_times(site: &SiteId, which: Log) -> Target {
    log(site, which, "timestamps")
}

/// `GET`: a [`crate::timestamp::Timestamp`].
pub fn log_timestamp(site: &SiteId, which: Log, name: &TimestampName) -> Target {
    log(site, which, format!("timestamps/{name}"))
}

/// `GET`: a checkpoint that a witness cosigned, a signed note.
pub fn log_cosignature(site: &SiteId, number: u64, name: &CosignatureName) -> Target {
    log(site, Log::Number(number), format!("cosignatures/{name}"))
}

/// `PUT`: a [`crate::timestamp::Timestamp`] of a checkpoint of one of the site's logs.
pub fn publish_timestamp(site: &SiteId) -> Target {
    at(format!("/publish/timestamps/{site}"))
}

/// `PUT`: a checkpoint of one of the site's logs with the cosignature of a witness, a signed note.
pub fn publish_cosignature(site: &SiteId) -> Target {
    at(format!("/publish/cosignatures/{site}"))
}

/// `GET`: what a Nix binary cache says of itself.
pub fn cache_info() -> Target {
    at("/nix-cache-info")
}

/// `GET`: a store path's narinfo.
pub fn narinfo(path: &HashPart) -> Target {
    at(format!("/{path}.narinfo"))
}

/// `GET`: a file that a narinfo names by its `URL` (`nar/…`). `None` when that is not a plain name in `nar/`.
pub fn nar(url: &str) -> Option<Target> {
    nar_file(url).map(|_| at(format!("/{url}")))
}

/// The file name in a narinfo's `URL`, `nar/<name>`: up to 200 of `a-z A-Z 0-9 . _ -`, not beginning with a dot.
pub fn nar_file(url: &str) -> Option<&str> {
    let name = url.strip_prefix("nar/")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    ((1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)).then_some(name)
}

/// `PUT`: a trust root as [`crate::Signed`].
pub fn publish_trust(version: TrustVersion) -> Target {
    at(format!("/publish/trust/{version}"))
}

/// `PUT`: a log restart as [`crate::Signed`].
pub fn publish_restart(site: &SiteId) -> Target {
    at(format!("/publish/restart/{site}"))
}

/// `PUT`: a release as [`crate::Signed`]; `GET`: [`crate::publication::Publication`].
pub fn publish_release(site: &SiteId) -> Target {
    at(format!("/publish/releases/{site}"))
}

/// `PUT`: the exact bytes of a policy or closure document.
pub fn publish_document(digest: &Digest) -> Target {
    at(format!("/publish/documents/{digest}"))
}

/// `PUT`: a narinfo, before the file that it names.
pub fn publish_narinfo(path: &HashPart) -> Target {
    at(format!("/publish/narinfo/{path}"))
}

/// `PUT`: the file that a narinfo names by its `URL`. `None` as in [`nar`].
pub fn publish_nar(url: &str) -> Option<Target> {
    nar_file(url).map(|name| at(format!("/publish/nar/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_depot() {
        let site: SiteId = "clinic-001".parse().unwrap();
        let digest = Digest::of(b"");
        assert_eq!(sync(TrustVersion::FIRST, 0).to_string(), "/agent/sync?trust=1&log=0");
        assert_eq!(document(&digest).to_string(), format!("/documents/sha256:{}", digest.hex()));
        assert_eq!(evidence_bundles(&site, 2, 70).to_string(), "/api/evidence/sites/clinic-001/bundles?log=2&from=70");
        assert_eq!(log_checkpoint(&site, Log::Current).to_string(), "/log/clinic-001/checkpoint");
        assert_eq!(log_tile(&site, Log::Number(2), "tile/0/x001/067").to_string(), "/log/clinic-001/2/tile/0/x001/067");
        let source = "audit".parse().unwrap();
        assert_eq!(log_batch_submit(&site, &source, 7).to_string(), "/api/logs/sites/clinic-001/audit/7");
        let mac = "00:00:5e:00:53:01".parse().unwrap();
        assert_eq!(provision(&mac).to_string(), "/api/provision/00:00:5e:00:53:01");
        let key = writ_trust::minisign::SecretKey::generate(&[1; 40]).public_key();
        let asks = format!("/api/provision/00:00:5e:00:53:01?key={}&trust=1", key.fingerprint());
        assert_eq!(placement(&mac, &key, TrustVersion::FIRST).to_string(), asks);
        let name = "20261128-0123456789abcdef".parse().unwrap();
        let target = log_timestamp(&site, Log::Current, &name).to_string();
        assert_eq!(target, "/log/clinic-001/timestamps/20261128-0123456789abcdef");
        let name = "0123abcd-1795000000".parse().unwrap();
        let target = log_cosignature(&site, 2, &name).to_string();
        assert_eq!(target, "/log/clinic-001/2/cosignatures/0123abcd-1795000000");
        assert_eq!(nar("nar/abc.nar.zst").unwrap().to_string(), "/nar/abc.nar.zst");
    }

    #[test]
    fn a_narinfo_cannot_name_a_file_elsewhere() {
        let long = format!("nar/{}", "a".repeat(201));
        for bad in
            ["", "nar/", "nar/..", "nar/../x", "nar/a/b", "/nar/a", "nar/a?b", "nar/a%2fb", "http://x/nar/a", &long]
        {
            assert_eq!((nar(bad), publish_nar(bad)), (None, None), "{bad}");
        }
    }
}
