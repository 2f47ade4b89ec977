//! Batches of logs: those that bundles of kind `logs` name, and from each of these back to the one that a bundle named
//! before.

use std::collections::{BTreeMap, BTreeSet};

use writ_audit::log_chain::{Found, Gap, Named, follow, named};
use writ_evidence::bundle::MAX_BUNDLE;
use writ_trust::digest::Digest;
use writ_wire::log_batch::{LogBatch, MAX_BATCH};
use writ_wire::paths;

use super::Fetch;
use crate::depot::{failed, if_there};
use crate::failure::Outcome;
use crate::files;

/// Where it is kept which ends of chains are still to be followed: one digest on each line.
const WANTED: &str = "logs/wanted";
/// Where it is kept what appliances dropped: on each line the last batch, how many, and the one before them or `none`.
const DROPPED: &str = "logs/dropped";
/// The largest such file, in bytes.
const MAX_KEPT: usize = 16 * 1024 * 1024;

/// What bundles say of batches of logs.
#[derive(Default)]
pub(super) struct Wanted {
    /// Ends of chains that are still to be followed.
    ends: BTreeSet<Digest>,
    gaps: BTreeMap<Digest, Gap>,
}

impl Fetch<'_> {
    /// Takes note of the batches that a bundle names, if it names any.
    pub fn note_logs(&mut self, path: &str) -> Outcome<()> {
        let Named { end, dropped } = named(&self.to.read(path, MAX_BUNDLE)?.unwrap_or_default());
        self.wanted.ends.extend(end);
        self.wanted.gaps.extend(dropped);
        Ok(())
    }

    /// What the runs before did not come to, and what they know of gaps.
    pub fn recall_logs(&mut self) -> Outcome<()> {
        let kept = |name: &str| -> Outcome<String> {
            let what = "what the fetch before did not come to";
            let kept = files::read_if_there(&self.to.state(name), MAX_KEPT, what)?;
            Ok(String::from_utf8(kept.unwrap_or_default()).unwrap_or_default())
        };
        let ends: BTreeSet<Digest> = kept(WANTED)?.lines().filter_map(|line| line.parse().ok()).collect();
        let gaps: BTreeMap<Digest, Gap> = kept(DROPPED)?.lines().filter_map(parse_gap).collect();
        self.wanted = Wanted { ends, gaps };
        Ok(())
    }

    /// Keeps what is still to be done.
    pub fn remember_logs(&self) -> Outcome<()> {
        let ends: String = self.wanted.ends.iter().map(|digest| format!("{digest}\n")).collect();
        let gaps: String = self.wanted.gaps.iter().map(gap_line).collect();
        if !gaps.is_empty() {
            self.to.keep(&self.to.state(DROPPED), gaps.as_bytes())?;
        }
        self.to.keep(&self.to.state(WANTED), ends.as_bytes())
    }

    /// Fetches all batches; gives how many the depot does not have. What is missing is for `verify` to judge.
    pub fn log_batches(&mut self) -> Outcome<u64> {
        let Wanted { ends, gaps } = std::mem::take(&mut self.wanted);
        if !ends.is_empty() {
            // Also without a batch: whoever withholds all of them is found out as one who withholds one.
            files::make_directory(&self.to.path(&format!("logs/{}", self.site)))?;
        }
        let mut incomplete = BTreeSet::new();
        for end in ends {
            let gap = |digest: &Digest| Ok(gaps.get(digest).copied());
            if !follow(end, gap, |digest| self.find(digest, end))? {
                incomplete.insert(end);
            }
            self.to.keep(&self.followed(&end), b"followed\n")?;
        }
        let missing = incomplete.len() as u64;
        self.wanted = Wanted { ends: incomplete, gaps };
        self.remember_logs()?;
        Ok(missing)
    }

    /// What says that a chain was followed from this batch back.
    fn followed(&self, digest: &Digest) -> std::path::PathBuf {
        self.to.state(&format!("logs/{}", digest.hex()))
    }

    fn find(&mut self, digest: &Digest, end: Digest) -> Outcome<Found> {
        if *digest != end && self.followed(digest).exists() {
            return Ok(Found::Followed);
        }
        Ok(self.log_batch(digest)?.map_or(Found::Nothing, |batch| Found::Batch(batch.previous)))
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

fn gap_line((last, Gap { batches, before }): (&Digest, &Gap)) -> String {
    format!("{last} {batches} {}\n", before.map_or_else(|| "none".to_owned(), |digest| digest.to_string()))
}

fn parse_gap(line: &str) -> Option<(Digest, Gap)> {
    let (last, rest) = line.split_once(' ')?;
    let (batches, before) = rest.split_once(' ')?;
    let before = if before == "none" { None } else { Some(before.parse().ok()?) };
    Some((last.parse().ok()?, Gap { batches: batches.parse().ok()?, before }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_read_as_they_were_kept() {
        let [last, before] = [Digest::of(b"last"), Digest::of(b"before")];
        for gap in [Gap { batches: 7, before: Some(before) }, Gap { batches: 1, before: None }] {
            assert_eq!(parse_gap(gap_line((&last, &gap)).trim_end()), Some((last, gap)));
        }
        for bad in ["", "x", &format!("{last} 7"), &format!("{last} seven none"), &format!("{last} 7 sha256:0")] {
            assert_eq!(parse_gap(bad), None, "{bad}");
        }
    }
}
