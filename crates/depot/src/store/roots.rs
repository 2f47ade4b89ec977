//! The trust roots: the pinned one and every later one.

use rusqlite::{Connection, params};
use writ_trust::numbers::TrustVersion;
use writ_trust::time::Time;
use writ_wire::Signed;

use super::{StoreError, from_sql, to_sql};

/// Every stored root, oldest first.
pub fn all(connection: &Connection) -> Result<Vec<(u64, Signed)>, StoreError> {
    let mut statement = connection.prepare("SELECT version, envelope FROM roots ORDER BY version")?;
    let mut rows = statement.query([])?;
    let mut roots = Vec::new();
    while let Some(row) = rows.next()? {
        let (version, envelope): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let signed = Signed::parse(&envelope).map_err(|e| StoreError::damaged(format!("trust root {version}"), e))?;
        roots.push((from_sql(version), signed));
    }
    Ok(roots)
}

/// Adds a root.
pub fn insert(connection: &Connection, version: TrustVersion, signed: &Signed, now: Time) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("INSERT INTO roots VALUES (?, ?, ?)")?;
    statement.execute(params![to_sql(version.get()), signed.canonical(), now.unix_millis()])?;
    Ok(())
}
