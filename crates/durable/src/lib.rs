//! Writing files so that a kill or a power cut at any instant leaves the old file or the new one, never half of one.
//!
//! A write goes to a temporary name in the same directory, is fsynced, renamed over the target, and the directory is
//! fsynced: when [`replace`] has returned, the new file survives a power cut (POSIX.1-2017 `rename`, Linux `fsync(2)`
//! NOTES on directories). Reads are bounded.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Ends the name of every temporary file made here; leftovers of a crash may be removed by [`remove_leftovers`].
pub const TEMPORARY_SUFFIX: &str = ".writ-tmp";

/// Writes a file durably, replacing what stands there, with these permission bits (for instance `0o600`).
///
/// Two writers of the same path must be kept apart by the caller.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary_name(path)?;
    let written = write_new(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_directory(parent(path)))
}

/// Writes a file durably unless it stands there already; `Ok(false)` when it does, whatever it holds.
///
/// Either way the name survives a power cut from here on, also when an earlier writer was killed before it had made sure
/// of that. Two writers of the same path must be kept apart by the caller.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let temporary = temporary_name(path)?;
    let linked = write_new(&temporary, bytes, mode).and_then(|()| match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    });
    let _ = fs::remove_file(&temporary);
    if linked.is_ok() {
        sync_directory(parent(path))?;
    }
    linked
}

/// Removes a file durably; a file that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes a directory and its missing parents, fsyncing each new entry's parent.
pub fn create_directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    create_directories(parent(path))?;
    match fs::create_dir(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => sync_directory(parent(path)),
    }
}

/// Fsyncs a directory, so that renames and removals in it survive a power cut.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Reads a whole file of at most `limit` bytes; a larger one is an error of kind `FileTooLarge`.
pub fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let message = format!("{} is larger than the {limit} bytes allowed", path.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Removes temporary files that a crash left in a directory; returns how many.
pub fn remove_leftovers(directory: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY_SUFFIX) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a path without a file name"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(TEMPORARY_SUFFIX);
    Ok(path.with_file_name(temporary))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replacing_keeps_one_whole_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("floor");
        replace(&path, b"one", 0o600).unwrap();
        replace(&path, b"two", 0o640).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn creating_never_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("release.json");
        assert!(create(&path, b"one", 0o644).unwrap());
        assert!(!create(&path, b"two", 0o644).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_crash_between_write_and_rename_is_cleaned_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(temporary_name(&path).unwrap(), b"half").unwrap();
        replace(&path, b"whole", 0o600).unwrap();
        fs::write(temporary_name(&path).unwrap(), b"half").unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn reads_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert_eq!(read_bounded(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(replace(&dir.path().join("missing/floor"), b"x", 0o600).is_err());
        assert!(replace(Path::new("/"), b"x", 0o600).is_err());
        create_directories(&dir.path().join("a/b/c")).unwrap();
        assert!(dir.path().join("a/b/c").is_dir());
    }
}
