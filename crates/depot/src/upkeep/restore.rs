//! `writ-depot restore`: a data directory out of a backup, checked before it is said to be done.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tempfile::NamedTempFile;
use writ_durable::crash_point;

use super::fsck::{self, Report};
use super::manifest::{LogAt, Manifest, Object, object_path};
use super::{Answer, LOST_AND_FOUND, Outcome, UpkeepError, content, tell};
use crate::database::DatabaseOptions;
use crate::folders::Folders;
use crate::sitelog::{LogFiles, OpenLog};
use crate::store::{Place, StoreError, checkpoints, postgres, sqlite};

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The folder of the backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data directory to make; it must not be there, or be empty
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What came of it, `writ.depot-restored.v1`.
#[derive(Debug, Clone, Serialize)]
struct Done {
    schema: &'static str,
    data: PathBuf,
    /// How far each log had come when the backup was made.
    logs: Vec<LogAt>,
    /// The check of what was restored.
    fsck: Report,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let (manifest, report) = restore(&self.from, &self.data, &self.database)?;
        let sound = report.ok;
        if self.json {
            let (data, logs) = (self.data.clone(), manifest.logs);
            tell::json(&Done { schema: "writ.depot-restored.v1", data, logs, fsck: report });
        } else {
            fsck::show(&report);
            for LogAt { site, number, size } in &manifest.logs {
                tell::line(&format!("log {number} of {site}: {size} entries, as of {}", manifest.made_at));
            }
            tell::line(if !sound {
                "restored, and what was backed up is NOT SOUND, as told above: an older backup may be"
            } else {
                "restored: start it. Where a log was longer before, its appliances say so: the holders of the trust keys order a \
                 log restart (`writ log restart`), and couriers send again what is missing"
            });
        }
        Ok(if sound { Answer::Yes } else { Answer::No })
    }
}

/// Makes a data directory out of a backup.
pub fn restore(from: &Path, data: &Path, database: &DatabaseOptions) -> Outcome<(Manifest, Report)> {
    let manifest = Manifest::read(from)?.ok_or_else(|| {
        UpkeepError::Refused(format!("{}: no finished backup: there is no backup.json", from.display()))
    })?;
    if manifest.database_schema > sqlite::CURRENT {
        return Err(StoreError::Newer { found: manifest.database_schema, newest: sqlite::CURRENT }.into());
    }
    let folders = Folders::new(data);
    let place = database.place(&folders)?;
    writ_durable::create_directories(data).map_err(UpkeepError::io(data))?;
    refuse_full(&folders)?;
    let _alone = folders.lock_alone()?;
    let mark = folders.restoring();
    writ_durable::replace(&mark, b"a restore is under way\n", 0o640).map_err(UpkeepError::io(&mark))?;
    crash_point!("restore-begun");
    folders.furnish()?;
    for file in &manifest.files {
        bring(from, &file.object, &data.join(&file.path))?;
    }
    crash_point!("restore-files");
    for old in ["depot.sqlite-wal", "depot.sqlite-shm"] {
        let path = data.join(old);
        writ_durable::remove(&path).map_err(UpkeepError::io(&path))?;
    }
    bring_database(from, &manifest, &folders, &place)?;
    let connection = place.open()?;
    for stored in checkpoints::all(&*connection)? {
        let stored = checkpoints::StoredLog { flushed: 0, ..stored };
        OpenLog::recover(&*connection, &stored, LogFiles::new(folders.log(&stored.site, stored.number)))?;
        checkpoints::set_flushed(&*connection, stored.id, 0)?;
    }
    drop(connection);
    let all = File::open(data).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
    all.map_err(UpkeepError::io(data))?;
    crash_point!("restore-database");
    let report = fsck::check_locked(&folders, &place, false)?;
    if report.problems.list.iter().any(|problem| problem.code == fsck::Code::DatabaseDamaged) {
        return Ok((manifest, report));
    }
    writ_durable::remove(&mark).map_err(UpkeepError::io(&mark))?;
    crash_point!("restore-done");
    Ok((manifest, report))
}

/// Makes the database out of the copy in a backup. Nothing is lost if a step to this program's schema fails: the backup is still
/// there.
fn bring_database(from: &Path, manifest: &Manifest, folders: &Folders, place: &Place) -> Outcome<()> {
    let Some(address) = place.address() else {
        bring(from, &manifest.database, &folders.database())?;
        sqlite::migrate(&folders.database())?;
        return Ok(());
    };
    // Beside the data directory's files while it is read; what an interrupted attempt left is written over.
    let folder = folders.uploads();
    let copy = folder.join("database");
    for suffix in ["-wal", "-shm"] {
        writ_durable::remove(&folder.join(format!("database{suffix}"))).map_err(UpkeepError::io(&folder))?;
    }
    bring(from, &manifest.database, &copy)?;
    sqlite::migrate(&copy)?;
    let mark = folders.postgres_mark();
    let name = match std::fs::read_to_string(&mark) {
        Ok(name) => name.trim().to_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => postgres::new_name()?,
        Err(e) => return Err(UpkeepError::io(&mark)(e)),
    };
    // Named before it is filled: a restore that goes on finds by its name what it has filled.
    postgres::mark(folders, &name)?;
    postgres::fill(address, &sqlite::open(&copy)?, &name)?;
    std::fs::remove_dir_all(&folder).map_err(UpkeepError::io(&folder))?;
    Ok(folders.furnish()?)
}

/// Nothing that is there is written over, but what an interrupted restore left.
fn refuse_full(folders: &Folders) -> Outcome<()> {
    let root = folders.root();
    if folders.restoring().exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(root).map_err(UpkeepError::io(root))? {
        let name = entry.map_err(UpkeepError::io(root))?.file_name();
        if name != "lock" && name != "readers" && name != LOST_AND_FOUND {
            return Err(UpkeepError::Refused(format!(
                "--data {}: it is not empty ({} is there): give another folder, or move what is there away; nothing was changed",
                root.display(),
                name.display()
            )));
        }
    }
    Ok(())
}

/// Copies an object to its place, if it is what the manifest says.
fn bring(from: &Path, object: &Object, to: &Path) -> Outcome<()> {
    let source = object_path(from, &object.digest);
    let mut file = File::open(&source).map_err(|e| {
        UpkeepError::Refused(format!(
            "{}: {e}: the backup lacks what is restored as {}",
            source.display(),
            to.display()
        ))
    })?;
    let folder = to.parent().unwrap_or(to);
    writ_durable::create_directories(folder).map_err(UpkeepError::io(folder))?;
    let suffix = writ_durable::TEMPORARY_SUFFIX;
    let temporary = tempfile::Builder::new().suffix(suffix).permissions(mode()).tempfile_in(folder);
    let mut temporary: NamedTempFile = temporary.map_err(UpkeepError::io(folder))?;
    let copied = content::copy_hashed(&mut file, temporary.as_file_mut()).map_err(UpkeepError::io(to))?;
    if copied != (object.digest, object.size) {
        return Err(UpkeepError::Refused(format!(
            "{}: its bytes are not those of its name: the backup is damaged; what would be restored from it is {}",
            source.display(),
            to.display()
        )));
    }
    temporary.as_file().sync_data().map_err(UpkeepError::io(to))?;
    temporary.persist(to).map_err(|e| UpkeepError::io(to)(e.error))?;
    Ok(())
}

/// As of the files that a depot makes; the umask takes what it takes.
fn mode() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
