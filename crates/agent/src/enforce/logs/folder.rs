//! The folder of a source. It is another user's: it is opened once and never through a link, and what is in it is reached by
//! what was opened, so that nothing elsewhere is read or removed in its place.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use writ_wire::log_batch::{BEGINNING, MAX_BATCH, file_name, parse_file_name};

use crate::enforce::hostile::{self, MOST_ENTRIES};

/// The batches of one source.
#[derive(Debug)]
pub struct SourceFolder(OwnedFd);

impl SourceFolder {
    /// Opens it; an error where it is anything but a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
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

    /// How many bytes a batch takes, and when it was laid there, in seconds since 1970.
    pub fn facts(&self, number: u64) -> io::Result<(u64, i64)> {
        let facts = rustix::fs::statat(&self.0, file_name(number), AtFlags::SYMLINK_NOFOLLOW)?;
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_possible_wrap,
            reason = "signed on some machines, and not on others"
        )]
        let changed = facts.st_mtime as i64;
        Ok((u64::try_from(facts.st_size).unwrap_or(0), changed))
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
