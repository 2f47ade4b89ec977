//! The database: evidence, log entries, checkpoints, releases, trust roots, heartbeats, notices, orders,
//! what batches of logs there are.
//!
//! It is SQLite's file in the data directory, or a database of a PostgreSQL server: see [`Place`]. What is asked of it is the same,
//! by way of [`Connection`]; the functions here say it. One connection writes, in one thread; others only read. What a transaction
//! committed survives a power cut.

pub mod checkpoints;
mod connection;
pub mod evidence;
pub mod free_space;
pub mod heartbeats;
pub mod log_batches;
pub mod notices;
pub mod orders;
mod place;
pub mod postgres;
pub mod readers;
pub mod releases;
pub mod retention;
pub mod roots;
pub mod sqlite;
pub mod tables;

pub(crate) use self::connection::values;
pub use self::connection::{Begin, Cell, Connection, FromCell, Row, Transaction, Value};
pub use self::place::Place;

/// Why the database did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed: a full disk, a broken one, a damaged file.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused a statement.
    #[error("database: {}", postgres::told(.0))]
    Postgres(tokio_postgres::Error),
    /// PostgreSQL cannot be reached, or the connection to it was lost in the middle: nothing was stored.
    #[error("database: {0}")]
    Unreachable(String),
    /// The connection was lost while a transaction was being committed: it may be there or not.
    #[error(
        "database: the connection was lost during a commit: whether transaction {transaction} is there is asked again"
    )]
    InDoubt {
        /// How the database names it.
        transaction: String,
    },
    /// It is not as this process left it: another depot wrote, or an older copy was put in its place.
    #[error("database: {0}: this process ends, and the next one goes by what is there")]
    Superseded(String),
    /// It is not one that a depot may use.
    #[error("database: {0}")]
    Unfit(String),
    /// The database's tables cannot be made.
    #[error("database: {0}")]
    Migration(#[from] rusqlite_migration::Error),
    /// It is of an earlier version of this program.
    #[error(
        "database: it has schema {found}, of an earlier version, and this writ-depot has schema {newest}: stop what serves it, \
         and run `writ-depot migrate --data DIR`, which keeps a copy"
    )]
    Older {
        /// The schema that it has.
        found: i64,
        /// The one of this program.
        newest: i64,
    },
    /// It is of a later version of this program.
    #[error(
        "database: it has schema {found}, of a newer writ-depot, and this one knows schema {newest}: run the newer one; nothing \
         was changed"
    )]
    Newer {
        /// The schema that it has.
        found: i64,
        /// The one of this program.
        newest: i64,
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

/// A number as a database keeps it. Sequences, serials and indices are at most 2^53.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was before [`to_sql`].
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
