//! What a source of events is to the [thread](super::events) that waits for all of them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;

use crate::probes::Watch;

/// A descriptor that something is heard from. What it says is never parsed into more than "look again".
pub(super) trait Source: Send {
    /// What poll(2) waits for; none while nothing is to be heard.
    fn descriptor(&self) -> Option<Arc<OwnedFd>>;

    /// When poll(2) is to come back.
    fn flags(&self) -> PollFlags {
        PollFlags::IN
    }

    /// Takes what is there, without waiting for more and within bounds; gives what may have changed. Also called when it is
    /// [due](Source::due), and now and then for nothing.
    ///
    /// # Errors
    /// When nothing will be heard from it any more.
    fn take(&mut self, now: Instant) -> io::Result<Vec<Watch>>;

    /// When it is to be asked although nothing has come.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// How many events were not told, because there were too many.
    fn dropped(&self) -> u64 {
        0
    }
}
