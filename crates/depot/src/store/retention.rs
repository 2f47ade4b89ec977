//! Until when batches of logs may go, and which went.

use rusqlite::{Connection, params};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::{StoreError, from_sql};

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
pub fn sites(connection: &Connection) -> Result<Vec<SiteId>, StoreError> {
    let mut statement = connection.prepare("SELECT DISTINCT site FROM log_batches ORDER BY site")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut sites = Vec::new();
    for site in rows {
        sites.push(site?.parse().map_err(|_| StoreError::damaged("a batch of logs", "site"))?);
    }
    Ok(sites)
}

/// Every batch of a site, by source and number.
pub fn batches(connection: &Connection, site: &SiteId) -> Result<Vec<Batch>, StoreError> {
    let sql =
        "SELECT public_key, digest, source, number, begins, ends, bytes, received_at FROM log_batches WHERE site = ?
        ORDER BY source, number, public_key, digest";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([site.as_str()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
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
pub fn set(connection: &Connection, site: &SiteId, before: Time, kept_millis: i64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO retention VALUES (?1, ?2, ?3) ON CONFLICT (site) DO UPDATE SET before = ?2, kept_millis = ?3";
    connection.execute(sql, params![site.as_str(), before.unix_millis(), kept_millis])?;
    Ok(())
}

/// Removes a batch, and keeps that it was here.
pub fn remove(connection: &Connection, site: &SiteId, batch: &Batch, now: Time) -> Result<(), StoreError> {
    let key = params![site.as_str(), batch.digest.as_bytes(), batch.key, now.unix_millis()];
    let sql = "INSERT INTO log_batches_gone
        SELECT site, public_key, digest, source, number, begins, ends, bytes, received_at, ?4 FROM log_batches b
        WHERE site = ?1 AND digest = ?2 AND public_key = ?3 AND NOT EXISTS
        (SELECT 1 FROM log_batches_gone g WHERE g.site = ?1 AND g.digest = ?2 AND g.public_key = ?3)";
    connection.prepare_cached(sql)?.execute(key)?;
    let sql = "DELETE FROM log_batches WHERE site = ?1 AND digest = ?2 AND public_key = ?3";
    connection.prepare_cached(sql)?.execute(params![site.as_str(), batch.digest.as_bytes(), batch.key])?;
    Ok(())
}

/// Whether a batch of a site is here for some key, and whether it was once.
pub fn known(connection: &Connection, site: &SiteId, digest: &Digest) -> Result<(bool, bool), StoreError> {
    let has = |table: &str| -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM {table} WHERE site = ? AND digest = ?");
        Ok(connection.prepare_cached(&sql)?.exists(params![site.as_str(), digest.as_bytes()])?)
    };
    Ok((has("log_batches")?, has("log_batches_gone")?))
}
