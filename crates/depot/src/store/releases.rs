//! Releases: those that are or were active, and at most one per site that is pending.

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::release::Release;
use writ_trust::time::Time;
use writ_wire::Signed;

use super::{Connection, StoreError, to_sql, values};

/// A release as the database has it.
#[derive(Debug, Clone)]
pub struct StoredRelease {
    /// The row.
    pub id: i64,
    /// What it says.
    pub release: Release,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// Its exact bytes and signatures.
    pub signed: Signed,
    /// Whether it is or was active; otherwise it is pending.
    pub active: bool,
}

/// Every release of every site, by site, epoch and serial.
pub fn all(connection: &dyn Connection) -> Result<Vec<StoredRelease>, StoreError> {
    let sql = "SELECT id, envelope, activated_at IS NOT NULL FROM releases ORDER BY site, epoch, serial";
    let mut releases = Vec::new();
    for mut row in connection.rows(sql, &[])? {
        let (id, envelope, active): (i64, Vec<u8>, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let damaged = |reason: String| StoreError::damaged(format!("release in row {id}"), reason);
        let signed = Signed::parse(&envelope).map_err(|e| damaged(e.to_string()))?;
        let release = Release::parse(&signed.document.0).map_err(|e| damaged(e.to_string()))?;
        let digest = Digest::of(&signed.document.0);
        releases.push(StoredRelease { id, release, digest, signed, active });
    }
    Ok(releases)
}

/// Stores a release as pending in place of the one that was, and returns its row.
pub fn put_pending(
    connection: &dyn Connection,
    release: &Release,
    digest: Digest,
    signed: &Signed,
    now: Time,
) -> Result<i64, StoreError> {
    drop_pending(connection, &release.site)?;
    connection.add_new(
        "INSERT INTO releases (site, epoch, serial, digest, envelope, received_at) VALUES (?, ?, ?, ?, ?, ?)",
        values![
            release.site.as_str(),
            to_sql(release.epoch.get()),
            to_sql(release.serial.get()),
            digest.as_bytes(),
            &signed.canonical(),
            now.unix_millis()
        ],
    )
}

/// Forgets the pending release of a site.
pub fn drop_pending(connection: &dyn Connection, site: &SiteId) -> Result<(), StoreError> {
    connection.execute("DELETE FROM releases WHERE site = ? AND activated_at IS NULL", values![site.as_str()])?;
    Ok(())
}

/// Makes the pending release active; `false` if it is not pending any more.
pub fn activate(connection: &dyn Connection, row: i64, now: Time) -> Result<bool, StoreError> {
    let sql = "UPDATE releases SET activated_at = ? WHERE id = ? AND activated_at IS NULL";
    Ok(connection.execute(sql, values![now.unix_millis(), row])? == 1)
}

/// Where the newest log that has it has a release: the log's row, the index of its entry, and the entry.
pub fn logged(
    connection: &dyn Connection,
    site: &SiteId,
    epoch: Epoch,
    serial: Serial,
) -> Result<Option<(i64, u64, Vec<u8>)>, StoreError> {
    let sql = "SELECT e.log, e.idx, e.entry FROM releases r JOIN entries e ON e.release = r.id JOIN logs l ON l.id = e.log
        WHERE r.site = ? AND r.epoch = ? AND r.serial = ? AND r.activated_at IS NOT NULL ORDER BY l.number DESC LIMIT 1";
    let key = values![site.as_str(), to_sql(epoch.get()), to_sql(serial.get())];
    let row = connection.row(sql, key)?;
    row.map(|mut row| Ok((row.get(0)?, super::from_sql(row.get(1)?), row.get(2)?))).transpose()
}
