//! The audit folder that is being filled. What is there stays; what comes is written beside and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::failure::{Failure, Outcome};
use crate::files;

/// Where a run keeps what it has not judged yet, and how far the runs before came. Nothing that verifies looks here.
const STATE: &str = ".fetch";

/// The folder, locked against another run.
pub struct Folder<'a> {
    root: &'a Path,
    files: u64,
    bytes: u64,
    /// How many bytes may still come.
    left: u64,
    _lock: File,
}

impl<'a> Folder<'a> {
    /// Opens the folder, and makes it if it is not there. At most `most` bytes will be written.
    pub fn open(root: &'a Path, most: u64) -> Outcome<Self> {
        let state = root.join(STATE);
        files::make_directory(&state)?;
        let failed =
            |e: std::io::Error| Failure::could_not("cannot lock the audit folder").at(root.display()).because(e);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(state.join("lock"));
        let lock = lock.map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| {
            let failure = failed(e.into());
            if e == rustix::io::Errno::WOULDBLOCK {
                failure.next("another fetch is at work there: wait for it")
            } else {
                failure
            }
        })?;
        Ok(Self { root, files: 0, bytes: 0, left: most, _lock: lock })
    }

    /// The path of something in it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The path of something that is not judged yet.
    pub fn state(&self, relative: &str) -> PathBuf {
        self.root.join(STATE).join(relative)
    }

    /// Whether something is there: an empty file is what a power cut left of one.
    pub fn has(&self, relative: &str) -> bool {
        self.path(relative).symlink_metadata().is_ok_and(|there| !there.is_file() || there.len() > 0)
    }

    /// Reads something that may be there.
    pub fn read(&self, relative: &str, limit: usize) -> Outcome<Option<Vec<u8>>> {
        files::read_if_there(&self.path(relative), limit, "a file of the audit folder")
    }

    /// Files and bytes that were written.
    pub fn written(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }

    /// Counts what came against the bound.
    pub fn count(&mut self, bytes: usize) -> Outcome<()> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| {
            Failure::refused("the depot has more for this folder than one run may fetch")
                .at(self.root.display())
                .next("if that much is expected, run it again or raise --max-gib: what came is kept")
        })?;
        self.bytes += bytes as u64;
        Ok(())
    }

    /// Writes a file unless one is there; then it must be the same. It is whole from then on, whatever happens: an empty one is
    /// what a power cut left of a fetch that did not wait.
    pub fn add(&mut self, relative: &str, bytes: &[u8]) -> Outcome<()> {
        let path = self.path(relative);
        match files::read_if_there(&path, bytes.len() + 1, "a file of the audit folder") {
            Ok(None) => {}
            Ok(Some(there)) if there == bytes => return Ok(()),
            Ok(Some(there)) if there.is_empty() => {}
            Ok(Some(_)) | Err(_) => {
                return Err(Failure::refused("a file of the audit folder has other content than the depot gives")
                    .at(path.display())
                    .next("one of the two was altered: run `writ audit verify`, and fetch into a new folder; nothing was overwritten"));
            }
        }
        self.replace(relative, bytes)
    }

    /// Writes a file, or replaces one that does not hold. It is whole from then on.
    pub fn replace(&mut self, relative: &str, bytes: &[u8]) -> Outcome<()> {
        self.count(bytes.len())?;
        self.files += 1;
        self.keep(&self.path(relative), bytes)
    }

    /// As [`Folder::replace`], without waiting for the disk: after a power cut it may be empty, so whoever comes back looks at
    /// what it holds until [`Folder::sync`] returned.
    pub fn replace_unsynced(&mut self, relative: &str, bytes: &[u8]) -> Outcome<()> {
        self.count(bytes.len())?;
        self.files += 1;
        self.put(&self.path(relative), bytes)
    }

    /// Writes a file whole, or replaces it, without waiting for the disk.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> Outcome<()> {
        self.write(path, bytes, false)
    }

    /// Writes a file whole, or replaces it; a power cut leaves the old one or the new one.
    pub fn keep(&self, path: &Path, bytes: &[u8]) -> Outcome<()> {
        self.write(path, bytes, true)
    }

    fn write(&self, path: &Path, bytes: &[u8], sync: bool) -> Outcome<()> {
        let failed = |e: std::io::Error| Failure::could_not("cannot write this file").at(path.display()).because(e);
        let folder = files::parent_of(path);
        // Nothing but whole files beside those that verify: what a kill leaves is in the state.
        let temporary = self.state("incoming");
        let write = || {
            fs::create_dir_all(folder)?;
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            if sync {
                file.sync_all()?;
            }
            fs::rename(&temporary, path)?;
            if sync { writ_durable::sync_directory(folder) } else { Ok(()) }
        };
        write().map_err(failed)
    }

    /// Gives a file that was judged its place.
    pub fn promote(&mut self, from: &Path, relative: &str) -> Outcome<()> {
        let path = self.path(relative);
        let failed =
            |e: std::io::Error| Failure::could_not("cannot put this file in its place").at(path.display()).because(e);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::rename(from, &path).map_err(failed)?;
        self.files += 1;
        Ok(())
    }

    /// Removes something that is of no use any more, if it is there.
    pub fn remove(&self, path: &Path) -> Outcome<()> {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(Failure::could_not("cannot remove this").at(path.display()).because(e))
            }
            _ => Ok(()),
        }
    }

    /// Makes everything written so far survive a power cut.
    pub fn sync(&self) -> Outcome<()> {
        let synced = File::open(self.root).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced
            .map_err(|e| Failure::could_not("cannot make the audit folder durable").at(self.root.display()).because(e))
    }
}
