//! Batches of logs: those that bundles of kind `logs` name, and from each of these back to the one that a bundle named
//! before.

use std::collections::BTreeSet;

use serde::Deserialize;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_trust::digest::Digest;
use writ_wire::log_batch::{LogBatch, MAX_BATCH};
use writ_wire::paths;

use super::Fetch;
use crate::depot::{failed, if_there};
use crate::failure::Outcome;

/// Where it is kept which ends of chains are still to be followed: one digest on each line.
const WANTED: &str = "logs/wanted";
/// The largest such file, in bytes.
const MAX_WANTED: usize = 16 * 1024 * 1024;

/// As much of a bundle as says which batch it names.
#[derive(Deserialize)]
struct Named {
    logs: Option<End>,
}

/// See [`Named`].
#[derive(Deserialize)]
struct End {
    digest: Digest,
}

impl Fetch<'_> {
    /// Takes note of the batch that a bundle names, if it names one.
    pub fn note_logs(&mut self, path: &str) -> Outcome<()> {
        let bytes = self.to.read(path, MAX_BUNDLE)?.unwrap_or_default();
        if let Ok(Named { logs: Some(end) }) = serde_json::from_slice(&bytes) {
            self.ends.insert(end.digest);
        }
        Ok(())
    }

    /// What the runs before did not come to.
    pub fn recall_logs(&mut self) -> Outcome<()> {
        let kept =
            crate::files::read_if_there(&self.to.state(WANTED), MAX_WANTED, "what the fetch before did not come to")?;
        let text = String::from_utf8(kept.unwrap_or_default()).unwrap_or_default();
        self.ends.extend(text.lines().filter_map(|line| line.parse::<Digest>().ok()));
        Ok(())
    }

    /// Keeps what is still to be done.
    pub fn remember_logs(&self) -> Outcome<()> {
        let text: String = self.ends.iter().map(|digest| format!("{digest}\n")).collect();
        self.to.keep(&self.to.state(WANTED), text.as_bytes())
    }

    /// Fetches all batches; gives how many the depot does not have. What is missing is for `verify` to judge.
    pub fn log_batches(&mut self) -> Outcome<u64> {
        let (mut missing, mut incomplete) = (0, BTreeSet::new());
        for end in std::mem::take(&mut self.ends) {
            if !self.follow(end)? {
                missing += 1;
                incomplete.insert(end);
            }
            self.to.keep(&self.to.state(&format!("logs/{}", end.hex())), b"followed\n")?;
        }
        self.ends = incomplete;
        self.remember_logs()?;
        Ok(missing)
    }

    /// From the end of a chain back to one that was followed before. Whether all of it is here.
    fn follow(&mut self, end: Digest) -> Outcome<bool> {
        let mut wanted = end;
        loop {
            if wanted != end && self.to.state(&format!("logs/{}", wanted.hex())).exists() {
                return Ok(true);
            }
            let Some(batch) = self.log_batch(&wanted)? else { return Ok(false) };
            let Some(previous) = batch.previous else { return Ok(true) };
            wanted = previous;
        }
    }

    /// One batch, from the folder or from the depot.
    fn log_batch(&mut self, digest: &Digest) -> Outcome<Option<LogBatch>> {
        let path = format!("logs/{}/{}.jsonl.gz", self.site, digest.hex());
        let sound = |bytes: &[u8]| LogBatch::judge(bytes).ok().filter(|_| Digest::of(bytes) == *digest);
        if let Some(batch) = self.to.read(&path, MAX_BATCH)?.and_then(|bytes| sound(&bytes)) {
            return Ok(Some(batch));
        }
        let target = paths::log_batch(self.site, digest);
        let answer = if_there(self.client.get(&target, MAX_BATCH as u64));
        let answer = answer.map_err(|e| failed("cannot fetch a batch of logs", &self.client, &e))?;
        let Some((bytes, batch)) = answer.and_then(|bytes| sound(&bytes).map(|batch| (bytes, batch))) else {
            return Ok(None);
        };
        self.to.replace_unsynced(&path, &bytes)?;
        Ok(Some(batch))
    }
}
