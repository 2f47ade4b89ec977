//! Whether the appliance reaches its depot: a candidate may cut the network, and every check could hold meanwhile, on a
//! machine that no later release would ever reach.
//!
//! The courier's word is what there is, and it is nobody's to trust: it can have a good candidate rolled back, which is to
//! withhold it, as it can anyway. Nothing is demanded of who was not in touch before.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use writ_trust::time::Time;

use super::actions::now;
use crate::enforce::hostile;
use crate::sync::schedule::Job;
use crate::sync::status::FILE;

/// Among the outcomes from before a switch: that the courier had checked in lately. No check can have this name.
pub const IN_TOUCH: &str = "writ-sync:in-touch";
/// How long a check-in may take besides its turn, in milliseconds.
const SLACK: i64 = 15_000;
/// A courier that checks in less often, in seconds, is not waited for.
pub(super) const MOST_RARELY: u64 = 60;
/// The largest status that is read, in bytes.
const MAX_STATUS: usize = 64 * 1024;

#[derive(Deserialize)]
struct Status {
    checkin_seconds: u64,
    jobs: BTreeMap<String, JobStatus>,
}

#[derive(Deserialize)]
struct JobStatus {
    done_at: Option<Time>,
}

/// When the courier last checked in, by its own word, and how often it does, in seconds. Its folder is beside the enforcer's,
/// where units and images put it.
fn checked_in(state_dir: &Path) -> Option<(Option<Time>, u64)> {
    let bytes = hostile::read(&state_dir.with_file_name("sync").join(FILE), MAX_STATUS).ok()?;
    let status: Status = serde_json::from_slice(&bytes).ok()?;
    Some((status.jobs.get(Job::CheckIn.name())?.done_at, status.checkin_seconds))
}

/// How long the next check-in may take, in milliseconds.
pub(super) fn within(every: u64) -> i64 {
    i64::try_from(every.min(MOST_RARELY)).unwrap_or(0) * 2_000 + SLACK
}

/// Whether the courier checked in when it last should have.
pub fn in_touch(state_dir: &Path) -> bool {
    let Some((Some(at), every)) = checked_in(state_dir) else { return false };
    every <= MOST_RARELY && (0..=within(every)).contains(&now().millis_since(at))
}

/// The check-in that the courier tells of now.
pub fn last(state_dir: &Path) -> Option<Time> {
    checked_in(state_dir)?.0
}

/// Waits until the courier tells of another check-in than this one; false when that takes longer than it may. Not of a later
/// one: the clock may be set meanwhile. Nothing is demanded of one that checks in rarely by now; one of which nothing can
/// be read may still come.
pub fn comes_back(state_dir: &Path, last: Option<Time>) -> bool {
    const EVERY: Duration = Duration::from_millis(100);
    let began = Instant::now();
    let mut longest = within(MOST_RARELY);
    loop {
        if let Some((at, every)) = checked_in(state_dir) {
            if every > MOST_RARELY || at.is_some() && at != last {
                return true;
            }
            longest = within(every);
        }
        if began.elapsed().as_millis() >= u128::from(longest.unsigned_abs()) {
            return false;
        }
        std::thread::sleep(EVERY);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn says(at: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sync")).unwrap();
        let text =
            format!(r#"{{"at":null,"checkin_seconds":0,"jobs":{{"check-in":{{"done_at":{at},"failures":0}}}}}}"#);
        fs::write(dir.path().join("sync/status.json"), text).unwrap();
        dir
    }

    fn enforce(dir: &tempfile::TempDir) -> std::path::PathBuf {
        dir.path().join("enforce")
    }

    #[test]
    fn only_who_checked_in_in_time_is_waited_for() {
        let at = |millis: i64| says(&format!("\"{}\"", now().plus_millis(millis)));
        assert!(in_touch(&enforce(&at(-10_000))));
        assert!(!in_touch(&enforce(&at(-16_000))) && !in_touch(&enforce(&at(60_000))), "long ago, or to come");
        assert!(!in_touch(&enforce(&says("null"))));
        let dir = at(0);
        let other = last(&enforce(&dir)).map(|at| at.plus_millis(60_000));
        assert!(comes_back(&enforce(&dir), other), "another one, whatever the clock says");
        let rarely = at(0);
        let status = rarely.path().join("sync/status.json");
        let text = fs::read_to_string(&status).unwrap().replace("\"checkin_seconds\":0", "\"checkin_seconds\":61");
        fs::write(&status, text).unwrap();
        assert!(!in_touch(&enforce(&rarely)), "it checks in too rarely");
        assert!(comes_back(&enforce(&rarely), last(&enforce(&rarely))), "a release made it rare: nothing is demanded");
    }

    #[test]
    fn whatever_a_courier_writes_is_no_more_than_not_in_touch() {
        let dir = says("null");
        let status = dir.path().join("sync/status.json");
        for odd in [
            &b"[]"[..],
            b"",
            b"{}",
            b"\xff",
            br#"{"checkin_seconds":1,"jobs":{"check-in":[]}}"#,
            &vec![b' '; MAX_STATUS + 1],
        ] {
            fs::write(&status, odd).unwrap();
            assert!(!in_touch(&enforce(&dir)));
        }
        fs::remove_file(&status).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &status).unwrap();
        assert!(!in_touch(&enforce(&dir)));
    }
}
