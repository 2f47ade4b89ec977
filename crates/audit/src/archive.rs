//! An audit folder whose trust roots, releases and documents were verified.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use writ_evidence::Bundle;
use writ_evidence::bundle::ReleaseRef;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::history::{PastRelease, Standing};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::key_register::KeyRegister;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use crate::folder::{EntryKind, Folder};
use crate::load::{attestations, directory, documents::Documents, entries, evidence, releases, stray, trust};
use crate::problem::{Code, Problems};
use crate::verify::VerifyReport;

/// Where the first trust root comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// These bytes, which the auditor was given by a way they trust.
    Root(Vec<u8>),
    /// The root in the folder that has this digest, which the auditor was given.
    Digest(Digest),
    /// The oldest root in the folder: better than nothing, and said to be no more.
    #[default]
    Folder,
}

/// What to verify.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the first trust root comes from.
    pub trust: Trust,
    /// Only this site; all of them when null.
    pub site: Option<SiteId>,
    /// Whether a log may be there without its entries, as in a folder gathered from appliances' inboxes. Otherwise that is
    /// bad: whoever takes the entries out of a folder hides what was dropped.
    pub without_entries: bool,
    /// When it is judged: batches of logs that the signed policies have kept no longer are not missed. Null misses them all.
    pub now: Option<Time>,
}

/// What is known of one site from its verified releases.
#[derive(Debug, Default)]
pub struct SiteRecord {
    /// Its releases, oldest first.
    pub releases: Vec<PastRelease>,
    /// Its appliances' keys.
    pub register: KeyRegister,
}

impl SiteRecord {
    /// The release that a bundle names, if it was verified.
    pub fn release(&self, named: &ReleaseRef) -> Option<&PastRelease> {
        self.releases.iter().find(|past| past.digest == named.digest)
    }

    /// The newest release whose signers still count: what may be relied on where no bundle names a release.
    pub fn newest_sound(&self) -> Option<&PastRelease> {
        self.releases.iter().rev().find(|past| past.standing == Standing::Sound)
    }
}

/// A checkpoint of a log (a signed note) that the auditor brings from another time or another place. The log here must begin with
/// what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Where it is from: what problems call it.
    pub name: String,
    /// The exact note.
    pub note: Vec<u8>,
}

/// How far the walk has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bundles are to be verified besides those that were told of before.
    Found(usize),
    /// One more of them was.
    Verified,
    /// Now the logs of a site are read.
    Logs,
}

/// The most threads that verify, whatever is asked for.
pub const MAX_JOBS: usize = 64;
/// So few bundles are verified before another thread has begun.
const FEW: usize = 64;

/// An audit folder after its trust roots, releases and documents were read.
pub struct Archive {
    pub(crate) folder: Folder,
    pub(crate) chain: Option<TrustChain>,
    pub(crate) pinned: bool,
    pub(crate) without_entries: bool,
    pub(crate) now: Option<Time>,
    pub(crate) problems: Problems,
    pub(crate) documents: usize,
    jobs: Option<NonZeroUsize>,
    pub(crate) kept: Vec<KeptCheckpoint>,
    /// Sites by name.
    pub sites: BTreeMap<SiteId, SiteRecord>,
    /// Policies by digest.
    pub policies: BTreeMap<Digest, Policy>,
}

/// A verified bundle on its way to a visitor.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Where it is, relative to the audit folder.
    pub path: &'a str,
    /// Fingerprint of the key that signed it.
    pub fingerprint: &'a str,
    /// What it says.
    pub bundle: Bundle,
    /// Digest of its exact bytes.
    pub digest: Digest,
    /// Its signature file.
    pub signature: &'a [u8],
    /// The bytes of both.
    pub size: u64,
}

impl Archive {
    /// Reads trust roots, releases and documents. What is wrong with them is in the report of [`Archive::walk`].
    pub fn open(folder: Folder, options: &Options) -> Self {
        let mut problems = Problems::default();
        let chain = trust::load(&folder, &options.trust, &mut problems);
        let mut archive = Self {
            pinned: options.trust != Trust::Folder,
            without_entries: options.without_entries,
            now: options.now,
            chain,
            sites: BTreeMap::new(),
            policies: BTreeMap::new(),
            documents: 0,
            jobs: None,
            kept: Vec::new(),
            problems: Problems::default(),
            folder,
        };
        if let Some(chain) = &archive.chain {
            let there = site_names(&archive.folder, &mut problems);
            // What is missing entirely must be missed too.
            let logged = chain.newest().log_origins.iter().filter(|(_, logs)| !logs.is_empty()).map(|(site, _)| site);
            let all: BTreeSet<SiteId> = there.iter().chain(logged).chain(&options.site).cloned().collect();
            for site in all {
                if options.site.as_ref().is_some_and(|only| *only != site) {
                    continue;
                }
                if !there.contains(&site) {
                    nothing_of(&site, options.site.is_some(), &mut problems);
                }
                let releases = releases::load(&archive.folder, &site, chain, &mut problems);
                let register = KeyRegister::from_releases(releases.iter().map(|past| &past.release));
                archive.sites.insert(site, SiteRecord { releases, register });
            }
            let mut documents = Documents::open(&archive.folder, &mut problems);
            archive.sites.values().flat_map(|s| &s.releases).for_each(|past| documents.judge(past));
            (archive.policies, archive.documents) = (std::mem::take(&mut documents.policies), documents.verified);
        }
        archive.problems = problems;
        archive
    }

    /// Verifies on so many threads (at most [`MAX_JOBS`]) instead of one for each processor. What comes of it is the same.
    #[must_use]
    pub fn with_jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// How many threads verify so many bundles, or read a log of so many entries.
    pub(crate) fn jobs_for(&self, count: usize) -> usize {
        let jobs = match self.jobs {
            Some(jobs) => jobs.get(),
            None if count < FEW => 1,
            None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        jobs.min(MAX_JOBS)
    }

    /// Also holds the logs against these checkpoints: see [`KeptCheckpoint`].
    #[must_use]
    pub fn with_kept(mut self, kept: Vec<KeptCheckpoint>) -> Self {
        self.kept = kept;
        self
    }

    /// Verifies the evidence, site by site and key by key in the order of its chain, and hands each bundle that counts to
    /// `visit`. The report tells of everything, also of what [`Archive::open`] found.
    pub fn walk(&self, visit: &mut dyn FnMut(Stored<'_>)) -> VerifyReport {
        self.walk_telling(visit, &mut |_| {})
    }

    /// As [`Archive::walk`], and tells how far it has come.
    pub fn walk_telling(&self, visit: &mut dyn FnMut(Stored<'_>), progress: &mut dyn FnMut(Progress)) -> VerifyReport {
        let mut report = VerifyReport::begin(self);
        if self.chain.is_some() {
            evidence::walk(self, &mut report, visit, progress);
            attestations::walk(self, &mut report, visit);
        }
        report.finish(self);
        report
    }

    /// How long the signed policies of a site have logs kept, in milliseconds: the longest that any release here says, as a depot
    /// reckons before it removes any. Null where a policy cannot be read, or there is none: then all are to be here.
    pub(crate) fn logs_kept(&self, site: &SiteId) -> Option<i64> {
        let mut longest = None;
        for past in &self.sites.get(site)?.releases {
            for generation in past.release.generations.values() {
                let policy = self.policies.get(&generation.policy.digest)?;
                longest = longest.max(Some(policy.settings.retention.longest_of_logs()));
            }
        }
        longest
    }

    /// The policy that an appliance had to obey under a release; null when the release or its policy is not known.
    pub fn policy(&self, site: &SiteId, appliance: &ApplianceId, named: &ReleaseRef) -> Option<&Policy> {
        let past = self.sites.get(site)?.release(named)?;
        self.policies.get(&past.release.generations.get(appliance)?.policy.digest)
    }
}

impl Archive {
    /// The time zone of a site, by the newest policy of it that is known.
    pub fn time_zone(&self, site: &SiteId) -> Option<&str> {
        let releases = self.sites.get(site)?.releases.iter().rev();
        let mut policies = releases.flat_map(|past| past.release.generations.values());
        policies.find_map(|generation| Some(self.policies.get(&generation.policy.digest)?.settings.time_zone.as_str()))
    }
}

fn nothing_of(site: &SiteId, named: bool, problems: &mut Problems) {
    let so = match named {
        true => "no such site was judged",
        false => "the trust root names a log for it; where this folder is of other sites, name one with --site",
    };
    problems.bad(Code::Missing, &format!("releases/{site}"), format!("nothing of {site} is here"), so);
}

/// Every site that has releases, evidence or a log.
fn site_names(root: &Folder, problems: &mut Problems) -> BTreeSet<SiteId> {
    let mut sites = BTreeSet::new();
    for part in ["releases", "evidence", "log"] {
        let Some(folder) = directory(root, part, part, problems) else { continue };
        for entry in entries(&folder, part, problems) {
            match entry.name.parse() {
                Ok(site) if entry.kind == EntryKind::Directory => {
                    sites.insert(site);
                }
                _ => stray(&entry, part, problems),
            }
        }
    }
    sites
}
