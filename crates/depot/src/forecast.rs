//! How long the disk lasts, by how it filled over the last days.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use writ_trust::time::Time;

/// Less than this many seconds is short: two days, in which somebody can make room.
pub const SHORT: u64 = 48 * 3600;
/// How often free space is noted, in milliseconds.
pub const EVERY: i64 = 3600 * 1000;
/// Over what times the rate is taken, in milliseconds: the last day and the last three, of which the faster counts. What came at
/// once an hour ago is no rate yet.
const WINDOWS: [i64; 2] = [24 * 3600 * 1000, 72 * 3600 * 1000];
/// The least time that a rate is taken over.
const LEAST: i64 = 6 * 3600 * 1000;

/// What is known of the free space of a depot's disk.
#[derive(Debug)]
pub struct Space {
    folder: PathBuf,
    samples: RwLock<Vec<(Time, u64)>>,
}

impl Space {
    /// Of the disk that a folder is on, with the samples of before, oldest first.
    pub fn new(folder: &Path, samples: Vec<(Time, u64)>) -> Self {
        Self { folder: folder.to_owned(), samples: RwLock::new(samples) }
    }

    /// The sample that is due, if one is.
    pub fn due(&self, now: Time) -> Option<(Time, u64)> {
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        let last = samples.last().map(|(at, _)| now.millis_since(*at));
        // A clock that was set back makes one of the future, which is none.
        let is_due = last.is_none_or(|age| !(0..EVERY).contains(&age));
        is_due.then(|| Some((now, free(&self.folder).ok()?))).flatten()
    }

    /// Takes in a sample that was stored.
    pub fn note(&self, sample: (Time, u64)) {
        let mut samples = self.samples.write().unwrap_or_else(PoisonError::into_inner);
        samples.retain(|(at, _)| (0..=WINDOWS[1]).contains(&sample.0.millis_since(*at)));
        samples.push(sample);
    }

    /// In how many seconds the disk is full at the rate of the last days; `None` while nothing says so.
    pub fn left(&self, now: Time) -> Option<u64> {
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        seconds_left(&samples, now, free(&self.folder).ok()?)
    }
}

/// How many bytes of the file system are free for a user who is not root.
pub fn free(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// In how many seconds nothing is free any more, by samples of what was free (oldest first) and what is now. `None` while it
/// does not become less, and while too little is known.
pub fn seconds_left(samples: &[(Time, u64)], now: Time, free: u64) -> Option<u64> {
    let left = WINDOWS.iter().filter_map(|window| {
        let within = |(at, _): &&(Time, u64)| (0..=*window).contains(&now.millis_since(*at));
        let (since, then) = samples.iter().find(within)?;
        let (took, used) = (now.millis_since(*since), then.checked_sub(free).filter(|used| *used > 0)?);
        let millis = u128::from(free) * u128::from(took.unsigned_abs()) / u128::from(used);
        (took >= LEAST).then(|| u64::try_from(millis / 1000).unwrap_or(u64::MAX))
    });
    left.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600 * 1000;

    fn left(samples: &[(i64, u64)], free: u64) -> Option<u64> {
        let now = Time::from_unix_millis(1_000 * HOUR);
        let samples: Vec<_> = samples.iter().map(|(ago, free)| (now.plus_millis(-ago * HOUR), *free)).collect();
        seconds_left(&samples, now, free).map(|seconds| seconds / 3600)
    }

    #[test]
    fn the_disk_lasts_as_the_last_days_say() {
        // 10 a day for three days, and 70 are left.
        assert_eq!(left(&[(72, 100), (48, 90), (24, 80)], 70), Some(168));
        // Faster of late.
        assert_eq!(left(&[(72, 100), (24, 95)], 70), Some(67));
        // Much at once long ago, and little since.
        assert_eq!(left(&[(72, 200), (71, 100), (24, 72)], 70), Some(38));
        assert_eq!(left(&[(24, 70)], 70), None, "nothing is used");
        assert_eq!(left(&[(24, 60)], 70), None, "it becomes more");
        assert_eq!(left(&[(5, 80)], 70), None, "too short a time");
        assert_eq!(left(&[(-5, 80), (100, 80)], 70), None, "of the future, and too old");
        assert_eq!(left(&[], 70), None);
        assert_eq!(left(&[(24, 80)], 0), Some(0));
    }
}
