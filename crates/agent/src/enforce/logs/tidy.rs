//! Making room in the spool.
//!
//! What was sent is removed, but never the newest batch of a source: `writ-logs` finds out by it how far it came. Over a budget
//! of their own, which takes nothing from that of evidence, the oldest are dropped when a bundle has told of it; before them
//! goes what was refused, whatever its number, for it would have all else go in its place.

use std::collections::{BTreeMap, BTreeSet};

use tracing::{info, warn};
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_wire::log_batch::LogBatch;
use writ_wire::log_receipt::{LogReceipt, MAX_LOG_RECEIPT};

use super::DAY;
use super::folder::{Facts, SourceFolder};
use crate::enforce::engine::Engine;
use crate::enforce::hostile;
use crate::enforce::refused::Refused;
use crate::logs::FOLDER;

/// The most batches of a source that lie in the spool: a listing shows ten thousand names.
const MOST_BATCHES: usize = 9_000;
/// What is left of the budget when batches were dropped, in hundredths: not one bundle for each.
const DROP_TO: u64 = 75;
/// How much is read to find out what was sent, in bytes, and how many batches are dropped, at one time: everything else waits
/// meanwhile, and whoever lays out batches may lay out any number.
const MOST_COMPARED: u64 = 128 * 1024 * 1024;
/// See [`MOST_COMPARED`].
const MOST_DROPPED: usize = 1_000;

/// A batch, or what is none, that lies in the spool.
struct Lying {
    source: LogSourceId,
    number: u64,
    bytes: u64,
    /// When it was laid there, in seconds since 1970.
    changed: i64,
    /// It was judged and is none; that was told, or counted.
    refused: bool,
    /// Whether it may be removed at all.
    may_go: bool,
}

/// Files of one source that go.
#[derive(Default)]
struct Going {
    /// Of these nothing is to be told any more.
    told: Vec<u64>,
    /// The first of the others.
    stretch: Option<Stretch>,
    /// More follow, after a gap.
    more: bool,
}

/// Batches that go, each the one after the other.
struct Stretch {
    numbers: Vec<u64>,
    dropped: LogsDropped,
}

impl Engine {
    /// Removes what was sent, and the oldest of what is over the budget.
    pub(super) fn tidy_logs(&mut self) {
        let mut lying: Vec<(Lying, bool)> = Vec::new();
        let (mut folders, mut left) = (BTreeMap::new(), MOST_COMPARED);
        for source in self.log_sources() {
            let Ok(folder) = self.source_folder(&source) else { continue };
            let mut kept = self.remove_sent(&source, &folder, &mut left);
            let many = kept.len().saturating_sub(MOST_BATCHES);
            // Of those that may go, first the ones that are too many, and of these first what is none.
            kept.sort_by_key(|batch| !batch.refused);
            lying.extend(kept.into_iter().enumerate().map(|(n, batch)| (batch, n < many)));
            folders.insert(source, (folder, BTreeMap::new()));
        }
        let budget = self.config.logs_budget.bytes();
        // A file may say that it is as large as it likes.
        let mut total = lying.iter().fold(0u64, |sum, (batch, _)| sum.saturating_add(batch.bytes));
        let over = total > budget;
        lying.sort_by_key(|(batch, _)| (!batch.refused, batch.changed, batch.number));
        let mut many = 0;
        for (batch, too_many) in lying {
            // Nothing of what was refused is read, and some of it may be what cannot be removed.
            let may_go = batch.may_go && (batch.refused || many < MOST_DROPPED);
            if may_go && (too_many || (over && total > budget / 100 * DROP_TO)) {
                total = total.saturating_sub(batch.bytes);
                many += usize::from(!batch.refused);
                if let Some((_, going)) = folders.get_mut(&batch.source) {
                    going.insert(batch.number, batch.refused);
                }
            }
        }
        for (source, (folder, going)) in folders {
            self.drop_logs(&source, &folder, &going);
        }
    }

    /// What lies there of a source, in order. The newest batch is the highest that was followed: of what is above it nobody knows
    /// yet whether it is one.
    fn lying(&self, source: &LogSourceId, folder: &SourceFolder) -> Vec<Lying> {
        let numbers = folder.numbers();
        let behind = self.behind(source, &numbers);
        let is_batch = |number: &u64| *number <= behind && !self.logs.was_refused(source, *number);
        let newest = numbers.iter().copied().rfind(is_batch).unwrap_or(0);
        let known = self.logs.refused.get(source);
        let lying = numbers.into_iter().filter_map(|number| {
            let facts = folder.facts(number).ok()?;
            let Facts { bytes, changed, .. } = facts;
            let refused = known.is_some_and(|known| known.is_still(number, facts));
            let may_go = refused || number < newest;
            Some(Lying { source: source.clone(), number, bytes, changed, refused, may_go })
        });
        lying.collect()
    }

    /// Removes what the depot has by the courier's word; gives what stays, in order.
    fn remove_sent(&self, source: &LogSourceId, folder: &SourceFolder, left: &mut u64) -> Vec<Lying> {
        let receipts = self.config.releases.join(FOLDER).join(source.as_str());
        let received: BTreeSet<String> = hostile::names(&receipts).into_iter().collect();
        let mut lying = self.lying(source, folder);
        lying.retain(|batch| {
            let name = format!("{}.json", batch.number);
            let sent = batch.may_go && received.contains(&name) && *left > 0 && {
                *left = left.saturating_sub(batch.bytes);
                let receipt = hostile::read(&receipts.join(name), MAX_LOG_RECEIPT);
                let receipt = receipt.ok().and_then(|bytes| LogReceipt::parse(&bytes).ok());
                receipt.is_some_and(|receipt| {
                    folder.read(batch.number).is_ok_and(|bytes| Digest::of(&bytes) == receipt.digest)
                })
            };
            !(sent && folder.remove(batch.number).is_ok())
        });
        lying
    }

    /// Drops files of one source, each of which was refused or not, once that is in the evidence: one stretch without gaps at a
    /// time.
    fn drop_logs(&mut self, source: &LogSourceId, folder: &SourceFolder, files: &BTreeMap<u64, bool>) {
        if files.is_empty() {
            return;
        }
        let told_to = self.state.log_chains.get(source).and_then(|chain| chain.dropped_to).unwrap_or(0);
        let Going { told: mut going, stretch, more } = what_goes(source, folder, files, told_to);
        if let Some(Stretch { numbers, dropped }) = stretch
            && let Some(last) = numbers.last().copied()
        {
            let Ok(bytes) = folder.read(last) else { return };
            let refused = Refused::new("log-batch", RULE, &dropped, Some(Digest::of(&bytes))).keyed();
            let draft = self.teller().refused(&refused, dropped.batches);
            if self.seal(draft).is_none() {
                return;
            }
            let at = self.clock.now();
            if let Some(chain) = self.state.log_chains.get_mut(source) {
                let lately = chain.dropped.filter(|(before, _)| at.millis_since(*before).abs() < DAY);
                chain.dropped = Some((at, dropped.lines.saturating_add(lately.map_or(0, |(_, lines)| lines))));
                chain.dropped_to = Some(last);
            }
            self.commit();
            warn!("{dropped}");
            going.extend(numbers);
        }
        // Not before it is on the disk that they went.
        if self.writer.trouble().is_some() {
            return;
        }
        let gone = going.iter().filter(|number| folder.remove(**number).is_ok()).count();
        info!(%source, batches = gone, "dropped, undelivered");
        if more {
            // At the next look.
            self.logs.tidied_at = None;
        }
    }
}

/// What goes of these files, by their first lines.
fn what_goes(source: &LogSourceId, folder: &SourceFolder, files: &BTreeMap<u64, bool>, told_to: u64) -> Going {
    let mut going = Going::default();
    for (number, refused) in files.iter().map(|(number, refused)| (*number, *refused)) {
        if refused {
            // Whatever its first line says: it has no lines that could be told of as dropped.
            going.told.push(number);
            continue;
        }
        let Ok(beginning) = folder.beginning(number) else { continue };
        let batch = LogBatch::peek(&beginning).ok().filter(|batch| batch.number == number && batch.source == *source);
        // What is none was told of as that.
        let Some(batch) = batch.filter(|_| number > told_to) else {
            going.told.push(number);
            continue;
        };
        let LogBatch { from, to, lines, previous, .. } = batch;
        match &mut going.stretch {
            None => {
                let dropped = LogsDropped { source: source.clone(), from, to, batches: 1, lines, before: previous };
                going.stretch = Some(Stretch { numbers: vec![number], dropped });
            }
            Some(so_far) if so_far.numbers.last().is_some_and(|last| last + 1 == number) => {
                let LogsDropped { from: begins, to: ends, batches, lines: all, .. } = &mut so_far.dropped;
                (*begins, *ends, *batches, *all) = ((*begins).min(from), to, *batches + 1, all.saturating_add(lines));
                so_far.numbers.push(number);
            }
            Some(_) => {
                going.more = true;
                break;
            }
        }
    }
    going
}
