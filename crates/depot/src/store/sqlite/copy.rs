//! A copy of a whole database, by SQLite's online backup.

use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::store::StoreError;

/// How often, and after what wait, it is tried again where the database is locked for a moment.
const TRIES: u32 = 100;
const WAIT: Duration = Duration::from_millis(100);

/// Copies a database into an empty one: all pages in one step, so in one snapshot, for which no writer has to wait.
pub fn copy(from: &Connection, to: &mut Connection) -> Result<(), StoreError> {
    let backup = Backup::new(from, to)?;
    for _ in 0..TRIES {
        if matches!(backup.step(-1)?, StepResult::Done) {
            return Ok(());
        }
        std::thread::sleep(WAIT);
    }
    Err(StoreError::Locked)
}
