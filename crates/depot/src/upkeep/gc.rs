//! `writ-depot gc`: removes what nothing needs any more.
//!
//! Never: evidence, log entries, checkpoints, releases, trust roots, and the documents of releases. Batches of logs go only when
//! every signed policy that the site ever had says so: one that cannot be read keeps them all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;
use writ_durable::crash_point;
use writ_nix::cache::{MAX_NARINFO, hash_part};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::{Answer, Outcome, UpkeepError, content, files_below, fsck, require_data, tell};
use crate::clock;
use crate::database::DatabaseOptions;
use crate::directory::Directory;
use crate::folders::Folders;
use crate::store::retention::{self, Batch};
use crate::store::{self, Begin, Connection, Place, values};

/// The most files that are listed in the result.
const MOST_LISTED: usize = 10_000;

/// What the command line takes.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The data directory; nothing may serve it meanwhile, unless with --dry-run
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Say what would go, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How old a file of the cache, a document or a heartbeat must be that nothing names
    #[arg(long, value_name = "SPAN", default_value = "14d", value_parser = crate::options::span)]
    pub grace: Duration,
    /// Keep the systems of so many releases of each site, the newest, beside the pending one [default: of all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_releases: Option<u32>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// A batch of logs beyond its retention.
    LogBatch,
    /// A NAR, a narinfo or a listing that no closure which is kept names.
    Cache,
    /// A document that no release names.
    Document,
    /// A notice that is older than logs are kept.
    Notice,
    /// A heartbeat of a key that the newest release does not name.
    Heartbeat,
    /// What interrupted writes left.
    Temporary,
    /// A database as it was before a migration.
    OldDatabase,
}

/// How much of a sort goes.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How long a site's logs are kept.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// The site.
    pub site: SiteId,
    /// Seconds, by its signed policies; null when nobody knows, and all are kept.
    pub logs_seconds: Option<i64>,
    /// Why nobody knows.
    pub why: Option<String>,
}

/// What came of it, `writ.depot-gc.v1`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    schema: &'static str,
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// How long logs are kept.
    pub kept: Vec<Kept>,
    /// What went, by its sort.
    pub removed: BTreeMap<Sort, Count>,
    /// The files that went, below the data directory.
    pub files: Vec<String>,
    /// What could not be judged, and so was left alone.
    pub left: Vec<String>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome<Answer> {
        let report = collect(&self)?;
        if self.json {
            tell::json(&report);
        } else {
            show(&report);
        }
        Ok(if report.left.is_empty() { Answer::Yes } else { Answer::No })
    }
}

fn show(report: &Report) {
    for Kept { site, logs_seconds, why } in &report.kept {
        match logs_seconds {
            Some(seconds) => tell::line(&format!("{site}: logs are kept for {} days", seconds / 86_400)),
            None => tell::line(&format!("{site}: logs are all kept: {}", why.as_deref().unwrap_or_default())),
        }
    }
    report.left.iter().for_each(|left| tell::line(&format!("left alone: {left}")));
    let verb = if report.dry_run { "would go" } else { "went" };
    for (sort, Count { count, bytes }) in &report.removed {
        tell::line(&format!("{}: {count} {verb}, {}", fsck::word(sort), tell::bytes(*bytes)));
    }
    if report.removed.is_empty() {
        tell::line("nothing to remove");
    }
}

/// Clears a data directory.
pub fn collect(arguments: &Arguments) -> Outcome<Report> {
    let (folders, place) = require_data(&arguments.data, &arguments.database)?;
    let _alone = if arguments.dry_run { None } else { Some(folders.lock_alone()?) };
    let _reading = if arguments.dry_run { folders.lock_to_read()? } else { None };
    let connection = match arguments.dry_run {
        true => place.open_to_read()?,
        false => place.open()?,
    };
    connection.require_current()?;
    let directory = content::directory(&*connection)?;
    let report = Report {
        schema: "writ.depot-gc.v1",
        dry_run: arguments.dry_run,
        kept: Vec::new(),
        removed: BTreeMap::new(),
        files: Vec::new(),
        left: Vec::new(),
    };
    let served = arguments.dry_run && folders.is_served();
    let (folders, directory, now) = (&folders, &directory, clock::now());
    let mut clearing = Clearing { folders, place: &place, directory, arguments, now, report };
    clearing.rows(&*connection)?;
    clearing.gone_batches()?;
    clearing.documents()?;
    clearing.cache()?;
    if !served {
        clearing.temporaries()?;
    }
    Ok(clearing.report)
}

/// A run.
struct Clearing<'a> {
    folders: &'a Folders,
    place: &'a Place,
    directory: &'a Directory,
    arguments: &'a Arguments,
    now: Time,
    report: Report,
}

impl Clearing<'_> {
    fn count(&mut self, sort: Sort, bytes: u64) {
        let count = self.report.removed.entry(sort).or_default();
        (count.count, count.bytes) = (count.count + 1, count.bytes + bytes);
    }

    /// Removes a file, if it may go.
    fn remove(&mut self, sort: Sort, path: &Path) -> Outcome<()> {
        let bytes = path.symlink_metadata().map_or(0, |there| there.len());
        self.count(sort, bytes);
        if self.report.files.len() < MOST_LISTED {
            let shown = path.strip_prefix(self.folders.root()).unwrap_or(path);
            self.report.files.push(shown.display().to_string());
        }
        match self.arguments.dry_run {
            true => Ok(()),
            false => writ_durable::remove(path).map_err(UpkeepError::io(path)),
        }
    }

    /// Whether a file has been there longer than the grace that the command line gives.
    fn is_old(&self, path: &Path) -> bool {
        let modified = path.symlink_metadata().and_then(|there| there.modified());
        let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        age.is_some_and(|age| age >= self.arguments.grace)
    }

    fn grace_millis(&self) -> i64 {
        i64::try_from(self.arguments.grace.as_millis()).unwrap_or(i64::MAX)
    }

    /// What is in the database, in one transaction: it is on the disk before any file goes.
    fn rows(&mut self, connection: &dyn Connection) -> Outcome<()> {
        let sort = if self.arguments.dry_run { Begin::Reading } else { Begin::Writing };
        let transaction = connection.transaction(sort)?;
        let mut sites: BTreeSet<SiteId> = retention::sites(&*transaction)?.into_iter().collect();
        sites.extend(self.directory.sites().map(|(site, _)| site.clone()));
        for site in sites {
            let kept = content::logs_kept(self.folders, self.directory, &site);
            if let Ok(millis) = kept {
                self.batches(&*transaction, &site, millis)?;
                self.notices(&*transaction, &site, millis)?;
            }
            let (logs_seconds, why) = (kept.as_ref().ok().map(|millis| millis / 1000), kept.err());
            self.report.kept.push(Kept { site, logs_seconds, why });
        }
        self.heartbeats(&*transaction)?;
        crash_point!("gc-staged");
        if !self.arguments.dry_run {
            transaction.commit()?;
        }
        crash_point!("gc-committed");
        Ok(())
    }

    fn batches(&mut self, connection: &dyn Connection, site: &SiteId, kept: i64) -> Outcome<()> {
        let before = self.now.plus_millis(-kept);
        let batches = retention::batches(connection, site)?;
        if !self.arguments.dry_run {
            retention::set(connection, site, before, kept)?;
        }
        for batch in expired(&batches, before) {
            self.count(Sort::LogBatch, batch.bytes);
            if self.arguments.dry_run {
                let path = self.folders.log_batch(site, &batch.digest);
                let shown = path.strip_prefix(self.folders.root()).unwrap_or(&path).display().to_string();
                self.report.files.push(shown);
            } else {
                retention::remove(connection, site, batch, self.now)?;
            }
        }
        Ok(())
    }

    /// Files of batches that the database has let go, now or in a run that was killed.
    fn gone_batches(&mut self) -> Outcome<()> {
        if self.arguments.dry_run {
            return Ok(());
        }
        let connection = self.place.open_to_read()?;
        let folder = self.folders.log_batches();
        // Once a folder, not once a file. One that comes back in a power cut before goes in the next run.
        let mut touched = BTreeSet::new();
        for relative in files_below(&folder)? {
            let parsed = relative.iter().next().and_then(|site| site.to_str()?.parse::<SiteId>().ok());
            let hex = relative.file_name().and_then(|name| name.to_str()?.strip_suffix(".jsonl.gz"));
            let digest = hex.and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
            let Some((site, digest)) = parsed.zip(digest) else { continue };
            if let (false, true) = retention::known(&*connection, &site, &digest)? {
                let path = folder.join(&relative);
                // Counted when its row went.
                match std::fs::remove_file(&path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(UpkeepError::io(&path)(e)),
                    _ => touched.extend(path.parent().map(Path::to_owned)),
                }
                if self.report.files.len() < MOST_LISTED {
                    self.report.files.push(format!("logs/{}", relative.display()));
                }
            }
        }
        touched.iter().try_for_each(|folder| writ_durable::sync_directory(folder).map_err(UpkeepError::io(folder)))
    }

    fn notices(&mut self, connection: &dyn Connection, site: &SiteId, kept: i64) -> Outcome<()> {
        let before = self.now.plus_millis(-kept).unix_millis();
        self.old_rows(connection, Sort::Notice, "notices WHERE site = ?1 AND received_at < ?2", site, before)
    }

    /// Heartbeats of keys that no appliance of a newest release has.
    fn heartbeats(&mut self, connection: &dyn Connection) -> Outcome<()> {
        let sql = "SELECT site, public_key, at, length(envelope) FROM heartbeats";
        let before = self.now.unix_millis().saturating_sub(self.grace_millis());
        for mut row in connection.rows(sql, &[])? {
            let (site, key): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let (at, bytes): (i64, i64) = (row.get(2)?, row.get(3)?);
            let Ok(site_id) = site.parse::<SiteId>() else { continue };
            let published = self.directory.site(&site_id);
            let has = |release: &writ_trust::release::Release| {
                release.generations.values().any(|g| g.public_key.ed25519()[..] == key[..])
            };
            if at < before && published.active().is_some_and(|active| !has(&active.release)) {
                self.count(Sort::Heartbeat, store::from_sql(bytes));
                if !self.arguments.dry_run {
                    let sql = "DELETE FROM heartbeats WHERE site = ? AND public_key = ?";
                    connection.execute(sql, values![site.as_str(), &key])?;
                }
            }
        }
        Ok(())
    }

    fn old_rows(
        &mut self,
        connection: &dyn Connection,
        sort: Sort,
        which: &str,
        site: &SiteId,
        before: i64,
    ) -> Outcome<()> {
        let sql = format!("SELECT count(*), coalesce(sum(length(envelope)), 0) FROM {which}");
        let mut row = connection.one(&sql, values![site.as_str(), before])?;
        let (count, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        if count > 0 {
            let total = self.report.removed.entry(sort).or_default();
            total.count += store::from_sql(count);
            total.bytes += store::from_sql(bytes);
            if !self.arguments.dry_run {
                connection.execute(&format!("DELETE FROM {which}"), values![site.as_str(), before])?;
            }
        }
        Ok(())
    }

    /// Documents that no release names; those of every release that was ever active stay.
    fn documents(&mut self) -> Outcome<()> {
        let named: BTreeSet<PathBuf> =
            content::documents(self.directory).keys().map(|digest| self.folders.document(digest)).collect();
        let folder = self.folders.documents();
        for relative in files_below(&folder)? {
            let path = folder.join(&relative);
            let is_ours = relative.extension().is_some_and(|extension| extension == "json");
            if is_ours && !named.contains(&path) && self.is_old(&path) {
                self.remove(Sort::Document, &path)?;
            }
        }
        Ok(())
    }

    /// Narinfos, listings and NARs that no closure which is kept names.
    fn cache(&mut self) -> Outcome<()> {
        let mut parts: BTreeSet<String> = BTreeSet::new();
        let newest = self.arguments.keep_releases.map(|n| n as usize);
        let pending: BTreeSet<Digest> = self.pending();
        for closure in content::closures(self.directory, false, newest) {
            match content::paths_of(self.folders, &closure) {
                Some(paths) => parts.extend(paths.iter().map(|path| hash_part(&path.path).to_owned())),
                // What is pending may still come, and names what is here already.
                None if pending.contains(&closure) => {
                    self.report
                        .left
                        .push(format!("the cache: the closure {closure} of a pending release has not come yet"));
                    return Ok(());
                }
                None => {
                    self.report
                        .left
                        .push(format!("the cache: nobody knows what the closure {closure} names, which is not here"));
                    return Ok(());
                }
            }
        }
        let cache = self.folders.cache();
        let mut nars = BTreeSet::new();
        let mut unnamed = Vec::new();
        for relative in files_below(&cache)? {
            let Some(name) = relative.to_str() else { continue };
            let part = name.strip_suffix(".narinfo").or_else(|| name.strip_suffix(".ls"));
            let Some(part) = part else { continue };
            let path = cache.join(name);
            if parts.contains(part) || !self.is_old(&path) {
                nars.extend(nar_of(&path));
            } else {
                unnamed.push(path);
            }
        }
        // A narinfo goes before its NAR: what is named is there, at every instant.
        for path in unnamed {
            self.remove(Sort::Cache, &path)?;
        }
        crash_point!("gc-narinfos");
        let waiting = self.folders.waiting();
        for relative in files_below(&waiting)? {
            nars.extend(nar_of(&waiting.join(relative)));
        }
        for relative in files_below(&self.folders.nars())? {
            let path = self.folders.nars().join(&relative);
            if !relative.to_str().is_some_and(|name| nars.contains(name)) && self.is_old(&path) {
                self.remove(Sort::Cache, &path)?;
            }
        }
        Ok(())
    }

    fn pending(&self) -> BTreeSet<Digest> {
        let pending = self.directory.sites().filter_map(|(_, site)| site.pending.as_ref());
        let generations = pending.flat_map(|pending| pending.release.generations.values());
        generations.filter_map(|g| g.closure.as_ref().map(|closure| closure.digest)).collect()
    }

    fn temporaries(&mut self) -> Outcome<()> {
        for path in fsck::temporaries(self.folders.root())? {
            self.remove(Sort::Temporary, &path)?;
        }
        for version in 0..store::sqlite::CURRENT {
            let path = self.folders.root().join(format!("depot.sqlite.schema-{version}"));
            if path.exists() && self.is_old(&path) {
                self.remove(Sort::OldDatabase, &path)?;
            }
        }
        Ok(())
    }
}

/// The NAR that a narinfo names, by its one line; a file that is none names nothing.
fn nar_of(path: &Path) -> Option<String> {
    let bytes = writ_durable::read_bounded(path, usize::try_from(MAX_NARINFO).ok()?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let url = text.lines().find_map(|line| line.strip_prefix("URL: nar/"))?;
    Some(url.trim().to_owned())
}

/// The batches that ended and came before an instant, and whose next one began before it: an auditor who follows the chain back
/// from that one finds by its beginning that this one is past its retention. The next one is of the same key: what another
/// appliance has under that number says nothing of it.
fn expired(batches: &[Batch], before: Time) -> Vec<&Batch> {
    let mut next: BTreeMap<(&[u8], &str, u64), Option<Time>> = BTreeMap::new();
    for batch in batches {
        let latest = next.entry((&batch.key, &batch.source, batch.number)).or_default();
        *latest = (*latest).max(Some(batch.begins));
    }
    let has_old_next = |batch: &&Batch| {
        let begins = next.get(&(&batch.key[..], batch.source.as_str(), batch.number + 1)).copied().flatten();
        begins.is_some_and(|begins| begins < before)
    };
    let is_old = |batch: &&Batch| batch.ends < before && batch.received_at < before;
    batches.iter().filter(is_old).filter(has_old_next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_goes_when_it_and_the_beginning_of_the_next_are_old() {
        let at = Time::from_unix_millis;
        let batch = |number, begins, ends, received| Batch {
            key: vec![1],
            digest: Digest::of(&[number]),
            source: "access".into(),
            number: number.into(),
            begins: at(begins),
            ends: at(ends),
            bytes: 1,
            received_at: at(received),
        };
        let all = [batch(1, 0, 10, 11), batch(2, 10, 20, 21), batch(3, 20, 30, 31)];
        let gone = |before| expired(&all, at(before)).iter().map(|batch| batch.number).collect::<Vec<_>>();
        assert_eq!(gone(10), [0_u64; 0]);
        assert_eq!(gone(12), [1]);
        assert_eq!(gone(21), [1], "the second came in that moment");
        assert_eq!(gone(1000), [1, 2], "never the newest");
        let of_another = [batch(1, 0, 10, 11), Batch { key: vec![2], ..batch(2, 10, 20, 21) }];
        assert_eq!(expired(&of_another, at(1000)), Vec::<&Batch>::new(), "the newest of each key");
        let late = [batch(1, 0, 10, 500), batch(2, 10, 20, 21)];
        assert_eq!(expired(&late, at(100)), Vec::<&Batch>::new(), "it came late");
        let quiet = [batch(1, 0, 10, 11), batch(2, 200, 210, 211)];
        assert_eq!(expired(&quiet, at(100)), Vec::<&Batch>::new(), "the next one is the only word on when it ended");
    }
}
