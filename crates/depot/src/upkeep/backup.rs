//! `writ-depot backup`: a consistent copy, while the depot serves.
//!
//! The database comes first, in one snapshot: bundles, log entries and signed checkpoints are in it together, so the copy of the
//! log never says more than the copy of the evidence. Whatever file it names was stored and fsynced before its row was committed,
//! and nothing removes one while this runs: the files that are copied afterwards are all that the snapshot names, and perhaps
//! some that came since, which nothing names. The manifest comes last; until then the backup is the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use tempfile::NamedTempFile;
use writ_durable::crash_point;
use writ_trust::digest::Digest;

use super::manifest::{FileAt, KEPT, LOGS, LogAt, Manifest, NAME, Object, Schema, is_within, object_path};
use super::{Answer, Outcome, UpkeepError, content, files_below, require_data, tell};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::folders::Folders;
use crate::store::{Connection, Place, checkpoints, sqlite, tables};

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; a depot may serve it meanwhile
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// The folder of the backup; made if it is not there. What an earlier backup there has is not copied again
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What came of it, `writ.depot-backed-up.v1`.
#[derive(Debug, Clone, Serialize)]
struct Done {
    schema: &'static str,
    to: PathBuf,
    /// The digest of the manifest: keep it elsewhere.
    manifest: Digest,
    /// Files of the backup, the database among them.
    files: usize,
    /// Their bytes.
    bytes: u64,
    /// Bytes that were copied this time.
    copied: u64,
    /// How far each log had come.
    logs: Vec<LogAt>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let (manifest, copied) = back_up(&self.data, &self.database, &self.to)?;
        let done = Done {
            schema: "writ.depot-backed-up.v1",
            to: self.to.clone(),
            manifest: Digest::of(&writ_trust::json::canonical(&manifest)),
            files: manifest.files.len() + 1,
            bytes: manifest.objects().map(|object| object.size).sum(),
            copied,
            logs: manifest.logs.clone(),
        };
        if self.json {
            tell::json(&done);
        } else {
            for LogAt { site, number, size } in &done.logs {
                tell::line(&format!("log {number} of {site}: {size} entries"));
            }
            let (all, copied) = (tell::bytes(done.bytes), tell::bytes(done.copied));
            tell::line(&format!("{} files, {all}, of which {copied} were copied; {}", done.files, done.manifest));
        }
        Ok(Answer::Yes)
    }
}

/// A backup that is being made.
struct Making<'a> {
    to: &'a Path,
    /// The objects of the backup before: whole and on the disk.
    known: BTreeMap<Digest, u64>,
    /// The files of the backup before, by path.
    before: BTreeMap<String, Object>,
    copied: u64,
}

/// Makes a backup; gives its manifest, and how many bytes were copied.
pub fn back_up(data: &Path, database: &DatabaseOptions, to: &Path) -> Outcome<(Manifest, u64)> {
    let (folders, place) = require_data(data, database)?;
    let _reading = folders.lock_to_read()?;
    writ_durable::create_directories(to).map_err(UpkeepError::io(to))?;
    apart(data, to, "--to", "a backup")?;
    let _lock = lock(to, "another backup to this folder")?;
    let before = Manifest::read(to)?;
    let known = before.iter().flat_map(Manifest::objects).map(|object| (object.digest, object.size)).collect();
    let files = before.iter().flat_map(|m| &m.files).map(|file| (file.path.clone(), file.object)).collect();
    let mut making = Making { to, known, before: files, copied: 0 };
    let made_at = clock::now();
    let (database, logs, database_schema) = making.database(&place)?;
    crash_point!("backup-database");
    let files = making.files(&folders)?;
    // Before it is said that they are there.
    let all = File::open(to).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
    all.map_err(UpkeepError::io(to))?;
    crash_point!("backup-files");
    let manifest = Manifest { schema: Schema::V1, made_at, database, database_schema, logs, files };
    manifest.write(to)?;
    crash_point!("backup-manifest");
    forget(to, &manifest)?;
    Ok((manifest, making.copied))
}

/// Neither may be within the other: a backup that grows by itself, or a data directory with what is not the depot's.
pub(super) fn apart(data: &Path, to: &Path, option: &str, what: &str) -> Outcome<()> {
    let real = |path: &Path| path.canonicalize().map_err(UpkeepError::io(path));
    let (data, to) = (real(data)?, real(to)?);
    match data.starts_with(&to) || to.starts_with(&data) {
        true => Err(UpkeepError::Refused(format!(
            "{option} {}: {what} is not within the data directory, nor that within it: give a folder elsewhere, best on another \
             disk",
            to.display()
        ))),
        false => Ok(()),
    }
}

/// That nobody else works in a folder in this way.
pub(super) fn lock(to: &Path, who: &str) -> Outcome<File> {
    let path = to.join("lock");
    let file = File::options().create(true).append(true).open(&path).map_err(UpkeepError::io(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(UpkeepError::Refused(format!("{}: {who} is under way: wait for it", to.display())))
        }
        Err(e) => Err(UpkeepError::io(&path)(e.into())),
    }
}

impl Making<'_> {
    fn temporary(&self) -> Outcome<NamedTempFile> {
        let folder = self.to.join("objects");
        writ_durable::create_directories(&folder).map_err(UpkeepError::io(&folder))?;
        let suffix = writ_durable::TEMPORARY_SUFFIX;
        tempfile::Builder::new().suffix(suffix).tempfile_in(&folder).map_err(UpkeepError::io(&folder))
    }

    /// Gives a file its place.
    fn keep(&mut self, file: NamedTempFile, object: Object) -> Outcome<()> {
        let path = object_path(self.to, &object.digest);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(UpkeepError::io(folder))?;
        }
        file.persist(&path).map_err(|e| UpkeepError::io(&path)(e.error))?;
        self.copied += object.size;
        self.known.insert(object.digest, object.size);
        Ok(())
    }

    /// SQLite's file, or all that is in PostgreSQL as such a file.
    fn database(&mut self, place: &Place) -> Outcome<(Object, Vec<LogAt>, i64)> {
        let temporary = self.temporary()?;
        let copy = match place.file() {
            Some(file) => {
                let mut copy = rusqlite::Connection::open(temporary.path())?;
                sqlite::copy(&sqlite::open_to_read(&file)?, &mut copy)?;
                copy
            }
            None => {
                let from = place.open_to_read()?;
                from.require_current()?;
                let copy = sqlite::open(temporary.path())?;
                tables::copy(&*from, &copy)?;
                copy
            }
        };
        // One file, without another that belongs to it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        let logs = checkpoints::all(&copy)?.into_iter();
        let logs = logs.map(|log| LogAt { site: log.site, number: log.number, size: log.size }).collect();
        let schema = copy.version()?;
        copy.close().map_err(|(_, error)| error)?;
        let (digest, size) = content::hash_file(temporary.path())?;
        let object = Object { digest, size };
        self.keep(temporary, object)?;
        Ok((object, logs, schema))
    }

    fn files(&mut self, folders: &Folders) -> Outcome<Vec<FileAt>> {
        let mut files = Vec::new();
        for folder in KEPT.into_iter().chain([LOGS]) {
            for relative in files_below(&folders.root().join(folder))? {
                let path = Path::new(folder).join(relative);
                let Some(name) = path.to_str().filter(|name| is_within(name)) else { continue };
                if name.ends_with(writ_durable::TEMPORARY_SUFFIX) {
                    continue;
                }
                if let Some(object) = self.file(&folders.root().join(name), name)? {
                    files.push(FileAt { path: name.to_owned(), object });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// One file; none where it is not a plain one, or went meanwhile (a narinfo whose NAR has come).
    fn file(&mut self, path: &Path, name: &str) -> Outcome<Option<Object>> {
        let size = match path.symlink_metadata() {
            Ok(there) if there.is_file() => there.len(),
            Ok(_) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(UpkeepError::io(path)(e)),
        };
        if let Some(before) = self.before.get(name).filter(|before| is_immutable(name) && before.size == size)
            && self.has(before)
        {
            return Ok(Some(*before));
        }
        let mut from = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(UpkeepError::io(path)(e)),
        };
        let mut temporary = self.temporary()?;
        let copied = content::copy_hashed(&mut from, temporary.as_file_mut());
        let (digest, size) = copied.map_err(|e| UpkeepError::io(&self.to.join(name))(e))?;
        let object = Object { digest, size };
        if !self.has(&object) {
            self.keep(temporary, object)?;
        }
        Ok(Some(object))
    }

    /// Whether an object is there since an earlier backup, or since a moment ago.
    fn has(&self, object: &Object) -> bool {
        let there = || object_path(self.to, &object.digest).symlink_metadata();
        self.known.get(&object.digest) == Some(&object.size)
            && there().is_ok_and(|there| there.is_file() && there.len() == object.size)
    }
}

/// Whether what is under a name never changes: it is named by its content.
fn is_immutable(name: &str) -> bool {
    ["documents/", "cache/nar/", "logs/"].iter().any(|folder| name.starts_with(folder))
}

/// Removes what the manifest does not name: of backups before it, and of those that were interrupted.
fn forget(to: &Path, manifest: &Manifest) -> Outcome<()> {
    let named: BTreeSet<PathBuf> = manifest.objects().map(|object| object_path(to, &object.digest)).collect();
    let objects = to.join("objects");
    for relative in files_below(&objects)? {
        let path = objects.join(relative);
        if !named.contains(&path) {
            writ_durable::remove(&path).map_err(UpkeepError::io(&path))?;
        }
    }
    debug_assert!(to.join(NAME).exists(), "written before");
    Ok(())
}
