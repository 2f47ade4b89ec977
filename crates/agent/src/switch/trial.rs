//! No step of a runbook runs while a candidate is activated: a lock that every step shares, and that the switch has once
//! for itself before it activates.
//!
//! The order makes it hold. A step takes its share and then reads the journal; the driver writes the journal, which says
//! that a trial begins, and then waits for the lock. So a step either reads of the trial and does not begin, or the driver
//! waits for its end. The enforcer, which sees the journal change, ends what runs, so that is no long wait. The lock ends with
//! the process that holds it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::journal::{Journal, JournalError};

/// The lock's file in the state directory.
const FILE: &str = "trial.lock";
/// How often a lock that is waited for is tried.
const RETRY: Duration = Duration::from_millis(10);

/// The right to run one step, until dropped.
#[derive(Debug)]
pub struct Share {
    _file: File,
}

fn open(state_dir: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(state_dir.join(FILE))
}

/// Whether a candidate may be running, or is about to. Where nobody can tell, it may: what is damaged is for a person to look
/// at, as for the switch itself.
pub fn may_be_on(state_dir: &Path) -> bool {
    match Journal::read(state_dir) {
        Ok(journal) => journal.is_some_and(|journal| journal.suspends_healing()),
        // Another version's: it is told apart from a damaged one, and says this much in every version.
        Err(JournalError::Malformed { .. } | JournalError::UnknownSchema { .. }) => Journal::suspends_by_any(state_dir),
        Err(JournalError::Unreadable { .. } | JournalError::Unwritable { .. }) => true,
    }
}

/// Whether an error says that this disk takes no lock, now or ever; others say that it could not be tried.
pub fn takes_no_lock(e: &io::Error) -> bool {
    let errno = e.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::ROFS | Errno::NOSPC | Errno::DQUOT | Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOENT))
}

/// Takes a share; none when a candidate may be running, or is about to.
///
/// # Errors
/// When there is no lock to be had: the file cannot be made.
pub fn share(state_dir: &Path) -> io::Result<Option<Share>> {
    let on_trial = || may_be_on(state_dir);
    // Before the lock too: who asks again and again must not keep the driver from it.
    if on_trial() {
        return Ok(None);
    }
    let file = open(state_dir)?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(e) => return Err(e.into()),
    }
    Ok((!on_trial()).then_some(Share { _file: file }))
}

/// Waits until no step runs, at most this long. For the driver, after the journal says that the trial begins; false when
/// one still runs.
///
/// # Errors
/// When there is no lock to be had: the file cannot be made.
pub fn wait_for_steps(state_dir: &Path, patience: Duration) -> io::Result<bool> {
    let file = open(state_dir)?;
    let deadline = Instant::now() + patience;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => std::thread::sleep(RETRY),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::super::request::SwitchRequest;
    use super::*;

    fn begun(state_dir: &Path) -> Journal {
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        Journal::begin(SwitchRequest::of_tests(state_dir), None, None, at)
    }

    #[test]
    fn who_runs_a_step_is_waited_for_and_the_lock_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (share(dir.path()).unwrap().unwrap(), share(dir.path()).unwrap().unwrap());
        assert!(!wait_for_steps(dir.path(), Duration::ZERO).unwrap());
        drop(one);
        assert!(!wait_for_steps(dir.path(), Duration::ZERO).unwrap(), "the other still runs");
        drop(other);
        assert!(wait_for_steps(dir.path(), Duration::ZERO).unwrap());
        assert!(share(dir.path()).unwrap().is_some(), "it was for a moment only");
        assert!(share(&dir.path().join("nowhere")).is_err());
    }

    #[test]
    fn no_step_begins_where_nobody_can_tell() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("switch.json");
        let begins = || share(dir.path()).unwrap().is_some();
        let mut journal = begun(dir.path());
        journal.write().unwrap();
        assert!(file.is_file() && begins());
        // Of a version that knows more.
        let later = |activated: bool, settled: bool| {
            let mut value = serde_json::to_value(&journal).unwrap();
            value["of_later"] = true.into();
            (value["course"]["activated"], value["course"]["settled"]) = (activated.into(), settled.into());
            std::fs::write(&file, value.to_string()).unwrap();
            begins()
        };
        assert_eq!([later(false, false), later(true, false), later(true, true)], [true, false, true]);
        std::fs::write(&file, "{").unwrap();
        assert!(!begins(), "it is damaged");
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(!begins(), "it cannot be read");
        std::fs::remove_dir(&file).unwrap();
        journal.course.activated = true;
        journal.write().unwrap();
        assert!(!begins());
        for (errno, none) in [(Errno::ROFS, true), (Errno::NOSPC, true), (Errno::MFILE, false), (Errno::IO, false)] {
            assert_eq!(takes_no_lock(&errno.into()), none, "{errno}");
        }
    }

    /// Steps begin all the time, on several threads, while a driver journals that a trial begins and activates.
    #[test]
    fn no_step_runs_while_the_candidate_is_activated() {
        let dir = tempfile::tempdir().unwrap();
        let (activated, steps) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !activated.load(Ordering::SeqCst) {
                        let Some(share) = share(dir.path()).unwrap() else { continue };
                        steps.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        assert!(!activated.load(Ordering::SeqCst), "a step runs while the candidate is activated");
                        drop(share);
                    }
                    assert!(share(dir.path()).unwrap().is_none(), "nor does one begin after that");
                });
            }
            while steps.load(Ordering::SeqCst) < 100 {
                std::thread::yield_now();
            }
            let mut journal = begun(dir.path());
            journal.course.activated = true;
            journal.write().unwrap();
            let ended = wait_for_steps(dir.path(), Duration::from_secs(60)).unwrap();
            activated.store(true, Ordering::SeqCst);
            assert!(ended);
        });
    }
}
