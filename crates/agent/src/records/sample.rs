//! The sample that is laid down before a backup, so that it lies in it: what some files are.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use writ_trust::time::Time;
use writ_wire::backup_sample::{BackupSample, BackupSampleSchema, SampledFile};

use super::restore::{Choice, digest, open, rank};

/// How many entries are looked at.
const MOST_LOOKED_AT: usize = 5_000_000;
/// How deep folders are gone into.
const DEEPEST: usize = 200;
/// The longest path that is taken: the sample must stay small.
const LONGEST_PATH: usize = 2_000;

/// Where files are sampled.
pub struct Below {
    /// Below these folders,
    pub folders: Vec<PathBuf>,
    /// but not below these,
    pub exclude: Vec<PathBuf>,
    /// and no longer than until then.
    pub deadline: Instant,
}

/// Looks at `count` files there, chosen by this seed, none larger than `largest` bytes. What cannot be read,
/// and what is no regular file, is passed over; no link is followed. When the time is up, what was seen by then is the sample.
pub fn take(below: &Below, count: usize, seed: &str, largest: u64, now: Time) -> BackupSample {
    let mut choice = Choice::of(count);
    let mut looked_at = 0;
    for folder in &below.folders {
        walk(folder, below, 0, &mut looked_at, &mut |path, size| {
            if size <= largest && path.len() <= LONGEST_PATH {
                choice.offer(rank(seed, path), path.to_owned());
            }
        });
    }
    let mut files: Vec<SampledFile> =
        choice.chosen().filter_map(|path| sampled(path, largest, below.deadline)).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    BackupSample { schema: BackupSampleSchema::V1, at: now, files }
}

fn walk(path: &Path, below: &Below, depth: usize, looked_at: &mut usize, file: &mut dyn FnMut(&str, u64)) {
    *looked_at += 1;
    let enough = *looked_at > MOST_LOOKED_AT || depth > DEEPEST || Instant::now() >= below.deadline;
    if enough || below.exclude.iter().any(|excluded| path == excluded) {
        return;
    }
    let Ok(facts) = fs::symlink_metadata(path) else { return };
    if facts.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            walk(&entry.path(), below, depth + 1, looked_at, file);
        }
    } else if facts.is_file()
        && let Some(text) = path.to_str()
    {
        file(text, facts.len());
    }
}

fn sampled(path: String, largest: u64, deadline: Instant) -> Option<SampledFile> {
    let (mut file, modified_at) = open(Path::new(&path)).ok()?;
    Some(SampledFile { digest: digest(&mut file, largest, deadline).ok()?, path, modified_at })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use writ_trust::digest::Digest;

    use super::*;

    #[test]
    fn a_sample_is_of_regular_files_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/a"), "a").unwrap();
        fs::write(at("b"), "b").unwrap();
        fs::write(at("large"), vec![0; 200]).unwrap();
        symlink(at("b"), at("link")).unwrap();
        symlink(dir.path(), at("loop")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        fs::create_dir(at("secrets")).unwrap();
        fs::write(at("secrets/password"), "p").unwrap();
        let deadline = Instant::now() + std::time::Duration::from_secs(600);
        let mut below =
            Below { folders: vec![dir.path().to_owned(), at("none")], exclude: vec![at("secrets")], deadline };
        let sample = take(&below, 50, "seed", 100, Time::from_unix_millis(0));
        let files: Vec<_> = sample.files.iter().map(|file| (file.path.clone(), file.digest)).collect();
        let path = |name: &str| at(name).to_str().unwrap().to_owned();
        assert_eq!(files, [(path("b"), Digest::of(b"b")), (path("sub/a"), Digest::of(b"a"))]);
        assert_eq!(BackupSample::parse(&sample.canonical()).unwrap(), sample);
        assert_eq!(take(&below, 1, "seed", 100, Time::from_unix_millis(0)).files.len(), 1);
        below.deadline = Instant::now();
        assert_eq!(take(&below, 50, "seed", 100, Time::from_unix_millis(0)).files, [], "the time is up");
    }
}
