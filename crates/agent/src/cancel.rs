//! The word that what runs on another thread is to end now.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Said once, heard by everybody who holds a copy; there is no taking it back.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    said: AtomicBool,
    /// Readable once it was said, so that poll(2) hears it (eventfd(2)).
    wake: OwnedFd,
}

impl Cancel {
    /// A word that was not said yet.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Inner { said: AtomicBool::new(false), wake })))
    }

    /// Says it.
    pub fn cancel(&self) {
        self.0.said.store(true, Ordering::SeqCst);
        // It can only fail where it is readable already.
        let _ = rustix::io::write(&self.0.wake, &1_u64.to_ne_bytes());
    }

    /// Waits, at most this long; whether it was said.
    pub fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.is_cancelled() || left.is_zero() {
                return self.is_cancelled();
            }
            let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
            if poll(&mut [PollFd::new(self, PollFlags::IN)], Some(&timeout)).is_err() {
                // Not to be expected but by a signal, which must not become a busy loop.
                std::thread::yield_now();
            }
        }
    }

    /// Whether it was said.
    pub fn is_cancelled(&self) -> bool {
        self.0.said.load(Ordering::SeqCst)
    }
}

/// To be polled for reading; nobody reads it, so it stays readable.
impl AsFd for Cancel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.wake.as_fd()
    }
}
