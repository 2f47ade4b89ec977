//! What came of verifying an audit folder.

use serde::Serialize;
use writ_evidence::Bundle;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::key_register::KeyRecord;
use writ_trust::time::Time;

use crate::archive::{Archive, Options};
use crate::folder::Folder;
pub use crate::load::log::Witnessed;
use crate::load::log_batches::LogSourceSummary;
use crate::log_summary::{LogSummary, NOT_CONFIGURED, state_of};
use crate::problem::Problems;

/// The chain of one appliance key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainSummary {
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Fingerprint of the key.
    pub fingerprint: String,
    /// Its minisign key id.
    pub key_id: String,
    /// The key as `minisign -P` takes it.
    pub public_key: String,
    /// How many bundles verified.
    pub bundles: usize,
    /// Sequence of the first that verified.
    pub first: Option<u64>,
    /// Sequence of the last that verified.
    pub last: Option<u64>,
    /// When the first was written.
    pub first_at: Option<Time>,
    /// When the last was written. Whether later ones were withheld cannot be seen without a log.
    pub last_at: Option<Time>,
    /// What is left of the chain of a key that was revoked; not there of one that was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<RevokedChain>,
}

/// How many bundles of a revoked key a log is proven to have held before, and by what kind of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RevokedChain {
    /// As of when the key was revoked.
    pub revoked_at: Time,
    /// By an authority of time or a witness.
    pub external: u64,
    /// By the word of the log's own key alone.
    pub log_key: u64,
    /// Not at all: they were verified, and not counted.
    pub not_counted: u64,
}

impl ChainSummary {
    pub(crate) fn new(key: &KeyRecord, fingerprint: &str) -> Self {
        Self {
            site: key.site.clone(),
            appliance: key.appliance.clone(),
            fingerprint: fingerprint.to_owned(),
            key_id: key.public_key.key_id().to_string(),
            public_key: key.public_key.line(),
            bundles: 0,
            first: None,
            last: None,
            first_at: None,
            last_at: None,
            revoked: None,
        }
    }

    pub(crate) fn take(&mut self, bundle: &Bundle) {
        self.bundles += 1;
        self.first.get_or_insert(bundle.chain.sequence);
        self.first_at.get_or_insert(bundle.generated_at);
        self.last = Some(bundle.chain.sequence);
        self.last_at = Some(bundle.generated_at);
    }
}

/// A trust root that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootSummary {
    /// Its version.
    pub version: u64,
    /// Its digest, to be compared with one that was given.
    pub digest: Option<Digest>,
}

/// The releases of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseSummary {
    /// The site.
    pub site: SiteId,
    /// How many releases verified.
    pub releases: usize,
    /// The newest, as `epoch-serial`.
    pub newest: Option<String>,
}

/// What came of verifying an audit folder, `writ.verification.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Always `writ.verification.v1`.
    pub schema: &'static str,
    /// Whether nothing bad was found. What could not be judged is in the notes.
    pub ok: bool,
    /// Whether the first trust root was given from outside of the folder.
    pub pinned: bool,
    /// The trust roots that counted.
    pub roots: Vec<RootSummary>,
    /// The releases, by site.
    pub releases: Vec<ReleaseSummary>,
    /// How many documents are what their releases name.
    pub documents: usize,
    /// How many bundles verified.
    pub bundles: usize,
    /// The chains, by site and key.
    pub chains: Vec<ChainSummary>,
    /// The sites' logs in one word: `not configured`, `partly configured`, `verified`, `without entries` or `not
    /// verified`. Without one, or without its entries, nobody can see whether the newest bundles were withheld.
    pub log: &'static str,
    /// The logs, by site.
    pub logs: Vec<LogSummary>,
    /// The logs of machines, by site, appliance and source, where bundles name any.
    pub log_sources: Vec<LogSourceSummary>,
    /// Receipts beside bundles: how many are there. Those of a site without a log are not judged.
    pub receipts: usize,
    /// Checkpoints that were given to be held against the logs; not there without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witnessed>,
    /// What is wrong and what must be known.
    pub problems: Problems,
}

impl VerifyReport {
    pub(crate) fn begin(archive: &Archive) -> Self {
        let roots = archive.chain.iter().flat_map(|chain| {
            chain.roots().map(|r| RootSummary { version: r.version.get(), digest: chain.digest_at(r.version) })
        });
        let releases = archive.sites.iter().map(|(site, record)| ReleaseSummary {
            site: site.clone(),
            releases: record.releases.len(),
            newest: record.releases.last().map(|p| format!("{}-{}", p.release.epoch, p.release.serial)),
        });
        Self {
            schema: "writ.verification.v1",
            ok: false,
            pinned: archive.pinned,
            roots: roots.collect(),
            releases: releases.collect(),
            documents: archive.documents,
            bundles: 0,
            chains: Vec::new(),
            log: NOT_CONFIGURED,
            logs: Vec::new(),
            log_sources: Vec::new(),
            receipts: 0,
            witnesses: Vec::new(),
            problems: archive.problems.clone(),
        }
    }

    pub(crate) fn finish(&mut self, archive: &Archive) {
        self.log = state_of(&self.logs);
        self.ok = archive.chain.is_some() && self.problems.bad == 0;
    }
}

/// Verifies everything in an audit folder.
pub fn verify(folder: Folder, options: &Options) -> VerifyReport {
    Archive::open(folder, options).walk(&mut |_| {})
}
