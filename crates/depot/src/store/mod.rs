//! The database: evidence, log entries, checkpoints, releases, trust roots, heartbeats, notices, orders,
//! what batches of logs there are.
//!
//! One connection writes, in one thread; others only read. What a transaction committed survives a power cut: write-ahead
//! log, `synchronous=FULL`.

pub mod checkpoints;
mod copy;
pub mod evidence;
pub mod free_space;
pub mod heartbeats;
pub mod log_batches;
mod migrations;
pub mod notices;
pub mod orders;
pub mod readers;
pub mod releases;
pub mod retention;
pub mod roots;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

pub use self::copy::copy;
pub(crate) use self::migrations::CURRENT;

/// Why the database did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed: a full disk, a broken one, a damaged file.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database's tables cannot be made.
    #[error("database: {0}")]
    Migration(#[from] rusqlite_migration::Error),
    /// It is of an earlier version of this program.
    #[error(
        "database: it has schema {found}, of an earlier version, and this writ-depot has schema {CURRENT}: stop what serves it, \
         and run `writ-depot migrate --data DIR`, which keeps a copy"
    )]
    Older {
        /// The schema that it has.
        found: i64,
    },
    /// It is of a later version of this program.
    #[error(
        "database: it has schema {found}, of a newer writ-depot, and this one knows schema {CURRENT}: run the newer one; nothing \
         was changed"
    )]
    Newer {
        /// The schema that it has.
        found: i64,
    },
    /// Another program has the database open.
    #[error(
        "database: another program has it open and does not let go: end that one, and try again; nothing was changed"
    )]
    Locked,
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

/// The connection that writes. Makes the tables of a new database; one that is there must have this program's schema:
/// [`migrate`] brings it there, which is done to a copy.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let new = !path.exists();
    let mut connection = prepared(Connection::open(path)?)?;
    if new || is_empty(&connection)? {
        migrations::all().to_latest(&mut connection)?;
    }
    require_current(&connection)?;
    Ok(connection)
}

/// Brings a database that nobody else uses to this program's schema; returns the one that it had.
pub fn migrate(path: &Path) -> Result<i64, StoreError> {
    let mut connection = prepared(Connection::open(path)?)?;
    let found = version(&connection)?;
    migrations::all().to_latest(&mut connection)?;
    Ok(found)
}

fn prepared(connection: Connection) -> Result<Connection, StoreError> {
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
    Ok(connection)
}

/// The schema that a database has; 0 is none.
pub fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && version(connection)? == 0)
}

/// Refuses a database of another schema than this program's.
pub fn require_current(connection: &Connection) -> Result<(), StoreError> {
    match version(connection)? {
        found if found < CURRENT => Err(StoreError::Older { found }),
        found if found > CURRENT => Err(StoreError::Newer { found }),
        _ => Ok(()),
    }
}

/// What the tables, indices and triggers of a database are, by name, as they were made.
pub fn schema(connection: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What [`schema`] must be.
pub fn expected_schema() -> Result<BTreeMap<String, String>, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    migrations::all().to_latest(&mut connection)?;
    schema(&connection)
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
