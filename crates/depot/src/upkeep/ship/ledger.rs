//! What is in the bucket, as it was read back: one record a day, durable before anything here is removed because of it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use writ_bucket::Content;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::day_archive;

use crate::upkeep::archive::Day;
use crate::upkeep::{Outcome, UpkeepError, files_below};

/// The schema of a record.
const SCHEMA: &str = "writ.depot-shipped.v1";
/// The largest record, in bytes.
const MOST: usize = 64 * 1024;

/// The schema of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Schema {
    /// `writ.depot-shipped.v1`
    #[default]
    #[serde(rename = "writ.depot-shipped.v1")]
    V1,
}

/// A day that is in the bucket, `writ.depot-shipped.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    /// Always `writ.depot-shipped.v1`.
    pub schema: Schema,
    /// The site.
    pub site: SiteId,
    /// The day in UTC.
    pub day: String,
    /// When it was read back.
    pub at: Time,
    /// The archive.
    pub archive: Object,
    /// The document about it.
    pub manifest: Object,
}

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its key, without the bucket's prefix.
    pub key: String,
    /// Its version; null where the server named none.
    pub version: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// Its MD5 in hexadecimal, which some servers say and no more.
    pub md5: String,
    /// Until when it was locked when it was read back.
    pub until: Time,
}

impl Object {
    /// What it holds.
    pub fn content(&self) -> Content {
        let mut md5 = [0; 16];
        for (at, byte) in md5.iter_mut().enumerate() {
            *byte = self.md5.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0);
        }
        Content { size: self.size, sha256: self.digest, md5 }
    }
}

/// The records of one bucket.
pub struct Ledger {
    folder: PathBuf,
}

impl Ledger {
    /// The ledger in a spool that belongs to one bucket: another's is refused.
    pub fn open(spool: &Path, target: &str) -> Outcome<Self> {
        let path = spool.join("target");
        writ_durable::create(&path, target.as_bytes(), 0o640).map_err(UpkeepError::io(&path))?;
        let there = writ_durable::read_bounded(&path, MOST).map_err(UpkeepError::io(&path))?;
        if there != target.as_bytes() {
            return Err(UpkeepError::Refused(format!(
                "--spool {}: what is noted there is of {}, and not of {target}: give another folder; what was sent to the other \
                 bucket stays there, and all of it is sent to this one",
                spool.display(),
                writ_trust::text::one_line(String::from_utf8_lossy(&there))
            )));
        }
        let folder = spool.join("ledger");
        writ_durable::create_directories(&folder).map_err(UpkeepError::io(&folder))?;
        Ok(Self { folder })
    }

    fn path(&self, site: &SiteId, day: &str) -> PathBuf {
        self.folder.join(site.as_str()).join(format!("{day}.json"))
    }

    /// Whether a day is in the bucket.
    pub fn has(&self, site: &SiteId, day: Day) -> bool {
        self.path(site, &day.to_string()).exists()
    }

    /// Notes that a day is in the bucket: from here on, also after a power cut.
    pub fn note(&self, shipped: &Shipped) -> Outcome<()> {
        let path = self.path(&shipped.site, &shipped.day);
        let write = || {
            writ_durable::create_directories(path.parent().unwrap_or(&self.folder))?;
            writ_durable::create(&path, &writ_trust::json::canonical(shipped), 0o640)
        };
        write().map(drop).map_err(UpkeepError::io(&path))
    }

    /// Every record, the oldest day first.
    pub fn all(&self) -> Outcome<Vec<Shipped>> {
        let mut all = Vec::new();
        for relative in files_below(&self.folder)? {
            let path = self.folder.join(&relative);
            if relative.extension().is_some_and(|extension| extension == "json") {
                all.push(self.read(&path)?);
            }
        }
        all.sort_by(|a, b| (&a.day, &a.site).cmp(&(&b.day, &b.site)));
        Ok(all)
    }

    fn read(&self, path: &Path) -> Outcome<Shipped> {
        let bytes = writ_durable::read_bounded(path, MOST).map_err(UpkeepError::io(path))?;
        let refused = |why: String| {
            UpkeepError::Refused(format!(
                "{}: not a record of {SCHEMA}: {why}; remove it, and the day is compared with the bucket anew",
                path.display()
            ))
        };
        let shipped: Shipped = writ_trust::json::parse(&bytes, MOST).map_err(|e| refused(e.to_string()))?;
        let keys = day_archive::keys(&shipped.site, &shipped.day);
        if keys.as_ref() != Some(&[shipped.archive.key.clone(), shipped.manifest.key.clone()]) {
            return Err(refused("its keys are not those of its day".to_owned()));
        }
        if self.path(&shipped.site, &shipped.day) != path {
            return Err(refused(format!("it is of {} {}", shipped.site, shipped.day)));
        }
        Ok(shipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(day: &str) -> Shipped {
        let site: SiteId = "clinic-001".parse().unwrap();
        let [archive, manifest] = day_archive::keys(&site, day).unwrap();
        let until = "2032-11-28T00:00:00Z".parse().unwrap();
        let md5 = "900150983cd24fb0d6963f7d28e17f72".to_owned();
        let object = |key| Object { key, version: None, size: 3, digest: Digest::of(b"abc"), md5: md5.clone(), until };
        let (archive, manifest) = (object(archive), object(manifest));
        let at = "2026-11-29T02:00:00Z".parse().unwrap();
        Shipped { schema: Schema::V1, site, day: day.to_owned(), at, archive, manifest }
    }

    #[test]
    fn a_record_is_read_as_it_was_noted_and_belongs_to_one_bucket() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path(), "s3://evidence/ at https://s3.example").unwrap();
        for day in ["2026-11-28", "2026-11-27"] {
            ledger.note(&shipped(day)).unwrap();
        }
        assert_eq!(ledger.all().unwrap(), [shipped("2026-11-27"), shipped("2026-11-28")]);
        assert!(ledger.has(&"clinic-001".parse().unwrap(), "2026-11-28".parse().unwrap()));
        assert!(!ledger.has(&"clinic-001".parse().unwrap(), "2026-11-26".parse().unwrap()));
        assert_eq!(shipped("2026-11-28").archive.content(), writ_bucket::digests(&mut &b"abc"[..]).unwrap());
        let other = Ledger::open(dir.path(), "s3://another/ at https://s3.example").err().unwrap().to_string();
        assert!(other.contains("s3://evidence/") && other.contains("give another folder"), "{other}");
    }

    #[test]
    fn a_damaged_record_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path(), "s3://evidence/").unwrap();
        ledger.note(&shipped("2026-11-28")).unwrap();
        let path = dir.path().join("ledger/clinic-001/2026-11-28.json");
        let whole = std::fs::read_to_string(&path).unwrap();
        for (from, into) in [
            ("{", ""),
            ("depot-shipped.v1", "depot-shipped.v2"),
            ("28.tar.gz", "27.tar.gz"),
            ("evidence/", "../evidence/"),
            ("2026-11-28\"", "2026-11-27\""),
            ("\"site\"", "\"more\":1,\"site\""),
        ] {
            std::fs::write(&path, whole.replacen(from, into, 1)).unwrap();
            let said = ledger.all().unwrap_err().to_string();
            assert!(said.contains("2026-11-28.json") && said.contains("remove it"), "{said}");
        }
        // One that is named for another day.
        std::fs::write(&path, &whole).unwrap();
        std::fs::rename(&path, dir.path().join("ledger/clinic-001/2026-11-01.json")).unwrap();
        assert!(ledger.all().unwrap_err().to_string().contains("it is of clinic-001 2026-11-28"));
    }
}
