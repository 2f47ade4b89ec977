//! Logs: what each has grown to, by its newest signed checkpoint, and its entries.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use writ_trust::ids::SiteId;
use writ_trust::log::tree::Hash;
use writ_wire::Signed;

use super::{StoreError, from_sql, to_sql};

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

fn read(row: &Row<'_>) -> Result<StoredLog, StoreError> {
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
pub fn all(connection: &Connection) -> Result<Vec<StoredLog>, StoreError> {
    let mut statement = connection.prepare(&format!("{COLUMNS} ORDER BY site, number"))?;
    let mut rows = statement.query([])?;
    let mut logs = Vec::new();
    while let Some(row) = rows.next()? {
        logs.push(read(row)?);
    }
    Ok(logs)
}

/// One log.
pub fn one(connection: &Connection, id: i64) -> Result<StoredLog, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE id = ?"))?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => read(row),
        None => Err(StoreError::damaged(format!("log {id}"), "it is not there")),
    }
}

/// Opens a log without entries; its first checkpoint comes with [`put`]. Returns its row.
pub fn create(
    connection: &Connection,
    site: &SiteId,
    number: u64,
    origin: &str,
    restart: Option<&Signed>,
) -> Result<i64, StoreError> {
    connection.execute(
        "INSERT INTO logs (site, number, origin, restart, size, root, note, flushed, trust)
        VALUES (?, ?, ?, ?, 0, ?, '', 0, 0)",
        params![
            site.as_str(),
            to_sql(number),
            origin,
            restart.map(Signed::canonical),
            &writ_trust::log::tree::EMPTY_ROOT[..]
        ],
    )?;
    Ok(connection.last_insert_rowid())
}

/// Replaces a log's checkpoint.
pub fn put(connection: &Connection, id: i64, size: u64, root: &Hash, note: &str) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("UPDATE logs SET size = ?, root = ?, note = ? WHERE id = ?")?;
    statement.execute(params![to_sql(size), &root[..], note, id])?;
    Ok(())
}

/// Replaces the signatures of the document that began a log.
pub fn set_restart(connection: &Connection, id: i64, restart: &Signed) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("UPDATE logs SET restart = ? WHERE id = ?")?;
    statement.execute(params![restart.canonical(), id])?;
    Ok(())
}

/// Notes that a log's tile files up to a size were flushed.
pub fn set_flushed(connection: &Connection, id: i64, size: u64) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE logs SET flushed = ? WHERE id = ?")?.execute(params![to_sql(size), id])?;
    Ok(())
}

/// Notes the newest version of the trust root that a log has an entry of.
pub fn set_trust(connection: &Connection, id: i64, version: u64) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE logs SET trust = ? WHERE id = ?")?.execute(params![to_sql(version), id])?;
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
pub fn add_entry(connection: &Connection, log: i64, index: u64, entry: &[u8], names: Names) -> Result<(), StoreError> {
    let (evidence, release) = match names {
        Names::Evidence(row) => (Some(row), None),
        Names::Release(row) => (None, Some(row)),
        Names::Other => (None, None),
    };
    let mut statement = connection.prepare_cached("INSERT INTO entries VALUES (?, ?, ?, ?, ?)")?;
    statement.execute(params![log, to_sql(index), entry, evidence, release])?;
    Ok(())
}

/// The entries of a log from an index up to another, in order. An error when one is missing.
pub fn entries(connection: &Connection, log: i64, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT entry FROM entries WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![log, to_sql(from), to_sql(to)], |row| row.get(0))?;
    let entries: Vec<Vec<u8>> = rows.collect::<Result<_, _>>()?;
    if entries.len() as u64 != to.saturating_sub(from) {
        return Err(StoreError::damaged(format!("log {log}"), format!("entries are missing between {from} and {to}")));
    }
    Ok(entries)
}

/// The index and the entry of a bundle in a log, if that log has it.
pub fn of_evidence(connection: &Connection, log: i64, evidence: i64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let sql = "SELECT idx, entry FROM entries WHERE evidence = ? AND log = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let row = statement.query_row(params![evidence, log], |row| Ok((from_sql(row.get(0)?), row.get(1)?)));
    Ok(row.optional()?)
}
