//! Notices: what appliances want people to be told.

use rusqlite::{Connection, params};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::Signed;

use super::{StoreError, to_sql};

/// How many are kept of each key: what they told is in the evidence too.
const KEPT: u64 = 1_000;

/// A notice to add.
#[derive(Debug, Clone)]
pub struct Row {
    /// The site.
    pub site: SiteId,
    /// The key that said it.
    pub key: [u8; 32],
    /// Its number.
    pub number: u64,
    /// Its exact bytes and signature.
    pub signed: Signed,
}

/// Adds a notice, unless it is there.
pub fn add(connection: &Connection, row: &Row, now: Time) -> Result<(), StoreError> {
    let Row { site, key, number, signed } = row;
    let digest = Digest::of(&signed.document.0);
    let envelope = serde_json::to_vec(signed).map_err(|e| StoreError::damaged("a notice", e))?;
    let sql = "INSERT INTO notices (site, public_key, number, digest, received_at, envelope) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING";
    let values = params![site.as_str(), key, to_sql(*number), digest.as_bytes(), now.unix_millis(), envelope];
    if connection.prepare_cached(sql)?.execute(values)? == 1 {
        let sql = "DELETE FROM notices WHERE site = ?1 AND public_key = ?2 AND id <= (SELECT id FROM notices
            WHERE site = ?1 AND public_key = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)";
        connection.prepare_cached(sql)?.execute(params![site.as_str(), key, to_sql(KEPT)])?;
    }
    Ok(())
}

/// The newest notices of a site that fit into so many bytes, oldest first.
pub fn newest(connection: &Connection, site: &SiteId, most: usize) -> Result<Vec<Signed>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT envelope FROM notices WHERE site = ? ORDER BY id DESC")?;
    let mut rows = statement.query([site.as_str()])?;
    let (mut notices, mut size) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let envelope: Vec<u8> = row.get(0)?;
        size += envelope.len();
        if size > most {
            break;
        }
        notices.push(Signed::parse(&envelope).map_err(|_| StoreError::damaged("a notice", "envelope"))?);
    }
    notices.reverse();
    Ok(notices)
}
