//! SQLite: one file beside those of the depot.
//!
//! One connection writes, in one thread; others only read. What a transaction committed survives a power cut: write-ahead
//! log, `synchronous=FULL`.

mod copy;
mod migrations;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, ToSql, params_from_iter};

pub use self::copy::copy;
pub(crate) use self::migrations::CURRENT;
use super::{Begin, Cell, Connection, Row, StoreError, Value};

/// The most lines of SQLite's own findings that are told.
const MOST_LINES: usize = 20;

/// The connection that writes. Makes the tables of a new database; one that is there must have this program's schema:
/// [`migrate`] brings it there, which is done to a copy.
pub fn open(path: &Path) -> Result<rusqlite::Connection, StoreError> {
    let new = !path.exists();
    let mut connection = prepared(rusqlite::Connection::open(path)?)?;
    if new || is_empty(&connection)? {
        migrations::all().to_latest(&mut connection)?;
    }
    (&connection as &dyn Connection).require_current()?;
    Ok(connection)
}

/// Brings a database that nobody else uses to this program's schema; returns the one that it had.
pub fn migrate(path: &Path) -> Result<i64, StoreError> {
    let mut connection = prepared(rusqlite::Connection::open(path)?)?;
    let found = connection.version()?;
    migrations::all().to_latest(&mut connection)?;
    Ok(found)
}

fn prepared(connection: rusqlite::Connection) -> Result<rusqlite::Connection, StoreError> {
    // Evidence rows are a few kilobytes: with larger pages fewer of them spill over.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Replacing a row deletes it: the triggers that refuse that must hear of it.
    connection.pragma_update(None, "recursive_triggers", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn is_empty(connection: &rusqlite::Connection) -> Result<bool, StoreError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && connection.version()? == 0)
}

/// A connection that only reads.
pub fn open_to_read(path: &Path) -> Result<rusqlite::Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    // A file for it would have to lie outside of what a depot reaches.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Bool(is_so) => ValueRef::Integer((*is_so).into()),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn read(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<Row> {
    let cell = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Number(number),
            ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
            text @ ValueRef::Text(_) => Cell::Text(text.as_str()?.to_owned()),
            ValueRef::Real(_) => Err(rusqlite::Error::InvalidColumnType(
                column,
                "a number with a fraction".to_owned(),
                rusqlite::types::Type::Real,
            ))?,
        })
    };
    Ok(Row((0..columns).map(cell).collect::<rusqlite::Result<_>>()?))
}

fn is_refused_by_trigger(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER)
}

impl Connection for rusqlite::Connection {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(self.prepare_cached(sql)?.execute(params_from_iter(values))? as u64)
    }

    fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.prepare_cached(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| read(row, columns))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn add(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>, StoreError> {
        // No `ON CONFLICT`: the trigger that refuses replacing is asked before that, and it says the same.
        match self.prepare_cached(sql)?.execute(params_from_iter(values)) {
            Ok(_) => Ok(Some(self.last_insert_rowid())),
            Err(error) if is_refused_by_trigger(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn add_later(&self, table: &'static str, values: &[Value<'_>]) -> Result<(), StoreError> {
        let mut sql = String::with_capacity(64);
        sql.extend(["INSERT INTO ", table, " VALUES (?"]);
        sql.extend(std::iter::repeat_n(", ?", values.len() - 1));
        sql.push(')');
        Connection::execute(self, &sql, values).map(drop)
    }

    fn batch(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.execute_batch(sql)?)
    }

    fn begin(&self, sort: Begin) -> Result<(), StoreError> {
        Ok(self.execute_batch(match sort {
            Begin::Reading => "BEGIN DEFERRED",
            Begin::Writing => "BEGIN IMMEDIATE",
        })?)
    }

    fn commit(&self) -> Result<(), StoreError> {
        let committed = self.execute_batch("COMMIT");
        if committed.is_err() {
            Connection::rollback(self);
        }
        Ok(committed?)
    }

    fn rollback(&self) {
        // Some errors have done it already.
        if !self.is_autocommit() {
            let _ = self.execute_batch("ROLLBACK");
        }
    }

    fn settled(&self, _transaction: &str) -> Result<Option<bool>, StoreError> {
        // What a commit comes to is known in the same process.
        Ok(Some(false))
    }

    fn connected(&self) -> u64 {
        0
    }

    fn version(&self) -> Result<i64, StoreError> {
        Ok(self.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    fn newest(&self) -> i64 {
        CURRENT
    }

    fn findings(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for check in ["integrity_check", "foreign_key_check"] {
            let lines = || {
                let mut statement = self.prepare(&format!("PRAGMA {check}"))?;
                let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
                rows.take(MOST_LINES).collect::<rusqlite::Result<Vec<String>>>()
            };
            let of = |line: String| {
                if check == "integrity_check" { line } else { format!("a row of {line} names one that is not there") }
            };
            match lines() {
                Ok(lines) => found.extend(lines.into_iter().filter(|line| line != "ok").map(of)),
                Err(error) => found.push(error.to_string()),
            }
        }
        found.truncate(MOST_LINES);
        Ok(found)
    }

    fn schema(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let mut statement = self.prepare(
            "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn expected_schema(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let mut connection = rusqlite::Connection::open_in_memory()?;
        migrations::all().to_latest(&mut connection)?;
        connection.schema()
    }
}
