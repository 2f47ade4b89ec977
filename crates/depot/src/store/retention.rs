//! Until when batches of logs may go, and which went.

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::{Connection, StoreError, from_sql, values};

/// A batch of logs, as far as it matters for how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The key of the appliance.
    pub key: Vec<u8>,
    /// The digest of its file.
    pub digest: Digest,
    /// Its source.
    pub source: String,
    /// Its number.
    pub number: u64,
    /// Where it begins, by the appliance's clock.
    pub begins: Time,
    /// Where it ends.
    pub ends: Time,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it came.
    pub received_at: Time,
}

/// Sites that have batches of logs.
pub fn sites(connection: &dyn Connection) -> Result<Vec<SiteId>, StoreError> {
    let mut sites = Vec::new();
    for mut row in connection.rows("SELECT DISTINCT site FROM log_batches ORDER BY site", &[])? {
        sites.push(row.get::<String>(0)?.parse().map_err(|_| StoreError::damaged("a batch of logs", "site"))?);
    }
    Ok(sites)
}

/// Every batch of a site, by source and number.
pub fn batches(connection: &dyn Connection, site: &SiteId) -> Result<Vec<Batch>, StoreError> {
    let sql =
        "SELECT public_key, digest, source, number, begins, ends, bytes, received_at FROM log_batches WHERE site = ?
        ORDER BY source, number, public_key, digest";
    let mut all = Vec::new();
    for mut row in connection.rows(sql, values![site.as_str()])? {
        let digest: Vec<u8> = row.get(1)?;
        let digest: [u8; 32] = digest.try_into().map_err(|_| StoreError::damaged("a batch of logs", "digest"))?;
        let time = |at: i64| Time::from_unix_millis(at);
        all.push(Batch {
            key: row.get(0)?,
            digest: Digest::from_bytes(digest),
            source: row.get(2)?,
            number: from_sql(row.get(3)?),
            begins: time(row.get(4)?),
            ends: time(row.get(5)?),
            bytes: from_sql(row.get(6)?),
            received_at: time(row.get(7)?),
        });
    }
    Ok(all)
}

/// Says until when batches of a site may go; nothing that ended or came later does.
pub fn set(connection: &dyn Connection, site: &SiteId, before: Time, kept_millis: i64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO retention VALUES (?1, ?2, ?3) ON CONFLICT (site) DO UPDATE SET before = ?2, kept_millis = ?3";
    connection.execute(sql, values![site.as_str(), before.unix_millis(), kept_millis])?;
    Ok(())
}

/// Removes a batch, and keeps that it was here.
pub fn remove(connection: &dyn Connection, site: &SiteId, batch: &Batch, now: Time) -> Result<(), StoreError> {
    let key = values![site.as_str(), batch.digest.as_bytes(), &batch.key, now.unix_millis()];
    let sql = "INSERT INTO log_batches_gone
        SELECT site, public_key, digest, source, number, begins, ends, bytes, received_at, ?4 FROM log_batches b
        WHERE site = ?1 AND digest = ?2 AND public_key = ?3 AND NOT EXISTS
        (SELECT 1 FROM log_batches_gone g WHERE g.site = ?1 AND g.digest = ?2 AND g.public_key = ?3)";
    connection.execute(sql, key)?;
    let sql = "DELETE FROM log_batches WHERE site = ?1 AND digest = ?2 AND public_key = ?3";
    connection.execute(sql, values![site.as_str(), batch.digest.as_bytes(), &batch.key])?;
    Ok(())
}

/// Whether a batch of a site is here for some key, and whether it was once.
pub fn known(connection: &dyn Connection, site: &SiteId, digest: &Digest) -> Result<(bool, bool), StoreError> {
    let has = |table: &str| -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM {table} WHERE site = ? AND digest = ? LIMIT 1");
        Ok(connection.row(&sql, values![site.as_str(), digest.as_bytes()])?.is_some())
    };
    Ok((has("log_batches")?, has("log_batches_gone")?))
}
