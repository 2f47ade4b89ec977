//! What the archive of a day holds (`writ.depot-archive.v1`): the document beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::shape::document;

/// The largest such document, in bytes (256 MiB): about 200 for each file, of which a bundle has three.
pub const MAX_DAY_ARCHIVE: usize = 256 * 1024 * 1024;

/// An archive of what a site's logs took in on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayArchive {
    /// Always `writ.depot-archive.v1`.
    pub schema: DayArchiveSchema,
    /// The site.
    pub site: SiteId,
    /// The day in UTC, as in `2026-11-28`.
    pub day: String,
    /// The name of the archive's file.
    pub archive: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The parts of logs that are in it.
    pub logs: Vec<LogPart>,
    /// How many bundles are.
    pub bundles: u64,
    /// Every file in it, by path.
    pub files: BTreeMap<String, Digest>,
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPart {
    /// Which of the site's logs.
    pub number: u64,
    /// Its origin.
    pub origin: String,
    /// The first entry of the day.
    pub from: u64,
    /// The first entry after it.
    pub to: u64,
    /// How many entries the checkpoint covers that is in the archive.
    pub checkpoint: u64,
}

document!(DayArchive, DayArchiveSchema, DAY_ARCHIVE_SCHEMA, "writ.depot-archive.v1", MAX_DAY_ARCHIVE);

/// When a day begins, by its name; none where it is no day.
pub fn begins(day: &str) -> Option<Time> {
    // What is read again is written alike: other spellings are other names.
    let time: Time = format!("{day}T00:00:00Z").parse().ok()?;
    let digits = time.date_digits();
    (format!("{}-{}-{}", digits.get(..4)?, digits.get(4..6)?, digits.get(6..8)?) == day).then_some(time)
}

/// The keys of a day's archive and of the document about it, in a bucket: `evidence/{site}/{YYYY}/{MM}/{DD}.tar.gz` and
/// `.json`. None where the text is no day.
pub fn keys(site: &SiteId, day: &str) -> Option<[String; 2]> {
    begins(day)?;
    let at = format!("evidence/{site}/{}", day.replace('-', "/"));
    Some([format!("{at}.tar.gz"), format!("{at}.json")])
}

/// The day that such a key is of, if it is the document's.
pub fn day_of(site: &SiteId, key: &str) -> Option<String> {
    let rest = key.strip_prefix("evidence/")?.strip_prefix(site.as_str())?.strip_prefix('/')?;
    let day = rest.strip_suffix(".json")?.replace('/', "-");
    (keys(site, &day)?[1] == key).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_keys_and_they_their_day() {
        let site: SiteId = "clinic-001".parse().unwrap();
        let keys = keys(&site, "2026-11-28").unwrap();
        assert_eq!(keys, ["evidence/clinic-001/2026/11/28.tar.gz", "evidence/clinic-001/2026/11/28.json"]);
        assert_eq!(day_of(&site, &keys[1]).as_deref(), Some("2026-11-28"));
        for other in [
            keys[0].as_str(),
            "evidence/clinic-002/2026/11/28.json",
            "evidence/clinic-001/2026-11/28.json",
            "evidence/clinic-001/2026/11/31.json",
            "evidence/clinic-001/2026/11/28/x.json",
            "evidence/clinic-0012026/11/28.json",
            "",
        ] {
            assert_eq!(day_of(&site, other), None, "{other}");
        }
        for bad in ["", "2026-11-31", "20261128", "today", "2026-11-28T00:00:00Z", "-001-01-01", "2026-1-2"] {
            assert_eq!(super::keys(&site, bad), None, "{bad}");
        }
    }
}
