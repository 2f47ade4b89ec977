//! Connections that only read, lent to one request at a time.

use std::sync::{Mutex, PoisonError};

use super::{Begin, Connection, Place, StoreError};

/// The most connections kept open while nobody uses them.
const KEPT: usize = 4;

/// A few connections that only read.
#[derive(Debug)]
pub struct Readers {
    place: Place,
    idle: Mutex<Vec<Box<dyn Connection>>>,
}

impl Readers {
    /// Readers of this database; none is opened before it is needed.
    pub fn new(place: Place) -> Self {
        Self { place, idle: Mutex::new(Vec::new()) }
    }

    /// Reads, in one snapshot of the database. Blocks: for threads that may.
    pub fn read<T>(&self, read: impl FnOnce(&dyn Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = idle().pop();
        let connection = match lent {
            Some(connection) => connection,
            None => self.place.open_to_read()?,
        };
        let snapshot = connection.transaction(Begin::Reading)?;
        let result = read(&*snapshot);
        drop(snapshot);
        let mut idle = idle();
        if result.is_ok() && idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }
}
