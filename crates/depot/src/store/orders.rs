//! Orders that have not expired. What became of each is in the evidence of the appliances.

use writ_trust::digest::Digest;
use writ_trust::order::Order;
use writ_trust::time::Time;
use writ_wire::Signed;
use writ_wire::orders::MOST_ORDERS;

use super::{Connection, StoreError, from_sql, values};

/// An order as the database has it.
#[derive(Debug, Clone)]
pub struct StoredOrder {
    /// What it says.
    pub order: Order,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// Its exact bytes, and the signatures that counted when it came.
    pub signed: Signed,
}

/// What came of adding an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is here now.
    New,
    /// It was here.
    Known,
    /// Another order of its id is here.
    Other,
    /// The site has as many as are kept.
    Full,
}

/// Every order that has not expired, in the order in which they came.
pub fn all(connection: &dyn Connection, now: Time) -> Result<Vec<StoredOrder>, StoreError> {
    let sql = "SELECT id, envelope FROM orders WHERE expires_at > ? ORDER BY id";
    let mut orders = Vec::new();
    for mut row in connection.rows(sql, values![now.unix_millis()])? {
        let (id, envelope): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let damaged = |reason: String| StoreError::damaged(format!("order in row {id}"), reason);
        let signed = Signed::parse(&envelope).map_err(|e| damaged(e.to_string()))?;
        let order = Order::parse(&signed.document.0).map_err(|e| damaged(e.to_string()))?;
        orders.push(StoredOrder { order, digest: Digest::of(&signed.document.0), signed });
    }
    Ok(orders)
}

/// Adds an order, unless there are too many of its site; those that have expired go first.
pub fn add(connection: &dyn Connection, stored: &StoredOrder, now: Time) -> Result<Added, StoreError> {
    let StoredOrder { order, digest, signed } = stored;
    connection.execute("DELETE FROM orders WHERE expires_at <= ?", values![now.unix_millis()])?;
    let sql = "SELECT digest FROM orders WHERE site = ? AND order_id = ?";
    let known = connection.row(sql, values![order.site.as_str(), order.id.as_str()])?;
    let known: Option<Vec<u8>> = known.map(|mut row| row.get(0)).transpose()?;
    if let Some(known) = known {
        return Ok(if known == digest.as_bytes() { Added::Known } else { Added::Other });
    }
    let count = connection.one("SELECT count(*) FROM orders WHERE site = ?", values![order.site.as_str()])?.get(0)?;
    if from_sql(count) >= MOST_ORDERS as u64 {
        return Ok(Added::Full);
    }
    let envelope = serde_json::to_vec(signed).map_err(|e| StoreError::damaged("an order", e))?;
    let sql =
        "INSERT INTO orders (site, order_id, digest, expires_at, received_at, envelope) VALUES (?, ?, ?, ?, ?, ?)";
    connection.execute(
        sql,
        values![
            order.site.as_str(),
            order.id.as_str(),
            digest.as_bytes(),
            order.expires_at.unix_millis(),
            now.unix_millis(),
            &envelope,
        ],
    )?;
    Ok(Added::New)
}
