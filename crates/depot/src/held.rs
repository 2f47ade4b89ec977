//! Which sequences are held of each appliance key.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use writ_trust::ids::SiteId;

/// The sequences held of one key. Nearly always they are all from the first on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences {
    /// All from 1 to here.
    held: u64,
    /// Beyond the first gap: ascending ranges, by their first, none touching the next.
    later: BTreeMap<u64, u64>,
}

impl Sequences {
    /// From ascending ranges, first to last, none touching the next.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut later: BTreeMap<u64, u64> = ranges.into_iter().collect();
        Self { held: later.remove(&1).unwrap_or(0), later }
    }

    /// Adds a sequence.
    pub fn insert(&mut self, sequence: u64) {
        if sequence <= self.held {
            return;
        }
        let (mut first, mut last) = (sequence, sequence);
        if let Some((before, end)) = self.later.range(..=sequence).next_back().map(|(a, b)| (*a, *b)) {
            if end >= sequence {
                return;
            }
            if end + 1 == sequence {
                first = before;
            }
        }
        if let Some(end) = self.later.remove(&(sequence + 1)) {
            last = end;
        }
        if sequence == self.held + 1 {
            self.held = last;
        } else {
            self.later.insert(first, last);
        }
    }

    /// The last sequence up to which all are held; 0 for none.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// The highest sequence held; 0 for none.
    pub fn newest(&self) -> u64 {
        self.later.last_key_value().map_or(self.held, |(_, last)| *last)
    }
}

/// The sequences held of every key of every site.
#[derive(Debug, Default)]
pub struct Held(RwLock<BTreeMap<SiteId, HashMap<[u8; 32], Sequences>>>);

impl Held {
    /// Adds what was committed of a key.
    pub fn insert(&self, site: &SiteId, key: &[u8; 32], sequences: impl IntoIterator<Item = u64>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(site.clone()).or_default().entry(*key).or_default();
        sequences.into_iter().for_each(|sequence| held.insert(sequence));
    }

    /// Sets what is held of a key.
    pub fn set(&self, site: SiteId, key: [u8; 32], sequences: Sequences) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(site).or_default().insert(key, sequences);
    }

    /// The last sequence up to which all are held of a key, and the highest one; 0 for none.
    pub fn of(&self, site: &SiteId, key: &[u8; 32]) -> (u64, u64) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = all.get(site).and_then(|of_site| of_site.get(key));
        held.map_or((0, 0), |held| (held.held(), held.newest()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together_in_any_order() {
        // Every order of six sequences.
        fn orders(rest: &[u64], taken: &mut Vec<u64>, check: &mut impl FnMut(&[u64])) {
            if rest.is_empty() {
                check(taken);
            }
            for (at, next) in rest.iter().enumerate() {
                let left: Vec<u64> = [&rest[..at], &rest[at + 1..]].concat();
                taken.push(*next);
                orders(&left, taken, check);
                taken.pop();
            }
        }
        orders(&[1, 2, 3, 4, 6, 7], &mut Vec::new(), &mut |order| {
            let mut held = Sequences::default();
            for (count, sequence) in order.iter().enumerate() {
                held.insert(*sequence);
                held.insert(*sequence);
                let so_far = &order[..=count];
                let all = (1..).take_while(|n| so_far.contains(n)).last().unwrap_or(0);
                assert_eq!((held.held(), held.newest()), (all, *so_far.iter().max().unwrap()), "{so_far:?}");
            }
            assert_eq!(held, Sequences::from_ranges([(1, 4), (6, 7)]));
        });
    }
}
