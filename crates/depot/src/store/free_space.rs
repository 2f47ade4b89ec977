//! How much of the disk was free, about once an hour.

use rusqlite::{Connection, params};
use writ_trust::time::Time;

use super::{StoreError, from_sql, to_sql};

/// How long samples are kept, in milliseconds.
const KEPT: i64 = 8 * 24 * 3600 * 1000;

/// Adds how many bytes are free, and forgets what is too old to be of use.
pub fn add(connection: &Connection, at: Time, free: u64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO free_space VALUES (?, ?)")?;
    statement.execute(params![at.unix_millis(), to_sql(free)])?;
    let mut statement = connection.prepare_cached("DELETE FROM free_space WHERE at < ?1 OR at > ?2")?;
    // One of the future is of a clock that was ahead.
    statement.execute(params![at.unix_millis() - KEPT, at.unix_millis()])?;
    Ok(())
}

/// Every sample, oldest first.
pub fn all(connection: &Connection) -> Result<Vec<(Time, u64)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT at, free FROM free_space ORDER BY at")?;
    let rows = statement.query_map([], |row| Ok((Time::from_unix_millis(row.get(0)?), from_sql(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
