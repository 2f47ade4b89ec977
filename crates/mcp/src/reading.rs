//! One site: everything of it verified, and its baseline held against its evidence.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use writ_audit::archive::Stored;
use writ_audit::compare::{Comparison, compare_and_visit};
use writ_audit::show::Shown;
use writ_audit::{Archive, Folder, Options, Period, Trust};
use writ_evidence::BundleId;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::history::PastRelease;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::{self, MAX_SIGNATURE};
use writ_trust::time::{Span, Time};

use crate::answer::Refusal;
use crate::basis::Basis;

/// What says what time it is: the machine's clock, or one that stands still.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct Source {
    /// The audit folder.
    pub folder: PathBuf,
    /// The first trust root, given from outside of the folder.
    pub trust: Trust,
    /// How much of the past is judged where nobody says.
    pub period: Span,
    /// Whether the entries of a log may be elsewhere.
    pub without_entries: bool,
}

/// A bundle that verified: what its bytes were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its file, relative to the audit folder.
    pub path: String,
    /// Its id.
    pub id: BundleId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Digest of its exact bytes.
    digest: Digest,
    /// Digest of its signature file.
    signature: Digest,
}

impl Held {
    fn of(stored: &Stored<'_>) -> Self {
        Self {
            path: stored.path.to_owned(),
            id: stored.bundle.bundle_id,
            appliance: stored.bundle.appliance.clone(),
            digest: stored.digest,
            signature: Digest::of(stored.signature),
        }
    }
}

/// A site that was read.
pub struct Reading {
    /// When.
    pub read_at: Time,
    /// What it comes to.
    pub comparison: Comparison,
    /// Its releases and their policies.
    pub archive: Archive,
    /// Its bundles.
    pub bundles: Vec<Held>,
    folder: PathBuf,
}

impl Reading {
    /// Reads a site, as of now; without a period, of the time up to now that the source names.
    ///
    /// # Errors
    /// When nothing of it can be judged, and why.
    pub fn of(source: &Source, site: &SiteId, period: Option<Period>, now: Time) -> Result<Self, Refusal> {
        let folder = Folder::open(&source.folder)
            .map_err(|error| Refusal::new(format!("the audit folder cannot be read: {error}")))?;
        let options = Options {
            trust: source.trust.clone(),
            site: Some(site.clone()),
            without_entries: source.without_entries,
            now: Some(now),
        };
        let archive = Archive::open(folder, &options);
        let period = period.unwrap_or(Period { from: now.plus_millis(-source.period.millis()), to: now });
        let mut bundles = Vec::new();
        let compared =
            compare_and_visit(&archive, site, Some(period), now, &mut |stored| bundles.push(Held::of(stored)));
        match compared {
            Ok(comparison) => Ok(Self { read_at: now, comparison, archive, bundles, folder: source.folder.clone() }),
            Err(error) => {
                let report = archive.walk(&mut |_| {});
                let bad = report.problems.first_bad().map(|p| format!("; {}: {} ({})", p.path, p.what, p.code));
                Err(Refusal::new(format!("nothing of {site} can be judged: {error}{}", bad.unwrap_or_default())))
            }
        }
    }

    /// The site.
    pub fn site(&self) -> &SiteId {
        &self.comparison.site
    }

    /// What an answer rests on that is made of this.
    pub fn basis(&self) -> Basis {
        Basis::of(&self.comparison, self.read_at)
    }

    /// The newest release that verified, and whose signers still count.
    pub fn newest(&self) -> Option<&PastRelease> {
        self.archive.sites.get(self.site())?.newest_sound()
    }

    /// The policy of an appliance by the newest release that verified.
    pub fn policy(&self, appliance: &ApplianceId) -> Option<&Policy> {
        let generation = self.newest()?.release.generations.get(appliance)?;
        self.archive.policies.get(&generation.policy.digest)
    }

    /// The appliances of the newest release that verified, with their policies as far as these verified.
    pub fn policies(&self) -> Vec<(&ApplianceId, Option<&Policy>)> {
        let generations = self.newest().into_iter().flat_map(|past| &past.release.generations);
        generations.map(|(name, of)| (name, self.archive.policies.get(&of.policy.digest))).collect()
    }

    /// A bundle, as it was verified.
    ///
    /// # Errors
    /// When the folder has other bytes now.
    pub fn shown(&self, held: &Held) -> Result<Shown, Refusal> {
        let changed = || {
            Refusal::new(format!(
                "{} is no longer what was verified: ask again, and the folder is read anew",
                held.path
            ))
        };
        let (folder, file) = held.path.rsplit_once('/').ok_or_else(changed)?;
        let folder = open(&self.folder, folder).ok_or_else(changed)?;
        let read = |name: &str, limit| folder.read(name, limit).ok().flatten();
        let bytes = read(file, MAX_BUNDLE).filter(|bytes| Digest::of(bytes) == held.digest).ok_or_else(changed)?;
        let signature = read(&format!("{file}.minisig"), MAX_SIGNATURE);
        let signature = signature.filter(|bytes| Digest::of(bytes) == held.signature).ok_or_else(changed)?;
        let bundle = json::parse(&bytes, MAX_BUNDLE).map_err(|_| changed())?;
        let signature = String::from_utf8_lossy(&signature).into_owned();
        Ok(Shown { path: held.path.clone(), bundle, digest: held.digest, signature })
    }
}

/// A folder below the audit folder, opened step by step and never through a symbolic link.
fn open(root: &Path, path: &str) -> Option<Folder> {
    let mut folder = Folder::open(root).ok()?;
    for name in path.split('/') {
        folder = folder.directory(name).ok().flatten()?;
    }
    Some(folder)
}
