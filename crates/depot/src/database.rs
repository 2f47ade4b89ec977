//! Which database a command line names.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::folders::Folders;
use crate::store::postgres::Address;
use crate::store::{Place, StoreError};

/// The database that a command line names, or why it names none. That is told when it is looked up: whoever reads command lines
/// repeats what it refuses, and a password may be in that.
#[derive(Debug, Clone)]
pub struct Named(Result<Address, String>);

impl FromStr for Named {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.parse()))
    }
}

/// The options that name a database.
#[derive(Debug, Clone, Default, Args)]
pub struct DatabaseOptions {
    /// The database, as in postgres:///writ?host=/run/postgresql: PostgreSQL 13 or later, for this depot alone, by its socket, a
    /// loopback address, or with --database-ca by TLS; files stay in --data [default: SQLite's depot.sqlite in --data]
    #[arg(long, value_name = "URL")]
    pub database: Option<Named>,
    /// A file whose first line is the password for it; none is needed where the server knows this user by the socket
    #[arg(long, value_name = "FILE", requires = "database")]
    pub database_password_file: Option<PathBuf>,
    /// Certificates (PEM) by which a server elsewhere is known, under the name that the URL has for it
    #[arg(long, value_name = "FILE", requires = "database")]
    pub database_ca: Option<PathBuf>,
    /// Whether that was looked up.
    #[arg(skip)]
    resolved: bool,
}

impl DatabaseOptions {
    /// The server that is named, if one is.
    pub fn address(&self) -> Option<&Address> {
        self.database.as_ref().and_then(|Named(named)| named.as_ref().ok())
    }

    /// Looks up, once, what a process that is confined cannot: as whom it connects, and the password.
    ///
    /// # Errors
    /// Where a file cannot be read, nobody says as whom, or what is named is no database for a depot.
    pub fn resolve(&mut self) -> Result<(), StoreError> {
        if self.resolved {
            return Ok(());
        }
        let (password, certificates) = (self.database_password_file.as_deref(), self.database_ca.as_deref());
        let resolved = self.database.take().map(|Named(named)| named?.resolved(password, certificates)).transpose();
        self.database = resolved.map_err(StoreError::Unfit)?.map(|address| Named(Ok(address)));
        self.resolved = true;
        Ok(())
    }

    /// Where the database of a data directory is.
    ///
    /// # Errors
    /// As of [`DatabaseOptions::resolve`], and where the directory's database is of the other sort.
    pub fn place(&self, folders: &Folders) -> Result<Place, StoreError> {
        let mut resolved = self.clone();
        resolved.resolve()?;
        Place::new(folders, resolved.address())
    }
}
