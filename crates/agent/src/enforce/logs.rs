//! Batches of logs that `writ-logs` lays into the spool: their chains go into the evidence.
//!
//! The folder is treated as hostile. A batch that does not continue its source's chain is told of as refused, and followed
//! nevertheless: logs go on. Each hour, and when a source is new, a bundle of kind `logs` names the end of the chain, and with
//! that every batch before it. What was sent is removed, but never the newest batch of a source: `writ-logs` finds out by it
//! how far it came. Over a budget of their own, which takes nothing from that of evidence, the oldest are dropped when a bundle
//! has told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_evidence::records::LogExtract;
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, MAX_BATCH, file_name, parse_file_name};
use writ_wire::log_receipt::{LogReceipt, MAX_LOG_RECEIPT};

use super::engine::Engine;
use super::hostile;
use super::refused::Refused;
use crate::logs::FOLDER;
use crate::logs::config::MOST_SOURCES;

/// How often the folders are looked at, at least; more often where the folder of releases is.
const LOOK: Duration = Duration::from_secs(30);
/// How often what was sent is removed, and the budget asked about.
const TIDY: Duration = Duration::from_secs(600);
/// How much is read at one look, in bytes: everything else waits meanwhile.
const MOST_READ: usize = 8 * 1024 * 1024;
/// What a batch counts as at least: packed, it may be a thousandth of what it unpacks to.
const LEAST_READ: usize = 512 * 1024;
/// The most batches of a source that lie in the spool: a listing shows ten thousand names.
const MOST_BATCHES: usize = 9_000;
/// How long it is told that lines were dropped, in milliseconds.
const DAY: i64 = 24 * 3_600_000;
/// What is left of the budget when batches were dropped, in hundredths: not one bundle for each.
const DROP_TO: u64 = 75;

/// The chain of one source, as far as it was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChain {
    /// The number of the last batch.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
    /// Where it ends.
    pub to: Time,
    /// When the chain's end was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Time>,
    /// What was not told yet: from when, and how many lines; none when all was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<(Time, u64)>,
    /// When batches were last dropped for want of room, and the lines in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<(Time, u64)>,
}

/// Follows a chain by one batch. When it does not continue the chain, why.
pub fn step(chain: Option<LogChain>, batch: &LogBatch, digest: Digest) -> (LogChain, Option<String>) {
    let broken = match &chain {
        None if batch.previous.is_none() => None,
        None => Some(format!("batch {} is the first that is known, and names one before it", batch.number)),
        Some(before) if batch.number != before.number + 1 => {
            Some(format!("batch {} came after batch {}", batch.number, before.number))
        }
        Some(before) if batch.previous != Some(before.digest) => {
            let named = batch.previous.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
            Some(format!("batch {} names {named} as the one before it, and that was {}", batch.number, before.digest))
        }
        Some(_) => None,
    };
    let (told_at, untold, dropped) =
        chain.map_or_else(Default::default, |before| (before.told_at, before.untold, before.dropped));
    let (from, lines) = untold.unwrap_or((batch.from, 0));
    let next = LogChain {
        number: batch.number,
        digest,
        to: batch.to,
        told_at,
        untold: Some((from.min(batch.from), lines.saturating_add(batch.lines))),
        dropped,
    };
    (next, broken)
}

/// A batch that lies in the spool.
struct Lying {
    source: LogSourceId,
    number: u64,
    path: PathBuf,
    bytes: u64,
    /// When it was laid there.
    changed: std::time::SystemTime,
}

impl Engine {
    /// Looks at the batches, when that is due.
    pub(super) fn see_to_logs(&mut self) {
        let every = LOOK.min(self.config.poll_releases.duration());
        if self.logs_at.0.is_some_and(|at| self.clock.since(at) < every) || self.is_full() {
            return;
        }
        self.logs_at.0 = Some(self.clock.instant());
        self.follow_logs();
        if self.logs_at.1.is_none_or(|at| self.clock.since(at) >= TIDY) {
            self.logs_at.1 = Some(self.clock.instant());
            self.tidy_logs();
        }
    }

    /// Lines that were dropped within the day.
    pub(super) fn logs_dropped(&self) -> u64 {
        let now = self.clock.now();
        let lately = self.state.log_chains.values().filter_map(|chain| chain.dropped);
        lately.filter(|(at, _)| now.millis_since(*at).abs() < DAY).fold(0, |sum, (_, lines)| sum.saturating_add(lines))
    }

    fn log_sources(&self) -> Vec<LogSourceId> {
        let mut names = hostile::names(&self.config.logs_dir());
        names.sort_unstable();
        names.iter().filter_map(|name| name.parse().ok()).take(MOST_SOURCES).collect()
    }

    /// Follows each chain as far as it goes, and tells its end where that is due.
    pub(super) fn follow_logs(&mut self) {
        let (mut left, mut changed) = (MOST_READ, false);
        for source in self.log_sources() {
            if !self.has_place_for(&source) {
                continue;
            }
            changed |= self.follow_source(&source, &mut left);
            changed |= self.tell_logs(&source);
        }
        if changed {
            self.commit();
        }
    }

    /// Whether a source is followed. Whoever lays out batches may make up names: the state holds so many, each new one is told of at
    /// once, and one whose folder is gone gives its place away a day after it was told of last.
    fn has_place_for(&mut self, source: &LogSourceId) -> bool {
        let chains = &self.state.log_chains;
        if chains.contains_key(source) || chains.len() < MOST_SOURCES {
            return true;
        }
        let now = self.clock.now();
        let is_over = |(name, chain): &(&LogSourceId, &LogChain)| {
            let is_old = chain.told_at.is_some_and(|at| now.millis_since(at).abs() >= DAY);
            is_old && !self.config.logs_dir().join(name.as_str()).is_dir()
        };
        let Some(over) = chains.iter().find(is_over).map(|(name, _)| name.clone()) else {
            self.say_once(format!("logs of further sources are not followed: {MOST_SOURCES} are"));
            return false;
        };
        self.state.log_chains.remove(&over);
        true
    }

    fn follow_source(&mut self, source: &LogSourceId, left: &mut usize) -> bool {
        let folder = self.config.logs_dir().join(source.as_str());
        let mut numbers: Vec<u64> = hostile::names(&folder).iter().filter_map(|name| parse_file_name(name)).collect();
        numbers.sort_unstable();
        let known = self.state.log_chains.get(source).map_or(0, |chain| chain.number);
        let Some(newest) = numbers.last().copied() else { return false };
        // The newest never goes: where all that is there is older than what was seen, the chain began anew.
        let behind = if newest < known { 0 } else { known };
        let mut changed = false;
        for number in numbers.into_iter().filter(|number| *number > behind) {
            if *left == 0 {
                break;
            }
            let path = folder.join(file_name(number));
            let bytes = match hostile::read(&path, MAX_BATCH) {
                Ok(bytes) => bytes,
                Err(e) => {
                    let message = format!("batch {number} of {source} cannot be read: {e}");
                    self.refuse(&[Refused::new("log-batch", "log-batch", message, None)]);
                    continue;
                }
            };
            *left = left.saturating_sub(bytes.len().max(LEAST_READ));
            let digest = Digest::of(&bytes);
            let batch = match LogBatch::judge(&bytes) {
                Ok(batch) if batch.source == *source && batch.number == number => batch,
                Ok(batch) => {
                    let message = format!("{source}/{number} is batch {} of {}", batch.number, batch.source);
                    self.refuse(&[Refused::new("log-batch", "log-batch", message, Some(digest))]);
                    continue;
                }
                Err(e) => {
                    let message = format!("batch {number} of {source} is none: {e}");
                    self.refuse(&[Refused::new("log-batch", "log-batch", message, Some(digest))]);
                    continue;
                }
            };
            let (chain, broken) = step(self.state.log_chains.get(source).cloned(), &batch, digest);
            if let Some(why) = broken {
                let message = format!("logs of {source}: {why}: something is missing, or was put in its place");
                self.refuse(&[Refused::new("log-batch", "log-chain", message, Some(digest))]);
            }
            self.state.log_chains.insert(source.clone(), chain);
            changed = true;
        }
        changed
    }

    /// Tells the end of a chain, where the last time is long enough ago.
    fn tell_logs(&mut self, source: &LogSourceId) -> bool {
        let (now, every) = (self.clock.now(), self.config.anchor_logs.millis());
        let Some(chain) = self.state.log_chains.get(source).cloned() else { return false };
        let Some((from, lines)) = chain.untold else { return false };
        if chain.told_at.is_some_and(|at| (0..every).contains(&now.millis_since(at))) || self.is_full() {
            return false;
        }
        let extract = LogExtract {
            source: source.to_string(),
            from: from.min(chain.to),
            to: chain.to,
            lines,
            digest: chain.digest,
        };
        let draft = self.teller().logs(extract);
        if !self.seal_posture(draft) {
            return false;
        }
        if let Some(chain) = self.state.log_chains.get_mut(source) {
            (chain.told_at, chain.untold) = (Some(now), None);
        }
        true
    }

    /// Removes what was sent, and the oldest of what is over the budget.
    pub(super) fn tidy_logs(&mut self) {
        let mut lying = Vec::new();
        for source in self.log_sources() {
            let kept = self.remove_sent(&source);
            let (newest, followed) = (kept.last().map_or(0, |newest| newest.number), self.followed(&source));
            let many = kept.len().saturating_sub(MOST_BATCHES);
            // Of those that may go, first the ones that are too many.
            for (n, batch) in kept.into_iter().enumerate() {
                let may_go = batch.number < newest && batch.number <= followed;
                lying.push((batch, may_go, n < many));
            }
        }
        let budget = self.config.logs_budget.bytes();
        let mut total: u64 = lying.iter().map(|(batch, ..)| batch.bytes).sum();
        let over = total > budget;
        lying.sort_by_key(|(batch, ..)| (batch.changed, batch.number));
        let mut dropped: BTreeMap<LogSourceId, Vec<Lying>> = BTreeMap::new();
        for (batch, may_go, too_many) in lying {
            if may_go && (too_many || (over && total > budget / 100 * DROP_TO)) {
                total -= batch.bytes;
                dropped.entry(batch.source.clone()).or_default().push(batch);
            }
        }
        for (source, batches) in dropped {
            self.drop_logs(&source, &batches);
        }
    }

    fn followed(&self, source: &LogSourceId) -> u64 {
        self.state.log_chains.get(source).map_or(0, |chain| chain.number)
    }

    /// Removes what the depot has by the courier's word; gives what stays, in order.
    fn remove_sent(&self, source: &LogSourceId) -> Vec<Lying> {
        let folder = self.config.logs_dir().join(source.as_str());
        let receipts = self.config.releases.join(FOLDER).join(source.as_str());
        let followed = self.followed(source);
        let received: BTreeSet<String> = hostile::names(&receipts).into_iter().collect();
        let lying = hostile::names(&folder).into_iter().filter_map(|name| {
            let (number, path) = (parse_file_name(&name)?, folder.join(&name));
            let metadata = std::fs::symlink_metadata(&path).ok()?;
            let changed = metadata.modified().ok()?;
            Some(Lying { source: source.clone(), number, path, bytes: metadata.len(), changed })
        });
        let mut lying: Vec<Lying> = lying.collect();
        lying.sort_unstable_by_key(|batch| batch.number);
        let newest = lying.last().map_or(0, |batch| batch.number);
        lying.retain(|batch| {
            let may_go = batch.number < newest && batch.number <= followed;
            let name = format!("{}.json", batch.number);
            let sent = may_go && received.contains(&name) && {
                let receipt = hostile::read(&receipts.join(name), MAX_LOG_RECEIPT);
                let receipt = receipt.ok().and_then(|bytes| LogReceipt::parse(&bytes).ok());
                receipt.is_some_and(|receipt| {
                    hostile::read(&batch.path, MAX_BATCH).is_ok_and(|bytes| Digest::of(&bytes) == receipt.digest)
                })
            };
            !(sent && std::fs::remove_file(&batch.path).is_ok())
        });
        lying
    }

    /// Drops batches of one source, once that is in the evidence.
    fn drop_logs(&mut self, source: &LogSourceId, batches: &[Lying]) {
        let mut told: Option<(LogsDropped, Digest)> = None;
        for lying in batches {
            let Ok(bytes) = hostile::read(&lying.path, MAX_BATCH) else { continue };
            // What is none was told of as that.
            let Ok(batch) = LogBatch::judge(&bytes) else { continue };
            let (from, before, lines) = told.as_ref().map_or((batch.from, 0, 0), |(d, _)| (d.from, d.batches, d.lines));
            let (from, to, source) = (from.min(batch.from), batch.to, source.clone());
            let dropped =
                LogsDropped { source, from, to, batches: before + 1, lines: lines.saturating_add(batch.lines) };
            told = Some((dropped, Digest::of(&bytes)));
        }
        if let Some((dropped, digest)) = told {
            let refused = Refused::new("log-batch", RULE, &dropped, Some(digest)).keyed();
            let draft = self.teller().refused(&refused, dropped.batches);
            if self.seal(draft).is_none() {
                return;
            }
            let at = self.clock.now();
            if let Some(chain) = self.state.log_chains.get_mut(source) {
                chain.dropped = Some((at, dropped.lines));
            }
            self.commit();
            if self.writer.trouble().is_some() {
                return;
            }
            warn!("{dropped}");
        }
        for lying in batches {
            let _ = std::fs::remove_file(&lying.path);
        }
        info!(%source, batches = batches.len(), "dropped, undelivered");
    }
}

#[cfg(test)]
mod tests {
    use writ_wire::log_batch::LogBatchSchema;

    use super::*;

    fn batch(number: u64, previous: Option<Digest>) -> LogBatch {
        let at = |minute: u64| Time::from_unix_millis(1_800_000_000_000 + i64::try_from(minute).unwrap() * 300_000);
        LogBatch {
            schema: LogBatchSchema::V1,
            source: "audit".parse().unwrap(),
            number,
            previous,
            from: at(number),
            to: at(number + 1),
            lines: 10,
            dropped: 1,
        }
    }

    #[test]
    fn a_chain_is_followed_and_a_gap_or_a_fork_is_told_and_followed() {
        let digest = |n: u64| Digest::of(&n.to_be_bytes());
        let (mut chain, broken) = step(None, &batch(1, None), digest(1));
        assert_eq!(broken, None);
        for number in 2..=5 {
            let (next, broken) = step(Some(chain), &batch(number, Some(digest(number - 1))), digest(number));
            assert_eq!(broken, None, "{number}");
            chain = next;
        }
        assert_eq!(chain.untold, Some((batch(1, None).from, 50)));
        for (what, next) in [
            ("a gap", batch(7, Some(digest(5)))),
            ("a fork", batch(6, Some(digest(4)))),
            ("anew", batch(1, None)),
            ("again", batch(5, Some(digest(4)))),
            ("no predecessor", batch(6, None)),
        ] {
            let (followed, broken) = step(Some(chain.clone()), &next, digest(99));
            assert!(broken.is_some(), "{what}");
            assert_eq!((followed.number, followed.digest), (next.number, digest(99)), "{what}");
        }
        assert!(step(None, &batch(3, Some(digest(2))), digest(3)).1.is_some(), "what was before is not known");
    }

    #[test]
    fn a_state_of_before_has_no_chains() {
        let chain = step(None, &batch(1, None), Digest::of(b"")).0;
        let text = serde_json::to_string(&chain).unwrap();
        assert_eq!(serde_json::from_str::<LogChain>(&text).unwrap(), chain);
    }
}
