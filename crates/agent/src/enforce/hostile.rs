//! Reading files that somebody else may have put there: nothing is followed, nothing blocks, everything is bounded.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// How many entries of a folder are looked at.
pub const MOST_ENTRIES: usize = 10_000;

/// Opens a folder that somebody else may have put there. A symbolic link in its place is an error as anything else is that is no
/// folder: what is read, removed or made durable by what this gives is nowhere else.
pub fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

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
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    let file = rustix::fs::openat(folder, path, flags, Mode::empty()).map_err(|e| match e {
        // A link, a socket, a device that is not there: none of them is opened, and none becomes a file by waiting.
        Errno::LOOP | Errno::NXIO | Errno::NODEV => none(),
        other => other.into(),
    })?;
    let file = File::from(file);
    if !file.metadata()?.is_file() {
        return Err(none());
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
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for bad in ["link", "pipe", "", "socket"] {
            assert_eq!(read(&at(bad), 5).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad}");
        }
        assert_eq!(read(&at("missing"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(read(Path::new("/dev/zero"), 5).is_err());
        assert_eq!(names(dir.path()).len(), 4);
        assert!(names(Path::new("/nonexistent")).is_empty());
    }

    #[test]
    fn a_folder_is_opened_and_no_link_to_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("folder/file"), b"12345").unwrap();
        std::os::unix::fs::symlink(at("folder"), at("link")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let folder = open_folder(&at("folder")).unwrap();
        assert_eq!(read_at(&folder, Path::new("file"), 5).unwrap(), b"12345");
        rustix::fs::fsync(&folder).unwrap();
        for bad in ["link", "pipe", "folder/file", "missing"] {
            assert!(open_folder(&at(bad)).is_err(), "{bad}");
        }
    }
}
