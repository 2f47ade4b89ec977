//! The folder of a source. It is another user's: it is opened once and never through a link, and what is in it is reached by
//! what was opened, so that nothing elsewhere is read or removed in its place.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir};
use writ_wire::log_batch::{BEGINNING, MAX_BATCH, file_name, parse_file_name};

use crate::enforce::hostile::{self, MOST_ENTRIES};

/// The batches of one source.
#[derive(Debug)]
pub struct SourceFolder(OwnedFd);

impl SourceFolder {
    /// Opens it; an error where it is anything but a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        hostile::open_folder(path).map(Self)
    }

    /// The numbers of its batches, in order, of the first ten thousand names.
    pub fn numbers(&self) -> Vec<u64> {
        let Ok(entries) = Dir::read_from(&self.0) else { return Vec::new() };
        let names = entries.take(MOST_ENTRIES).filter_map(Result::ok);
        let mut numbers: Vec<u64> =
            names.filter_map(|entry| parse_file_name(entry.file_name().to_str().ok()?)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// A batch as it lies there, not judged.
    pub fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        hostile::read_at(&self.0, Path::new(&file_name(number)), MAX_BATCH)
    }

    /// As much of it as has its first line.
    pub fn beginning(&self, number: u64) -> io::Result<Vec<u8>> {
        hostile::read_beginning(&self.0, Path::new(&file_name(number)), BEGINNING)
    }

    /// What can be known of a batch without reading it.
    pub fn facts(&self, number: u64) -> io::Result<Facts> {
        let facts = rustix::fs::statat(&self.0, file_name(number), AtFlags::SYMLINK_NOFOLLOW)?;
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_possible_wrap,
            clippy::cast_lossless,
            reason = "signed on some machines and not on others, wide on some and not on others; no moment is that far"
        )]
        let moments =
            [facts.st_mtime as i64, facts.st_mtime_nsec as i64, facts.st_ctime as i64, facts.st_ctime_nsec as i64];
        Ok(Facts { bytes: u64::try_from(facts.st_size).unwrap_or(0), changed: moments[0], moments })
    }

    /// Removes a batch.
    pub fn remove(&self, number: u64) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, file_name(number), AtFlags::empty())?)
    }

    /// Makes the names in it survive a power cut.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// What can be known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// How many bytes it takes.
    pub bytes: u64,
    /// When it was laid there, in seconds since 1970.
    pub changed: i64,
    /// To the nanosecond, when its content changed, and when anything about it did: who may read it, or what lies under this
    /// name. The second of these nobody can set.
    moments: [i64; 4],
}

/// Files of one folder that were judged and are no batches, by their numbers, as they were then.
#[derive(Debug, Default)]
pub struct NoBatches(BTreeMap<u64, Facts>);

impl NoBatches {
    /// Takes note of one, as it was before it was judged.
    pub fn note(&mut self, number: u64, facts: Facts) {
        self.0.insert(number, facts);
    }

    /// A batch lies in its place.
    pub fn forget(&mut self, number: u64) {
        self.0.remove(&number);
    }

    /// Forgets those that are not listed any more, so that there are never more than a listing shows. The numbers are in order.
    pub fn keep_listed(&mut self, numbers: &[u64]) {
        self.0.retain(|number, _| numbers.binary_search(number).is_ok());
    }

    /// Whether one of this number was refused, whatever lies there now.
    pub fn has(&self, number: u64) -> bool {
        self.0.contains_key(&number)
    }

    /// Whether what has these facts is what was refused.
    pub fn is_still(&self, number: u64, facts: Facts) -> bool {
        self.0.get(&number) == Some(&facts)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_refused_is_known_until_it_changes_or_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |number: u64| dir.path().join(file_name(number));
        for number in [7, 99_999] {
            fs::write(at(number), "none").unwrap();
        }
        let folder = SourceFolder::open(dir.path()).unwrap();
        assert_eq!(folder.numbers(), [7, 99_999]);
        let mut refused = NoBatches::default();
        let facts = |number: u64| folder.facts(number).unwrap();
        for number in [7, 99_999] {
            refused.note(number, facts(number));
            assert!(refused.has(number) && refused.is_still(number, facts(number)));
        }
        assert!(!refused.has(8));
        fs::write(at(7), "longer").unwrap();
        // Of the same length, and younger.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        fs::File::options().write(true).open(at(99_999)).unwrap().set_modified(later).unwrap();
        for number in [7, 99_999] {
            assert!(refused.has(number) && !refused.is_still(number, facts(number)), "{number}");
        }
        refused.forget(99_999);
        assert!(!refused.has(99_999));
        fs::remove_file(at(7)).unwrap();
        refused.keep_listed(&folder.numbers());
        assert!(!refused.has(7));
    }
}
