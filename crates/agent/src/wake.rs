//! Waiting for a change in a folder and for signals at once, with one thread and no socket.

use std::fs::metadata;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, WatchFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Signals, from now on: before this they end the process.
pub struct Signals {
    woken: OwnedFd,
    stop: Arc<AtomicBool>,
    again: Arc<AtomicBool>,
}

impl Signals {
    /// Catches them, without a thread.
    pub fn catch() -> io::Result<Self> {
        let (woken, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let signals = Self { woken, stop: Arc::default(), again: Arc::default() };
        for (signal, flag) in [(SIGTERM, &signals.stop), (SIGINT, &signals.stop), (SIGHUP, &signals.again)] {
            // The flag first: whoever is woken finds it.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Whether it is time to stop.
    pub fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether everything is to be done anew; asked once.
    pub fn again(&self) -> bool {
        self.again.swap(false, Ordering::Relaxed)
    }
}

/// Where a folder is: its file system, and its number there.
pub type Place = (u64, u64);

/// Where a folder is now.
pub fn place(folder: &Path) -> io::Result<Place> {
    let data = metadata(folder)?;
    Ok((data.dev(), data.ino()))
}

/// Has a folder watched for files that are laid into it.
pub fn watch(changes: &OwnedFd, folder: &Path) -> io::Result<()> {
    inotify::add_watch(changes, folder, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE)?;
    Ok(())
}

/// Waits until something is changed or signalled, or for so long.
pub fn wait(changes: &OwnedFd, signals: &Signals, at_most: Duration) -> io::Result<()> {
    let mut fds = [PollFd::new(changes, PollFlags::IN), PollFd::new(&signals.woken, PollFlags::IN)];
    let timeout = Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: i64::from(at_most.subsec_nanos()) };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(e) => return Err(e.into()),
    }
    // What it is does not matter: everything is looked at anew.
    let mut buffer = [0; 4096];
    for fd in [changes.as_fd(), signals.woken.as_fd()] {
        while rustix::io::read(fd, &mut buffer).is_ok_and(|length| length == buffer.len()) {}
    }
    Ok(())
}
