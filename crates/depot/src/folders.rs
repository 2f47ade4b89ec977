//! Where a depot keeps its files. Every name in a path here was parsed before; nothing of a request is joined raw.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

/// How long a lock is waited for, and how often it is tried: a process that is being started by the one before keeps its
/// descriptors, and so a lock just given back, until it has begun.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(20);

/// The data directory of a depot.
#[derive(Debug, Clone)]
pub struct Folders {
    root: PathBuf,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FoldersError {
    /// A file or folder of it cannot be made or opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another depot works on it.
    #[error(
        "{}: another writ-depot is running on this data directory (it holds the lock): stop it first, or give this one a \
         directory of its own with --data", path.display()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
}

/// That no other depot works on the same data directory. Given up when dropped, or by the system when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held open")] File);

impl Folders {
    /// The folders below this data directory.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes what is missing, takes the lock, and clears what an interrupted upload left.
    pub fn prepare(&self) -> Result<Lock, FoldersError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| FoldersError::Io { path, source }
        };
        writ_durable::create_directories(&self.root).map_err(io(&self.root))?;
        let path = self.root.join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(io(&path))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(FoldersError::Locked { path: self.root.clone() }),
                Err(e) => return Err(io(&path)(e.into())),
            }
        }
        for folder in [self.documents(), self.cache(), self.nars(), self.waiting(), self.logs()] {
            writ_durable::create_directories(&folder).map_err(io(&folder))?;
        }
        for folder in [self.documents(), self.cache(), self.waiting()] {
            writ_durable::remove_leftovers(&folder).map_err(io(&folder))?;
        }
        let uploads = self.uploads();
        match std::fs::remove_dir_all(&uploads) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io(&uploads)(e)),
            _ => writ_durable::create_directories(&uploads).map_err(io(&uploads))?,
        }
        Ok(Lock(file))
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("depot.sqlite")
    }

    /// Policies and closures by digest.
    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    /// One policy or closure.
    pub fn document(&self, digest: &Digest) -> PathBuf {
        self.documents().join(format!("{}.json", digest.hex()))
    }

    /// The binary cache: what any web server could serve as it is.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The NARs of the binary cache.
    pub fn nars(&self) -> PathBuf {
        self.cache().join("nar")
    }

    /// Narinfos whose NAR has not been uploaded yet.
    pub fn waiting(&self) -> PathBuf {
        self.root.join("waiting")
    }

    /// NARs that are being uploaded. Emptied at every start.
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Batches of logs, in a folder for each site and within it one for the first two digits of digests.
    pub fn log_batches(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// One batch of logs.
    pub fn log_batch(&self, site: &SiteId, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.log_batches().join(site.as_str()).join(&hex[..2]).join(format!("{hex}.jsonl.gz"))
    }

    /// The logs of all sites.
    pub fn logs(&self) -> PathBuf {
        self.root.join("log")
    }

    /// One log of a site, by its number from 1.
    pub fn log(&self, site: &SiteId, number: u64) -> PathBuf {
        self.logs().join(site.as_str()).join(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_depot_per_directory() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::new(&dir.path().join("data"));
        let lock = folders.prepare().unwrap();
        let refused = folders.prepare().unwrap_err();
        assert!(refused.to_string().contains("another writ-depot is running"), "{refused}");
        drop(lock);
        std::fs::write(folders.uploads().join("half"), b"x").unwrap();
        folders.prepare().unwrap();
        assert_eq!(std::fs::read_dir(folders.uploads()).unwrap().count(), 0);
    }
}
