//! The trust roots: the pinned one and every later one.

use writ_trust::numbers::TrustVersion;
use writ_trust::time::Time;
use writ_wire::Signed;

use super::{Connection, StoreError, from_sql, to_sql, values};

/// Every stored root, oldest first.
pub fn all(connection: &dyn Connection) -> Result<Vec<(u64, Signed)>, StoreError> {
    let mut roots = Vec::new();
    for mut row in connection.rows("SELECT version, envelope FROM roots ORDER BY version", &[])? {
        let (version, envelope): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let signed = Signed::parse(&envelope).map_err(|e| StoreError::damaged(format!("trust root {version}"), e))?;
        roots.push((from_sql(version), signed));
    }
    Ok(roots)
}

/// Adds a root.
pub fn insert(
    connection: &dyn Connection,
    version: TrustVersion,
    signed: &Signed,
    now: Time,
) -> Result<(), StoreError> {
    let values = (to_sql(version.get()), signed.canonical(), now.unix_millis());
    connection.execute("INSERT INTO roots VALUES (?, ?, ?)", values![values.0, &values.1, values.2])?;
    Ok(())
}
