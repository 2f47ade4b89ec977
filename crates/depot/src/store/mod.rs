//! The database: evidence, log entries, checkpoints, releases, trust roots, heartbeats, notices, orders,
//! what batches of logs there are.
//!
//! One connection writes, in one thread; others only read. What a transaction committed survives a power cut: write-ahead
//! log, `synchronous=FULL`.

pub mod checkpoints;
pub mod evidence;
pub mod heartbeats;
pub mod log_batches;
mod migrations;
pub mod notices;
pub mod orders;
pub mod readers;
pub mod releases;
pub mod roots;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Why the database did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed: a full disk, a broken one, a damaged file.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database's version cannot be used.
    #[error("database: {0}; a database made by a newer writ-depot needs a newer writ-depot")]
    Migration(#[from] rusqlite_migration::Error),
    /// A row holds what this program never writes.
    #[error("database: {what} is damaged: {reason}")]
    Damaged {
        /// Which row.
        what: String,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    /// A row that holds what this program never writes.
    pub fn damaged(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { what: what.into(), reason: reason.to_string() }
    }
}

/// The connection that writes. Makes or upgrades the tables.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    // Evidence rows are a few kilobytes: with larger pages fewer of them spill over.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Replacing a row deletes it: the triggers that refuse that must hear of it.
    connection.pragma_update(None, "recursive_triggers", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrations::all().to_latest(&mut connection)?;
    Ok(connection)
}

/// A connection that only reads.
pub fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    // A file for it would have to lie outside of what a depot reaches.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// A number as SQLite keeps it. Sequences, serials and indices are at most 2^53.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was before [`to_sql`].
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
