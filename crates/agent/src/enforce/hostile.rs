//! Reading files that somebody else may have put there: nothing is followed, nothing blocks, everything is bounded.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

/// How many entries of a folder are looked at.
pub const MOST_ENTRIES: usize = 10_000;

/// Reads a regular file of at most `limit` bytes. A symbolic link, a pipe or a device is an error, never followed or
/// waited for.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_at(CWD, path, limit)
}

/// The same, within a folder that is open.
pub fn read_at(folder: impl AsFd, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let bytes = read_beginning(folder, path, limit + 1)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than the {limit} bytes allowed")));
    }
    Ok(bytes)
}

/// The same, and no more of it than its first `length` bytes, however many there are.
pub fn read_beginning(folder: impl AsFd, path: &Path, length: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::openat(folder, path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The names in a folder that are UTF-8, at most ten thousand; none when there is no such folder.
pub fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.take(MOST_ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), b"12345").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(read(&at("file"), 5).unwrap(), b"12345");
        assert_eq!(read(&at("file"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        for bad in ["link", "pipe", "", "missing"] {
            assert!(read(&at(bad), 5).is_err(), "{bad}");
        }
        assert!(read(Path::new("/dev/zero"), 5).is_err());
        assert_eq!(names(dir.path()).len(), 3);
        assert!(names(Path::new("/nonexistent")).is_empty());
    }
}
