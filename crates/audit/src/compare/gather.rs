//! A site's evidence, walked once: any number of periods are judged from it.

use std::collections::BTreeMap;

use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use super::Comparer;
use super::model::Comparison;
use super::timeline::Timeline;
use crate::archive::{Archive, Stored};
use crate::period::Period;
use crate::verify::VerifyReport;

/// What the verified bundles of one site say, appliance by appliance. Fill it with [`Gathered::take`] while the archive is
/// walked, then [`Gathered::finish`] it.
pub struct Gathered<'a> {
    pub(super) archive: &'a Archive,
    pub(super) site: SiteId,
    pub(super) timelines: BTreeMap<ApplianceId, Timeline>,
    /// What an appliance says that was never heard of.
    pub(super) silent: Timeline,
}

impl<'a> Gathered<'a> {
    /// Nothing yet, of this site: one of the archive's that has a verified release, as [`super::which_site`] gives it.
    pub fn new(archive: &'a Archive, site: SiteId) -> Self {
        Self { archive, site, timelines: BTreeMap::new(), silent: Timeline::default() }
    }

    /// Takes in a verified bundle; those of other sites are passed over.
    pub fn take(&mut self, stored: Stored<'_>) {
        if stored.bundle.client_id == self.site {
            self.timelines.entry(stored.bundle.appliance.clone()).or_default().take(stored);
        }
    }

    /// Puts everything in order of time, once all bundles were taken.
    pub fn finish(&mut self) {
        self.timelines.values_mut().for_each(Timeline::finish);
    }

    /// Judges a period; without one, all there is, up to `now`. `verification` becomes part of the answer as it is.
    pub fn compare(&self, period: Option<Period>, now: Time, verification: VerifyReport) -> Comparison {
        Comparer::new(period, now, self).run(verification)
    }
}
