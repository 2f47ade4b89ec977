//! Making room in the spool.
//!
//! What was sent is removed, but never the newest batch of a source: `writ-logs` finds out by it how far it came. Over a budget
//! of their own, which takes nothing from that of evidence, the oldest are dropped when a bundle has told of it.

use std::collections::{BTreeMap, BTreeSet};

use tracing::{info, warn};
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_wire::log_batch::LogBatch;
use writ_wire::log_receipt::{LogReceipt, MAX_LOG_RECEIPT};

use super::DAY;
use super::folder::SourceFolder;
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

/// A batch that lies in the spool.
struct Lying {
    source: LogSourceId,
    number: u64,
    bytes: u64,
    /// When it was laid there, in seconds since 1970.
    changed: i64,
}

/// Batches that go, each the one after the other.
struct Stretch {
    numbers: Vec<u64>,
    dropped: LogsDropped,
}

impl Engine {
    /// Removes what was sent, and the oldest of what is over the budget.
    pub(super) fn tidy_logs(&mut self) {
        let (mut lying, mut folders, mut left) = (Vec::new(), BTreeMap::new(), MOST_COMPARED);
        for source in self.log_sources() {
            let Ok(folder) = self.source_folder(&source) else { continue };
            let kept = self.remove_sent(&source, &folder, &mut left);
            let (newest, followed) = (kept.last().map_or(0, |newest| newest.number), self.followed(&source));
            let many = kept.len().saturating_sub(MOST_BATCHES);
            // Of those that may go, first the ones that are too many.
            for (n, batch) in kept.into_iter().enumerate() {
                let may_go = batch.number < newest && batch.number <= followed;
                lying.push((batch, may_go, n < many));
            }
            folders.insert(source, (folder, Vec::new()));
        }
        let budget = self.config.logs_budget.bytes();
        let mut total: u64 = lying.iter().map(|(batch, ..)| batch.bytes).sum();
        let over = total > budget;
        lying.sort_by_key(|(batch, ..)| (batch.changed, batch.number));
        let mut many = 0;
        for (batch, may_go, too_many) in lying {
            if may_go && many < MOST_DROPPED && (too_many || (over && total > budget / 100 * DROP_TO)) {
                total -= batch.bytes;
                many += 1;
                if let Some((_, going)) = folders.get_mut(&batch.source) {
                    going.push(batch.number);
                }
            }
        }
        for (source, (folder, mut going)) in folders {
            going.sort_unstable();
            self.drop_logs(&source, &folder, &going);
        }
    }

    /// Removes what the depot has by the courier's word; gives what stays, in order.
    fn remove_sent(&self, source: &LogSourceId, folder: &SourceFolder, left: &mut u64) -> Vec<Lying> {
        let receipts = self.config.releases.join(FOLDER).join(source.as_str());
        let followed = self.followed(source);
        let received: BTreeSet<String> = hostile::names(&receipts).into_iter().collect();
        let lying = folder.numbers().into_iter().filter_map(|number| {
            let (bytes, changed) = folder.facts(number).ok()?;
            Some(Lying { source: source.clone(), number, bytes, changed })
        });
        let mut lying: Vec<Lying> = lying.collect();
        let newest = lying.last().map_or(0, |batch| batch.number);
        lying.retain(|batch| {
            let may_go = batch.number < newest && batch.number <= followed;
            let name = format!("{}.json", batch.number);
            let sent = may_go && received.contains(&name) && *left > 0 && {
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

    /// Drops batches of one source, in order, once that is in the evidence: one stretch without gaps at a time.
    fn drop_logs(&mut self, source: &LogSourceId, folder: &SourceFolder, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let told_to = self.state.log_chains.get(source).and_then(|chain| chain.dropped_to).unwrap_or(0);
        let (mut going, stretch) = stretch(source, folder, numbers, told_to);
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
    }
}

/// The batches of which nothing is to be told any more, and the first stretch of others, by their first lines.
fn stretch(source: &LogSourceId, folder: &SourceFolder, numbers: &[u64], told_to: u64) -> (Vec<u64>, Option<Stretch>) {
    let (mut going, mut stretch): (Vec<u64>, Option<Stretch>) = (Vec::new(), None);
    for number in numbers.iter().copied() {
        let Ok(beginning) = folder.beginning(number) else { continue };
        let batch = LogBatch::peek(&beginning).ok().filter(|batch| batch.number == number && batch.source == *source);
        // What is none was told of as that.
        let Some(batch) = batch.filter(|_| number > told_to) else {
            going.push(number);
            continue;
        };
        let LogBatch { from, to, lines, previous, .. } = batch;
        match &mut stretch {
            None => {
                let dropped = LogsDropped { source: source.clone(), from, to, batches: 1, lines, before: previous };
                stretch = Some(Stretch { numbers: vec![number], dropped });
            }
            Some(so_far) if so_far.numbers.last().is_some_and(|last| last + 1 == number) => {
                let LogsDropped { from: begins, to: ends, batches, lines: all, .. } = &mut so_far.dropped;
                (*begins, *ends, *batches, *all) = ((*begins).min(from), to, *batches + 1, all.saturating_add(lines));
                so_far.numbers.push(number);
            }
            Some(_) => break,
        }
    }
    (going, stretch)
}
