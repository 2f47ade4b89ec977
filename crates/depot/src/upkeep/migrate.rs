//! `writ-depot migrate`: a database of an earlier version is brought to this one's schema.
//!
//! It is done to a copy, which takes the place of the database in one rename: a kill at any instant leaves the old one or the new
//! one. The old one stays beside it, under the number of its schema.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use writ_durable::crash_point;

use super::{Answer, Outcome, UpkeepError, require_data, tell};
use crate::database::DatabaseOptions;
use crate::folders::Folders;
use crate::store::sqlite::{self, CURRENT};
use crate::store::{Connection as _, Place, StoreError, postgres};

/// Tables that every schema has, of which no row may be lost.
const COUNTED: [&str; 6] = ["roots", "releases", "keys", "evidence", "entries", "logs"];

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; nothing may serve it meanwhile
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What came of it, `writ.depot-migrated.v1`.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    schema: &'static str,
    /// The schema that the database had; null where there is no database yet.
    pub from: Option<i64>,
    /// The one that it has.
    pub to: i64,
    /// Where the database as it was is, if anything was changed.
    pub kept: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let done = migrate(&self.data, &self.database)?;
        match (&done.from, &done.kept) {
            _ if self.json => tell::json(&done),
            (None, _) => tell::line("there is no database yet: nothing to do"),
            (Some(from), Some(kept)) => tell::line(&format!(
                "migrated from schema {from} to {}; the database as it was is {}: remove it once the depot has run for a while",
                done.to,
                kept.display()
            )),
            (Some(from), None) if *from < done.to => {
                tell::line(&format!("migrated from schema {from} to {}, in one transaction", done.to));
            }
            (Some(from), None) => tell::line(&format!("the database has schema {from} already: nothing to do")),
        }
        Ok(Answer::Yes)
    }
}

/// Brings a data directory to this program's schema.
pub fn migrate(data: &Path, database: &DatabaseOptions) -> Outcome<Done> {
    let done = |from, kept| Ok(Done { schema: "writ.depot-migrated.v1", from, to: CURRENT, kept });
    let folders = Folders::new(data);
    if let Some(address) = database.place(&folders)?.address() {
        return migrate_postgres(data, database, address);
    }
    // Before the first start of a depot.
    if !data.join("depot.sqlite").exists() && !data.join("restoring").exists() {
        return done(None, None);
    }
    let (folders, _) = require_data(data, database)?;
    // Before any lock: a service runs this before each start, and must come up while a backup reads. What cannot even be read so,
    // as where a kill left a journal to be rolled back, is looked at again below.
    let look = || sqlite::open_to_read(&folders.database())?.version();
    if look().is_ok_and(|found| found == CURRENT) {
        return done(Some(CURRENT), None);
    }
    let _alone = folders.lock_alone()?;
    let from = rusqlite::Connection::open(folders.database())?;
    let found = from.version()?;
    if found > CURRENT {
        return Err(StoreError::Newer { found, newest: CURRENT }.into());
    }
    if found == CURRENT {
        return done(Some(found), None);
    }
    let copy = copy_of(&folders, &from, "migrating")?;
    crash_point!("migrate-copied");
    sqlite::migrate(&copy)?;
    crash_point!("migrate-migrated");
    same_rows(&from, &copy)?;
    close(&folders, from)?;
    let kept = data.join(format!("depot.sqlite.schema-{found}"));
    let keep = || {
        File::open(&copy)?.sync_all()?;
        writ_durable::remove(&kept)?;
        std::fs::hard_link(folders.database(), &kept)?;
        writ_durable::sync_directory(data)
    };
    keep().map_err(UpkeepError::io(&kept))?;
    crash_point!("migrate-kept");
    let place = || {
        std::fs::rename(&copy, folders.database())?;
        writ_durable::sync_directory(data)
    };
    place().map_err(UpkeepError::io(&folders.database()))?;
    crash_point!("migrate-placed");
    done(Some(found), Some(kept))
}

/// Brings a database of PostgreSQL to this program's schema, in one transaction, which is all or nothing. One that is this one's
/// already is looked at alone: a depot may serve it.
fn migrate_postgres(data: &Path, database: &DatabaseOptions, address: &postgres::Address) -> Outcome<Done> {
    let done = |from| Done { schema: "writ.depot-migrated.v1", from, to: postgres::CURRENT, kept: None };
    if !Place::new(&Folders::new(data), Some(address))?.is_there() && !data.join("restoring").exists() {
        return Ok(done(None));
    }
    let (folders, place) = require_data(data, database)?;
    if place.open_to_read()?.version()? == postgres::CURRENT {
        return Ok(done(Some(postgres::CURRENT)));
    }
    let _alone = folders.lock_alone()?;
    Ok(done(Some(postgres::migrate(address)?)))
}

/// Closes a database: from here on everything of it is in its one file, which nothing has open.
pub(super) fn close(folders: &Folders, connection: rusqlite::Connection) -> Outcome<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.close().map_err(|(_, error)| error)?;
    match folders.root().join("depot.sqlite-wal").metadata() {
        Ok(wal) if wal.len() > 0 => Err(StoreError::Locked.into()),
        _ => Ok(()),
    }
}

/// A copy of the database beside it, whole and on the disk; in place of what an interrupted attempt left.
pub(super) fn copy_of(folders: &Folders, from: &rusqlite::Connection, what: &str) -> Outcome<PathBuf> {
    let path = folders.root().join(format!("depot.sqlite.{what}{}", writ_durable::TEMPORARY_SUFFIX));
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut old = path.clone().into_os_string();
        old.push(suffix);
        writ_durable::remove(Path::new(&old)).map_err(UpkeepError::io(&path))?;
    }
    let mut copy = rusqlite::Connection::open(&path)?;
    sqlite::copy(from, &mut copy)?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(path)
}

/// No row of what is only ever added was lost, and the copy is one file.
pub(super) fn same_rows(from: &rusqlite::Connection, copy: &Path) -> Outcome<()> {
    let copy = rusqlite::Connection::open(copy)?;
    let sound: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(StoreError::damaged("the migrated copy", sound).into());
    }
    for table in COUNTED {
        let count = |connection: &rusqlite::Connection| {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
        };
        let (before, after) = (count(from)?, count(&copy)?);
        if before != after {
            return Err(StoreError::damaged("the migrated copy", format!("{table}: {after} rows of {before}")).into());
        }
    }
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}
