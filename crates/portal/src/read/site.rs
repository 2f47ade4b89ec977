//! Reading one site: everything of it verified, and its baseline held against its evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use writ_audit::archive::Stored;
use writ_audit::checklist::attested;
use writ_audit::compare::{Evidence, which_site};
use writ_audit::decided::{MAX_REJECTED, rejected};
use writ_audit::learn::{Decisions, Figures, Gathering};
use writ_audit::verify::VerifyReport;
use writ_audit::{Archive, Folder, Options, Period, Trust};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::{Span, Time};

use super::detail::{Detail, Held};
use super::learned::Learned;
use super::summary::Summary;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct Source {
    /// The audit folder.
    pub folder: PathBuf,
    /// The first trust root.
    pub trust: Trust,
    /// How much of the past is judged.
    pub period: Span,
    /// Whether the entries of a log may be elsewhere.
    pub without_entries: bool,
    /// Where it stands what people turned down of what was learned, as [`rejected`] reads it.
    pub rejected: Option<PathBuf>,
}

impl Source {
    /// What people turned down; nothing where nobody says.
    ///
    /// # Errors
    /// What is wrong with the file, in a sentence.
    pub fn decisions(&self) -> Result<Decisions, String> {
        let Some(path) = &self.rejected else { return Ok(Decisions::default()) };
        let bytes = writ_durable::read_bounded(path, MAX_REJECTED).map_err(|error| error.to_string())?;
        rejected(&bytes).map_err(|error| error.to_string())
    }

    fn options(&self, site: &SiteId, now: Time) -> Options {
        let (trust, site) = (self.trust.clone(), Some(site.clone()));
        Options { trust, site, without_entries: self.without_entries, now: Some(now) }
    }
}

/// What came of it.
pub struct Read {
    /// What is held of every site.
    pub summary: Summary,
    /// The rest; null where nothing could be judged.
    pub detail: Option<Detail>,
    /// The documents that its verified releases name, there or not.
    pub documents: BTreeSet<Digest>,
}

/// Reads one site, as of now.
pub fn read(source: &Source, site: &SiteId, now: Time) -> Read {
    let not = |why: String, report, documents| Read {
        summary: Summary::not_judged(site, why, report, now),
        detail: None,
        documents,
    };
    let folder = match Folder::open(&source.folder) {
        Ok(folder) => folder,
        Err(error) => return not(format!("the audit folder cannot be read: {error}"), None, BTreeSet::new()),
    };
    let archive = Archive::open(folder, &source.options(site, now));
    let documents = documents(&archive);
    let period = Period { from: now.plus_millis(-source.period.millis()), to: now };
    let mut evidence = match which_site(&archive, Some(site)) {
        Ok(site) => Evidence::begin(&archive, site),
        Err(error) => {
            let report = archive.walk(&mut |_| {});
            return not(error.to_string(), Some(&report), documents);
        }
    };
    let (mut kept, mut gathering) = (Kept::default(), Gathering::of_site(&archive, site));
    let report = archive.walk(&mut |stored| {
        if stored.bundle.client_id == *site {
            kept.take(&stored);
            gathering.take(&stored);
        }
        evidence.take(stored);
    });
    let decisions = source.decisions().unwrap_or_else(|error| {
        tracing::error!("the list of what was turned down cannot be read, so nothing counts as such: {error}");
        Decisions::default()
    });
    let library = gathering.finish(&report, &Figures::default(), &decisions);
    evidence.finish(report);
    let comparison = evidence.over(Some(period), now);
    let learned = Learned::of(library, &comparison, &evidence);
    let summary = Summary::of(&comparison, &attested(&archive, site, now), learned, now);
    Read { summary, detail: Some(kept.detail(&source.folder, site, now, comparison, archive)), documents }
}

/// The documents that the verified releases of an archive name: policies and closures.
fn documents(archive: &Archive) -> BTreeSet<Digest> {
    let releases = archive.sites.values().flat_map(|record| &record.releases);
    let generations = releases.flat_map(|past| past.release.generations.values());
    generations.flat_map(|own| [Some(own.policy.digest), own.closure.as_ref().map(|c| c.digest)]).flatten().collect()
}

/// What is kept of each bundle on the way.
#[derive(Default)]
struct Kept {
    bundles: BTreeMap<String, Held>,
}

impl Kept {
    fn take(&mut self, stored: &Stored<'_>) {
        let name = stored.path.rsplit('/').next().unwrap_or_default();
        self.bundles.insert(format!("{}/{name}", stored.fingerprint), Held::of(stored));
    }

    fn detail(
        self,
        folder: &Path,
        site: &SiteId,
        read_at: Time,
        comparison: writ_audit::compare::Comparison,
        archive: Archive,
    ) -> Detail {
        let mut newest: Vec<String> = self.bundles.keys().cloned().collect();
        let key = |name: &String| self.bundles.get(name).map(|held| (held.at, held.id.number));
        newest.sort_by_key(|name| std::cmp::Reverse((key(name), name.clone())));
        let (site, folder) = (site.clone(), folder.to_owned());
        Detail { site, read_at, comparison, archive, bundles: self.bundles, newest, folder }
    }
}

/// What does not verify of a site that could not be judged; in words why, where the folder cannot be read.
pub fn verify(source: &Source, site: &SiteId, now: Time) -> Result<VerifyReport, String> {
    let folder = Folder::open(&source.folder).map_err(|error| format!("the audit folder cannot be read: {error}"))?;
    Ok(Archive::open(folder, &source.options(site, now)).walk(&mut |_| {}))
}
