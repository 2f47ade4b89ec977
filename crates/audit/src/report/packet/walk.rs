//! One walk through the archive for any number of packets.

use std::collections::BTreeMap;

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use super::model::BundleRow;
use crate::archive::Archive;
use crate::compare::{CompareError, Evidence, which_site};
use crate::learn::{Decisions, Figures, Gathering, Library};
use crate::verify::VerifyReport;

/// What was verified of one site.
pub struct Walked<'a> {
    /// The site.
    pub site: SiteId,
    /// Its evidence, to be judged over any period.
    pub evidence: Evidence<'a>,
    /// Its bundles, as they were walked.
    pub bundles: Vec<BundleRow>,
    /// What is learned from all of its evidence.
    pub library: Library,
}

/// What one walk gives.
pub struct Walk<'a> {
    /// The sites, by name.
    pub sites: Vec<Walked<'a>>,
    /// What is learned from all evidence of these sites together.
    pub library: Library,
    /// What came of verifying all of it. The comparisons that are made of the sites carry it without its lists: there are many.
    pub report: VerifyReport,
    bare: VerifyReport,
}

impl Walk<'_> {
    /// The report as far as it is about one site; what is wrong is told of all.
    pub fn of_site(&self, site: &SiteId) -> VerifyReport {
        let mut report = self.bare.clone();
        report.roots.clone_from(&self.report.roots);
        report.problems = self.report.problems.clone();
        report.releases = self.report.releases.iter().filter(|r| r.site == *site).cloned().collect();
        report.chains = self.report.chains.iter().filter(|c| c.site == *site).cloned().collect();
        report.logs = self.report.logs.iter().filter(|l| l.site == *site).cloned().collect();
        report
    }
}

/// What is kept of a site on the way.
struct OnTheWay<'a> {
    evidence: Evidence<'a>,
    bundles: Vec<BundleRow>,
    gathering: Gathering<'a>,
}

/// Verifies everything, and keeps what the sites say: one, or each that has a verified release, by name. `decisions` is what people
/// decided about what is learned.
pub fn walk<'a>(archive: &'a Archive, only: Option<&SiteId>, decisions: &Decisions) -> Result<Walk<'a>, CompareError> {
    let sites: Vec<SiteId> = match only {
        Some(site) => vec![which_site(archive, Some(site))?],
        None => archive.sites.iter().filter(|(_, r)| !r.releases.is_empty()).map(|(site, _)| site.clone()).collect(),
    };
    if sites.is_empty() {
        return Err(CompareError::Empty);
    }
    let new = |site: SiteId| {
        let evidence = Evidence::begin(archive, site.clone());
        let gathering = Gathering::of_site(archive, &site);
        (site, OnTheWay { evidence, bundles: Vec::new(), gathering })
    };
    let mut walked: BTreeMap<SiteId, OnTheWay<'a>> = sites.into_iter().map(new).collect();
    let mut together = match only {
        Some(site) => Gathering::of_site(archive, site),
        None => Gathering::begin(archive),
    };
    let report = archive.walk(&mut |stored| {
        let Some(site) = walked.get_mut(&stored.bundle.client_id) else { return };
        site.bundles.push(BundleRow {
            bundle_id: stored.bundle.bundle_id,
            appliance: stored.bundle.appliance.clone(),
            kind: stored.bundle.kind.as_str(),
            generated_at: stored.bundle.generated_at,
            digest: stored.digest,
            signature: Digest::of(stored.signature),
            path: stored.path.to_owned(),
            size: stored.size,
        });
        site.gathering.take(&stored);
        together.take(&stored);
        site.evidence.take(stored);
    });
    let mut bare = report.clone();
    bare.problems = crate::problem::Problems::default();
    bare.roots.clear();
    bare.releases.clear();
    bare.chains.clear();
    bare.logs.clear();
    bare.log_sources.clear();
    let figures = Figures::default();
    let whole = |(site, on_the_way): (SiteId, OnTheWay<'a>)| {
        let OnTheWay { mut evidence, bundles, gathering } = on_the_way;
        evidence.finish(bare.clone());
        Walked { site, evidence, bundles, library: gathering.finish(&report, &figures, decisions) }
    };
    let sites: Vec<Walked<'a>> = walked.into_iter().map(whole).collect();
    let library = together.finish(&report, &figures, decisions);
    Ok(Walk { sites, library, report, bare })
}
