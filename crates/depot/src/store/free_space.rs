//! How much of the disk was free, about once an hour.

use writ_trust::time::Time;

use super::{Connection, StoreError, from_sql, to_sql, values};

/// How long samples are kept, in milliseconds.
const KEPT: i64 = 8 * 24 * 3600 * 1000;

/// Adds how many bytes are free, and forgets what is too old to be of use.
pub fn add(connection: &dyn Connection, at: Time, free: u64) -> Result<(), StoreError> {
    let sql = "INSERT INTO free_space VALUES (?, ?) ON CONFLICT (at) DO UPDATE SET free = excluded.free";
    connection.execute(sql, values![at.unix_millis(), to_sql(free)])?;
    // One of the future is of a clock that was ahead.
    let sql = "DELETE FROM free_space WHERE at < ?1 OR at > ?2";
    connection.execute(sql, values![at.unix_millis() - KEPT, at.unix_millis()])?;
    Ok(())
}

/// Every sample, oldest first.
pub fn all(connection: &dyn Connection) -> Result<Vec<(Time, u64)>, StoreError> {
    let rows = connection.rows("SELECT at, free FROM free_space ORDER BY at", &[])?;
    rows.into_iter().map(|mut row| Ok((Time::from_unix_millis(row.get(0)?), from_sql(row.get(1)?)))).collect()
}
