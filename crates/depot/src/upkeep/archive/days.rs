//! The days of a data directory that have ended, and the archives that are made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use tempfile::NamedTempFile;
use writ_durable::crash_point;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::entry::LogEntry;
use writ_trust::time::Time;
use writ_wire::day_archive::{DayArchive, DayArchiveSchema, LogPart};

use super::contents::Contents;
use super::day::{Day, days};
use super::tar;
use crate::clock;
use crate::database::DatabaseOptions;
use crate::directory::Directory;
use crate::folders::{Folders, Lock};
use crate::store::checkpoints::{self, StoredLog};
use crate::store::{self, Begin, Connection, Row, StoreError, values};
use crate::upkeep::{Outcome, UpkeepError, content, require_data};

/// How many entries are read at a time.
const AT_ONCE: i64 = 1024;

/// The logs of one day: from an entry up to another.
type OfDay = Vec<(StoredLog, u64, u64)>;

/// One snapshot of a data directory, which nobody clears meanwhile.
pub struct Days {
    folders: Folders,
    _reading: Option<Lock>,
    /// In a transaction from its beginning on.
    connection: Box<dyn Connection>,
    directory: Directory,
    ended: BTreeMap<(SiteId, Day), OfDay>,
}

/// Where the document about an archive lies, beside it.
pub fn manifest_path(to: &Path, site: &SiteId, day: Day) -> PathBuf {
    to.join(format!("{site}-{day}.json"))
}

impl Days {
    /// Every day that ended an hour ago at least; of one site, or one day, where that is asked for.
    pub fn open(data: &Path, database: &DatabaseOptions, site: Option<&SiteId>, day: Option<Day>) -> Outcome<Self> {
        let (folders, place) = require_data(data, database)?;
        let reading = folders.lock_to_read()?;
        let open = Day::open_at(clock::now());
        if let Some(day) = day.filter(|day| *day >= open) {
            return Err(UpkeepError::Refused(format!(
                "--day {day}: it has not ended yet, or less than an hour ago (UTC): an archive is made once, of all of a day"
            )));
        }
        let connection = place.open_to_read()?;
        connection.require_current()?;
        // It ends with the connection.
        connection.begin(Begin::Reading)?;
        let directory = content::directory(&*connection)?;
        let mut ended: BTreeMap<(SiteId, Day), OfDay> = BTreeMap::new();
        let mut sites = BTreeSet::new();
        for stored in checkpoints::all(&*connection)? {
            sites.insert(stored.site.clone());
            if site.is_some_and(|only| *only != stored.site) {
                continue;
            }
            for (of, from, to) in days_of(&*connection, &stored)? {
                if of < open && day.is_none_or(|only| only == of) {
                    ended.entry((stored.site.clone(), of)).or_default().push((stored.clone(), from, to));
                }
            }
        }
        if let Some(unknown) = site.filter(|site| !sites.contains(*site)) {
            return Err(UpkeepError::Refused(format!("--site {unknown}: the depot has no log of such a site")));
        }
        Ok(Self { folders, _reading: reading, connection, directory, ended })
    }

    /// The days, by site and then in their order.
    pub fn ended(&self) -> impl Iterator<Item = (&SiteId, Day)> {
        self.ended.keys().map(|(site, day)| (site, *day))
    }

    /// How long the signed policies of a site have evidence kept, in milliseconds; an error says why nobody knows. Where no release
    /// was ever active, no policy asks for anything.
    pub fn evidence_kept(&self, site: &SiteId) -> Result<i64, String> {
        if self.directory.site(site).releases.is_empty() {
            return Ok(0);
        }
        content::evidence_kept(&self.folders, &self.directory, site)
    }

    /// What was free of the depot's disk, oldest first.
    pub fn free_space(&self) -> Outcome<Vec<(Time, u64)>> {
        Ok(store::free_space::all(&*self.connection)?)
    }

    /// Makes the archive of a day, and the document beside it, which comes last.
    pub fn make(&self, site: &SiteId, day: Day, to: &Path) -> Outcome<DayArchive> {
        let logs = self.ended.get(&(site.clone(), day)).map(Vec::as_slice).unwrap_or_default();
        let name = format!("{site}-{day}.tar.gz");
        let path = to.join(&name);
        let mut contents = Contents::new(&self.folders, &*self.connection, &self.directory, site);
        contents.roots();
        for (stored, from, to) in logs {
            contents.log(stored, *from, *to)?;
        }
        let (digest, size) = pack(&contents, day, to, &path)?;
        crash_point!("archive-stored");
        let part = |(stored, from, to): &(StoredLog, u64, u64)| LogPart {
            number: stored.number,
            origin: stored.origin.clone(),
            from: *from,
            to: *to,
            checkpoint: stored.size,
        };
        let manifest = DayArchive {
            schema: DayArchiveSchema::V1,
            site: site.clone(),
            day: day.to_string(),
            archive: name,
            digest,
            size,
            logs: logs.iter().map(part).collect(),
            bundles: contents.bundles,
            files: contents.files.iter().map(|(path, bytes)| (path.clone(), Digest::of(bytes))).collect(),
        };
        let beside = manifest_path(to, site, day);
        writ_durable::replace(&beside, &manifest.canonical(), 0o640).map_err(UpkeepError::io(&beside))?;
        Ok(manifest)
    }
}

/// Writes the archive's file; gives its digest and size.
fn pack(contents: &Contents<'_>, day: Day, to: &Path, path: &Path) -> Outcome<(Digest, u64)> {
    let suffix = writ_durable::TEMPORARY_SUFFIX;
    let temporary = tempfile::Builder::new().suffix(suffix).permissions(mode()).tempfile_in(to);
    let temporary: NamedTempFile = temporary.map_err(UpkeepError::io(to))?;
    let file = temporary.as_file().try_clone().map_err(UpkeepError::io(path))?;
    // Neither a time nor a name: the same contents give the same bytes.
    let packed = GzBuilder::new().mtime(0).write(file, Compression::default());
    let write = || {
        let mut archive = tar::Archive::new(packed, day.end_seconds());
        contents.files.iter().try_for_each(|(path, bytes)| archive.add(path, bytes))?;
        archive.finish()?.finish()?.sync_all()
    };
    write().map_err(UpkeepError::io(path))?;
    let found = content::hash_file(temporary.path())?;
    temporary.persist(path).map_err(|e| UpkeepError::io(path)(e.error))?;
    writ_durable::sync_directory(to).map_err(UpkeepError::io(to))?;
    Ok(found)
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

fn mode() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o640)
}
