//! What was found in a text: ranges that do not overlap, the first that was noted of two that do.

use std::collections::BTreeMap;

/// Ranges of bytes, sorted, each known to lie apart from the others.
#[derive(Default)]
pub struct Ranges(BTreeMap<usize, usize>);

impl Ranges {
    /// Notes a range, and joins it with those that it touches.
    pub fn add(&mut self, start: usize, end: usize) {
        let (mut start, mut end) = (start, end);
        while let Some((s, e)) = self.touching(start, end) {
            start = start.min(s);
            end = end.max(e);
            self.0.remove(&s);
        }
        self.0.insert(start, end);
    }

    /// A range that shares a byte with this one.
    pub fn touching(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        self.0.range(..end).next_back().map(|(s, e)| (*s, *e)).filter(|(_, e)| *e > start)
    }
}

/// What one round found, and what it must leave alone.
#[derive(Default)]
pub struct Found {
    taken: BTreeMap<usize, (usize, &'static str)>,
    /// Tags of earlier rounds.
    pub tags: Ranges,
    /// What is harmless, whatever a pattern without a label thinks of it.
    pub harmless: Ranges,
}

impl Found {
    /// Notes a range unless it is empty, touches one that was noted, or a tag; and, where no label vouches for it, unless
    /// it touches what is harmless.
    pub fn add(&mut self, start: usize, end: usize, tag: &'static str, vouched: bool) {
        let taken = self.taken.range(..end).next_back().is_some_and(|(_, (e, _))| *e > start);
        let harmless = !vouched && self.harmless.touching(start, end).is_some();
        if start < end && !taken && !harmless && self.tags.touching(start, end).is_none() {
            self.taken.insert(start, (end, tag));
        }
    }

    /// All that was noted, in order.
    pub fn into_removed(self) -> Vec<super::Removed> {
        self.taken.into_iter().map(|(start, (end, tag))| super::Removed { start, end, tag }).collect()
    }
}
