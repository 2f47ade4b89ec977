//! What is held in memory of what was read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::detail::Detail;
use super::fleet::Fleet;
use super::site::Read;
use super::summary::Summary;

/// Every site's summary, and some sites whole.
pub struct Held {
    summaries: Mutex<BTreeMap<SiteId, Arc<Summary>>>,
    fleet: RwLock<Arc<Fleet>>,
    /// The one that was looked at last comes first.
    details: Mutex<VecDeque<Arc<Detail>>>,
    room: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    /// Nothing yet, with room for so many sites whole.
    pub fn new(room: usize) -> Self {
        Self { summaries: Mutex::default(), fleet: RwLock::default(), details: Mutex::default(), room: room.max(1) }
    }

    /// All sites, as they were last told of.
    pub fn fleet(&self) -> Arc<Fleet> {
        self.fleet.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A site whole, if it is held.
    pub fn detail(&self, site: &SiteId) -> Option<Arc<Detail>> {
        let mut details = locked(&self.details);
        let at = details.iter().position(|detail| detail.site == *site)?;
        let detail = details.remove(at)?;
        details.push_front(detail.clone());
        Some(detail)
    }

    /// Takes in what was read of a site. Whole it is held when somebody asked for it, was it before, or where there is room.
    pub fn take(&self, read: Read, asked: bool) -> Option<Arc<Detail>> {
        let Read { summary, detail } = read;
        let site = summary.site.clone();
        locked(&self.summaries).insert(site.clone(), Arc::new(summary));
        let mut details = locked(&self.details);
        let before = details.len();
        details.retain(|held| held.site != site);
        let was_held = details.len() < before;
        let detail = Arc::new(detail?);
        if asked {
            details.push_front(detail.clone());
        } else if was_held || details.len() < self.room {
            details.push_back(detail.clone());
        }
        details.truncate(self.room);
        Some(detail)
    }

    /// Forgets the sites that the folder has no longer.
    pub fn keep(&self, is_there: impl Fn(&SiteId) -> bool) {
        locked(&self.summaries).retain(|site, _| is_there(site));
        locked(&self.details).retain(|detail| is_there(&detail.site));
    }

    /// Shows what was taken in since: the folder has so many sites, or cannot be read because of that.
    pub fn publish(&self, there: usize, trouble: Option<String>, looked_at: Option<Time>) {
        let fleet = Fleet::new(locked(&self.summaries).clone(), there, trouble, looked_at);
        *self.fleet.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fleet);
    }

    /// The same, of the folder as it was looked at last.
    pub fn publish_again(&self) {
        let before = self.fleet();
        self.publish(before.there, before.trouble.clone(), before.looked_at);
    }
}
