//! Where a depot's database is.

use std::io;
use std::path::PathBuf;

use super::postgres::{self, Address};
use super::{Connection, StoreError, sqlite};
use crate::folders::Folders;

/// Where a depot's database is: SQLite's file in the data directory, or PostgreSQL.
#[derive(Debug, Clone)]
pub struct Place {
    folders: Folders,
    address: Option<Address>,
}

impl Place {
    /// Of a data directory, and of the server that was named, if one was. Refuses a directory whose database is of the other sort.
    pub fn new(folders: &Folders, address: Option<&Address>) -> Result<Self, StoreError> {
        let (file, mark) = (folders.database(), folders.postgres_mark());
        let wrong = match address {
            None if mark.exists() => Some(format!(
                "{}: the database of this data directory is in PostgreSQL, as {} says: give --database",
                folders.root().display(),
                mark.display()
            )),
            Some(address) if file.exists() => Some(format!(
                "{}: the database of this data directory is its depot.sqlite, and not {address}: leave out --database, or move to \
                 PostgreSQL by `writ-depot backup` of this one and `writ-depot restore --database …` into a new directory",
                folders.root().display()
            )),
            _ => None,
        };
        match wrong {
            Some(wrong) => Err(StoreError::Unfit(wrong)),
            None => Ok(Self { folders: folders.clone(), address: address.cloned() }),
        }
    }

    /// Whether the data directory was a depot's before.
    pub fn is_there(&self) -> bool {
        match self.address {
            None => self.folders.database().is_file(),
            Some(_) => self.folders.postgres_mark().is_file(),
        }
    }

    /// What a person calls the database.
    pub fn name(&self) -> &'static str {
        match self.address {
            None => "depot.sqlite",
            Some(_) => "postgresql",
        }
    }

    /// The file of SQLite; none where it is PostgreSQL.
    pub fn file(&self) -> Option<PathBuf> {
        self.address.is_none().then(|| self.folders.database())
    }

    /// The server of PostgreSQL; none where it is SQLite.
    pub fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    /// The connection that writes, alone. Makes the tables of a new database.
    pub fn open(&self) -> Result<Box<dyn Connection>, StoreError> {
        let Some(address) = &self.address else { return Ok(Box::new(sqlite::open(&self.folders.database())?)) };
        let (server, name) = postgres::open(address)?;
        self.belong(&*server, &name)?;
        Ok(server)
    }

    /// A connection that only reads.
    pub fn open_to_read(&self) -> Result<Box<dyn Connection>, StoreError> {
        Ok(match &self.address {
            None => Box::new(sqlite::open_to_read(&self.folders.database())?),
            Some(address) => postgres::open_to_read(address)?,
        })
    }

    /// Sees that the database and the data directory belong together: files are in the one that the other names.
    fn belong(&self, database: &dyn Connection, name: &str) -> Result<(), StoreError> {
        let mark = self.folders.postgres_mark();
        let marked = match std::fs::read_to_string(&mark) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(StoreError::Unfit(format!("{}: {e}", mark.display()))),
        };
        let used = !super::roots::all(database)?.is_empty();
        match marked {
            Some(marked) if marked == name => Ok(()),
            None if !used => postgres::mark(&self.folders, name),
            Some(marked) => Err(StoreError::Unfit(format!(
                "it is {name}, and the data directory {} belongs to the database {marked}, as {} says: give that one, or restore a \
                 backup into an empty database and a new data directory",
                self.folders.root().display(),
                mark.display()
            ))),
            None => Err(StoreError::Unfit(format!(
                "a depot with another data directory than {} uses it: give that one, or restore a backup into an empty database \
                 and a new data directory",
                self.folders.root().display()
            ))),
        }
    }
}
