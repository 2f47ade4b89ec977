//! Every table, for whoever copies a database into one of another sort.

use super::{Begin, Connection, Row, StoreError, Value};

/// A table: its name, its columns, and how many of these, from the first on, are its key.
type Table = (&'static str, &'static [&'static str], usize);

/// All of them, each after those that its rows name.
const ALL: &[Table] = &[
    ("roots", &["version", "envelope", "received_at"], 1),
    ("releases", &["id", "site", "epoch", "serial", "digest", "envelope", "received_at", "activated_at"], 1),
    ("logs", &["id", "site", "number", "origin", "restart", "size", "root", "note", "flushed", "trust"], 1),
    ("keys", &["id", "site", "public_key"], 1),
    ("evidence", &["id", "key", "sequence", "digest", "received_at", "signature", "document"], 1),
    ("entries", &["log", "idx", "entry", "evidence", "release"], 2),
    ("heartbeats", &["site", "public_key", "at", "envelope"], 2),
    (
        "log_batches",
        &["site", "digest", "public_key", "source", "number", "begins", "ends", "lines", "bytes", "received_at"],
        3,
    ),
    ("log_newest", &["site", "public_key", "source", "number", "digest", "ends", "received_at"], 3),
    ("notices", &["id", "site", "public_key", "number", "digest", "received_at", "envelope"], 1),
    ("retention", &["site", "before", "kept_millis"], 1),
    (
        "log_batches_gone",
        &["site", "digest", "public_key", "source", "number", "begins", "ends", "bytes", "received_at", "removed_at"],
        3,
    ),
    ("free_space", &["at", "free"], 1),
    ("orders", &["id", "site", "order_id", "digest", "expires_at", "received_at", "envelope"], 1),
];

/// How many rows are read at a time: one of evidence may have a megabyte.
const AT_ONCE: i64 = 64;

/// Tables whose rows are numbered by the database.
pub fn numbered() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter(|(_, columns, _)| columns[0] == "id").map(|(name, ..)| *name)
}

/// Copies every row, out of one snapshot, into tables that are empty; as one transaction.
pub fn copy(from: &dyn Connection, to: &dyn Connection) -> Result<(), StoreError> {
    let snapshot = from.transaction(Begin::Reading)?;
    let transaction = to.transaction(Begin::Writing)?;
    for table in ALL {
        copy_table(&*snapshot, &*transaction, table)?;
    }
    transaction.commit()
}

fn copy_table(from: &dyn Connection, to: &dyn Connection, (name, columns, key): &Table) -> Result<(), StoreError> {
    let (all, order) = (columns.join(", "), columns[..*key].join(", "));
    let places = |count: usize| vec!["?"; count].join(", ");
    let insert = format!("INSERT INTO {name} ({all}) VALUES ({})", places(columns.len()));
    let mut last: Option<Row> = None;
    loop {
        let after = if last.is_some() { format!("WHERE ({order}) > ({})", places(*key)) } else { String::new() };
        let sql = format!("SELECT {all} FROM {name} {after} ORDER BY {order} LIMIT ?");
        let of_last = last.iter().flat_map(|row| &row.cells()[..*key]).map(Value::from);
        let values: Vec<Value<'_>> = of_last.chain([Value::Number(AT_ONCE)]).collect();
        let rows = from.rows(&sql, &values)?;
        for row in &rows {
            let values: Vec<Value<'_>> = row.cells().iter().map(Value::from).collect();
            to.execute(&insert, &values)?;
        }
        match rows.into_iter().last() {
            Some(row) => last = Some(row),
            None => return Ok(()),
        }
    }
}

/// How many rows each table has.
pub fn counts(connection: &dyn Connection) -> Result<Vec<(&'static str, i64)>, StoreError> {
    let count = |(name, ..): &Table| {
        let count = connection.one(&format!("SELECT count(*) FROM {name}"), &[])?.get(0)?;
        Ok((*name, count))
    };
    ALL.iter().map(count).collect()
}
