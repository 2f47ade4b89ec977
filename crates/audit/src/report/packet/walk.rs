//! One walk through the archive for any number of packets.

use std::collections::BTreeMap;

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use super::model::BundleRow;
use crate::archive::Archive;
use crate::compare::{CompareError, Evidence, which_site};
use crate::verify::VerifyReport;

/// What was verified of one site.
pub struct Walked<'a> {
    /// The site.
    pub site: SiteId,
    /// Its evidence, to be judged over any period.
    pub evidence: Evidence<'a>,
    /// Its bundles, as they were walked.
    pub bundles: Vec<BundleRow>,
}

/// What one walk gives.
pub struct Walk<'a> {
    /// The sites, by name.
    pub sites: Vec<Walked<'a>>,
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

/// Verifies everything, and keeps what the sites say: one, or each that has a verified release, by name.
pub fn walk<'a>(archive: &'a Archive, only: Option<&SiteId>) -> Result<Walk<'a>, CompareError> {
    let sites: Vec<SiteId> = match only {
        Some(site) => vec![which_site(archive, Some(site))?],
        None => archive.sites.iter().filter(|(_, r)| !r.releases.is_empty()).map(|(site, _)| site.clone()).collect(),
    };
    if sites.is_empty() {
        return Err(CompareError::Empty);
    }
    let new = |site: SiteId| {
        let evidence = Evidence::begin(archive, site.clone());
        (site.clone(), Walked { site, evidence, bundles: Vec::new() })
    };
    let mut walked: BTreeMap<SiteId, Walked<'a>> = sites.into_iter().map(new).collect();
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
        site.evidence.take(stored);
    });
    let mut sites: Vec<Walked<'a>> = walked.into_values().collect();
    let mut bare = report.clone();
    bare.problems = crate::problem::Problems::default();
    bare.roots.clear();
    bare.releases.clear();
    bare.chains.clear();
    bare.logs.clear();
    bare.log_sources.clear();
    sites.iter_mut().for_each(|site| site.evidence.finish(bare.clone()));
    Ok(Walk { sites, report, bare })
}
