//! Connections that only read, lent to one request at a time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::{StoreError, open_to_read};

/// The most connections kept open while nobody uses them.
const KEPT: usize = 4;

/// A few connections that only read.
#[derive(Debug)]
pub struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of this database; none is opened before it is needed.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(Vec::new()) }
    }

    /// Reads, in one snapshot of the database. Blocks: for threads that may.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = idle().pop();
        let connection = match lent {
            Some(connection) => connection,
            None => open_to_read(&self.path)?,
        };
        let snapshot = connection.unchecked_transaction()?;
        let result = read(&snapshot);
        drop(snapshot);
        let mut idle = idle();
        if result.is_ok() && idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }
}
