//! One connection to the server while it lasts, and what is prepared on it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Socket, Statement};

use super::Address;
use crate::store::{Cell, Row, StoreError, Value};

/// How long nobody tries to connect after that failed, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// What each connection begins with. The names of tables are those of one schema, whatever the user's settings say.
const SETTINGS: &str = "SET search_path = public; SET statement_timeout = 0; SET lock_timeout = 0;
    SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning; SET standard_conforming_strings = on;
    SET synchronous_commit = on";

/// How long an answer is waited for. A server that takes longer is as good as none: nobody waits for it for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, driven by whatever thread asks on it.
struct Open {
    runtime: Runtime,
    client: Client,
    driving: JoinHandle<()>,
}

impl Open {
    fn connect(address: &Address) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let config = address.config();
        let (client, driving) = match address.tls() {
            None => runtime.block_on(connect(config, NoTls))?,
            Some(tls) => runtime.block_on(connect(config, tls.clone()))?,
        };
        Ok(Self { runtime, client, driving })
    }

    /// Says goodbye, as far as the server listens.
    fn close(self) {
        let Self { runtime, client, driving } = self;
        drop(client);
        runtime.block_on(async { drop(tokio::time::timeout(Duration::from_secs(1), driving).await) });
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<(Client, JoinHandle<()>), String>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
{
    let connected = tokio::time::timeout(PATIENCE, config.connect(tls)).await;
    let (client, connection) = connected.map_err(|_| "it does not answer")?.map_err(|e| told(&e))?;
    // Its errors are those of whoever asks.
    Ok((client, tokio::spawn(async { drop(connection.await) })))
}

/// A connection, if there is one at this moment.
pub(super) struct Session {
    open: Option<Open>,
    statements: HashMap<String, Statement>,
    /// How often it was connected.
    pub connected: u64,
    /// No attempt before this, since the last one failed for this.
    pause: Option<(Instant, Duration, String)>,
}

impl Session {
    pub fn new() -> Self {
        Self { open: None, statements: HashMap::new(), connected: 0, pause: None }
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.statements.clear();
        let Some(open) = self.open.take() else { return };
        // A thread of a runtime may not wait for another one.
        let _ = std::thread::spawn(move || open.close()).join();
    }

    /// Connects, unless that failed a moment ago. `prepare` makes the connection what its owner needs.
    pub fn connect(
        &mut self,
        address: &Address,
        prepare: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if let Some((until, _, why)) = &self.pause
            && Instant::now() < *until
        {
            return Err(StoreError::Unreachable(why.clone()));
        }
        let open = || {
            let opened = Open::connect(address);
            self.open = Some(opened.map_err(|why| StoreError::Unreachable(format!("{address}: {why}")))?);
            self.batch(SETTINGS)?;
            prepare(self)
        };
        match open() {
            Ok(()) => {
                self.pause = None;
                self.connected += 1;
                Ok(())
            }
            Err(error) => {
                self.close();
                let wait = self.pause.as_ref().map_or(FIRST_WAIT, |(_, wait, _)| (*wait * 2).min(LONGEST_WAIT));
                let why = match &error {
                    StoreError::Unreachable(why) => why.clone(),
                    other => other.to_string(),
                };
                self.pause = Some((Instant::now() + wait, wait, why));
                Err(error)
            }
        }
    }

    /// Asks the server; where the connection is lost by that, it is gone.
    fn ask<T>(&mut self, ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>) -> Result<T, StoreError> {
        let Some(Open { runtime, client, .. }) = &self.open else {
            return Err(StoreError::Unreachable("the connection to PostgreSQL was lost".to_owned()));
        };
        let why = match runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(client)).await }) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                // What the server says of a statement leaves the connection as it is, unless it ends it.
                let lasts = error.as_db_error().is_some_and(|error| !matches!(error.severity(), "FATAL" | "PANIC"));
                if lasts {
                    return Err(StoreError::Postgres(error));
                }
                told(&error)
            }
            Err(_) => format!("it did not answer within {} s", PATIENCE.as_secs()),
        };
        self.close();
        Err(StoreError::Unreachable(format!("the connection to PostgreSQL was lost: {why}")))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let prepared = self.ask(async |client| client.prepare(&numbered(sql)).await)?;
        self.statements.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        self.ask(async |client| client.execute(&statement, &references(values)).await)
    }

    pub fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql)?;
        let rows = self.ask(async |client| client.query(&statement, &references(values)).await)?;
        rows.iter().map(read).collect()
    }

    pub fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.ask(async |client| client.batch_execute(sql).await)
    }

    /// Runs statements without values, and gives the one text that they come to.
    pub fn text(&mut self, sql: &str) -> Result<String, StoreError> {
        let messages = self.ask(async |client| client.simple_query(sql).await)?;
        let text = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten(),
            _ => None,
        });
        text.map(str::to_owned).ok_or_else(|| StoreError::damaged("PostgreSQL's answer", sql))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

/// An error with what the server said, on one line.
pub(in crate::store) fn told(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default()).replace('\n', " ")
}

fn references<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// A statement as PostgreSQL numbers its values: `?` and `?2` are `$1` and `$2`. No text within a statement has a `?`.
fn numbered(sql: &str) -> String {
    let (mut numbered, mut next) = (String::with_capacity(sql.len() + 16), 0);
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '?' {
            numbered.push(character);
            continue;
        }
        numbered.push('$');
        if !characters.peek().is_some_and(char::is_ascii_digit) {
            next += 1;
            numbered.push_str(&next.to_string());
        }
    }
    numbered
}

fn read(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let cell = |(place, column): (usize, &tokio_postgres::Column)| {
        let of = |e: tokio_postgres::Error| StoreError::damaged(format!("column {} of a row", column.name()), e);
        let cell = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(place).map_err(of)?.map(Cell::Number),
            Type::INT4 => row.try_get::<_, Option<i32>>(place).map_err(of)?.map(|number| Cell::Number(number.into())),
            Type::BOOL => row.try_get::<_, Option<bool>>(place).map_err(of)?.map(|is_so| Cell::Number(is_so.into())),
            Type::TEXT => row.try_get::<_, Option<String>>(place).map_err(of)?.map(Cell::Text),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(place).map_err(of)?.map(Cell::Bytes),
            ref other => {
                return Err(StoreError::damaged(
                    format!("column {} of a row", column.name()),
                    format!("it has type {other}"),
                ));
            }
        };
        Ok(cell.unwrap_or(Cell::Null))
    };
    Ok(Row(row.columns().iter().enumerate().map(cell).collect::<Result<_, StoreError>>()?))
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (*self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Number(number), &Type::INT8) => number.to_sql(ty, out),
            (Self::Number(number), &Type::INT4) => i32::try_from(number)?.to_sql(ty, out),
            (Self::Bool(is_so), &Type::BOOL) => is_so.to_sql(ty, out),
            (Self::Text(text), &Type::TEXT) => text.to_sql(ty, out),
            (Self::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(ty, out),
            (value, other) => Err(format!("{value:?} is no {other}").into()),
        }
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered() {
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
        assert_eq!(numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
        assert_eq!(numbered("a = ?1 OR b = ?2 AND c = ?1 LIMIT ?10"), "a = $1 OR b = $2 AND c = $1 LIMIT $10");
    }
}
