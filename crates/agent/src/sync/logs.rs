//! Sends batches of logs, after evidence. A batch counts as sent by the depot's word, and no more hangs on that than the file:
//! its digest is in the evidence, and whoever withholds it is found out.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::{debug, warn};
use writ_client::Error as ClientError;
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, file_name};
use writ_wire::log_receipt::{LogReceipt, MAX_LOG_RECEIPT};
use writ_wire::paths;

use super::courier::Courier;
use super::identity::Vouched;
use super::schedule::Ending;
use super::trouble::Trouble;
use crate::crash_point;
use crate::enforce::hostile::names;
use crate::enforce::logs::folder::SourceFolder;
use crate::logs::config::MOST_SOURCES;

/// The most batches that are sent before something else has its turn.
const AT_ONCE: usize = 8;
/// How long a batch that the depot does not take is not sent again, in milliseconds.
const REST: u64 = 6 * 3_600_000;
/// The most of these that are remembered.
const MOST_RESTING: usize = 10_000;

/// One batch by its place.
pub type Place = (LogSourceId, u64);

/// Batches that the depot did not take, and until when they rest.
pub type Resting = BTreeMap<Place, u64>;

/// How the logs are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogsStatus {
    /// Batches that were not sent.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Of these, how many the depot does not take, or nobody can read.
    pub refused: u64,
    /// Each source that something was sent of.
    pub sources: BTreeMap<LogSourceId, SourceSent>,
}

/// How far a source was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSent {
    /// The number of the last batch.
    pub number: u64,
    /// Until when that has what the source said.
    pub to: Time,
    /// When the depot had it, by the depot's clock.
    pub received_at: Time,
    /// From the one to the other, in seconds, as the depot measured it.
    pub delay_seconds: u64,
}

/// What lies in the spool.
#[derive(Debug, Default)]
struct Lying {
    /// Not sent, oldest first, each source in its turn.
    waiting: Vec<(Place, u64)>,
    /// Receipts whose batch is gone.
    settled: Vec<PathBuf>,
}

impl Courier {
    /// Sends some batches.
    pub fn send_logs(&mut self, vouched: &Vouched) -> Result<Ending, Trouble> {
        let lying = self.lying()?;
        for receipt in &lying.settled {
            fs::remove_file(receipt).map_err(Trouble::at(receipt))?;
        }
        let now = self.millis();
        let waiting = lying.waiting;
        self.resting.retain(|place, until| *until > now && waiting.iter().any(|(there, _)| there == place));
        let due: Vec<Place> =
            waiting.iter().map(|(place, _)| place.clone()).filter(|place| !self.resting.contains_key(place)).collect();
        self.status.logs.waiting = waiting.len() as u64;
        // A file may say that it is as large as it likes.
        self.status.logs.waiting_bytes = waiting.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        self.recall_sent();
        let client = self.signed(vouched);
        let mut sent = 0;
        for place in due.iter().take(AT_ONCE) {
            let outcome = match self.read_batch(place) {
                Ok(Some((batch, bytes))) => self.send_batch(&client, &batch, &bytes).map_err(Sending::judged),
                // Dropped meanwhile.
                Ok(None) => Ok(()),
                Err(unfit) => Err(Sending::Unfit(unfit)),
            };
            match outcome {
                Ok(()) => sent += 1,
                Err(Sending::Unfit(why)) if self.resting.len() < MOST_RESTING => {
                    warn!(source = %place.0, batch = place.1, "not sent: {why}");
                    self.resting.insert(place.clone(), now + REST);
                }
                Err(Sending::Unfit(trouble) | Sending::Failed(trouble)) => return Err(trouble),
            }
        }
        self.status.logs.waiting -= sent;
        self.status.logs.refused = self.resting.len() as u64;
        self.status.changed();
        if due.len() > AT_ONCE {
            return Ok(Ending::More);
        }
        match self.resting.len() {
            0 => Ok(Ending::Done),
            n => Err(Trouble::Left(format!("{n} batches of logs are not taken by the depot, or cannot be read"))),
        }
    }

    /// A batch of the spool; none where it is gone. Any trouble is this batch's alone.
    fn read_batch(&self, (source, number): &Place) -> Result<Option<(LogBatch, Vec<u8>)>, Trouble> {
        let at = self.config.logs().join(source.as_str());
        let path = at.join(file_name(*number));
        // The folder is another user's: neither it nor anything in it is reached by a link, or waited for.
        let folder = match SourceFolder::open(&at) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Trouble::at(&at))?,
        };
        let bytes = match folder.read(*number) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Trouble::at(&path))?,
        };
        let batch = LogBatch::judge(&bytes).map_err(|e| Trouble::at(&path)(io::Error::other(e)))?;
        if (&batch.source, batch.number) != (source, *number) {
            let what = format!("it is batch {} of {}", batch.number, batch.source);
            return Err(Trouble::at(&path)(io::Error::other(what)));
        }
        // A batch is shown before its name survives a power cut. After one, writ-logs would make another of this number, which
        // would never be sent.
        folder.sync().map_err(Trouble::at(&at))?;
        Ok(Some((batch, bytes)))
    }

    fn send_batch(&mut self, client: &writ_client::Client, batch: &LogBatch, bytes: &[u8]) -> Result<(), Trouble> {
        let LogBatch { source, number, .. } = batch;
        let digest = Digest::of(bytes);
        let target = paths::log_batch_submit(&self.config.site, source, *number);
        let answer = client.post_gzip(&target, bytes, MAX_LOG_RECEIPT as u64)?;
        let refused = |why: String| Trouble::refused("log-receipt", why);
        let receipt = LogReceipt::parse(&answer).map_err(|e| refused(one_line(e)))?;
        if (&receipt.source, receipt.number, receipt.digest) != (source, *number, digest) {
            return Err(refused(format!("it is of {}/{}, expected {source}/{number}", receipt.source, receipt.number)));
        }
        crash_point!("sync-log-sent");
        let folder = self.inbox.of_logs().join(source.as_str());
        let path = folder.join(format!("{number}.json"));
        writ_durable::create_directories(&folder).map_err(Trouble::at(&folder))?;
        writ_durable::replace(&path, &receipt.canonical(), 0o644).map_err(Trouble::at(&path))?;
        let LogReceipt { received_at, delay_seconds, .. } = receipt;
        let sent = SourceSent { number: *number, to: batch.to, received_at, delay_seconds };
        debug!(%source, batch = number, delay_seconds, "logs sent");
        self.status.logs.sources.insert(source.clone(), sent);
        Ok(())
    }

    /// What was sent before this start: the newest batch of a source stays in the spool, and its receipt in the inbox.
    fn recall_sent(&mut self) {
        for source in sources(&self.config.logs()) {
            if self.status.logs.sources.contains_key(&source) {
                continue;
            }
            let folder = self.inbox.of_logs().join(source.as_str());
            let Some(number) = receipts(&folder).into_iter().next_back() else { continue };
            let receipt = writ_durable::read_bounded(&folder.join(format!("{number}.json")), MAX_LOG_RECEIPT).ok();
            let batch = SourceFolder::open(&self.config.logs().join(source.as_str()));
            let batch = batch.and_then(|folder| folder.read(number)).ok();
            let batch = batch.and_then(|bytes| LogBatch::judge(&bytes).ok());
            let receipt = receipt.and_then(|bytes| LogReceipt::parse(&bytes).ok());
            if let Some((LogReceipt { received_at, delay_seconds, .. }, batch)) = receipt.zip(batch) {
                let sent = SourceSent { number, to: batch.to, received_at, delay_seconds };
                self.status.logs.sources.insert(source, sent);
            }
        }
    }

    fn lying(&self) -> Result<Lying, Trouble> {
        let mut found = Lying::default();
        let mut by_turn: Vec<(usize, Place, u64)> = Vec::new();
        for source in sources(&self.config.logs()) {
            let batches = SourceFolder::open(&self.config.logs().join(source.as_str())).ok();
            let inbox = self.inbox.of_logs().join(source.as_str());
            let sent = receipts(&inbox);
            let there = batches.as_ref().map(SourceFolder::numbers).unwrap_or_default();
            // Of a folder that shows nothing one cannot tell what it had.
            if !there.is_empty() {
                let gone = sent.iter().filter(|number| there.binary_search(number).is_err());
                found.settled.extend(gone.map(|number| inbox.join(format!("{number}.json"))));
            }
            let waiting = there.into_iter().filter(|number| sent.binary_search(number).is_err());
            for (turn, number) in waiting.enumerate() {
                let facts = batches.as_ref().and_then(|folder| folder.facts(number).ok());
                by_turn.push((turn, (source.clone(), number), facts.map_or(0, |facts| facts.bytes)));
            }
        }
        by_turn.sort_unstable();
        found.waiting = by_turn.into_iter().map(|(_, place, bytes)| (place, bytes)).collect();
        Ok(found)
    }
}

/// The sources that have a folder.
fn sources(folder: &Path) -> Vec<LogSourceId> {
    let mut sources: Vec<LogSourceId> = names(folder).iter().filter_map(|name| name.parse().ok()).collect();
    sources.sort_unstable();
    sources.truncate(MOST_SOURCES);
    sources
}

/// The numbers of the receipts in a folder, in order.
fn receipts(folder: &Path) -> Vec<u64> {
    let numbers = names(folder).into_iter().filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Why a batch was not sent.
enum Sending {
    /// It is of this batch alone: the next one may be sent.
    Unfit(Trouble),
    /// Others would fare no better: the depot is out of reach, or the inbox takes no receipt.
    Failed(Trouble),
}

impl Sending {
    /// Of a batch that may be sent.
    fn judged(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Depot(ClientError::Refused { status: 400 | 409 | 413 | 415 | 422, .. }) => Self::Unfit(trouble),
            _ => Self::Failed(trouble),
        }
    }
}
