//! Writing files so that a kill or a power cut at any instant leaves the old file or the new one, never half of one.
//!
//! A write goes to a temporary name in the same directory, is fsynced, renamed over the target, and the directory is
//! fsynced: when [`replace`] has returned, the new file survives a power cut (POSIX.1-2017 `rename`, Linux `fsync(2)`
//! NOTES on directories). Reads are bounded.
//!
//! Temporary names are of one process and one call, so two writers of one file do not meet in a half-written one: the last
//! [`replace`] wins whole, and of two [`create`] one finds the file there.

pub mod crash;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the name of every temporary file made here; leftovers of a crash may be removed by [`remove_leftovers`].
pub const TEMPORARY_SUFFIX: &str = ".writ-tmp";

/// The next part of a temporary name that no other call of this process has.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Writes a file durably, replacing what stands there, with these permission bits (for instance `0o600`).
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = write_new(path, bytes, mode)?;
    fs::rename(&temporary, path).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    sync_directory(parent(path))
}

/// As [`replace`] for many files of one folder, with one wait for the folder: when it has returned, all survive a power cut;
/// before that any of them may be the old one or the new one, each whole.
pub fn replace_all<'f>(
    folder: &Path,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    mode: u32,
) -> io::Result<()> {
    let mut written: Vec<(PathBuf, File, PathBuf)> = Vec::new();
    let write = || {
        for (name, bytes) in files {
            let path = folder.join(name);
            let (temporary, mut file) = open_new(&path, mode)?;
            let result = file.write_all(bytes);
            written.push((temporary, file, path));
            result?;
        }
        // Only now: the first of these waits brings most of the others to the disk with it.
        written.iter().try_for_each(|(_, file, _)| file.sync_all())?;
        written.iter().try_for_each(|(temporary, _, path)| fs::rename(temporary, path))
    };
    let result = write();
    if result.is_err() {
        for (temporary, ..) in &written {
            let _ = fs::remove_file(temporary);
        }
    }
    result.and_then(|()| sync_directory(folder))
}

/// Writes a file durably unless it stands there already; `Ok(false)` when it does, whatever it holds.
///
/// Either way the name survives a power cut from here on, also when an earlier writer was killed before it had made sure
/// of that.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let temporary = write_new(path, bytes, mode)?;
    let linked = match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    };
    let _ = fs::remove_file(&temporary);
    if linked.is_ok() {
        sync_directory(parent(path))?;
    }
    linked
}

/// Removes a file durably; a file that is not there is fine, and then stays away: whoever removed it may have been killed
/// before it had made sure of that.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => match sync_directory(parent(path)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        },
        Err(e) => Err(e),
    }
}

/// Makes a directory and its missing parents, fsyncing each new entry's parent; also that of the first one that is there,
/// whose maker may have been killed before that.
pub fn create_directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return match sync_directory(parent(path)) {
            // Whoever may not look into the parent, or finds it on a medium that nobody writes to, did not just make this.
            Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => Ok(()),
            other => other,
        };
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

/// Removes temporary files that a crash left in a directory; returns how many. Those of another process of this machine
/// that is still running are left alone; this process must not be writing there at the same time.
pub fn remove_leftovers(directory: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with(TEMPORARY_SUFFIX) || writer(&name).is_some_and(is_another_alive) {
            continue;
        }
        match fs::remove_file(entry.path()) {
            // Its writer was at the end of its work.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => other.map(|()| removed += 1)?,
        }
    }
    Ok(removed)
}

/// The process that a temporary name was made by, if it is as [`temporary_name`] makes them.
fn writer(name: &OsStr) -> Option<u32> {
    let (process, rest) = name.to_str()?.strip_prefix('.')?.split_once('-')?;
    rest.split_once('.')?.0.parse::<u64>().ok()?;
    process.parse().ok()
}

fn is_another_alive(process: u32) -> bool {
    process != std::process::id() && Path::new("/proc").join(process.to_string()).exists()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `.<process>-<call>.<name>.writ-tmp`
fn temporary_name(path: &Path, call: u64) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a path without a file name"))?;
    let mut temporary = OsString::from(format!(".{}-{call}.", std::process::id()));
    temporary.push(name);
    temporary.push(TEMPORARY_SUFFIX);
    Ok(path.with_file_name(temporary))
}

/// Makes a new temporary file beside `path`.
fn open_new(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    loop {
        let temporary = temporary_name(path, CALLS.fetch_add(1, Ordering::Relaxed))?;
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
            // A leftover of an earlier process of this number, or one that counts its processes apart from us.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (temporary, file)),
        }
    }
}

/// Writes and fsyncs a new temporary file beside `path`, and returns its name.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let (temporary, mut file) = open_new(path, mode)?;
    match file.write_all(bytes).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(temporary),
        Err(e) => {
            let _ = fs::remove_file(&temporary);
            Err(e)
        }
    }
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
    fn many_are_replaced_at_once_or_fail_without_a_trace() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), b"old").unwrap();
        let files: [(&str, &[u8]); 2] = [("a", b"new"), ("b", b"b")];
        replace_all(dir.path(), files, 0o640).unwrap();
        assert_eq!(
            (fs::read(dir.path().join("a")).unwrap(), fs::read(dir.path().join("b")).unwrap()),
            (b"new".to_vec(), b"b".to_vec())
        );
        assert_eq!(fs::metadata(dir.path().join("a")).unwrap().permissions().mode() & 0o777, 0o640);
        fs::create_dir(dir.path().join("c")).unwrap();
        let files: [(&str, &[u8]); 2] = [("c", b"a folder stands there"), ("d", b"d")];
        assert!(replace_all(dir.path(), files, 0o640).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        replace_all(dir.path(), [], 0o640).unwrap();
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
        // Of an earlier process that had our number.
        let next = CALLS.load(Ordering::Relaxed);
        (next..next + 200).for_each(|call| fs::write(temporary_name(&path, call).unwrap(), b"half").unwrap());
        replace(&path, b"whole", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let left = remove_leftovers(dir.path()).unwrap();
        assert!(left >= 199, "{left}");
        fs::write(dir.path().join(".state.json.writ-tmp"), b"half").unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_running_process_are_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut other = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let theirs = dir.path().join(format!(".{}-7.floor{TEMPORARY_SUFFIX}", other.id()));
        fs::write(&theirs, b"half").unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), 0);
        fs::write(dir.path().join(format!(".{}-EB-7.json{TEMPORARY_SUFFIX}", other.id())), b"named by another")
            .unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), 1);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), 1);
    }

    #[test]
    fn two_writers_of_one_path_leave_one_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let (made, replaced) = (dir.path().join(format!("made-{round}")), dir.path().join("replaced"));
            let contents: Vec<Vec<u8>> = (b'a'..b'h').map(|letter| vec![letter; 100_000]).collect();
            let created: usize = std::thread::scope(|scope| {
                let writers: Vec<_> = contents
                    .iter()
                    .map(|content| {
                        scope.spawn(|| {
                            replace(&replaced, content, 0o600).unwrap();
                            create(&made, content, 0o600).unwrap()
                        })
                    })
                    .collect();
                writers.into_iter().map(|writer| usize::from(writer.join().unwrap())).sum()
            });
            assert_eq!(created, 1);
            for path in [&made, &replaced] {
                assert!(contents.contains(&fs::read(path).unwrap()), "half a file");
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 21, "nothing is left over");
    }

    #[test]
    fn what_is_gone_or_there_already_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        remove(&dir.path().join("nothing")).unwrap();
        remove(&dir.path().join("no/folder")).unwrap();
        create_directories(dir.path()).unwrap();
        create_directories(Path::new("/")).unwrap();
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
