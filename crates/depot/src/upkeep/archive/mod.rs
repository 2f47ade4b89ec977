//! `writ-depot archive`: what a site's logs took in on each day, one archive a day, for a medium that keeps it.
//!
//! Each has what a day added to an audit folder: bundles with their signatures and receipts, releases with their documents, the
//! trust roots, and of each log the entries, the tiles and a signed checkpoint that covers them. All of them unpacked into one
//! folder, oldest first, are an audit folder that `writ audit verify` reads. One that is there is not made again.

mod contents;
mod day;
mod tar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use tempfile::NamedTempFile;
use writ_durable::crash_point;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::entry::LogEntry;
use writ_trust::time::Time;

use self::contents::Contents;
use self::day::{Day, days};
use super::{Answer, Outcome, UpkeepError, content, require_data, tell};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::directory::Directory;
use crate::folders::Folders;
use crate::store::checkpoints::{self, StoredLog};
use crate::store::{Begin, Connection, Row, StoreError, values};

/// How many entries are read at a time.
const AT_ONCE: i64 = 1024;

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; a depot may serve it meanwhile
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// The folder of the archives; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Only this site
    #[arg(long)]
    pub site: Option<SiteId>,
    /// Only this day in UTC, as in 2026-11-28; ended an hour ago at least [default: every such day that has no archive]
    #[arg(long, value_name = "DAY")]
    pub day: Option<Day>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A part of a log.
#[derive(Debug, Clone, Serialize)]
struct Part {
    number: u64,
    origin: String,
    /// The first entry of the day, and the first after it.
    from: u64,
    to: u64,
    /// How many entries the checkpoint covers that is in the archive.
    checkpoint: u64,
}

/// What an archive holds, `writ.depot-archive.v1`: beside it, as `<site>-<day>.json`.
#[derive(Debug, Clone, Serialize)]
struct Manifest {
    schema: &'static str,
    site: SiteId,
    day: String,
    /// The name of the archive's file, its digest and its size.
    archive: String,
    digest: Digest,
    size: u64,
    logs: Vec<Part>,
    bundles: u64,
    /// Every file in it, by path.
    files: BTreeMap<String, Digest>,
}

/// What came of it, `writ.depot-archived.v1`.
#[derive(Debug, Clone, Serialize)]
struct Done {
    schema: &'static str,
    made: Vec<String>,
    /// How many were there already.
    there: usize,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let done = archive(&self)?;
        if self.json {
            tell::json(&done);
        } else {
            done.made.iter().for_each(|name| tell::line(name));
            tell::line(&format!("{} archives made, {} were there", done.made.len(), done.there));
        }
        Ok(Answer::Yes)
    }
}

/// The logs of one day.
type OfDay = Vec<(StoredLog, u64, u64)>;

fn archive(arguments: &Arguments) -> Outcome<Done> {
    let (folders, place) = require_data(&arguments.data, &arguments.database)?;
    let _reading = folders.lock_to_read()?;
    let open = Day::open_at(clock::now());
    if let Some(day) = arguments.day.filter(|day| *day >= open) {
        return Err(UpkeepError::Refused(format!(
            "--day {day}: it has not ended yet, or less than an hour ago (UTC): an archive is made once, of all of a day"
        )));
    }
    writ_durable::create_directories(&arguments.to).map_err(UpkeepError::io(&arguments.to))?;
    let connection = place.open_to_read()?;
    connection.require_current()?;
    let transaction = connection.transaction(Begin::Reading)?;
    let snapshot = &*transaction;
    let directory = content::directory(snapshot)?;
    let mut wanted: BTreeMap<(SiteId, Day), OfDay> = BTreeMap::new();
    let mut sites = BTreeSet::new();
    for stored in checkpoints::all(snapshot)? {
        sites.insert(stored.site.clone());
        if arguments.site.as_ref().is_some_and(|only| *only != stored.site) {
            continue;
        }
        for (day, from, to) in days_of(snapshot, &stored)? {
            if day < open && arguments.day.is_none_or(|only| only == day) {
                wanted.entry((stored.site.clone(), day)).or_default().push((stored.clone(), from, to));
            }
        }
    }
    if let Some(unknown) = arguments.site.as_ref().filter(|site| !sites.contains(*site)) {
        return Err(UpkeepError::Refused(format!("--site {unknown}: the depot has no log of such a site")));
    }
    let mut done = Done { schema: "writ.depot-archived.v1", made: Vec::new(), there: 0 };
    for ((site, day), logs) in wanted {
        let name = format!("{site}-{day}");
        // It is written after the archive itself.
        if arguments.to.join(format!("{name}.json")).exists() {
            done.there += 1;
            continue;
        }
        let making = Making { folders: &folders, connection: snapshot, directory: &directory, to: &arguments.to };
        one(&making, &site, day, &logs)?;
        done.made.push(format!("{name}.tar.gz"));
    }
    Ok(done)
}

/// What every archive is made from.
struct Making<'a> {
    folders: &'a Folders,
    connection: &'a dyn Connection,
    directory: &'a Directory,
    to: &'a Path,
}

/// The days of a log.
fn days_of(connection: &dyn Connection, stored: &StoredLog) -> Outcome<Vec<(Day, u64, u64)>> {
    let sql = "SELECT entry FROM entries WHERE log = ? AND idx >= ? ORDER BY idx LIMIT ?";
    let mut from = 0;
    let mut some = || -> Result<Vec<Time>, StoreError> {
        let rows = connection.rows(sql, values![stored.id, from, AT_ONCE])?;
        from += AT_ONCE;
        let time = |mut row: Row| {
            let entry = LogEntry::parse(&row.get::<Vec<u8>>(0)?);
            Ok(entry.map_err(|e| StoreError::damaged(&stored.origin, e))?.time())
        };
        rows.into_iter().map(time).collect()
    };
    let (mut failed, mut read) = (None, Vec::new().into_iter());
    let times = std::iter::from_fn(|| {
        if read.len() == 0 {
            read = some().map_err(|error| failed = Some(error)).ok()?.into_iter();
        }
        read.next()
    });
    let days = days(times);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(days),
    }
}

fn one(making: &Making<'_>, site: &SiteId, day: Day, logs: &OfDay) -> Outcome<()> {
    let (to, name) = (making.to, format!("{site}-{day}.tar.gz"));
    let path = to.join(&name);
    let mut contents = Contents::new(making.folders, making.connection, making.directory, site);
    contents.roots();
    for (stored, from, to) in logs {
        contents.log(stored, *from, *to)?;
    }
    let suffix = writ_durable::TEMPORARY_SUFFIX;
    let temporary = tempfile::Builder::new().suffix(suffix).permissions(mode()).tempfile_in(to);
    let temporary: NamedTempFile = temporary.map_err(UpkeepError::io(to))?;
    let file = temporary.as_file().try_clone().map_err(UpkeepError::io(&path))?;
    // Neither a time nor a name: the same contents give the same bytes.
    let packed = GzBuilder::new().mtime(0).write(file, Compression::default());
    let write = || {
        let mut archive = tar::Archive::new(packed, day.end_seconds());
        contents.files.iter().try_for_each(|(path, bytes)| archive.add(path, bytes))?;
        archive.finish()?.finish()?.sync_all()
    };
    write().map_err(UpkeepError::io(&path))?;
    let (digest, size) = content::hash_file(temporary.path())?;
    temporary.persist(&path).map_err(|e| UpkeepError::io(&path)(e.error))?;
    writ_durable::sync_directory(to).map_err(UpkeepError::io(to))?;
    crash_point!("archive-stored");
    let part = |(stored, from, to): &(StoredLog, u64, u64)| Part {
        number: stored.number,
        origin: stored.origin.clone(),
        from: *from,
        to: *to,
        checkpoint: stored.size,
    };
    let manifest = Manifest {
        schema: "writ.depot-archive.v1",
        site: site.clone(),
        day: day.to_string(),
        archive: name,
        digest,
        size,
        logs: logs.iter().map(part).collect(),
        bundles: contents.bundles,
        files: contents.files.iter().map(|(path, bytes)| (path.clone(), Digest::of(bytes))).collect(),
    };
    let beside = to.join(format!("{site}-{day}.json"));
    writ_durable::replace(&beside, &writ_trust::json::canonical(&manifest), 0o640).map_err(UpkeepError::io(&beside))
}

fn mode() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o640)
}
