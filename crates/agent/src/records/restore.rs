//! A restore that is tried: files of the newest backup, chosen by chance, are restored into a digest and compared with what
//! they are, or, where they have changed since, with what they were. Nothing of them is written to any disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{CWD, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::backup_sample::{BackupSample, MAX_SAMPLE, SampledFile};
use writ_wire::record::{Facts, MOST_ENTRIES, Record, RestoreTest};

use super::repository::Snapshot;
use super::{Run, bounded, without_names};

/// Something to restore from.
pub trait Archive {
    /// The newest backup that was made by then; none when there is none.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn newest(&self, now: Time) -> Result<Option<Snapshot>, String>;

    /// Hands over every regular file of a backup.
    ///
    /// # Errors
    /// Why it cannot be listed to its end.
    fn list(&self, snapshot: &str, take: &mut dyn FnMut(Entry)) -> Result<(), String>;

    /// Hands over what a file of a backup held, piece by piece.
    ///
    /// # Errors
    /// Why it cannot be restored, or what `take` said.
    fn restore(
        &self,
        snapshot: &str,
        path: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String>;
}

/// A regular file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it lay: an absolute path.
    pub path: String,
    /// How large it was.
    pub size_bytes: u64,
    /// When it was last changed.
    pub modified_at: Time,
}

/// The longest line of a listing of files.
const MAX_LINE: usize = 64 * 1024;

/// The lines of a listing that comes in pieces.
#[derive(Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes a piece, and hands over each line that has come to its end.
    ///
    /// # Errors
    /// That a line is longer than any should be.
    pub fn take(&mut self, piece: &[u8], line: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            if self.begun.len() + part.len() > MAX_LINE {
                return Err(format!("its listing has a line of more than {MAX_LINE} bytes"));
            }
            self.begun.extend_from_slice(part);
            if self.begun.ends_with(b"\n") {
                line(&self.begun);
                self.begun.clear();
            }
        }
        Ok(())
    }
}

/// What is tried.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many files.
    pub sample: usize,
    /// What they are chosen by; nobody should know it beforehand.
    pub seed: String,
    /// Only files below these; below any where there are none.
    pub paths: Vec<PathBuf>,
    /// No file that is larger, in bytes.
    pub largest: u64,
    /// Where the backup holds a sample of what files were.
    pub sample_file: Option<PathBuf>,
    /// When it is given up.
    pub deadline: Instant,
}

/// Where files stand in line to be chosen: at random, and anybody can compute it again.
pub fn rank(seed: &str, path: &str) -> [u8; 32] {
    Sha256::new().chain_update(seed).chain_update([0]).chain_update(path).finalize().into()
}

/// Keeps those that are first in line.
pub struct Choice<T> {
    most: usize,
    chosen: BTreeMap<[u8; 32], T>,
}

impl<T> Choice<T> {
    /// Chooses at most so many.
    pub fn of(most: usize) -> Self {
        Self { most, chosen: BTreeMap::new() }
    }

    /// Takes one that stands at this rank.
    pub fn offer(&mut self, rank: [u8; 32], one: T) {
        self.chosen.insert(rank, one);
        if self.chosen.len() > self.most {
            self.chosen.pop_last();
        }
    }

    /// Gives places to those of another choice first, and the rest to the first of this one that are not among them.
    pub fn after(self, first: Self) -> Self {
        let (most, mut chosen) = (self.most, first.chosen);
        for (rank, one) in self.chosen {
            if chosen.len() < most {
                chosen.entry(rank).or_insert(one);
            }
        }
        Self { most, chosen }
    }

    /// The chosen.
    pub fn chosen(self) -> impl Iterator<Item = T> {
        self.chosen.into_values()
    }
}

/// Tries it, and tells of it.
pub fn attempt(
    archive: &dyn Archive,
    plan: &Plan,
    name: &str,
    before: Option<&Record>,
    mut run: Run,
    now: impl Fn() -> Time,
) -> Record {
    let mut test = RestoreTest { seed: plan.seed.clone(), ..RestoreTest::default() };
    let ok = match restore(archive, plan, &mut test, &mut run) {
        Ok(()) => test.compared > 0 && test.mismatched == 0 && test.missing == 0,
        Err(reason) => {
            run.note(reason);
            false
        }
    };
    let failures = match before.map(|record| &record.facts) {
        Some(Facts::RestoreTest(last)) => last.failures,
        _ => 0,
    };
    test.failures = if ok { 0 } else { failures.saturating_add(1).min(1_000_000) };
    run.end(name, now(), ok, Facts::RestoreTest(test))
}

fn restore(archive: &dyn Archive, plan: &Plan, test: &mut RestoreTest, run: &mut Run) -> Result<(), String> {
    let snapshot = archive.newest(run.began_at)?.ok_or("the repository holds no backup of this machine")?;
    test.backup_at = Some(snapshot.at);
    let known = known(archive, &snapshot.id, plan, run);
    // Of some it is known what they were, whatever has become of them; but a test of those alone would never try any other,
    // so they have half of the places.
    let (mut any, mut of_known) = (Choice::of(plan.sample), Choice::of(plan.sample / 2));
    archive.list(&snapshot.id, &mut |entry| {
        if plan.takes(&entry) {
            let rank = rank(&plan.seed, &entry.path);
            if known.contains_key(&entry.path) {
                of_known.offer(rank, entry.clone());
            }
            any.offer(rank, entry);
        }
    })?;
    let attempt = Attempt { archive, snapshot: &snapshot.id, deadline: plan.deadline };
    for entry in any.after(of_known).chosen() {
        test.sampled += 1;
        attempt.judge(&entry, known.get(&entry.path), test, run);
    }
    if test.sampled == 0 {
        return Err("the newest backup holds no file that could be compared".to_owned());
    }
    if test.compared == 0 && test.missing == 0 {
        return Err("each chosen file has changed since the backup, which holds no sample of what they were: let \
                    `writ-record sample` run before it"
            .to_owned());
    }
    Ok(())
}

impl Plan {
    fn takes(&self, entry: &Entry) -> bool {
        let path = Path::new(&entry.path);
        path.is_absolute()
            && entry.size_bytes <= self.largest
            && self.sample_file.as_deref() != Some(path)
            && (self.paths.is_empty() || self.paths.iter().any(|below| path.starts_with(below)))
    }
}

/// What the backup itself says that some of its files were.
fn known(archive: &dyn Archive, snapshot: &str, plan: &Plan, run: &mut Run) -> BTreeMap<String, SampledFile> {
    let Some(file) = plan.sample_file.as_deref().and_then(Path::to_str) else { return BTreeMap::new() };
    let mut bytes = Vec::new();
    let restored = archive.restore(snapshot, file, &mut |piece| {
        bytes.extend_from_slice(piece);
        if bytes.len() > MAX_SAMPLE { Err("it is larger than a sample can be".to_owned()) } else { Ok(()) }
    });
    match restored.and_then(|()| BackupSample::parse(&bytes).map_err(|e| e.to_string())) {
        Ok(sample) => sample.files.into_iter().map(|file| (file.path.clone(), file)).collect(),
        Err(reason) => {
            run.note(format!("the sample in the backup, {file}: {reason}"));
            BTreeMap::new()
        }
    }
}

/// Restoring from one snapshot.
struct Attempt<'a> {
    archive: &'a dyn Archive,
    snapshot: &'a str,
    deadline: Instant,
}

impl Attempt<'_> {
    /// Restores one file and compares it.
    fn judge(&self, entry: &Entry, known: Option<&SampledFile>, test: &mut RestoreTest, run: &mut Run) {
        let restored = match restored_digest(self.archive, self.snapshot, &entry.path, entry.size_bytes) {
            Ok(digest) => digest,
            Err(reason) => {
                test.missing += 1;
                tell(test, &entry.path);
                // What a program complains names the file, mostly.
                let reason = reason.replace(&entry.path, "…").replace(entry.path.trim_start_matches('/'), "…");
                return run.note(format!("a file cannot be restored: {}", without_names(&reason)));
            }
        };
        let was = known.filter(|known| known.modified_at == entry.modified_at).map(|known| known.digest);
        match live_digest(entry, self.deadline).or(was) {
            None => test.changed_since += 1,
            Some(expected) => {
                test.compared += 1;
                if expected != restored {
                    test.mismatched += 1;
                    tell(test, &entry.path);
                }
            }
        }
    }
}

fn tell(test: &mut RestoreTest, path: &str) {
    if test.files.len() < MOST_ENTRIES {
        test.files.push(bounded(path));
    }
}

/// The digest of what a restore hands over, which is `size` bytes long.
fn restored_digest(archive: &dyn Archive, snapshot: &str, path: &str, size: u64) -> Result<Digest, String> {
    let (mut hash, mut left) = (Sha256::new(), size);
    archive.restore(snapshot, path, &mut |piece| {
        left = left.checked_sub(piece.len() as u64).ok_or("it is larger than the backup's own listing says")?;
        hash.update(piece);
        Ok(())
    })?;
    if left > 0 {
        return Err("it is shorter than the backup's own listing says".to_owned());
    }
    Ok(Digest::from_bytes(hash.finalize().into()))
}

/// What the file holds now; none when it has been changed since the backup, by its own word, or is gone.
fn live_digest(entry: &Entry, deadline: Instant) -> Option<Digest> {
    let (mut file, modified_at) = open(Path::new(&entry.path)).ok()?;
    if modified_at != entry.modified_at {
        return None;
    }
    // One byte more than it had: a file that has grown differs, whatever else it holds.
    let digest = digest(&mut file, entry.size_bytes.saturating_add(1), deadline).ok()?;
    (modified(&file).ok()? == modified_at).then_some(digest)
}

/// Opens a regular file, following and waiting for nothing, and tells when it was last changed. What it is is asked before
/// it is opened: the name may be a repository's word, and opening a device may do something.
pub(super) fn open(path: &Path) -> io::Result<(File, Time)> {
    let named = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?;
    modified(&File::from(named.try_clone()?))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let same = format!("/proc/self/fd/{}", named.as_raw_fd());
    let file = File::from(rustix::fs::openat(CWD, same, flags, Mode::empty())?);
    let modified_at = modified(&file)?;
    Ok((file, modified_at))
}

fn modified(file: &File) -> io::Result<Time> {
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let millis = facts.mtime().saturating_mul(1000).saturating_add(facts.mtime_nsec() / 1_000_000);
    Ok(Time::from_unix_millis(millis))
}

/// The digest of at most the first `most` bytes of a file.
///
/// # Errors
/// Whatever the system says, and `TimedOut` when that takes too long.
pub(super) fn digest(file: &mut File, most: u64, deadline: Instant) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut file = file.take(most);
    loop {
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests;
