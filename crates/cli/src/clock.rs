//! The one place where this program asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use writ_trust::time::Time;

/// Now, by this machine's clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Now, rounded down to a whole second, as documents read best.
pub fn now_in_seconds() -> Time {
    Time::from_unix_millis(now().unix_millis() / 1_000 * 1_000)
}

/// Now, as a file says when it was written.
pub fn of_files() -> SystemTime {
    SystemTime::now()
}
