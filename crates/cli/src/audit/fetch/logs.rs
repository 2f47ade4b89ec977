//! Batches of logs: those that bundles of kind `logs` name, and from each of these back to the one that a bundle named
//! before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use writ_audit::log_chain::{Found, Gap, Named, follow, named};
use writ_evidence::bundle::MAX_BUNDLE;
use writ_trust::digest::Digest;
use writ_wire::log_batch::{LogBatch, MAX_BATCH};
use writ_wire::paths;

use super::Fetch;
use super::folder::Folder;
use crate::depot::{failed, if_there};
use crate::failure::Outcome;
use crate::files;

/// Where it is kept how far the runs before came with batches of logs. Of each stretch of a chain that an appliance dropped there
/// is a file here, and of each end of a chain that was followed: there is no end to either.
const STATE: &str = "logs";
/// Which ends of chains are still to be followed: one digest on each line.
const WANTED: &str = "wanted";
/// How the name of what says that batches were dropped begins; the last of them follows. It has one line: that batch, how many,
/// and the one before them or `none`.
const DROPPED: &str = "dropped-";
/// The largest list of ends, in bytes: more than three million.
const MAX_WANTED: usize = 256 * 1024 * 1024;
/// The largest file that says what was dropped, in bytes.
const MAX_DROPPED: usize = 1024;
/// How many chains are followed before what came of them is made durable.
const FOLLOWED_AT_ONCE: usize = 1024;

/// What bundles say of batches of logs.
#[derive(Default)]
pub(super) struct Wanted {
    /// Ends of chains that are still to be followed.
    ends: BTreeSet<Digest>,
}

impl Fetch<'_> {
    /// Takes note of the batches that a bundle names, if it names any.
    pub fn note_logs(&mut self, path: &str) -> Outcome<()> {
        let Named { end, dropped } = named(&self.to.read(path, MAX_BUNDLE)?.unwrap_or_default());
        self.wanted.ends.extend(end);
        dropped.map_or(Ok(()), |(last, gap)| note_gap(&self.to, last, gap))
    }

    /// What the runs before did not come to.
    pub fn recall_logs(&mut self) -> Outcome<()> {
        let what = "what the fetch before did not come to";
        let kept = files::read_if_there(&state(&self.to).join(WANTED), MAX_WANTED, what)?;
        let kept = String::from_utf8(kept.unwrap_or_default()).unwrap_or_default();
        self.wanted.ends = kept.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(())
    }

    /// Keeps what is still to be done.
    pub fn remember_logs(&self) -> Outcome<()> {
        let ends: String = self.wanted.ends.iter().map(|digest| format!("{digest}\n")).collect();
        self.to.keep(&state(&self.to).join(WANTED), ends.as_bytes())
    }

    /// Fetches all batches; gives how many the depot does not have. What is missing is for `verify` to judge.
    pub fn log_batches(&mut self) -> Outcome<u64> {
        let Wanted { ends } = std::mem::take(&mut self.wanted);
        if !ends.is_empty() {
            // Also without a batch: whoever withholds all of them is found out as one who withholds one.
            files::make_directory(&self.to.path(&format!("logs/{}", self.site)))?;
        }
        let state = state(&self.to);
        let (mut incomplete, mut followed) = (BTreeSet::new(), BTreeSet::new());
        for end in ends {
            let gap = |last: &Digest| kept_gap(&state, last);
            if !follow(end, gap, |digest| self.find(digest, end, &followed))? {
                incomplete.insert(end);
            }
            followed.insert(end);
            if followed.len() >= FOLLOWED_AT_ONCE {
                keep_followed(&self.to, std::mem::take(&mut followed))?;
            }
        }
        keep_followed(&self.to, followed)?;
        let missing = incomplete.len() as u64;
        self.wanted = Wanted { ends: incomplete };
        self.remember_logs()?;
        Ok(missing)
    }

    /// Where a batch is. Ends that were followed by this run count as those that are kept.
    fn find(&mut self, digest: &Digest, end: Digest, followed: &BTreeSet<Digest>) -> Outcome<Found> {
        if *digest != end && (followed.contains(digest) || followed_path(&state(&self.to), digest).exists()) {
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

/// See [`STATE`].
fn state(to: &Folder) -> PathBuf {
    to.state(STATE)
}

/// What says that a chain was followed from this batch back.
fn followed_path(state: &Path, digest: &Digest) -> PathBuf {
    state.join(digest.hex())
}

/// Keeps from where chains were followed, once all that was fetched for it is on the disk: a power cut that left only the first
/// would have nobody ask for the others again. One that takes the first has the chain followed again.
fn keep_followed(to: &Folder, ends: BTreeSet<Digest>) -> Outcome<()> {
    if ends.is_empty() {
        return Ok(());
    }
    to.sync()?;
    let state = state(to);
    ends.into_iter().try_for_each(|end| to.put(&followed_path(&state, &end), b"followed\n"))
}

/// Takes note of what an appliance dropped. It is on the disk before it is kept that the bundle which says so was gone through.
fn note_gap(to: &Folder, last: Digest, gap: Gap) -> Outcome<()> {
    let (path, line) = (gap_path(&state(to), &last), gap_line(&last, gap));
    // Anything else is what a power cut left of it, or another bundle's word.
    if writ_durable::read_bounded(&path, MAX_DROPPED).is_ok_and(|there| there == line.as_bytes()) {
        return Ok(());
    }
    to.put(&path, line.as_bytes())
}

/// What was noted of the batches of which this is the last one.
fn kept_gap(state: &Path, last: &Digest) -> Outcome<Option<Gap>> {
    let kept = files::read_if_there(&gap_path(state, last), MAX_DROPPED, "what an appliance dropped")?;
    let kept = kept.and_then(|kept| parse_gap(std::str::from_utf8(&kept).ok()?.trim_end()));
    Ok(kept.filter(|(of, _)| of == last).map(|(_, gap)| gap))
}

fn gap_path(state: &Path, last: &Digest) -> PathBuf {
    state.join(format!("{DROPPED}{}", last.hex()))
}

fn gap_line(last: &Digest, Gap { batches, before }: Gap) -> String {
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
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn gaps_are_read_as_they_were_kept() {
        let [last, before] = [Digest::of(b"last"), Digest::of(b"before")];
        for gap in [Gap { batches: 7, before: Some(before) }, Gap { batches: 1, before: None }] {
            assert_eq!(parse_gap(gap_line(&last, gap).trim_end()), Some((last, gap)));
        }
        for bad in ["", "x", &format!("{last} 7"), &format!("{last} seven none"), &format!("{last} 7 sha256:0")] {
            assert_eq!(parse_gap(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_gap_is_kept_in_a_file_of_its_own_that_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let to = Folder::open(dir.path(), 0).unwrap();
        let batch = |n: u64| Digest::of(&n.to_be_bytes());
        let gap = |n: u64| Gap { batches: n, before: (n > 1).then(|| batch(n - 1)) };
        (1..=3).for_each(|n| note_gap(&to, batch(n), gap(n)).unwrap());
        let kept = |n: u64| kept_gap(&state(&to), &batch(n)).unwrap();
        for n in 1..=3 {
            assert_eq!(kept(n), Some(gap(n)), "{n}");
        }
        assert_eq!(kept(4), None);
        assert_eq!(fs::read_dir(state(&to)).unwrap().count(), 3);
        let path = |n: u64| gap_path(&state(&to), &batch(n));
        let file = |n: u64| fs::metadata(path(n)).unwrap().ino();
        let before = file(2);
        note_gap(&to, batch(2), gap(2)).unwrap();
        assert_eq!(file(2), before, "it is there already");
        // What a power cut leaves of a file, and one under another's name.
        fs::write(path(2), "").unwrap();
        fs::copy(path(1), path(3)).unwrap();
        assert_eq!((kept(2), kept(3)), (None, None));
        note_gap(&to, batch(2), gap(2)).unwrap();
        assert_eq!(kept(2), Some(gap(2)));
    }

    #[test]
    fn what_was_followed_is_kept_by_the_end_of_its_chain() {
        let dir = tempfile::tempdir().unwrap();
        let to = Folder::open(dir.path(), 0).unwrap();
        keep_followed(&to, BTreeSet::new()).unwrap();
        assert!(!state(&to).exists());
        let [one, other, gap] = [Digest::of(b"one"), Digest::of(b"other"), Digest::of(b"gap")];
        note_gap(&to, gap, Gap { batches: 1, before: None }).unwrap();
        keep_followed(&to, [one, other].into()).unwrap();
        for (digest, followed) in [(one, true), (other, true), (gap, false)] {
            assert_eq!(followed_path(&state(&to), &digest).exists(), followed, "{digest}");
        }
    }
}
