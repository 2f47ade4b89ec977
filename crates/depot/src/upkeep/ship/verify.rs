//! `writ-depot ship --verify`: what was sent is still in the bucket, whole and locked.

use serde::Serialize;
use writ_bucket::{Bucket, BucketError};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::day_archive::DayArchive;

use super::hold::{self, Finding};
use super::ledger::{Ledger, Object, Shipped};
use crate::upkeep::{Outcome, tell};

/// Which days are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest so many.
    Last(usize),
    /// All of them.
    All,
    /// So many, by chance.
    Sample(usize),
}

/// What came of it, `writ.depot-ship-verified.v1`.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    schema: &'static str,
    to: String,
    endpoint: String,
    at: Time,
    /// How many days are in the bucket by what is noted here.
    pub held: usize,
    /// What was looked at.
    pub days: Vec<Looked>,
    /// Whether all of it was read.
    downloaded: bool,
    /// What is not as it was.
    pub problems: Vec<Wrong>,
}

/// A day that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Looked {
    site: SiteId,
    day: String,
    key: String,
    mode: Option<String>,
    until: Option<Time>,
}

/// Something that is not as it was.
#[derive(Debug, Clone, Serialize)]
pub struct Wrong {
    site: SiteId,
    day: String,
    key: String,
    why: String,
}

/// Looks at days in the bucket; an outage ends it.
pub fn verify(bucket: &Bucket, ledger: &Ledger, which: Which, download: bool, at: Time) -> Outcome<Verified> {
    let all = ledger.all()?;
    let held = all.len();
    let mut verified = Verified {
        schema: "writ.depot-ship-verified.v1",
        to: bucket.address().to_string(),
        endpoint: bucket.endpoint().to_owned(),
        at,
        held,
        days: Vec::new(),
        downloaded: download,
        problems: Vec::new(),
    };
    for shipped in chosen(all, which, at) {
        if verified.day(bucket, &shipped, download) == Next::Stop {
            break;
        }
    }
    Ok(verified)
}

/// The days that are looked at, the newest first.
fn chosen(mut all: Vec<Shipped>, which: Which, at: Time) -> Vec<Shipped> {
    all.reverse();
    match which {
        Which::All => {}
        Which::Last(count) => all.truncate(count),
        Which::Sample(count) => {
            // By a number that nobody knew before this instant.
            let lot = |shipped: &Shipped| {
                Digest::of(format!("{} {} {}", at.unix_millis(), std::process::id(), shipped.archive.key).as_bytes())
            };
            all.sort_by_key(|shipped| *lot(shipped).as_bytes());
            all.truncate(count);
        }
    }
    all
}

#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

impl Verified {
    fn day(&mut self, bucket: &Bucket, shipped: &Shipped, download: bool) -> Next {
        for (object, is_archive) in [(&shipped.archive, true), (&shipped.manifest, false)] {
            let found = match one(bucket, object, download) {
                Ok(found) => found,
                Err(error) => {
                    let stop = error.is_outage();
                    self.wrong(shipped, object, error.to_string());
                    if stop {
                        return Next::Stop;
                    }
                    continue;
                }
            };
            found.wrong.iter().for_each(|why| self.wrong(shipped, object, why.clone()));
            if !is_archive && let Some(bytes) = &found.bytes {
                let named = DayArchive::parse(bytes).ok().map(|document| (document.digest, document.size));
                if named != Some((shipped.archive.digest, shipped.archive.size)) {
                    self.wrong(shipped, object, "it names another archive than the one that was sent".to_owned());
                }
            }
            if is_archive {
                let (mode, until) = found.lock.unzip();
                let (site, day, key) = (shipped.site.clone(), shipped.day.clone(), object.key.clone());
                self.days.push(Looked { site, day, key, mode, until });
            }
        }
        Next::GoOn
    }

    fn wrong(&mut self, shipped: &Shipped, object: &Object, why: String) {
        let (site, day, key) = (shipped.site.clone(), shipped.day.clone(), object.key.clone());
        self.problems.push(Wrong { site, day, key, why });
    }

    /// Tells it to people.
    pub fn show(&self) {
        for Looked { key, mode, until, .. } in &self.days {
            if let (Some(mode), Some(until)) = (mode, until) {
                let mark = if self.problems.iter().any(|wrong| wrong.key == *key) { "✗" } else { "✓" };
                tell::line(&format!("{mark} {}{key}: Mode {mode}, RetainUntilDate {until}", self.to));
            }
        }
        for Wrong { site, day, key, why } in &self.problems {
            tell::line(&format!("✗ {site} {day}: {}{key}: {why}", self.to));
        }
        let how = if self.downloaded { "read whole and compared" } else { "asked for" };
        tell::line(&format!("{} of {} archives {how}, {} problems", self.days.len(), self.held, self.problems.len()));
    }
}

struct Found {
    wrong: Vec<String>,
    lock: Option<(String, Time)>,
    /// What was read, where that is small enough to be the document about an archive.
    bytes: Option<Vec<u8>>,
}

/// The most that is kept of what is read.
const KEPT: u64 = 16 * 1024 * 1024;

fn one(bucket: &Bucket, object: &Object, download: bool) -> Result<Found, BucketError> {
    let (content, version) = (object.content(), object.version.as_deref());
    let stored = bucket.head(&object.key, version)?;
    let mut found = Found { wrong: Vec::new(), lock: None, bytes: None };
    found.lock = stored.as_ref().and_then(|stored| stored.lock.clone()).map(|lock| (lock.mode, lock.until));
    match hold::judge(stored.as_ref(), &content, object.until) {
        Finding::Held(_) | Finding::Unread(_) => {}
        Finding::Absent => {
            found.wrong.push("it is not there any more".to_owned());
            return Ok(found);
        }
        Finding::Other(why) => found.wrong.push(format!("it is something else: {why}")),
        Finding::Loose(why) => found.wrong.push(why),
    }
    if version.is_some() {
        // Locked and there, and yet nobody who asks for the key finds it.
        let newest = bucket.head(&object.key, None)?;
        if newest.and_then(|newest| newest.version).as_deref() != version {
            found.wrong.push(
                "something was written or deleted over it: what was sent is still there, as an older version"
                    .to_owned(),
            );
        }
    }
    if download {
        let (mut digests, mut bytes) = (writ_bucket::Digests::default(), Vec::new());
        let is_small = content.size <= KEPT;
        let there = bucket.get(&object.key, version, content.size, &mut |piece| {
            digests.update(piece);
            if is_small {
                bytes.extend_from_slice(piece);
            }
            Ok(())
        })?;
        let same = digests.content() == content || !there;
        if !there {
            found.wrong.push("it is named, and not given".to_owned());
        } else if !same {
            found.wrong.push("its bytes are not those that were sent".to_owned());
        } else if is_small {
            found.bytes = Some(bytes);
        }
    }
    Ok(found)
}
