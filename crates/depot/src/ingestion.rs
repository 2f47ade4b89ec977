//! How far the logs of each appliance have come, in memory; the database has the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use writ_trust::ids::{LogSourceId, SiteId};
use writ_trust::time::Time;

use crate::directory::Directory;
use crate::store::log_batches::{Newest, SourceOf};

/// The most sources of one key: their names are for the appliance to choose.
pub const MOST_SOURCES: usize = 32;
/// A source of which nothing has come for so long is not waited for any more: it was taken out of a configuration. In milliseconds.
const FORGOTTEN: i64 = 7 * 24 * 3_600_000;

/// The newest batches by site, key and source.
#[derive(Debug, Default)]
pub struct Ingestion(Mutex<BTreeMap<SiteId, OfSite>>);

type OfSite = BTreeMap<([u8; 32], LogSourceId), Newest>;

impl Ingestion {
    /// Takes what the database has.
    pub fn load(stored: Vec<(SourceOf, Newest)>) -> Self {
        let ingestion = Self::default();
        for (of, newest) in stored {
            ingestion.put(of, newest, true);
        }
        ingestion
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SiteId, OfSite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a batch that was stored, unless a newer one is known, or any where it does not count.
    pub fn put(&self, (site, key, source): SourceOf, newest: Newest, counts: bool) {
        let mut sites = self.lock();
        let known = sites.entry(site).or_default().entry((key, source)).or_insert_with(|| newest.clone());
        if counts && newest.ends >= known.ends {
            *known = newest;
        }
    }

    /// Whether one more batch of this source may come: the source is known, or there is room for it.
    pub fn takes(&self, site: &SiteId, key: &[u8; 32], source: &LogSourceId) -> bool {
        let sites = self.lock();
        let Some(of_site) = sites.get(site) else { return true };
        of_site.contains_key(&(*key, source.clone()))
            || of_site.keys().filter(|(other, _)| other == key).count() < MOST_SOURCES
    }

    /// The newest batches of a site.
    pub fn of(&self, site: &SiteId) -> Vec<(([u8; 32], LogSourceId), Newest)> {
        let sites = self.lock();
        sites.get(site).into_iter().flatten().map(|(of, newest)| (of.clone(), newest.clone())).collect()
    }

    /// How far behind the logs are that are farthest behind, in seconds: of appliances that have orders, and sources that were
    /// heard of lately. 0 where all is there, or nothing ever came.
    pub fn delay(&self, directory: &Directory, now: Time) -> i64 {
        let sites = self.lock();
        let mut most = 0;
        for (site, of_site) in sites.iter() {
            let published = directory.site(site);
            let Some(active) = published.active() else { continue };
            let has_orders = |key: &[u8; 32]| {
                active.release.generations.values().any(|generation| generation.public_key.ed25519() == key)
            };
            for ((key, _), newest) in of_site {
                if now.millis_since(newest.received_at) < FORGOTTEN && has_orders(key) {
                    most = most.max(now.millis_since(newest.ends) / 1000);
                }
            }
        }
        most
    }
}
