//! Reading what a machine is configured by, and what its users may have put there: links lead on, as they do for the
//! programs that read the same files, but nothing is waited for and everything is bounded.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use super::Unseen;

/// A configuration file is at most this long.
pub(crate) const MAX_FILE: usize = 256 * 1024;

/// How many entries of one folder are looked at.
pub(crate) const MAX_ENTRIES: usize = 10_000;

/// A place below the root of a look: `/etc/x` below `/tmp/tree` is `/tmp/tree/etc/x`.
pub(super) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// Opens a regular file, by whatever links lead there; none where nothing stands.
///
/// # Errors
/// Whatever the system says, and `InvalidInput` for what is no regular file: that is never opened, because a pipe waits
/// and a device may act.
pub(crate) fn open(path: &Path) -> io::Result<Option<File>> {
    let place = match rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(place) => File::from(place),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if !place.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
    File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(itself).map(Some)
}

/// Reads a regular file of at most `limit` bytes; none where nothing stands.
///
/// # Errors
/// As [`open`], and `FileTooLarge`.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than the {limit} bytes allowed")));
    }
    Ok(Some(bytes))
}

/// The same of a file of the machine: below the root of a look, and with words for why it was not seen.
pub(super) fn bytes(root: &Path, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Unseen> {
    read(&below(root, path), limit).map_err(|e| Unseen::failed(path, e))
}

/// The text of a small file of sysfs, without the line break at its end; none when it cannot be read.
pub(super) fn word(path: &Path) -> Option<String> {
    let bytes = read(path, 4096).ok()??;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// The text of a configuration file; none where nothing stands.
pub(crate) fn text(path: &Path) -> Result<Option<String>, Unseen> {
    let bytes = read(path, MAX_FILE).map_err(|e| Unseen::failed(path.display(), e))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The names in a folder that are UTF-8, sorted; none when there is no such folder.
///
/// # Errors
/// Whatever the system says, and a folder of more than [`MAX_ENTRIES`].
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Unseen> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(vec![]),
        Err(e) => return Err(Unseen::failed(folder.display(), e)),
    };
    let mut names = vec![];
    for (number, entry) in entries.enumerate() {
        if number == MAX_ENTRIES {
            return Err(Unseen::failed(folder.display(), format!("it has more than {MAX_ENTRIES} entries")));
        }
        let entry = entry.map_err(|e| Unseen::failed(folder.display(), e))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// The files `*.conf` of several folders in the order in which they are read: by name, and of the same name only that of
/// the first folder that has it.
pub(super) fn drop_ins(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().take(MAX_ENTRIES) {
            let name = entry.file_name();
            if name.as_encoded_bytes().ends_with(b".conf") && !name.as_encoded_bytes().starts_with(b".") {
                found.entry(name).or_insert_with(|| entry.path());
            }
        }
    }
    // A link to /dev/null masks the files of the same name; it reads as empty.
    found.into_values().collect()
}

/// Whether this is a container, as systemd knows it: its hardware, clock and disks are those of the machine that runs it.
pub(super) fn in_container(root: &Path) -> bool {
    below(root, "/run/systemd/container").exists()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_small_regular_files_are_read_by_whatever_links() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), b"12345").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("round", at("round")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(read(&at("file"), 5).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(read(&at("link"), 5).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(read(&at("file"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        for missing in ["missing", "dangling", "file/below"] {
            assert_eq!(read(&at(missing), 5).unwrap(), None, "{missing}");
        }
        for bad in ["pipe", "round", "."] {
            assert!(read(&at(bad), 5).is_err(), "{bad}");
        }
        assert!(read(Path::new("/dev/zero"), 5).is_err());
        assert_eq!(names(dir.path()).unwrap(), ["dangling", "file", "link", "pipe", "round"]);
        assert!(names(Path::new("/nonexistent")).unwrap().is_empty());
    }
}
