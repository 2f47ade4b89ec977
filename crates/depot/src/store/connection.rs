//! What a database is to the depot: statements with values, rows, transactions.
//!
//! The statements are the same for every database. Values stand at `?` or `?1`; what the databases say differently is a method.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::StoreError;

/// One connection to a database. It belongs to one thread at a time.
pub trait Connection: Send + std::fmt::Debug {
    /// Runs a statement, and says how many rows it added, changed or removed.
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Runs a query: all of its rows, in their order. Whoever asks sees to it that there are not too many.
    fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;

    /// Adds a row by an `INSERT … VALUES`, and says its `id`; none, and nothing is changed, where another row has its place.
    fn add(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>, StoreError>;

    /// Adds a whole row to a table that nothing else waits for: at the latest before this table is queried, and before the commit.
    /// Where each statement is a way to a server and back, many such rows go together.
    fn add_later(&self, table: &'static str, values: &[Value<'_>]) -> Result<(), StoreError>;

    /// Runs several statements without values.
    fn batch(&self, sql: &str) -> Result<(), StoreError>;

    /// Begins a transaction: for `transaction`, and whoever keeps a connection in one until both end.
    fn begin(&self, sort: Begin) -> Result<(), StoreError>;

    /// Ends a transaction; once this says so, it survives a power cut.
    fn commit(&self) -> Result<(), StoreError>;

    /// Ends a transaction as if it had never been.
    fn rollback(&self);

    /// What became of a transaction of which [`StoreError::InDoubt`] told: whether it was committed; none while that is not
    /// decided.
    fn settled(&self, transaction: &str) -> Result<Option<bool>, StoreError>;

    /// Counts how often the server had to be connected to: after another number, others may have written meanwhile.
    fn connected(&self) -> u64;

    /// The schema that it has; 0 is none.
    fn version(&self) -> Result<i64, StoreError>;

    /// The schema that this program gives such a database.
    fn newest(&self) -> i64;

    /// What the database itself finds damaged, one line each.
    fn findings(&self) -> Result<Vec<String>, StoreError>;

    /// What its tables, indices and triggers are, by name, as they were made.
    fn schema(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// What [`Connection::schema`] must be.
    fn expected_schema(&self) -> Result<BTreeMap<String, String>, StoreError>;
}

impl dyn Connection + '_ {
    /// The first row of a query.
    pub fn row(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }

    /// The one row of a query.
    pub fn one(&self, sql: &str, values: &[Value<'_>]) -> Result<Row, StoreError> {
        self.row(sql, values)?.ok_or_else(|| StoreError::damaged("the database", format!("no row: {sql}")))
    }

    /// Adds a row that must have a place, and says its `id`.
    pub fn add_new(&self, sql: &str, values: &[Value<'_>]) -> Result<i64, StoreError> {
        self.add(sql, values)?.ok_or_else(|| StoreError::damaged("the database", format!("the place is taken: {sql}")))
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub fn transaction(&self, sort: Begin) -> Result<Transaction<'_>, StoreError> {
        self.begin(sort)?;
        Ok(Transaction { connection: self, open: true })
    }

    /// Refuses a database of another schema than this program's.
    pub fn require_current(&self) -> Result<(), StoreError> {
        let newest = self.newest();
        match self.version()? {
            found if found < newest => Err(StoreError::Older { found, newest }),
            found if found > newest => Err(StoreError::Newer { found, newest }),
            _ => Ok(()),
        }
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// To read, in one snapshot.
    Reading,
    /// To write, alone.
    Writing,
}

/// A transaction under way.
#[derive(Debug)]
pub struct Transaction<'a> {
    connection: &'a dyn Connection,
    open: bool,
}

impl Transaction<'_> {
    /// Commits it.
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.open = false;
        self.connection.commit()
    }
}

impl<'a> Deref for Transaction<'a> {
    type Target = dyn Connection + 'a;

    fn deref(&self) -> &Self::Target {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            self.connection.rollback();
        }
    }
}

/// A value for a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// A number.
    Number(i64),
    /// Whether something is so.
    Bool(bool),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// None.
    Null,
    /// A number; also 1 or 0 where it is asked whether something is so.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The values of `values![…]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::Value::from($value)),*][..] };
}
pub(crate) use values;

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(is_so: bool) -> Self {
        Self::Bool(is_so)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Value<'_>> for Cell {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Number(number) => Self::Number(number),
            Value::Bool(is_so) => Self::Number(is_so.into()),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl<'a> From<&'a Cell> for Value<'a> {
    fn from(cell: &'a Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Number(number) => Self::Number(*number),
            Cell::Text(text) => Self::Text(text),
            Cell::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row. Each of its values is taken out once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub(super) Vec<Cell>);

impl Row {
    /// Takes a value out, by its place from 0.
    pub fn get<T: FromCell>(&mut self, index: usize) -> Result<T, StoreError> {
        let cell = self.0.get_mut(index).map(|cell| std::mem::replace(cell, Cell::Null));
        let wrong = |cell: Cell| StoreError::damaged(format!("column {index} of a row"), cell.sort());
        T::from_cell(cell.unwrap_or(Cell::Null)).map_err(wrong)
    }

    /// Every value.
    pub fn cells(&self) -> &[Cell] {
        &self.0
    }
}

impl Cell {
    fn sort(&self) -> &'static str {
        match self {
            Self::Null => "nothing is there",
            Self::Number(_) => "a number is there",
            Self::Text(_) => "a text is there",
            Self::Bytes(_) => "bytes are there",
        }
    }
}

/// What a value of a row is read as.
pub trait FromCell: Sized {
    /// Reads it; gives it back where it is something else.
    fn from_cell(cell: Cell) -> Result<Self, Cell>;
}

impl FromCell for i64 {
    fn from_cell(cell: Cell) -> Result<Self, Cell> {
        if let Cell::Number(number) = cell { Ok(number) } else { Err(cell) }
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell) -> Result<Self, Cell> {
        i64::from_cell(cell).map(|number| number != 0)
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell) -> Result<Self, Cell> {
        if let Cell::Text(text) = cell { Ok(text) } else { Err(cell) }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell) -> Result<Self, Cell> {
        if let Cell::Bytes(bytes) = cell { Ok(bytes) } else { Err(cell) }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell) -> Result<Self, Cell> {
        if cell == Cell::Null { Ok(None) } else { T::from_cell(cell).map(Some) }
    }
}
