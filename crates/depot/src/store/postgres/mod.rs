//! PostgreSQL: a database of a server on this machine, for one depot alone.
//!
//! What a transaction committed survives a power cut: the server must flush (`fsync`, `full_page_writes`), and each connection that
//! writes has `synchronous_commit`. One depot has the database, by an advisory lock that the server gives up with the connection.
//! Where a connection is lost, the next transaction makes another; where that happens during a commit, the server is asked
//! afterwards what became of the transaction ([`Connection::settled`]).

mod address;
mod migrations;
mod schema;
mod server;
mod session;
mod tls;

pub use self::address::Address;
pub(crate) use self::migrations::CURRENT;
use self::server::{Role, Server};
pub(in crate::store) use self::session::told;
use super::{Connection, StoreError, tables};
use crate::folders::Folders;

/// The connection that writes, alone, and the name of the database. Makes the tables of one that is empty; another must have this
/// program's schema: [`migrate`] brings it there.
pub fn open(address: &Address) -> Result<(Box<dyn Connection>, String), StoreError> {
    let server = Server::connect(address, Role::Writer)?;
    if server.version()? == 0 {
        migrations::apply(&server, None)?;
    }
    (&server as &dyn Connection).require_current()?;
    let name = server.begin_generation()?;
    Ok((Box::new(server), name))
}

/// A connection that only reads.
pub fn open_to_read(address: &Address) -> Result<Box<dyn Connection>, StoreError> {
    Ok(Box::new(Server::connect(address, Role::Reader)?))
}

/// Brings a database that nobody else uses to this program's schema; returns the one that it had, 0 for none.
pub fn migrate(address: &Address) -> Result<i64, StoreError> {
    let server = Server::connect(address, Role::Writer)?;
    let found = server.version()?;
    match found {
        found if found > CURRENT => return Err(StoreError::Newer { found, newest: CURRENT }),
        found if found < CURRENT => migrations::apply(&server, None)?,
        _ => {}
    }
    Ok(found)
}

/// Fills an empty database with everything that another one has, in one transaction, under a name. Does nothing where the database
/// has that name: then it was filled before.
pub fn fill(address: &Address, from: &dyn Connection, name: &str) -> Result<(), StoreError> {
    let server = Server::connect(address, Role::Writer)?;
    if server.version()? == 0 {
        migrations::apply(&server, Some(name))?;
    }
    (&server as &dyn Connection).require_current()?;
    if !super::roots::all(&server)?.is_empty() {
        return match server.begin_generation()? {
            found if found == name => server.renumber(),
            found => Err(StoreError::Unfit(format!("{address}: it is not empty, it is {found}: give an empty one"))),
        };
    }
    let renamed = server.execute("UPDATE depot SET name = ?", &[name.into()])?;
    debug_assert_eq!(renamed, 1, "the migrations have added the row");
    tables::copy(from, &server)?;
    server.renumber()
}

/// Notes in a data directory to which database it belongs.
pub fn mark(folders: &Folders, name: &str) -> Result<(), StoreError> {
    let mark = folders.postgres_mark();
    let marked = writ_durable::replace(&mark, format!("{name}\n").as_bytes(), 0o640);
    marked.map_err(|e| StoreError::Unfit(format!("{}: {e}", mark.display())))
}

/// A new name for a database.
pub fn new_name() -> Result<String, StoreError> {
    let mut random = [0; 16];
    let read =
        std::fs::File::open("/dev/urandom").and_then(|mut file| std::io::Read::read_exact(&mut file, &mut random));
    read.map_err(|e| StoreError::Unfit(format!("/dev/urandom: {e}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
