//! The newest heartbeat of every appliance key, in memory; the writer stores them in its group commits.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::{Blob, Signed};

use crate::store::heartbeats::StoredHeartbeat;

/// What came of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// It is the newest now, or it was already.
    Newest,
    /// The key has said something newer.
    Older,
}

/// A heartbeat in as little memory as it takes: there is one for every appliance.
#[derive(Debug)]
struct Held {
    at: Time,
    /// The document, and behind it the signature file.
    bytes: Box<[u8]>,
    document: u32,
    saved: bool,
}

impl Held {
    /// Of a document with one signature, as every verified heartbeat is.
    fn new(at: Time, signed: &Signed, saved: bool) -> Self {
        let signature = signed.signatures.first().map_or(&[][..], |signature| &signature.0);
        let bytes = [&signed.document.0, signature].concat().into_boxed_slice();
        let document = u32::try_from(signed.document.0.len()).unwrap_or(u32::MAX);
        Self { at, bytes, document, saved }
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.bytes.len().min(self.document as usize))
    }

    /// What another one is beside this; `None` when it is newer.
    fn compare(&self, at: Time, signed: &Signed) -> Option<Beat> {
        match self.at.cmp(&at) {
            Ordering::Less => None,
            Ordering::Equal if self.parts().0 == signed.document.0 => Some(Beat::Newest),
            // Two of one instant: the first stays.
            Ordering::Equal | Ordering::Greater => Some(Beat::Older),
        }
    }

    fn signed(&self) -> Signed {
        let (document, signature) = self.parts();
        Signed { document: Blob(document.to_vec()), signatures: vec![Blob(signature.to_vec())] }
    }
}

#[derive(Debug, Default)]
struct OfSite {
    newest: HashMap<[u8; 32], Held>,
    unsaved: Vec<[u8; 32]>,
}

/// The newest heartbeats.
#[derive(Debug, Default)]
pub struct Beats(Mutex<BTreeMap<SiteId, OfSite>>);

impl Beats {
    /// Takes what the database has.
    pub fn load(stored: Vec<StoredHeartbeat>) -> Self {
        let mut sites: BTreeMap<SiteId, OfSite> = BTreeMap::new();
        for StoredHeartbeat { site, key, at, signed } in stored {
            sites.entry(site).or_default().newest.insert(key, Held::new(at, &signed, true));
        }
        Self(Mutex::new(sites))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SiteId, OfSite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a heartbeat is beside the newest of its key: that one, or an older one; `None` when it is newer.
    pub fn compare(&self, site: &SiteId, key: &[u8; 32], at: Time, signed: &Signed) -> Option<Beat> {
        self.lock().get(site)?.newest.get(key)?.compare(at, signed)
    }

    /// Takes a verified heartbeat, unless the key has said something newer.
    pub fn put(&self, site: &SiteId, key: &[u8; 32], at: Time, signed: &Signed) -> Beat {
        let mut sites = self.lock();
        if !sites.contains_key(site) {
            sites.insert(site.clone(), OfSite::default());
        }
        let Some(of_site) = sites.get_mut(site) else { return Beat::Older };
        let known = of_site.newest.get(key);
        if let Some(beat) = known.and_then(|known| known.compare(at, signed)) {
            return beat;
        }
        if known.is_none_or(|known| known.saved) {
            of_site.unsaved.push(*key);
        }
        of_site.newest.insert(*key, Held::new(at, signed, false));
        Beat::Newest
    }

    /// The heartbeats of a site, by key.
    pub fn of(&self, site: &SiteId) -> HashMap<[u8; 32], Signed> {
        let sites = self.lock();
        let Some(of_site) = sites.get(site) else { return HashMap::new() };
        of_site.newest.iter().map(|(key, held)| (*key, held.signed())).collect()
    }

    /// When each key of a site was heard of last.
    pub fn times(&self, site: &SiteId) -> HashMap<[u8; 32], Time> {
        let sites = self.lock();
        let Some(of_site) = sites.get(site) else { return HashMap::new() };
        of_site.newest.iter().map(|(key, held)| (*key, held.at)).collect()
    }

    /// What was not stored yet, at most `most` of it; from here on it counts as stored.
    pub fn take_unsaved(&self, most: usize) -> Vec<StoredHeartbeat> {
        let mut taken = Vec::new();
        for (site, of_site) in self.lock().iter_mut() {
            while taken.len() < most {
                let Some(key) = of_site.unsaved.pop() else { break };
                let Some(held) = of_site.newest.get_mut(&key) else { continue };
                held.saved = true;
                taken.push(StoredHeartbeat { site: site.clone(), key, at: held.at, signed: held.signed() });
            }
            if of_site.unsaved.is_empty() {
                of_site.unsaved = Vec::new();
            }
        }
        taken
    }

    /// Puts back what could not be stored.
    pub fn not_saved(&self, taken: &[StoredHeartbeat]) {
        let mut sites = self.lock();
        for beat in taken {
            let Some(of_site) = sites.get_mut(&beat.site) else { continue };
            let Some(held) = of_site.newest.get_mut(&beat.key) else { continue };
            if std::mem::replace(&mut held.saved, false) {
                of_site.unsaved.push(beat.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_kept_whole_and_stored_once() {
        let (beats, site) = (Beats::default(), "clinic-001".parse().unwrap());
        let signed = |text: &str| Signed {
            document: Blob(text.as_bytes().to_vec()),
            signatures: vec![Blob(format!("signature of {text}").into_bytes())],
        };
        let put = |key: u8, at, text: &str| beats.put(&site, &[key; 32], Time::from_unix_millis(at), &signed(text));
        assert_eq!((put(1, 5, "a"), put(1, 4, "b"), put(1, 5, "a")), (Beat::Newest, Beat::Older, Beat::Newest));
        assert_eq!((put(1, 5, "c"), put(1, 6, "d"), put(2, 1, "e")), (Beat::Older, Beat::Newest, Beat::Newest));
        assert_eq!(beats.of(&site), HashMap::from([([1; 32], signed("d")), ([2; 32], signed("e"))]));
        let (one, other) = (beats.take_unsaved(1), beats.take_unsaved(9));
        assert_eq!((one.len(), other.len(), beats.take_unsaved(9).len()), (1, 1, 0));
        beats.not_saved(&one);
        beats.not_saved(&one);
        assert_eq!(beats.take_unsaved(9).len(), 1, "what could not be stored is stored later");
    }
}
