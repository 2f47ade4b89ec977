//! Whether the enforcer is at work: a candidate may stop it, break it or replace it by one that does not keep running, and
//! every check could hold meanwhile.
//!
//! A daemon leaves its process in its lock file once it is ready. It is told apart from a later process of the same number
//! by when it started, so what a killed one left there says nothing. Nobody takes that lock to find out: an enforcer that
//! starts at that moment would find it taken.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::journal::ProcessId;

/// The lock's file in the state directory.
pub const LOCK: &str = "lock";
/// Among the outcomes from before a switch: that an enforcer was at work. No check can have this name.
pub const AT_WORK: &str = "writ-enforce:at-work";
/// How long an enforcer that was restarted may take to be ready.
pub(super) const COMES_UP_WITHIN: Duration = Duration::from_secs(10);
/// How long the second window is at most: with it a switch still ends before its rollback timer fires.
pub(super) const LONGEST_MORE: Duration = Duration::from_secs(20);

/// Says that this process is an enforcer that stays, in its lock file; `stays` is false for one that only passes by.
///
/// # Errors
/// When the file cannot be written: then nobody will miss this enforcer.
pub fn announce(lock: &mut File, stays: bool) -> io::Result<()> {
    lock.rewind()?;
    lock.set_len(0)?;
    let me = ProcessId::of(std::process::id().cast_signed()).filter(|_| stays);
    me.map_or(Ok(()), |me| writeln!(lock, "{} {}", me.pid, me.started))
}

/// The enforcer that is at work on this state directory, if one is that stays.
pub fn at_work(state_dir: &Path) -> Option<ProcessId> {
    const ONE_LINE: usize = 100;
    let text = writ_durable::read_bounded(&state_dir.join(LOCK), ONE_LINE).ok()?;
    let (pid, started) = std::str::from_utf8(&text).ok()?.trim().split_once(' ')?;
    let announced = ProcessId { pid: pid.parse().ok()?, started: started.parse().ok()? };
    (ProcessId::of(announced.pid) == Some(announced)).then_some(announced)
}

/// Waits for the window, and tells whether one enforcer was at work from its beginning to its end. One that the activation
/// itself started anew, a moment later, has another window; one that ended in the middle has not.
pub fn keeps_working(state_dir: &Path, window: Duration) -> bool {
    let latest = ticks().saturating_add(COMES_UP_WITHIN.as_secs() * procfs::ticks_per_second());
    let Some(first) = comes_up(state_dir) else { return false };
    std::thread::sleep(window);
    if at_work(state_dir) == Some(first) {
        return true;
    }
    let Some(second) = comes_up(state_dir).filter(|second| second.started <= latest) else { return false };
    std::thread::sleep(window.min(LONGEST_MORE));
    at_work(state_dir) == Some(second)
}

/// The time since the machine started, as `/proc` tells when a process did (proc_pid_stat(5), `starttime`).
fn ticks() -> u64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let whole = u64::try_from(since.tv_sec).unwrap_or(0);
    whole * procfs::ticks_per_second()
}

fn comes_up(state_dir: &Path) -> Option<ProcessId> {
    const EVERY: Duration = Duration::from_millis(50);
    let deadline = Instant::now() + COMES_UP_WITHIN;
    loop {
        match at_work(state_dir) {
            None if Instant::now() < deadline => std::thread::sleep(EVERY),
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lock(dir: &Path) -> File {
        File::options().create(true).truncate(false).write(true).open(dir.join(LOCK)).unwrap()
    }

    #[test]
    fn a_daemon_is_seen_and_one_that_passes_by_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(at_work(dir.path()), None);
        let mut file = lock(dir.path());
        announce(&mut file, true).unwrap();
        assert_eq!(at_work(dir.path()).unwrap().pid, std::process::id().cast_signed());
        assert!(keeps_working(dir.path(), Duration::from_millis(1)));
        announce(&mut file, false).unwrap();
        assert_eq!(at_work(dir.path()), None);
    }

    #[test]
    fn what_another_process_or_anybody_left_there_is_no_enforcer() {
        let dir = tempfile::tempdir().unwrap();
        let own = ProcessId::of(std::process::id().cast_signed()).unwrap();
        let long = "1".repeat(1000);
        for text in ["", "x", "1", "a b", "-1 5", "99999999999 1", &long, &format!("{} {}", own.pid, own.started + 1)] {
            fs::write(dir.path().join(LOCK), text).unwrap();
            assert_eq!(at_work(dir.path()), None, "{text}");
        }
        fs::write(dir.path().join(LOCK), b"\xff\xfe 1").unwrap();
        assert_eq!(at_work(dir.path()), None);
    }
}
