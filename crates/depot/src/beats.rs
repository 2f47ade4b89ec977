//! The newest heartbeat of every appliance key, in memory; the writer stores them in its group commits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::Signed;

use crate::store::heartbeats::StoredHeartbeat;

/// What came of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// It is the newest now, or it was already.
    Newest,
    /// The key has said something newer.
    Older,
}

#[derive(Debug, Default)]
struct Inner {
    newest: BTreeMap<SiteId, HashMap<[u8; 32], (Time, Signed)>>,
    unsaved: HashSet<(SiteId, [u8; 32])>,
}

/// The newest heartbeats.
#[derive(Debug, Default)]
pub struct Beats(Mutex<Inner>);

impl Beats {
    /// Takes what the database has.
    pub fn load(stored: Vec<StoredHeartbeat>) -> Self {
        let mut inner = Inner::default();
        for StoredHeartbeat { site, key, at, signed } in stored {
            inner.newest.entry(site).or_default().insert(key, (at, signed));
        }
        Self(Mutex::new(inner))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a verified heartbeat, unless the key has said something newer.
    pub fn put(&self, site: &SiteId, key: &[u8; 32], at: Time, signed: Signed) -> Beat {
        let mut inner = self.lock();
        if !inner.newest.contains_key(site) {
            inner.newest.insert(site.clone(), HashMap::new());
        }
        let Some(of_site) = inner.newest.get_mut(site) else { return Beat::Older };
        match of_site.get(key) {
            Some((newest, _)) if *newest > at => return Beat::Older,
            Some((newest, held)) if *newest == at && held.document == signed.document => return Beat::Newest,
            // Two of one instant: the first stays.
            Some((newest, _)) if *newest == at => return Beat::Older,
            _ => {}
        }
        of_site.insert(*key, (at, signed));
        inner.unsaved.insert((site.clone(), *key));
        Beat::Newest
    }

    /// The heartbeats of a site, by key.
    pub fn of(&self, site: &SiteId) -> Vec<([u8; 32], Signed)> {
        let inner = self.lock();
        let Some(of_site) = inner.newest.get(site) else { return Vec::new() };
        of_site.iter().map(|(key, (_, signed))| (*key, signed.clone())).collect()
    }

    /// What was not stored yet, at most `most` of it; from here on it counts as stored.
    pub fn take_unsaved(&self, most: usize) -> Vec<StoredHeartbeat> {
        let mut inner = self.lock();
        let keys: Vec<_> = inner.unsaved.iter().take(most).cloned().collect();
        let mut taken = Vec::with_capacity(keys.len());
        for (site, key) in keys {
            if let Some((at, signed)) = inner.newest.get(&site).and_then(|of_site| of_site.get(&key)) {
                taken.push(StoredHeartbeat { site: site.clone(), key, at: *at, signed: signed.clone() });
            }
            inner.unsaved.remove(&(site, key));
        }
        taken
    }

    /// Puts back what could not be stored.
    pub fn not_saved(&self, taken: &[StoredHeartbeat]) {
        let mut inner = self.lock();
        inner.unsaved.extend(taken.iter().map(|beat| (beat.site.clone(), beat.key)));
    }
}
