//! The one place where the depot asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use writ_trust::time::Time;

/// The machine's clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The machine's clock in whole seconds since 1970.
pub fn seconds() -> i64 {
    now().unix_millis() / 1000
}
