//! What each site's logs have come to, for whoever answers requests: published, so the files lead there.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::Signed;

/// The newest published checkpoint of one log.
#[derive(Debug, Clone)]
pub struct Head {
    /// The row in the database.
    pub id: i64,
    /// Which of the site's logs, from 1.
    pub number: u64,
    /// The log's name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The signed note.
    pub note: bytes::Bytes,
    /// When it was signed, by this machine's clock.
    pub signed_at: Time,
    /// The document that began it; the first log has none.
    pub restart: Option<Arc<Signed>>,
}

/// The heads of every log of every site.
#[derive(Debug, Default)]
pub struct Heads(RwLock<BTreeMap<SiteId, BTreeMap<u64, Arc<Head>>>>);

impl Heads {
    /// The log of a site that grows: the one with the highest number.
    pub fn current(&self, site: &SiteId) -> Option<Arc<Head>> {
        let heads = self.0.read().unwrap_or_else(PoisonError::into_inner);
        heads.get(site)?.last_key_value().map(|(_, head)| head.clone())
    }

    /// One log of a site.
    pub fn number(&self, site: &SiteId, number: u64) -> Option<Arc<Head>> {
        let heads = self.0.read().unwrap_or_else(PoisonError::into_inner);
        heads.get(site)?.get(&number).cloned()
    }

    /// Every log of a site, in order.
    pub fn of(&self, site: &SiteId) -> Vec<Arc<Head>> {
        let heads = self.0.read().unwrap_or_else(PoisonError::into_inner);
        heads.get(site).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// One log of a site, by its row.
    pub fn row(&self, site: &SiteId, id: i64) -> Option<Arc<Head>> {
        let heads = self.0.read().unwrap_or_else(PoisonError::into_inner);
        heads.get(site)?.values().find(|head| head.id == id).cloned()
    }

    /// Every log.
    pub fn all(&self) -> Vec<(SiteId, Arc<Head>)> {
        let heads = self.0.read().unwrap_or_else(PoisonError::into_inner);
        heads.iter().flat_map(|(site, logs)| logs.values().map(|head| (site.clone(), head.clone()))).collect()
    }

    /// Publishes a head in place of the log's last one.
    pub fn put(&self, site: &SiteId, head: Head) {
        let mut heads = self.0.write().unwrap_or_else(PoisonError::into_inner);
        heads.entry(site.clone()).or_default().insert(head.number, Arc::new(head));
    }
}
