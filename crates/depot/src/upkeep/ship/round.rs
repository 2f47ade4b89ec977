//! One round: archives of the days that ended are made, and what is not in the bucket yet is sent, the oldest day first.
//!
//! Nothing of the data directory is ever removed because of it. What is in the spool goes when its record is on the disk, which is
//! after the bucket said that it is there, whole and locked.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use writ_bucket::Bucket;
use writ_durable::crash_point;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::day_archive::{self, DayArchive, MAX_DAY_ARCHIVE};

use super::adopt::adopt;
use super::hold::{self, HoldError, Wanted};
use super::ledger::{Ledger, Object, Schema, Shipped};
use super::report::{Problem, Report, Sent, Waiting};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::forecast;
use crate::upkeep::archive::{Day, Days};
use crate::upkeep::{Outcome, UpkeepError};

/// A day in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;
/// How many days four years of 365 lack.
const FOUR_YEARS: i64 = 4 * 365 * DAY;

/// What a round works on.
pub struct Round<'a> {
    /// The data directory.
    pub data: &'a Path,
    /// Which database.
    pub database: &'a DatabaseOptions,
    /// Where archives wait.
    pub spool: &'a Path,
    /// The bucket.
    pub bucket: &'a Bucket,
    /// What is in it.
    pub ledger: &'a Ledger,
    /// How long an archive is locked at least, from the end of its day, in milliseconds.
    pub retention: i64,
    /// How long after the end of its day an archive may wait before that is an alert, in milliseconds.
    pub alert_after: i64,
}

/// An archive that waits in the spool.
type Spooled = BTreeMap<(Day, SiteId), PathBuf>;

impl Round<'_> {
    /// Makes and sends; everything that went wrong is in the report, unless nothing could be done at all.
    pub fn run(&self) -> Outcome<Report> {
        let mut report = Report::begin(self.bucket, clock::now());
        writ_durable::remove_leftovers(self.spool).map_err(UpkeepError::io(self.spool))?;
        let mut ended = self.make(&mut report)?;
        self.validate(&mut report);
        let mut sent = 0;
        if report.locked == Some(true) {
            sent = self.send(&mut report)?;
        }
        // What was sent made room for what had none.
        if sent > 0 && report.is_short_of_room {
            report.problems.retain(|problem| !problem.is_of_room);
            ended = self.make(&mut report)?;
            self.send(&mut report)?;
        }
        self.count(&ended, &mut report)?;
        Ok(report)
    }

    /// Archives of every day that ended and is neither in the bucket nor in the spool; gives all that ended and are not in the
    /// bucket.
    fn make(&self, report: &mut Report) -> Outcome<Vec<(Day, SiteId)>> {
        report.is_short_of_room = false;
        let days = Days::open(self.data, self.database, None, None)?;
        let ended = days.ended().filter(|(site, day)| !self.ledger.has(site, *day));
        let mut missing: Vec<(Day, SiteId)> = ended.map(|(site, day)| (day, site.clone())).collect();
        missing.sort();
        let spooled = self.spooled()?;
        for (_, site) in missing.iter().chain(spooled.keys()) {
            if !report.kept.contains_key(site) {
                report.kept.insert(site.clone(), days.evidence_kept(site));
            }
        }
        let samples = days.free_space()?;
        report.disk_full_seconds =
            forecast::free(self.data).ok().and_then(|free| forecast::seconds_left(&samples, report.at, free));
        for (day, site) in &missing {
            if self.manifest(site, *day).exists() {
                continue;
            }
            match days.make(site, *day, self.spool) {
                Ok(made) => {
                    crash_point!("ship-made");
                    report.made.push(made.archive);
                }
                Err(UpkeepError::Io { path, source }) => {
                    report.is_short_of_room = is_room(&source);
                    let why = format!("{}: {source}: the archive waits to be made", path.display());
                    let is_of_room = report.is_short_of_room;
                    let (site, day) = (Some(site.clone()), Some(day.to_string()));
                    report.add(Problem { site, day, why, is_of_room });
                    break;
                }
                // What is damaged here is for `fsck` to tell; other days are made all the same.
                Err(error) => report.problem(site, *day, error.to_string()),
            }
        }
        Ok(missing)
    }

    fn manifest(&self, site: &SiteId, day: Day) -> PathBuf {
        self.spool.join(format!("{site}-{day}.json"))
    }

    /// Whether the bucket is one that locks. One that does not is not sent anything.
    fn validate(&self, report: &mut Report) {
        match self.bucket.locks() {
            Ok(locked) => {
                report.locked = Some(locked);
                if !locked {
                    report.general(format!(
                        "s3://{} has no Object Lock, so nothing that is written there stays: nothing is sent to it; make a bucket \
                         with Object Lock enabled, which can only be done when it is made",
                        self.bucket.address().bucket
                    ));
                }
            }
            Err(error) => report.general(error.to_string()),
        }
    }

    /// What waits in the spool, the oldest day first.
    fn spooled(&self) -> Outcome<Spooled> {
        let mut spooled = Spooled::new();
        for entry in std::fs::read_dir(self.spool).map_err(UpkeepError::io(self.spool))? {
            let path = entry.map_err(UpkeepError::io(self.spool))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
            // `<site>-YYYY-MM-DD`
            let parts =
                name.and_then(|name| Some((name.get(..name.len().checked_sub(11)?)?, name.get(name.len() - 10..)?)));
            let Some((site, day)) = parts.and_then(|(site, day)| Some((site.parse().ok()?, day.parse().ok()?))) else {
                continue;
            };
            spooled.insert((day, site), path);
        }
        Ok(spooled)
    }

    /// Sends what waits; gives how many days are in the bucket since.
    fn send(&self, report: &mut Report) -> Outcome<usize> {
        let spooled = self.spooled()?;
        report.backlog = report.backlog.max(spooled.len());
        let mut sent = 0;
        for ((day, site), path) in spooled {
            match self.day(&site, day, &path, report) {
                Ok(()) => sent += 1,
                Err(Failed::Stop(why)) => {
                    report.general(why);
                    break;
                }
                Err(Failed::Day(why)) => report.problem(&site, day, why),
                Err(Failed::Upkeep(error)) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn day(&self, site: &SiteId, day: Day, path: &Path, report: &mut Report) -> Result<(), Failed> {
        let archive = self.spool.join(format!("{site}-{day}.tar.gz"));
        if self.ledger.has(site, day) {
            // A kill came between the record and this.
            return Ok(clear(&archive, path)?);
        }
        let Some(manifest) = self.whole(&archive, path)? else {
            clear(&archive, path)?;
            return Err(Failed::Day(
                "what waited in the spool was damaged: it was removed, and is made again".to_owned(),
            ));
        };
        let keys = day_archive::keys(site, &day.to_string()).ok_or_else(|| Failed::Day("it has no key".to_owned()))?;
        // A lock that is too short cannot be told from one that was meant: the archive waits until somebody knows.
        let until = self.until(kept(&report.kept, site)?, day);
        let objects = match self.objects(&keys, [&archive, path], until) {
            Err(HoldError::Other(why)) => adopt(self.bucket, &keys, &manifest, until).map_err(|error| match error {
                HoldError::Other(more) => HoldError::Other(format!("{why}; {more}")),
                other => other,
            })?,
            objects => objects?,
        };
        let [stored, about] = objects;
        let shipped = Shipped {
            schema: Schema::V1,
            site: site.clone(),
            day: day.to_string(),
            at: clock::now(),
            archive: stored,
            manifest: about,
        };
        self.ledger.note(&shipped)?;
        crash_point!("ship-noted");
        clear(&archive, path)?;
        crash_point!("ship-cleared");
        report.sent.push(Sent::of(&shipped));
        Ok(())
    }

    /// The archive, then the document about it: that is there when the day is complete.
    fn objects(&self, keys: &[String; 2], files: [&Path; 2], until: Time) -> Result<[Object; 2], HoldError> {
        let one = |key: &str, file: &Path, kind: &str| {
            let content =
                File::open(file).and_then(|mut file| writ_bucket::digests(&mut file)).map_err(HoldError::Local)?;
            hold::hold(self.bucket, &Wanted { key, file, content, kind, until })
        };
        let archive = one(&keys[0], files[0], "application/gzip")?;
        crash_point!("ship-archive-held");
        let manifest = one(&keys[1], files[1], "application/json")?;
        crash_point!("ship-manifest-held");
        Ok([archive, manifest])
    }

    /// The document of what waits, if the archive is the one that it names.
    fn whole(&self, archive: &Path, manifest: &Path) -> Outcome<Option<DayArchive>> {
        let bytes = writ_durable::read_bounded(manifest, MAX_DAY_ARCHIVE).map_err(UpkeepError::io(manifest))?;
        let Ok(document) = DayArchive::parse(&bytes) else { return Ok(None) };
        let found = match File::open(archive).and_then(|mut file| writ_bucket::digests(&mut file)) {
            Ok(found) => found,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(UpkeepError::io(archive)(e)),
        };
        Ok(((found.sha256, found.size) == (document.digest, document.size)).then_some(document))
    }

    /// Until when an archive is locked: from the end of its day as long as is asked for, or as the site's policies say, whichever
    /// is longer.
    fn until(&self, kept: i64, day: Day) -> Time {
        locked_until(day.ends(), self.retention.max(kept))
    }

    /// What waits still, of the days that ended.
    fn count(&self, ended: &[(Day, SiteId)], report: &mut Report) -> Outcome<()> {
        let waiting: Vec<Day> =
            ended.iter().filter(|(day, site)| !self.ledger.has(site, *day)).map(|(day, _)| *day).collect();
        let oldest = waiting.iter().min();
        report.waiting = Waiting {
            archives: waiting.len(),
            oldest: oldest.map(ToString::to_string),
            seconds: oldest.map(|day| report.at.millis_since(day.ends()).max(0) / 1000),
        };
        report.held = self.ledger.all()?.len();
        report.alert(self.alert_after);
        Ok(())
    }
}

/// A span of so many milliseconds after an instant, and a day more for every four years of 365 days that it has begun: as many
/// years of the calendar as it says years.
fn locked_until(from: Time, span: i64) -> Time {
    let leap = if span < 365 * DAY { 0 } else { (span + FOUR_YEARS - 1) / FOUR_YEARS };
    from.plus_millis(span.saturating_add(leap * DAY))
}

/// How long a site's policies have evidence kept, in milliseconds.
fn kept(of: &BTreeMap<SiteId, Result<i64, String>>, site: &SiteId) -> Result<i64, Failed> {
    let why = match of.get(site) {
        Some(Ok(kept)) => return Ok(*kept),
        Some(Err(why)) => why.as_str(),
        None => "its policies were not looked at",
    };
    Err(Failed::Day(format!("how long it must be locked is not known: {why}")))
}

fn is_room(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// The archive first: what has no document is made again, and what has no archive is not sent.
fn clear(archive: &Path, manifest: &Path) -> Outcome<()> {
    [archive, manifest].into_iter().try_for_each(|path| writ_durable::remove(path).map_err(UpkeepError::io(path)))
}

/// Why a day was not sent.
enum Failed {
    /// Nothing else is sent either, in this round.
    Stop(String),
    /// This day is not.
    Day(String),
    /// Nothing can be done here.
    Upkeep(UpkeepError),
}

impl From<UpkeepError> for Failed {
    fn from(error: UpkeepError) -> Self {
        Self::Upkeep(error)
    }
}

impl From<HoldError> for Failed {
    fn from(error: HoldError) -> Self {
        match &error {
            HoldError::Bucket(bucket) if bucket.is_outage() => Self::Stop(error.to_string()),
            _ => Self::Day(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_a_time_that_nobody_knows_nothing_is_locked() {
        let [known, damaged, other]: [SiteId; 3] =
            ["clinic-001", "clinic-002", "clinic-003"].map(|s| s.parse().unwrap());
        let of = BTreeMap::from([(known.clone(), Ok(7)), (damaged.clone(), Err("its policy is not here".to_owned()))]);
        assert!(matches!(kept(&of, &known), Ok(7)));
        let told = "how long it must be locked is not known: its policy is not here";
        assert!(matches!(kept(&of, &damaged), Err(Failed::Day(why)) if why == told));
        assert!(matches!(kept(&of, &other), Err(Failed::Day(_))));
    }

    #[test]
    fn six_years_are_six_of_the_calendar() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let years = |years: i64| years * 365 * DAY;
        assert_eq!(locked_until(at("2026-11-29T00:00:00Z"), years(6)), at("2032-11-29T00:00:00Z"));
        for begins in ["2023-03-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-02-29T00:00:00Z", "2027-06-01T00:00:00Z"] {
            let end: String =
                format!("{}{}", begins[..4].parse::<i64>().unwrap() + 6, &begins[4..]).replace("02-29", "03-01");
            assert!(locked_until(at(begins), years(6)) >= at(&end), "{begins}");
        }
        assert_eq!(locked_until(at("2026-11-29T00:00:00Z"), 30 * DAY), at("2026-12-29T00:00:00Z"));
    }
}
