//! Evidence: the exact bytes of every bundle and of its signature. Rows are only ever added.

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::{Connection, StoreError, from_sql, to_sql, values};

/// What came of adding a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in this new row.
    New(i64),
    /// It was there already, in this row.
    Known(i64),
    /// Another bundle of the same key and sequence is there.
    Conflict,
}

/// The row of a key at a site; it is added if there is none.
pub fn key(connection: &dyn Connection, site: &SiteId, key: &[u8; 32]) -> Result<i64, StoreError> {
    let find = "SELECT id FROM keys WHERE site = ? AND public_key = ?";
    if let Some(mut row) = connection.row(find, values![site.as_str(), key])? {
        return row.get(0);
    }
    connection.add_new("INSERT INTO keys (site, public_key) VALUES (?, ?)", values![site.as_str(), key])
}

/// A bundle to add.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The row of its key.
    pub key: i64,
    /// Its number in the key's chain.
    pub sequence: u64,
    /// The digest of its exact bytes.
    pub digest: &'a Digest,
    /// Its exact bytes.
    pub document: &'a [u8],
    /// The exact bytes of its signature file.
    pub signature: &'a [u8],
}

/// Adds a bundle, unless its place is taken.
pub fn add(connection: &dyn Connection, row: Row<'_>, now: Time) -> Result<Added, StoreError> {
    let sql =
        "INSERT INTO evidence (key, sequence, digest, received_at, signature, document) VALUES (?, ?, ?, ?, ?, ?)";
    let Row { key, sequence, digest, document, signature } = row;
    let values = values![key, to_sql(sequence), digest.as_bytes(), now.unix_millis(), signature, document];
    if let Some(id) = connection.add(sql, values)? {
        return Ok(Added::New(id));
    }
    let find = "SELECT id, digest FROM evidence WHERE key = ? AND sequence = ?";
    let mut row = connection.one(find, values![key, to_sql(sequence)])?;
    let (id, held): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    Ok(if held == digest.as_bytes() { Added::Known(id) } else { Added::Conflict })
}

/// What is held of one key: its site, its 32 bytes, and its sequences as ascending ranges from first to last.
pub type HeldOfKey = (SiteId, [u8; 32], Vec<(u64, u64)>);

/// The sequences held of every key of every site.
pub fn held(connection: &dyn Connection) -> Result<Vec<HeldOfKey>, StoreError> {
    let count = "SELECT count(*), max(sequence) FROM evidence WHERE key = ?";
    let each = "SELECT sequence FROM evidence WHERE key = ? ORDER BY sequence";
    let mut all = Vec::new();
    for mut row in connection.rows("SELECT id, site, public_key FROM keys", &[])? {
        let (id, site, key): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let damaged = |what| StoreError::damaged(format!("key in row {id}"), what);
        let site = site.parse().map_err(|_| damaged("site"))?;
        let key = key.try_into().map_err(|_| damaged("public_key"))?;
        let mut counted = connection.one(count, values![id])?;
        let (held, newest): (i64, Option<i64>) = (counted.get(0)?, counted.get(1)?);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        match newest {
            None => {}
            // Sequences are different and begin at 1: as many as the highest means all of them.
            Some(newest) if newest == held => ranges.push((1, from_sql(newest))),
            Some(_) => {
                for mut row in connection.rows(each, values![id])? {
                    let sequence = from_sql(row.get(0)?);
                    match ranges.last_mut() {
                        Some((_, last)) if *last + 1 == sequence => *last = sequence,
                        _ => ranges.push((sequence, sequence)),
                    }
                }
            }
        }
        all.push((site, key, ranges));
    }
    Ok(all)
}

/// One bundle of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The index of its entry.
    pub index: u64,
    /// Its exact bytes.
    pub document: Vec<u8>,
    /// The exact bytes of its signature file.
    pub signature: Vec<u8>,
}

/// How many bundles are in a page at most.
const MOST_IN_PAGE: i64 = 4096;

/// The bundles that a log has from an index on and below another, at most `most` bytes of them (but one at least), and the
/// index to ask for next.
pub fn page(
    connection: &dyn Connection,
    log: i64,
    from: u64,
    below: u64,
    most: usize,
) -> Result<(Vec<Logged>, Option<u64>), StoreError> {
    // First how large each is: whoever is asked for rows gives all of them.
    let sizes =
        "SELECT e.idx, length(v.document), length(v.signature) FROM entries e JOIN evidence v ON v.id = e.evidence
        WHERE e.log = ? AND e.idx >= ? AND e.idx < ? ORDER BY e.idx LIMIT ?";
    let (mut size, mut next, mut count) = (0, None, 0);
    for mut row in connection.rows(sizes, values![log, to_sql(from), to_sql(below), MOST_IN_PAGE + 1])? {
        let (index, document, signature): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        size += from_sql(document) + from_sql(signature);
        if count > 0 && (size > most as u64 || count == MOST_IN_PAGE) {
            next = Some(from_sql(index));
            break;
        }
        count += 1;
    }
    let sql = "SELECT e.idx, v.document, v.signature FROM entries e JOIN evidence v ON v.id = e.evidence
        WHERE e.log = ? AND e.idx >= ? AND e.idx < ? ORDER BY e.idx";
    let rows = connection.rows(sql, values![log, to_sql(from), to_sql(next.unwrap_or(below))])?;
    let bundle = |mut row: super::Row| {
        Ok(Logged { index: from_sql(row.get(0)?), document: row.get(1)?, signature: row.get(2)? })
    };
    Ok((rows.into_iter().map(bundle).collect::<Result<_, StoreError>>()?, next))
}

/// What is held of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummary {
    /// The 32 bytes of the key.
    pub public_key: Vec<u8>,
    /// How many bundles.
    pub bundles: u64,
    /// The lowest sequence.
    pub first: u64,
    /// The highest sequence.
    pub last: u64,
    /// Bytes of the bundles, without signatures.
    pub bytes: u64,
}

/// What is held of every key of a site.
pub fn summary(connection: &dyn Connection, site: &SiteId) -> Result<Vec<KeySummary>, StoreError> {
    let sql = "SELECT k.public_key, count(*), min(v.sequence), max(v.sequence), sum(length(v.document))
        FROM keys k JOIN evidence v ON v.key = k.id WHERE k.site = ? GROUP BY k.id ORDER BY k.id";
    let summary = |mut row: super::Row| {
        Ok(KeySummary {
            public_key: row.get(0)?,
            bundles: from_sql(row.get(1)?),
            first: from_sql(row.get(2)?),
            last: from_sql(row.get(3)?),
            bytes: from_sql(row.get(4)?),
        })
    };
    connection.rows(sql, values![site.as_str()])?.into_iter().map(summary).collect()
}
