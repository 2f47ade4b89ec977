//! Reading this machine's own files, below the root that a look is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::Unseen;

/// The most entries of one folder that are looked at.
const MOST_ENTRIES: usize = 1000;

/// A place below the root of a look: `/etc/x` below `/tmp/tree` is `/tmp/tree/etc/x`.
pub(super) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A file, of at most `limit` bytes; none when it is not there.
pub(super) fn read(root: &Path, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Unseen> {
    match writ_durable::read_bounded(&below(root, path), limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Unseen::failed(path, e)),
    }
}

/// The text of a small file of sysfs, without the line break at its end; none when it cannot be read.
pub(super) fn word(path: &Path) -> Option<String> {
    let bytes = writ_durable::read_bounded(path, 4096).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// The names in a folder, sorted, at most a thousand; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_ENTRIES);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The files `*.conf` of several folders in the order in which they are read: by name, and of the same name only that of
/// the first folder that has it.
pub(super) fn drop_ins(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().take(MOST_ENTRIES) {
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
