//! Logs: what each has grown to, by its newest signed checkpoint, and its entries.

use writ_trust::ids::SiteId;
use writ_trust::log::tree::Hash;
use writ_wire::Signed;

use super::{Connection, Row, StoreError, from_sql, to_sql, values};

/// A log as the database has it.
#[derive(Debug, Clone)]
pub struct StoredLog {
    /// The row.
    pub id: i64,
    /// The site.
    pub site: SiteId,
    /// Which of the site's logs, from 1.
    pub number: u64,
    /// Its name.
    pub origin: String,
    /// The document that began it; the first log has none.
    pub restart: Option<Signed>,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// The newest signed checkpoint, which says the same.
    pub note: String,
    /// The tile files up to this size are known to survive a power cut.
    pub flushed: u64,
    /// The newest version of the trust root that it has an entry of; 0 for none.
    pub trust: u64,
}

const COLUMNS: &str = "SELECT id, site, number, origin, restart, size, root, note, flushed, trust FROM logs";

fn read(mut row: Row) -> Result<StoredLog, StoreError> {
    let id: i64 = row.get(0)?;
    let damaged = |what: &str| StoreError::damaged(format!("log in row {id}"), what);
    let (site, restart): (String, Option<Vec<u8>>) = (row.get(1)?, row.get(4)?);
    let restart = restart.map(|bytes| Signed::parse(&bytes).map_err(|_| damaged("restart"))).transpose()?;
    let root: Vec<u8> = row.get(6)?;
    Ok(StoredLog {
        id,
        site: site.parse().map_err(|_| damaged("site"))?,
        number: from_sql(row.get(2)?),
        origin: row.get(3)?,
        restart,
        size: from_sql(row.get(5)?),
        root: root.try_into().map_err(|_| damaged("root"))?,
        note: row.get(7)?,
        flushed: from_sql(row.get(8)?),
        trust: from_sql(row.get(9)?),
    })
}

/// Every log of every site, each site's in order.
pub fn all(connection: &dyn Connection) -> Result<Vec<StoredLog>, StoreError> {
    let rows = connection.rows(&format!("{COLUMNS} ORDER BY site, number"), &[])?;
    rows.into_iter().map(read).collect()
}

/// One log.
pub fn one(connection: &dyn Connection, id: i64) -> Result<StoredLog, StoreError> {
    match connection.row(&format!("{COLUMNS} WHERE id = ?"), values![id])? {
        Some(row) => read(row),
        None => Err(StoreError::damaged(format!("log {id}"), "it is not there")),
    }
}

/// Opens a log without entries; its first checkpoint comes with [`put`]. Returns its row.
pub fn create(
    connection: &dyn Connection,
    site: &SiteId,
    number: u64,
    origin: &str,
    restart: Option<&Signed>,
) -> Result<i64, StoreError> {
    let restart = restart.map(Signed::canonical);
    connection.add_new(
        "INSERT INTO logs (site, number, origin, restart, size, root, note, flushed, trust)
        VALUES (?, ?, ?, ?, 0, ?, '', 0, 0)",
        values![site.as_str(), to_sql(number), origin, restart.as_deref(), &writ_trust::log::tree::EMPTY_ROOT],
    )
}

/// Replaces a log's checkpoint.
pub fn put(connection: &dyn Connection, id: i64, size: u64, root: &Hash, note: &str) -> Result<(), StoreError> {
    let sql = "UPDATE logs SET size = ?, root = ?, note = ? WHERE id = ?";
    connection.execute(sql, values![to_sql(size), root, note, id])?;
    Ok(())
}

/// Replaces the signatures of the document that began a log.
pub fn set_restart(connection: &dyn Connection, id: i64, restart: &Signed) -> Result<(), StoreError> {
    connection.execute("UPDATE logs SET restart = ? WHERE id = ?", values![&restart.canonical(), id])?;
    Ok(())
}

/// Notes that a log's tile files up to a size were flushed.
pub fn set_flushed(connection: &dyn Connection, id: i64, size: u64) -> Result<(), StoreError> {
    connection.execute("UPDATE logs SET flushed = ? WHERE id = ?", values![to_sql(size), id])?;
    Ok(())
}

/// Notes the newest version of the trust root that a log has an entry of.
pub fn set_trust(connection: &dyn Connection, id: i64, version: u64) -> Result<(), StoreError> {
    connection.execute("UPDATE logs SET trust = ? WHERE id = ?", values![to_sql(version), id])?;
    Ok(())
}

/// What an entry names, where that is kept here.
#[derive(Debug, Clone, Copy)]
pub enum Names {
    /// A bundle, by its row.
    Evidence(i64),
    /// A release, by its row.
    Release(i64),
    /// Something else.
    Other,
}

/// Adds an entry at an index.
pub fn add_entry(
    connection: &dyn Connection,
    log: i64,
    index: u64,
    entry: &[u8],
    names: Names,
) -> Result<(), StoreError> {
    let (evidence, release) = match names {
        Names::Evidence(row) => (Some(row), None),
        Names::Release(row) => (None, Some(row)),
        Names::Other => (None, None),
    };
    connection.add_later("entries", values![log, to_sql(index), entry, evidence, release])
}

/// The entries of a log from an index up to another, in order. An error when one is missing.
pub fn entries(connection: &dyn Connection, log: i64, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT entry FROM entries WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx";
    let rows = connection.rows(sql, values![log, to_sql(from), to_sql(to)])?;
    let entries: Vec<Vec<u8>> = rows.into_iter().map(|mut row| row.get(0)).collect::<Result<_, _>>()?;
    if entries.len() as u64 != to.saturating_sub(from) {
        return Err(StoreError::damaged(format!("log {log}"), format!("entries are missing between {from} and {to}")));
    }
    Ok(entries)
}

/// The index and the entry of a bundle in a log, if that log has it.
pub fn of_evidence(connection: &dyn Connection, log: i64, evidence: i64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let sql = "SELECT idx, entry FROM entries WHERE evidence = ? AND log = ?";
    let row = connection.row(sql, values![evidence, log])?;
    row.map(|mut row| Ok((from_sql(row.get(0)?), row.get(1)?))).transpose()
}
