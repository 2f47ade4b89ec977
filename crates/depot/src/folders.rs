//! Where a depot keeps its files. Every name in a path here was parsed before; nothing of a request is joined raw.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
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
    /// It is another user's, who could not write to what this one would make.
    #[error(
        "{}: it belongs to the user with the number {owner}, who could not use what another makes there: run this as that user, \
         as in `runuser -u writ-depot -- writ-depot …`", path.display()
    )]
    Owner {
        /// The data directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// A restore of it was not finished.
    #[error(
        "{}: a restore into this data directory was interrupted: run `writ-depot restore` again, with the same --data",
        path.display()
    )]
    Unfinished {
        /// The data directory.
        path: PathBuf,
    },
    /// Somebody reads it who must not find things gone.
    #[error(
        "{}: a backup, an archive or a check is reading this data directory: wait until it has ended", path.display()
    )]
    Read {
        /// The data directory.
        path: PathBuf,
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

fn failed(path: &Path) -> impl FnOnce(io::Error) -> FoldersError {
    let path = path.to_owned();
    move |source| FoldersError::Io { path, source }
}

impl Folders {
    /// The folders below this data directory.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes what is missing, takes the lock, and clears what an interrupted upload left.
    pub fn prepare(&self) -> Result<Lock, FoldersError> {
        writ_durable::create_directories(&self.root).map_err(failed(&self.root))?;
        let lock = self.lock()?;
        if self.restoring().exists() {
            return Err(FoldersError::Unfinished { path: self.root.clone() });
        }
        self.furnish()?;
        for folder in [self.documents(), self.cache(), self.waiting()] {
            writ_durable::remove_leftovers(&folder).map_err(failed(&folder))?;
        }
        let uploads = self.uploads();
        match std::fs::remove_dir_all(&uploads) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&uploads)(e)),
            _ => writ_durable::create_directories(&uploads).map_err(failed(&uploads))?,
        }
        Ok(lock)
    }

    /// Makes the folders that are missing.
    pub fn furnish(&self) -> Result<(), FoldersError> {
        for folder in self.all() {
            writ_durable::create_directories(&folder).map_err(failed(&folder))?;
        }
        Ok(())
    }

    /// The folders that a depot has, each after the one that it is in.
    pub fn all(&self) -> [PathBuf; 7] {
        let [documents, cache, nars, waiting] = [self.documents(), self.cache(), self.nars(), self.waiting()];
        [documents, cache, nars, waiting, self.uploads(), self.logs(), self.log_batches()]
    }

    /// Whose the data directory is: the database's owner, who wrote it; where there is none yet, the directory's, which an
    /// administrator may have made for a group.
    fn owned(&self) -> io::Result<std::fs::Metadata> {
        let mark = |_| self.postgres_mark().metadata();
        self.database().metadata().or_else(mark).or_else(|_| self.root.metadata())
    }

    /// Takes the lock that whoever changes the data directory has alone; waits a moment for it.
    pub fn lock(&self) -> Result<Lock, FoldersError> {
        let path = self.root.join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(failed(&path))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock(file)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(FoldersError::Locked { path: self.root.clone() }),
                Err(e) => return Err(failed(&path)(e.into())),
            }
        }
    }

    /// Takes what is needed to remove things: the lock, and that nobody reads who must not find things gone. For the user alone
    /// whose the data directory is.
    pub fn lock_alone(&self) -> Result<(Lock, Lock), FoldersError> {
        let owner = self.owned().map_err(failed(&self.root))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(FoldersError::Owner { path: self.root.clone(), owner });
        }
        let lock = self.lock()?;
        let path = self.root.join("readers");
        let file = self.readers().map_err(failed(&path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok((lock, Lock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(FoldersError::Read { path: self.root.clone() }),
            Err(e) => Err(failed(&path)(e.into())),
        }
    }

    /// Keeps everything from going while it is read; a depot may serve meanwhile. Waits for whoever removes something. None
    /// where this user may not write here, and so nobody can be told.
    pub fn lock_to_read(&self) -> Result<Option<Lock>, FoldersError> {
        let path = self.root.join("readers");
        let file = match self.readers() {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                return Ok(None);
            }
            Err(e) => return Err(failed(&path)(e)),
        };
        loop {
            match flock(&file, FlockOperation::LockShared) {
                Ok(()) => return Ok(Some(Lock(file))),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(failed(&path)(e.into())),
            }
        }
    }

    /// The file that readers lock. Where root makes it, it is the owner's of the data directory nevertheless.
    fn readers(&self) -> io::Result<File> {
        let path = self.root.join("readers");
        match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let (file, of) = (File::options().create(true).append(true).open(&path)?, self.owned()?);
                // Who is not root has made it as their own.
                let _ = std::os::unix::fs::fchown(&file, Some(of.uid()), Some(of.gid()));
                Ok(file)
            }
            opened => opened,
        }
    }

    /// Whether a depot serves it at this moment.
    pub fn is_served(&self) -> bool {
        let Ok(file) = File::open(self.root.join("lock")) else { return false };
        matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
    }

    /// What says that a restore is not finished.
    pub fn restoring(&self) -> PathBuf {
        self.root.join("restoring")
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("depot.sqlite")
    }

    /// What names the database where that is in PostgreSQL.
    pub fn postgres_mark(&self) -> PathBuf {
        self.root.join("postgresql")
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
