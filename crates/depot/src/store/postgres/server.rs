//! PostgreSQL behind the depot's own trait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::session::Session;
use super::{Address, CURRENT, migrations, schema};
use crate::store::{Begin, Connection, Row, StoreError, Value, tables};

/// The lock that a depot has on its database: "writ", and which of its locks.
const LOCK: &str = "SELECT pg_try_advisory_lock(2003986804, 1)::text";
/// How long the lock is waited for: the server takes a moment to see that the process before is gone, and ends what that had begun.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(20);
/// How many rows are sent together.
const MOST_LATER: usize = 32;
/// The oldest server that tells what became of a transaction (`pg_current_xact_id`).
const OLDEST: i64 = 130_000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It writes, and has the lock.
    Writer,
    /// It reads.
    Reader,
    /// It makes something that it takes back, beside whoever has the lock.
    Maker,
}

/// Rows that wait to be sent together.
#[derive(Default)]
struct Later {
    table: &'static str,
    columns: usize,
    values: Vec<crate::store::Cell>,
}

/// A database of a server. Connects again where the connection was lost.
pub(super) struct Server {
    address: Address,
    role: Role,
    session: RefCell<Session>,
    /// The transaction under way; how the database names it, where it writes.
    under_way: RefCell<Option<String>>,
    /// Rows of one table that were not sent yet, each with as many values.
    later: RefCell<Later>,
    /// Whether a statement of the transaction under way failed, with which the server takes back all of it.
    failed: Cell<bool>,
    /// Counts the depots that had the database, this one included, once it has it.
    generation: Cell<Option<i64>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Server {
    pub fn connect(address: &Address, role: Role) -> Result<Self, StoreError> {
        let server = Self {
            address: address.clone(),
            role,
            session: RefCell::new(Session::new()),
            under_way: RefCell::new(None),
            later: RefCell::new(Later::default()),
            failed: Cell::new(false),
            generation: Cell::new(None),
        };
        server.reconnect(&mut server.session.borrow_mut(), PATIENCE)?;
        Ok(server)
    }

    fn reconnect(&self, session: &mut Session, patience: Duration) -> Result<(), StoreError> {
        let (role, generation) = (self.role, self.generation.get());
        session.connect(&self.address, |session| match role {
            Role::Reader => session.batch("SET default_transaction_read_only = on"),
            Role::Maker => Ok(()),
            Role::Writer => {
                require_durable(session)?;
                lock(session, patience)?;
                require_generation(session, generation)
            }
        })
    }

    /// Notes that another depot has the database from now on, this one; gives its name.
    pub fn begin_generation(&self) -> Result<String, StoreError> {
        let sql = "UPDATE depot SET generation = generation + 1 RETURNING generation, name";
        let mut row = self.rows(sql, &[])?.pop().ok_or_else(|| StoreError::damaged("table depot", "it has no row"))?;
        self.generation.set(Some(row.get(0)?));
        row.get(1)
    }

    /// After rows were copied with their numbers: the next ones have higher numbers.
    pub fn renumber(&self) -> Result<(), StoreError> {
        tables::numbered().try_for_each(|table| {
            let next = format!("(SELECT coalesce(max(id), 0) + 1 FROM {table})");
            self.rows(&format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), {next}, false)"), &[]).map(drop)
        })
    }

    /// Asks on the connection; outside of a transaction on a new one where that was lost.
    fn ask<T>(&self, ask: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut session = self.session.borrow_mut();
        let within = self.under_way.borrow().is_some();
        if !within && !session.is_open() {
            self.reconnect(&mut session, Duration::ZERO)?;
        }
        let asked = ask(&mut session);
        if asked.is_err() && within {
            self.failed.set(true);
        }
        asked
    }

    /// Sends the rows that wait.
    fn send_later(&self) -> Result<(), StoreError> {
        let Later { table, columns, values } = self.later.take();
        let rows = values.len() / columns.max(1);
        if rows == 0 {
            return Ok(());
        }
        let row = format!("({})", vec!["?"; columns].join(", "));
        let values: Vec<Value<'_>> = values.iter().map(Value::from).collect();
        // As many as may come together are prepared once; fewer are sent one by one, by a statement that is prepared too.
        let at_once = if rows == MOST_LATER { rows } else { 1 };
        let sql = format!("INSERT INTO {table} VALUES {}", vec![row.as_str(); at_once].join(", "));
        values.chunks(at_once * columns).try_for_each(|some| self.ask(|session| session.execute(&sql, some)).map(drop))
    }

    fn begin_on(&self, session: &mut Session, sort: Begin) -> Result<String, StoreError> {
        match sort {
            Begin::Reading => session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").map(|()| String::new()),
            Begin::Writing => {
                session.text("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_current_xact_id()::text")
            }
        }
    }
}

impl Connection for Server {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.ask(|session| session.execute(sql, values))
    }

    fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let table = self.later.borrow().table;
        if !table.is_empty() && sql.contains(table) {
            self.send_later()?;
        }
        self.ask(|session| session.rows(sql, values))
    }

    fn add(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>, StoreError> {
        let rows = self.rows(&format!("{sql} ON CONFLICT DO NOTHING RETURNING id"), values)?;
        rows.into_iter().next().map(|mut row| row.get(0)).transpose()
    }

    fn add_later(&self, table: &'static str, values: &[Value<'_>]) -> Result<(), StoreError> {
        let waiting = self.later.borrow().table;
        if !waiting.is_empty() && waiting != table {
            self.send_later()?;
        }
        let mut later = self.later.borrow_mut();
        (later.table, later.columns) = (table, values.len());
        later.values.extend(values.iter().map(|value| crate::store::Cell::from(*value)));
        let full = later.values.len() >= MOST_LATER * values.len();
        drop(later);
        // Outside of a transaction nothing waits for a commit.
        if full || self.under_way.borrow().is_none() { self.send_later() } else { Ok(()) }
    }

    fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.ask(|session| session.batch(sql))
    }

    fn begin(&self, sort: Begin) -> Result<(), StoreError> {
        let mut session = self.session.borrow_mut();
        let begun = if session.is_open() { self.begin_on(&mut session, sort) } else { Ok(String::new()) };
        let name = match begun {
            Ok(name) if session.is_open() => name,
            Err(error) if session.is_open() => return Err(error),
            // There was none, or it was lost since the last time: nothing was asked on it.
            _ => {
                self.reconnect(&mut session, Duration::ZERO)?;
                self.begin_on(&mut session, sort)?
            }
        };
        self.failed.set(false);
        self.later.take();
        *self.under_way.borrow_mut() = Some(name);
        Ok(())
    }

    fn commit(&self) -> Result<(), StoreError> {
        let sent = self.send_later();
        let transaction = self.under_way.borrow_mut().take().unwrap_or_default();
        let mut session = self.session.borrow_mut();
        if self.failed.get() || !session.is_open() {
            let _ = session.batch("ROLLBACK");
            sent?;
            return Err(StoreError::Unreachable("a statement of the transaction failed".to_owned()));
        }
        match session.batch("COMMIT") {
            Err(StoreError::Unreachable(why)) if !transaction.is_empty() => {
                tracing::warn!("{why}: whether transaction {transaction} was committed is asked again");
                Err(StoreError::InDoubt { transaction })
            }
            other => other,
        }
    }

    fn rollback(&self) {
        self.later.take();
        if self.under_way.borrow_mut().take().is_some() && self.session.borrow().is_open() {
            let _ = self.session.borrow_mut().batch("ROLLBACK");
        }
    }

    fn settled(&self, transaction: &str) -> Result<Option<bool>, StoreError> {
        // Whoever has the lock again knows that the connection which had it has ended, and so the transaction, one way or the other.
        let asked = self.rows("SELECT pg_xact_status(CAST(CAST(? AS text) AS xid8))", &[transaction.into()]);
        let status: Option<String> = match asked {
            Ok(mut rows) => rows.pop().map(|mut row| row.get(0)).transpose()?.flatten(),
            Err(StoreError::Postgres(error)) => {
                return Err(StoreError::Superseded(format!("it knows nothing of transaction {transaction}: {error}")));
            }
            Err(error) => return Err(error),
        };
        match status.as_deref() {
            Some("committed") => Ok(Some(true)),
            Some("aborted") => Ok(Some(false)),
            Some("in progress") => Ok(None),
            other => Err(StoreError::Superseded(format!("of transaction {transaction} it says {other:?}"))),
        }
    }

    fn connected(&self) -> u64 {
        self.session.borrow().connected
    }

    fn version(&self) -> Result<i64, StoreError> {
        migrations::version(self)
    }

    fn newest(&self) -> i64 {
        CURRENT
    }

    fn findings(&self) -> Result<Vec<String>, StoreError> {
        // The server judges its own files: `pg_amcheck`, and checksums of pages whenever one is read.
        Ok(Vec::new())
    }

    fn schema(&self) -> Result<BTreeMap<String, String>, StoreError> {
        schema::of(self, "public")
    }

    fn expected_schema(&self) -> Result<BTreeMap<String, String>, StoreError> {
        schema::expected(&self.address)
    }
}

/// Refuses a server that says that it has stored what a power cut would take.
fn require_durable(session: &mut Session) -> Result<(), StoreError> {
    for (setting, wanted) in
        [("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on"), ("server_encoding", "UTF8")]
    {
        let found = session.text(&format!("SELECT current_setting('{setting}')"))?;
        if found != wanted {
            return Err(StoreError::Unfit(format!(
                "the server has {setting} = {found}, and a depot needs {wanted}: what it acknowledged would not be safe"
            )));
        }
    }
    let version = session.text("SELECT current_setting('server_version_num')")?;
    if version.parse::<i64>().unwrap_or(0) < OLDEST {
        return Err(StoreError::Unfit(format!(
            "the server is PostgreSQL {version}: a depot needs version 13 or later"
        )));
    }
    match session.text("SELECT pg_is_in_recovery()::text")?.as_str() {
        "false" => Ok(()),
        _ => Err(StoreError::Unreachable("the server is a standby, which only reads".to_owned())),
    }
}

fn lock(session: &mut Session, patience: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + patience;
    while session.text(LOCK)? != "true" {
        if Instant::now() >= deadline {
            return Err(StoreError::Unreachable(
                "another writ-depot has this database (it holds the lock): stop it first, or give this one a database of its own"
                    .to_owned(),
            ));
        }
        std::thread::sleep(RETRY);
    }
    Ok(())
}

/// Sees that no other depot had the database while this one was not connected.
fn require_generation(session: &mut Session, own: Option<i64>) -> Result<(), StoreError> {
    let Some(own) = own else { return Ok(()) };
    match session.text("SELECT generation::text FROM depot") {
        Ok(found) if found == own.to_string() => Ok(()),
        Ok(found) => Err(StoreError::Superseded(format!("{found} depots have had it, and this one is the {own}th"))),
        Err(StoreError::Postgres(error)) => Err(StoreError::Superseded(format!("it is no depot's any more: {error}"))),
        Err(error) => Err(error),
    }
}
