//! What is held in memory of what was read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::detail::Detail;
use super::fleet::Fleet;
use super::site::Read;
use super::summary::Summary;

/// Which of two readings began later. Not the time, for a clock may be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(u64);

/// The summaries of sites, and the turns of the readings that they are from.
#[derive(Default)]
struct Summaries {
    sites: BTreeMap<SiteId, Arc<Summary>>,
    turns: BTreeMap<SiteId, Turn>,
}

/// Every site's summary, and some sites whole.
pub struct Held {
    turns: AtomicU64,
    summaries: Mutex<Summaries>,
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
        Self {
            turns: AtomicU64::new(0),
            summaries: Mutex::default(),
            fleet: RwLock::default(),
            details: Mutex::default(),
            room: room.max(1),
        }
    }

    /// The turn of a reading that begins now.
    pub fn begin(&self) -> Turn {
        Turn(self.turns.fetch_add(1, Ordering::SeqCst))
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

    /// Takes in what was read of a site in a turn that was begun before that. Whole it is held when somebody asked for it, was it
    /// before, or where there is room. What began before that which is held is older, however late it ends, and changes nothing.
    pub fn take(&self, turn: Turn, read: Read, asked: bool) -> Option<Arc<Detail>> {
        let Read { summary, detail, documents: _ } = read;
        let site = summary.site.clone();
        // Both at once: else an older reading could come between.
        let mut summaries = locked(&self.summaries);
        let mut details = locked(&self.details);
        if summaries.turns.get(&site).is_some_and(|held| turn < *held) {
            let judged = summaries.sites.get(&site).is_some_and(|summary| summary.not_judged.is_none());
            let held = details.iter().find(|held| held.site == site).cloned();
            // Where the newer one is not held whole, whoever waits is shown this one, which says when it was read.
            return held.or_else(|| detail.filter(|_| judged).map(Arc::new));
        }
        summaries.turns.insert(site.clone(), turn);
        summaries.sites.insert(site.clone(), Arc::new(summary));
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
        let mut summaries = locked(&self.summaries);
        summaries.sites.retain(|site, _| is_there(site));
        summaries.turns.retain(|site, _| is_there(site));
        drop(summaries);
        locked(&self.details).retain(|detail| is_there(&detail.site));
    }

    /// Shows what was taken in since: the folder has so many sites, or cannot be read because of that.
    pub fn publish(&self, there: usize, trouble: Option<String>, looked_at: Option<Time>) {
        let mut fleet = Fleet::new(locked(&self.summaries).sites.clone(), there, trouble, looked_at);
        fleet.teaching_as(&self.fleet());
        *self.fleet.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fleet);
    }

    /// The same, of the folder as it was looked at last.
    pub fn publish_again(&self) {
        let before = self.fleet();
        self.publish(before.there, before.trouble.clone(), before.looked_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_earlier_and_ends_later_changes_nothing() {
        let (held, site): (_, SiteId) = (Held::new(1), "clinic-001".parse().unwrap());
        let read = |millis: i64| {
            let summary = Summary::not_judged(&site, String::new(), None, Time::from_unix_millis(millis));
            Read { summary, detail: None, documents: Default::default() }
        };
        let shown = || {
            held.publish_again();
            held.fleet().sites[&site].read_at.unix_millis()
        };
        let (slow, quick) = (held.begin(), held.begin());
        held.take(quick, read(2), false);
        held.take(slow, read(1), true);
        assert_eq!(shown(), 2);
        held.take(held.begin(), read(0), false);
        assert_eq!(shown(), 0, "a clock that was set back holds nothing up");
        held.keep(|_| false);
        held.take(slow, read(1), false);
        assert_eq!(shown(), 1, "what was forgotten is in nobody's way");
    }
}
