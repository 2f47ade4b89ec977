//! The sizes of the log from which the enforcer may have to prove its way: heads that lay in the inbox, any of which it may have
//! kept, and the checkpoints of receipts, which count only when the tiles prove that they are of the log it knows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the tiles for a size stay. The enforcer looks at receipts every ten minutes and when it starts.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// The most sizes proven in one pull; each takes at most one tile of its own, of 8 KiB.
const MOST: usize = 256;
/// How many entries a tile of leaves has (C2SP tlog-tiles).
const WIDTH: u64 = 256;

/// Sizes by the tile that they end in: one of them brings the tiles for all.
#[derive(Debug, Default)]
pub struct Unproven(BTreeMap<u64, (u64, Option<Instant>)>);

impl Unproven {
    /// A head of this size was laid out, or a receipt under a checkpoint of it.
    pub fn add(&mut self, size: u64) {
        let Some(last) = size.checked_sub(1) else { return };
        let (smallest, laid) = self.0.entry(last / WIDTH).or_insert((size, None));
        // What was laid for a larger one may not do for this.
        if size < *smallest {
            *smallest = size;
        }
        *laid = None;
    }

    /// Forgets everything: the log is another one.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The sizes for which tiles are to be laid into the inbox at a pull, the oldest first; none is larger than `head`.
    pub fn due(&mut self, head: u64, now: Instant) -> Vec<u64> {
        self.0.retain(|_, (_, laid)| laid.is_none_or(|laid| now.saturating_duration_since(laid) < KEPT));
        let due = self.0.values_mut().filter(|(size, _)| *size <= head).take(MOST);
        due.map(|(size, laid)| {
            laid.get_or_insert(now);
            *size
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_due_until_the_enforcer_had_the_time_to_look() {
        let (mut sizes, start) = (Unproven::default(), Instant::now());
        let later = |minutes: u64| start + Duration::from_secs(60 * minutes);
        for size in [0, 300, 256, 255, 257, 1_000] {
            sizes.add(size);
        }
        assert_eq!(sizes.due(999, start), [255, 257], "one for each tile, none that the head does not have");
        assert_eq!(sizes.due(2_000, later(20)), [255, 257, 1_000]);
        assert_eq!(sizes.due(2_000, later(40)), [1_000]);
        sizes.add(299);
        assert_eq!(sizes.due(2_000, later(60)), [299]);
        sizes.clear();
        assert!(sizes.due(2_000, later(60)).is_empty());
    }

    #[test]
    fn a_long_backlog_is_proven_in_turns() {
        let (mut sizes, start) = (Unproven::default(), Instant::now());
        (1..=1_000).for_each(|tile| sizes.add(tile * WIDTH));
        let first = sizes.due(u64::MAX, start);
        assert_eq!((first.len(), first[0], first[MOST - 1]), (MOST, WIDTH, MOST as u64 * WIDTH));
        let second = sizes.due(u64::MAX, start + KEPT);
        assert_eq!((second.len(), second[0]), (MOST, (MOST as u64 + 1) * WIDTH));
    }
}
