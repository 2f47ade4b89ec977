//! The ledger: what was signed and published from here (`writ.ledger.v1`), kept where no release folder can take it back.
//!
//! One JSON file, fsynced on every change: `entries` of `{site, epoch, serial, digest, event, key, at}`. It answers two
//! questions that a folder of releases cannot answer about itself: has this number been given to other bytes, and has the
//! folder been set back? A signer's ledger stands beside the key, a publisher's beside the draft.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::document;
use writ_trust::ids::SiteId;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

use crate::failure::{Failure, Outcome};
use crate::files;

/// The schema of the ledger.
pub const SCHEMA: &str = "writ.ledger.v1";
/// The name of the file where no other is given.
pub const FILE: &str = "ledger.json";

/// What happened to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A key that this ledger belongs to signed it.
    Signed,
    /// It was put into a release folder.
    Published,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose release.
    pub site: SiteId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial.
    pub serial: Serial,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// What happened.
    pub event: Event,
    /// The id of the key that signed, for [`Event::Signed`].
    pub key: Option<String>,
    /// When.
    pub at: Time,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    schema: String,
    entries: Vec<Entry>,
}

/// A ledger, locked against other writers until dropped.
pub struct Ledger {
    path: PathBuf,
    entries: Vec<Entry>,
    _lock: File,
}

impl Ledger {
    /// Opens a ledger; a file that is not there is an empty one.
    pub fn open(path: &Path) -> Outcome<Self> {
        let failed = |e: std::io::Error| Failure::could_not("cannot use the ledger").at(path.display()).because(e);
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            files::make_directory(parent)?;
        }
        let lock = path.with_file_name(format!(".{}.lock", files::name_of(path)));
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock).map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let entries = match files::read_if_there(path, MAX_DOCUMENT, "the ledger")? {
            None => Vec::new(),
            Some(bytes) => {
                let document: Document = document::parse(&bytes, SCHEMA).map_err(|e| {
                    Failure::could_not("the ledger is damaged")
                        .at(path.display())
                        .because(e)
                        .next("restore it from its backup: without it, a number could be given twice")
                })?;
                document.entries
            }
        };
        Ok(Self { path: path.to_owned(), entries, _lock: lock })
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The newest entry of a site, optionally of one kind.
    pub fn newest(&self, site: &SiteId, event: Option<Event>) -> Option<&Entry> {
        let of_site = self.entries.iter().filter(|entry| entry.site == *site);
        of_site.filter(|entry| event.is_none_or(|event| entry.event == event)).max_by_key(|e| (e.epoch, e.serial))
    }

    /// Refuses bytes for a number that this ledger knows with other bytes.
    pub fn check(&self, site: &SiteId, (epoch, serial): (Epoch, Serial), digest: Digest) -> Outcome<()> {
        let same = |entry: &&Entry| entry.site == *site && (entry.epoch, entry.serial) == (epoch, serial);
        match self.entries.iter().filter(same).find(|entry| entry.digest != digest) {
            None => Ok(()),
            Some(known) => {
                Err(Failure::refused(format!("another release of {site} is numbered {epoch}-{serial} already"))
                    .at(self.path.display())
                    .because(format!("the ledger has {} since {}, this one is {digest}", known.digest, known.at))
                    .next(match self.newest(site, None).map(|entry| entry.serial.next()) {
                        Some(Ok(next)) => format!("draft again with --serial {next}"),
                        _ => "draft again with a higher --serial".to_owned(),
                    }))
            }
        }
    }

    /// Adds an entry, durably; one that is there already is not repeated.
    pub fn record(&mut self, entry: Entry) -> Outcome<()> {
        self.check(&entry.site, (entry.epoch, entry.serial), entry.digest)?;
        let same = |e: &Entry| Entry { at: entry.at, ..e.clone() } == entry;
        if self.entries.iter().any(same) {
            return Ok(());
        }
        self.entries.push(entry);
        let document = Document { schema: SCHEMA.to_owned(), entries: self.entries.clone() };
        files::replace(&self.path, &json::canonical(&document), 0o600, "the ledger")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(serial: u64, bytes: &[u8], event: Event) -> Entry {
        Entry {
            site: "clinic-001".parse().unwrap(),
            epoch: Epoch::FIRST,
            serial: Serial::new(serial).unwrap(),
            digest: Digest::of(bytes),
            event,
            key: None,
            at: Time::from_unix_millis(0),
        }
    }

    #[test]
    fn a_number_belongs_to_one_release() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.record(entry(1, b"one", Event::Signed)).unwrap();
        ledger.record(entry(1, b"one", Event::Signed)).unwrap();
        ledger.record(entry(1, b"one", Event::Published)).unwrap();
        ledger.record(entry(10, b"ten", Event::Signed)).unwrap();
        assert!(ledger.record(entry(1, b"other", Event::Signed)).is_err());
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.entries.len(), 3);
        let site = "clinic-001".parse().unwrap();
        assert_eq!(ledger.newest(&site, None).unwrap().serial.get(), 10);
        assert_eq!(ledger.newest(&site, Some(Event::Published)).unwrap().serial.get(), 1);
    }

    #[test]
    fn a_damaged_ledger_is_not_taken_for_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        for bad in ["", "{}", "{\"schema\":\"writ.ledger.v1\"}", "{\"schema\":\"writ.ledger.v2\",\"entries\":[]}"] {
            std::fs::write(&path, bad).unwrap();
            assert!(Ledger::open(&path).is_err(), "{bad}");
        }
    }
}
