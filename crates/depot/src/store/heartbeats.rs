//! The newest heartbeat of every appliance key.

use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::Signed;

use super::{Connection, StoreError, values};

/// A heartbeat as the database has it.
#[derive(Debug, Clone)]
pub struct StoredHeartbeat {
    /// The site.
    pub site: SiteId,
    /// The key that said it.
    pub key: [u8; 32],
    /// When it was said, by the appliance's clock.
    pub at: Time,
    /// Its exact bytes and signature.
    pub signed: Signed,
}

/// Every heartbeat.
pub fn all(connection: &dyn Connection) -> Result<Vec<StoredHeartbeat>, StoreError> {
    let mut heartbeats = Vec::new();
    for mut row in connection.rows("SELECT site, public_key, at, envelope FROM heartbeats", &[])? {
        let (site, key): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let (at, envelope): (i64, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let damaged = |what| StoreError::damaged("a heartbeat", what);
        heartbeats.push(StoredHeartbeat {
            site: site.parse().map_err(|_| damaged("site"))?,
            key: key.try_into().map_err(|_| damaged("public_key"))?,
            at: Time::from_unix_millis(at),
            signed: Signed::parse(&envelope).map_err(|_| damaged("envelope"))?,
        });
    }
    Ok(heartbeats)
}

/// Stores a heartbeat in place of the key's last one.
pub fn put(connection: &dyn Connection, heartbeat: &StoredHeartbeat) -> Result<(), StoreError> {
    let StoredHeartbeat { site, key, at, signed } = heartbeat;
    let sql = "INSERT INTO heartbeats VALUES (?, ?, ?, ?)
        ON CONFLICT (site, public_key) DO UPDATE SET at = excluded.at, envelope = excluded.envelope";
    // The canonical bytes without sorting: the two members are declared in their order.
    let envelope = serde_json::to_vec(signed).map_err(|e| StoreError::damaged("a heartbeat", e))?;
    connection.execute(sql, values![site.as_str(), key, at.unix_millis(), &envelope])?;
    Ok(())
}
