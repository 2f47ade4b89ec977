//! Batches of logs: what each was, and which is the newest of each source. Their bytes are files.

use writ_trust::digest::Digest;
use writ_trust::ids::{LogSourceId, SiteId};
use writ_trust::time::Time;
use writ_wire::courier::SKEW_MILLIS;
use writ_wire::log_batch::LogBatch;

use super::{Connection, StoreError, from_sql, to_sql, values};

/// The newest batch of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
    /// Where it ends, by the appliance's clock.
    pub ends: Time,
    /// When it came.
    pub received_at: Time,
}

/// A source of an appliance key of a site.
pub type SourceOf = (SiteId, [u8; 32], LogSourceId);

/// A batch to add.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whose.
    pub of: SourceOf,
    /// Its first line.
    pub batch: LogBatch,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// How many bytes there are.
    pub bytes: u64,
}

/// A batch that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// What it is as the newest of its source.
    pub as_newest: Newest,
    /// Whether it counts as that also where the source is known. One of the future does not: it would stand until then, however
    /// old the next ones are. Where nothing is known of a source, it ends when it came.
    pub counts: bool,
}

/// Adds a batch, unless it is there.
pub fn add(connection: &dyn Connection, row: &Row, now: Time) -> Result<Added, StoreError> {
    let Row { of: (site, key, source), batch, digest, bytes } = row;
    let sql = "INSERT INTO log_batches SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE NOT EXISTS
        (SELECT 1 FROM log_batches WHERE site = ?1 AND digest = ?3 AND public_key = ?2)";
    let times = (batch.from.unix_millis(), batch.to.unix_millis());
    connection.execute(
        sql,
        values![
            site.as_str(),
            key,
            digest.as_bytes(),
            source.as_str(),
            to_sql(batch.number),
            times.0,
            times.1,
            to_sql(batch.lines),
            to_sql(*bytes),
            now.unix_millis(),
        ],
    )?;
    let sql = "SELECT received_at FROM log_batches WHERE site = ? AND public_key = ? AND digest = ?";
    let received_at = connection.one(sql, values![site.as_str(), key, digest.as_bytes()])?.get(0)?;
    let received_at = Time::from_unix_millis(received_at);
    let counts = batch.to.millis_since(now) <= SKEW_MILLIS;
    let ends = if counts { batch.to } else { received_at };
    let sql = "INSERT INTO log_newest VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, public_key, source) DO UPDATE SET
        number = excluded.number, digest = excluded.digest, ends = excluded.ends, received_at = excluded.received_at
        WHERE ? AND excluded.ends >= log_newest.ends";
    connection.execute(
        sql,
        values![
            site.as_str(),
            key,
            source.as_str(),
            to_sql(batch.number),
            digest.as_bytes(),
            ends.unix_millis(),
            received_at.unix_millis(),
            counts,
        ],
    )?;
    Ok(Added { as_newest: Newest { number: batch.number, digest: *digest, ends, received_at }, counts })
}

/// The newest batch of every source.
pub fn newest(connection: &dyn Connection) -> Result<Vec<(SourceOf, Newest)>, StoreError> {
    let sql = "SELECT site, public_key, source, number, digest, ends, received_at FROM log_newest";
    let mut all = Vec::new();
    for mut row in connection.rows(sql, &[])? {
        let damaged = |what| StoreError::damaged("the newest batch of a source of logs", what);
        let (site, key, source): (String, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let digest: [u8; 32] = row.get::<Vec<u8>>(4)?.try_into().map_err(|_| damaged("digest"))?;
        let of = (
            site.parse().map_err(|_| damaged("site"))?,
            key.try_into().map_err(|_| damaged("public_key"))?,
            source.parse().map_err(|_| damaged("source"))?,
        );
        let (ends, received_at) = (Time::from_unix_millis(row.get(5)?), Time::from_unix_millis(row.get(6)?));
        all.push((of, Newest { number: from_sql(row.get(3)?), digest: Digest::from_bytes(digest), ends, received_at }));
    }
    Ok(all)
}

/// Whether a site has a batch of this digest.
pub fn has(connection: &dyn Connection, site: &SiteId, digest: &Digest) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM log_batches WHERE site = ? AND digest = ? LIMIT 1";
    Ok(connection.row(sql, values![site.as_str(), digest.as_bytes()])?.is_some())
}
