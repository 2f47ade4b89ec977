//! Leaving nothing behind, also when Ctrl-C ends the command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

/// How often a folder is removed again that the command itself is removing meanwhile.
const MOST_TRIES: usize = 10;

/// The temporary folders of this command: removed with it, and before a signal ends it.
pub struct Interrupt {
    folders: Arc<Mutex<Vec<PathBuf>>>,
}

impl Interrupt {
    /// From here on a signal removes the folders first.
    pub fn watch() -> io::Result<Self> {
        let folders = Arc::new(Mutex::new(Vec::<PathBuf>::new()));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let doomed = Arc::clone(&folders);
        thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Held to the end: nothing is put in place any more.
                let folders = lock(&doomed);
                folders.iter().for_each(|folder| remove(folder));
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        })?;
        Ok(Self { folders })
    }

    /// A temporary folder, filled: a signal waits for that, or what is written after it would stay behind.
    pub fn folder(
        &self,
        within: &Path,
        prefix: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<TempDir> {
        let mut folders = lock(&self.folders);
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(within)?;
        folders.push(folder.path().to_owned());
        fill(folder.path())?;
        Ok(folder)
    }

    /// Returns unless a signal is being obeyed: that ends the command.
    pub fn settle(&self) {
        drop(lock(&self.folders));
    }

    /// Does something that a signal does not divide. Nothing else may write into the folders.
    pub fn undivided<T>(&self, act: impl FnOnce() -> T) -> T {
        let _held = lock(&self.folders);
        act()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove(folder: &Path) {
    for _ in 0..MOST_TRIES {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
    }
}
