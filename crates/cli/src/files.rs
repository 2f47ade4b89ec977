//! Reading and writing files with errors that name them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use writ_agent::enforce::hostile;

use crate::failure::{Failure, Outcome};

/// Reads a file of at most `limit` bytes; `what` names its role in the error.
pub fn read(path: &Path, limit: usize, what: &str) -> Outcome<Vec<u8>> {
    writ_durable::read_bounded(path, limit)
        .map_err(|e| Failure::could_not(format!("cannot read {what}")).at(path.display()).because(e))
}

/// As [`read`], of a file in a folder that somebody else may write to: what is a link, a pipe or a device is refused, as
/// appliances refuse it, never followed or waited for.
pub fn read_shared(path: &Path, limit: usize, what: &str) -> Outcome<Vec<u8>> {
    hostile::read(path, limit)
        .map_err(|e| Failure::could_not(format!("cannot read {what}")).at(path.display()).because(e))
}

/// As [`read`], but `None` where there is no such file.
pub fn read_if_there(path: &Path, limit: usize, what: &str) -> Outcome<Option<Vec<u8>>> {
    match writ_durable::read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::could_not(format!("cannot read {what}")).at(path.display()).because(e)),
    }
}

/// As [`read`], for text.
pub fn read_text(path: &Path, limit: usize, what: &str) -> Outcome<String> {
    String::from_utf8(read(path, limit, what)?)
        .map_err(|e| Failure::refused(format!("{what} is not text")).at(path.display()).because(e.utf8_error()))
}

/// Writes a file durably unless it stands there; what stands there must then hold the same bytes.
pub fn create_or_same(path: &Path, bytes: &[u8], what: &str) -> Outcome<()> {
    if create(path, bytes, 0o644, what)? || read(path, bytes.len() + 1, what)? == bytes {
        return Ok(());
    }
    Err(Failure::refused(format!("{what} exists already, with other content"))
        .at(path.display())
        .next("find out who wrote it; nothing was overwritten"))
}

/// Writes a file durably unless it stands there; returns whether it was written.
pub fn create(path: &Path, bytes: &[u8], mode: u32, what: &str) -> Outcome<bool> {
    writ_durable::create(path, bytes, mode)
        .map_err(|e| Failure::could_not(format!("cannot write {what}")).at(path.display()).because(e))
}

/// Writes a file durably, replacing what stands there.
pub fn replace(path: &Path, bytes: &[u8], mode: u32, what: &str) -> Outcome<()> {
    writ_durable::replace(path, bytes, mode)
        .map_err(|e| Failure::could_not(format!("cannot write {what}")).at(path.display()).because(e))
}

/// Whether systemd has handed this file to this service alone: with an access control list, which shows as rights of a group
/// (systemd.exec(5), "CREDENTIALS").
pub fn is_credential(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| !folder.is_empty() && path.starts_with(folder))
}

/// Makes a directory and its missing parents.
pub fn make_directory(path: &Path) -> Outcome<()> {
    writ_durable::create_directories(path)
        .map_err(|e| Failure::could_not("cannot make this directory").at(path.display()).because(e))
}

/// The entries of a directory, sorted by name; empty where there is no such directory.
pub fn list(path: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |e| Failure::could_not("cannot list this directory").at(path.display()).because(e);
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut paths = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// Copies a folder; a link stays the link that it is, and counts for as little in the copy as there.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&source, &target)?;
        } else if kind.is_file() {
            std::fs::copy(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&source)?, &target)?;
        }
    }
    Ok(())
}

/// The directory that a path is in.
pub fn parent_of(path: &Path) -> &Path {
    // A bare name has an empty parent, which names no directory.
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The last part of a path as text.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
