//! The one place where the portal asks what time it is.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use writ_trust::time::Time;

/// What says what time it is: the machine's clock, or one of a test.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// The machine's clock.
pub fn machine() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}
