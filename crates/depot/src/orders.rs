//! The orders that have not expired, in memory: every check-in asks for them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use crate::store::orders::StoredOrder;

/// The orders of every site, in the order in which they came.
#[derive(Debug, Default)]
pub struct Orders(RwLock<BTreeMap<SiteId, Vec<Arc<StoredOrder>>>>);

impl Orders {
    /// Those that the database has.
    pub fn load(stored: Vec<StoredOrder>) -> Self {
        let mut all: BTreeMap<SiteId, Vec<Arc<StoredOrder>>> = BTreeMap::new();
        for order in stored {
            all.entry(order.order.site.clone()).or_default().push(Arc::new(order));
        }
        Self(RwLock::new(all))
    }

    /// Adds one that was committed, and forgets those of its site that have expired.
    pub fn add(&self, order: StoredOrder, now: Time) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let of_site = all.entry(order.order.site.clone()).or_default();
        of_site.retain(|known| known.order.expires_at > now);
        of_site.push(Arc::new(order));
    }

    /// The orders of a site that have not expired; with `only`, those that one of these appliances is meant by.
    pub fn of(&self, site: &SiteId, only: Option<&[ApplianceId]>, now: Time) -> Vec<Arc<StoredOrder>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let meant = |order: &&Arc<StoredOrder>| {
            let meant = |appliances: &[ApplianceId]| appliances.iter().any(|one| order.order.audience.includes(one));
            order.order.expires_at > now && only.is_none_or(meant)
        };
        all.get(site).into_iter().flatten().filter(meant).cloned().collect()
    }
}
