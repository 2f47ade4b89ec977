//! `writ-depot fsck`: whether everything in a data directory is what it should be.

mod batches;
mod cache;
mod database;
mod logs;
mod problem;
pub(super) mod stray;
mod times;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

pub use self::problem::{Code, Problem, Problems, Weight};
pub(super) use self::stray::temporaries;
use super::{Answer, Outcome, content, require_data, tell};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::directory::Directory;
use crate::folders::Folders;
use crate::forecast;
use crate::store::{Begin, Connection, Place, StoreError, free_space};

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Make again what is derived, and remove what interrupted writes left; nothing may serve the directory meanwhile
    #[arg(long)]
    pub repair: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Checked {
    /// Trust roots.
    pub roots: u64,
    /// Releases.
    pub releases: u64,
    /// Bundles.
    pub bundles: u64,
    /// Logs.
    pub logs: u64,
    /// Entries of them.
    pub entries: u64,
    /// Timestamps of logs.
    pub timestamps: u64,
    /// Checkpoints of logs that witnesses cosigned.
    pub cosignatures: u64,
    /// Documents.
    pub documents: u64,
    /// Narinfos.
    pub narinfos: u64,
    /// NARs.
    pub nars: u64,
    /// Batches of logs.
    pub batches: u64,
}

/// What came of a check, `writ.depot-fsck.v1`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    schema: &'static str,
    /// The data directory.
    pub data: PathBuf,
    /// Whether a depot served it meanwhile.
    pub served: bool,
    /// Whether nothing is damaged, and nothing that is derived is left wrong.
    pub ok: bool,
    /// How much was looked at.
    pub checked: Checked,
    /// What was found.
    pub problems: Problems,
}

/// A check under way.
struct Look<'a> {
    folders: &'a Folders,
    connection: &'a dyn Connection,
    /// What the database is called.
    name: &'static str,
    served: bool,
    repair: bool,
    checked: Checked,
    problems: Problems,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let report = check(&self)?;
        if self.json {
            tell::json(&report);
        } else {
            show(&report);
        }
        Ok(if report.ok { Answer::Yes } else { Answer::No })
    }
}

/// Checks a data directory.
pub fn check(arguments: &Arguments) -> Outcome<Report> {
    let (folders, place) = require_data(&arguments.data, &arguments.database)?;
    if arguments.repair {
        let _alone = folders.lock_alone()?;
        folders.furnish()?;
        return check_locked(&folders, &place, true);
    }
    let _reading = folders.lock_to_read()?;
    check_locked(&folders, &place, false)
}

/// Checks a data directory whose lock is held as it must be.
pub(super) fn check_locked(folders: &Folders, place: &Place, repair: bool) -> Outcome<Report> {
    let served = !repair && folders.is_served();
    let (mut checked, mut problems) = (Checked::default(), Problems::default());
    match place.open_to_read() {
        Ok(connection) => {
            let (connection, name) = (&*connection, place.name());
            let mut look = Look { folders, connection, name, served, repair, checked, problems };
            if look.database()? {
                let _snapshot = connection.transaction(Begin::Reading)?;
                look.contents()?;
            }
            (checked, problems) = (look.checked, look.problems);
        }
        // It is so damaged that it cannot be opened.
        Err(StoreError::Sqlite(error)) if is_damage(&error) => problems.add(Code::DatabaseDamaged, place.name(), error),
        Err(error) => return Err(error.into()),
    }
    let ok = problems.damage == 0 && problems.derived == 0;
    Ok(Report { schema: "writ.depot-fsck.v1", data: folders.root().to_owned(), served, ok, checked, problems })
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

impl Look<'_> {
    /// A place within the database.
    fn in_database(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {what}", self.name)
    }

    /// Everything that the database leads to.
    fn contents(&mut self) -> Outcome<()> {
        self.space()?;
        match content::directory(self.connection) {
            Ok(directory) => self.published(&directory)?,
            Err(super::UpkeepError::Store(StoreError::Damaged { what, reason })) => {
                let code = if what.contains("root") { Code::RootBroken } else { Code::ReleaseBroken };
                self.problems.add(code, self.in_database(what), reason);
            }
            Err(error) => return Err(error),
        }
        self.batches()?;
        self.strays()
    }

    fn published(&mut self, directory: &Directory) -> Outcome<()> {
        self.checked.roots = directory.roots.len() as u64;
        self.releases(directory);
        self.evidence(directory)?;
        self.logs(directory)?;
        self.documents(directory)?;
        self.cache(directory)
    }

    fn space(&mut self) -> Outcome<()> {
        let samples = free_space::all(self.connection)?;
        let free = forecast::free(self.folders.root()).map_err(super::UpkeepError::io(self.folders.root()))?;
        if let Some(left) = forecast::seconds_left(&samples, clock::now(), free).filter(|left| *left < forecast::SHORT)
        {
            let what =
                format!("{} are free, for about {} hours at the rate of the last days", tell::bytes(free), left / 3600);
            self.problems.add(Code::DiskFilling, ".", what);
        }
        Ok(())
    }
}

pub(super) fn show(report: &Report) {
    for problem in &report.problems.list {
        let Problem { weight, code, path, what, consequence, repaired } = problem;
        let weight = if *repaired { "repaired".to_owned() } else { word(weight) };
        tell::line(&format!("{weight}: {}: {path}: {what}", word(code)));
        if !repaired {
            tell::line(&format!("    {consequence}"));
        }
    }
    let Checked {
        roots,
        releases,
        bundles,
        logs,
        entries,
        timestamps,
        cosignatures,
        documents,
        narinfos,
        nars,
        batches,
    } = &report.checked;
    tell::line(&format!(
        "{roots} trust roots, {releases} releases, {bundles} bundles, {entries} entries of {logs} logs with {timestamps} timestamps and \
         {cosignatures} cosignatures, {documents} documents, {narinfos} narinfos, {nars} NARs, {batches} batches of logs"
    ));
    let Problems { damage, derived, notes, .. } = &report.problems;
    match report.ok {
        true => tell::line(&format!("sound ({notes} notes)")),
        false => tell::line(&format!("NOT SOUND: {damage} damaged, {derived} derived files wrong, {notes} notes")),
    }
}

/// The word that JSON has for a value.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
