//! The record (`writ.record.v1`): what a job (a backup, a restore that was tried, a scan) left of its last run, for whoever
//! looks later. It never leaves the machine, and holds neither a password nor, of a repository's address, what may hold one.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::shape::{document, nullable};

/// The largest record, in bytes (256 KiB).
pub const MAX_RECORD: usize = 256 * 1024;
/// The most entries of any list in a record.
pub const MOST_ENTRIES: usize = 200;
/// The longest line in a record, in characters.
pub const LONGEST_LINE: usize = 500;

/// What a job left of its last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Always `writ.record.v1`.
    pub schema: RecordSchema,
    /// Which job of its kind: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// When the run began.
    pub began_at: Time,
    /// When it ended.
    pub ended_at: Time,
    /// Whether it ended well.
    pub ok: bool,
    /// What it found.
    pub facts: Facts,
    /// What it said that people may want to know, one line each.
    pub notes: Vec<String>,
}

document!(Record, RecordSchema, RECORD_SCHEMA, "writ.record.v1", MAX_RECORD);

/// What a job found, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Facts {
    /// What a restic repository holds.
    Restic(Repository),
    /// Whether a restic repository is whole.
    ResticCheck(Verified),
    /// What a borg repository holds.
    Borg(Repository),
    /// Whether a borg repository is whole.
    BorgCheck(Verified),
    /// A restore that was tried.
    RestoreTest(RestoreTest),
    /// A scan for malware.
    Scan(Scan),
    /// A verification of the Nix store.
    StoreVerify(StoreVerify),
}

impl Facts {
    /// The kind, as file names have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Restic(_) => "restic",
            Self::ResticCheck(_) => "restic-check",
            Self::Borg(_) => "borg",
            Self::BorgCheck(_) => "borg-check",
            Self::RestoreTest(_) => "restore-test",
            Self::Scan(_) => "scan",
            Self::StoreVerify(_) => "store-verify",
        }
    }
}

/// What a repository of backups holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Whether it could be read. When it could not, nothing else is known of it.
    pub reachable: bool,
    /// Its snapshots, summed up: all of them first, then those of each tag. None where there is no snapshot.
    pub groups: Vec<Group>,
    /// Whether a lock is held by nobody who still works; null when that is not known.
    #[serde(deserialize_with = "nullable")]
    pub locked: Option<bool>,
}

/// Snapshots of a repository, summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Their tag; null for all snapshots.
    #[serde(deserialize_with = "nullable")]
    pub tag: Option<String>,
    /// How many there are, at least one.
    pub count: u64,
    /// When the newest was made.
    pub newest_at: Time,
    /// When the oldest was made.
    pub oldest_at: Time,
    /// Which one is the newest.
    pub newest: String,
    /// What the newest restores to, in bytes; null when that was not asked.
    #[serde(deserialize_with = "nullable")]
    pub size_bytes: Option<u64>,
}

/// Whether a repository is whole, as the last verification that came to an end found it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// What it found; null before the first that came to an end.
    #[serde(deserialize_with = "nullable")]
    pub whole: Option<bool>,
    /// When it ended; likewise null.
    #[serde(deserialize_with = "nullable")]
    pub at: Option<Time>,
}

/// A restore that was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreTest {
    /// When the backup was made that was restored from; null when none was found.
    #[serde(deserialize_with = "nullable")]
    pub backup_at: Option<Time>,
    /// Which files were chosen: those whose SHA-256 of this text and their path is lowest.
    pub seed: String,
    /// How many were chosen.
    pub sampled: u64,
    /// How many of them were restored and compared.
    pub compared: u64,
    /// How many of those were not what they had been.
    pub mismatched: u64,
    /// How many could not be restored.
    pub missing: u64,
    /// How many had changed since, and nothing says what they were.
    pub changed_since: u64,
    /// Tries in a row that failed, this one included; 0 after one that succeeded.
    pub failures: u64,
    /// The files that were not what they had been, or could not be restored.
    pub files: Vec<String>,
}

/// A scan for malware.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// Whether it looked at everything it was to look at.
    pub complete: bool,
    /// How many files it found infected.
    pub infected: u64,
    /// Where the first of them lie.
    pub files: Vec<String>,
    /// What was found last, and where; null when nothing was.
    #[serde(deserialize_with = "nullable")]
    pub last_detection: Option<String>,
    /// When a scan that looked at everything last ended; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub complete_at: Option<Time>,
    /// How long that one took, in seconds; likewise null.
    #[serde(deserialize_with = "nullable")]
    pub complete_seconds: Option<u64>,
}

/// A verification of the Nix store, as the last that came to an end found it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreVerify {
    /// When it ended; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub at: Option<Time>,
    /// Paths that were not what the database says; likewise null.
    #[serde(deserialize_with = "nullable")]
    pub corrupt: Option<u64>,
    /// Paths without a trusted signature that were not built here; likewise null.
    #[serde(deserialize_with = "nullable")]
    pub unsigned: Option<u64>,
}

/// Why a document of the right shape is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The name could lead elsewhere, or is none.
    #[error("its name is {0:?}; expected at most 64 letters, digits, '-', '_' and '.'")]
    Name(String),
    /// It is of another job than was asked for.
    #[error("it is the record {0:?}")]
    Other(String),
    /// Its times contradict one another.
    #[error("it ended at {ended}, before it began at {began}")]
    Backwards {
        /// When it began.
        began: Time,
        /// When it ended.
        ended: Time,
    },
    /// Something in it is of a time that has not come.
    #[error("it tells of {what} at {at}, which has not come: the clock was set back, or the record is not true")]
    ToCome {
        /// What.
        what: &'static str,
        /// When.
        at: Time,
    },
    /// Something in it cannot be.
    #[error("{0}")]
    Impossible(&'static str),
}

/// How far ahead of the clock a record's times may be, in milliseconds: the clock may just have been put right.
const AHEAD_MILLIS: i64 = 5_000;

impl Record {
    /// The file of the record of this kind and name.
    pub fn file_name_of(kind: &str, name: &str) -> String {
        format!("{kind}-{name}.json")
    }

    /// Its file.
    pub fn file_name(&self) -> String {
        Self::file_name_of(self.facts.kind(), &self.name)
    }

    /// The name of records of a repository, by its address as it was given: addresses may hold what must not be told.
    pub fn repository_name(address: &str) -> String {
        Digest::of(address.as_bytes()).hex()[..16].to_owned()
    }

    /// Whether a text can be a record's name.
    pub fn is_name(name: &str) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.bytes().all(plain)
    }

    /// Judges a record that was found where that of `kind` and `name` should be.
    pub fn judge(&self, kind: &str, name: &str, now: Time) -> Result<(), RecordError> {
        if !Self::is_name(&self.name) {
            return Err(RecordError::Name(one_line(&self.name)));
        }
        if (self.facts.kind(), self.name.as_str()) != (kind, name) {
            return Err(RecordError::Other(self.file_name()));
        }
        if self.ended_at < self.began_at {
            return Err(RecordError::Backwards { began: self.began_at, ended: self.ended_at });
        }
        self.judge_lists()?;
        for (what, at) in self.times() {
            if at.millis_since(now) > AHEAD_MILLIS {
                return Err(RecordError::ToCome { what, at });
            }
        }
        self.judge_numbers()
    }

    fn judge_lists(&self) -> Result<(), RecordError> {
        let files: &[String] = match &self.facts {
            Facts::RestoreTest(test) => &test.files,
            Facts::Scan(scan) => &scan.files,
            _ => &[],
        };
        let groups = match &self.facts {
            Facts::Restic(repository) | Facts::Borg(repository) => repository.groups.len(),
            _ => 0,
        };
        if self.notes.len() > MOST_ENTRIES || files.len() > MOST_ENTRIES || groups > MOST_ENTRIES {
            return Err(RecordError::Impossible("one of its lists is longer than 200 entries"));
        }
        Ok(())
    }

    fn judge_numbers(&self) -> Result<(), RecordError> {
        match &self.facts {
            Facts::Restic(Repository { groups, .. }) | Facts::Borg(Repository { groups, .. })
                if groups.iter().any(|group| group.count == 0 || group.newest_at < group.oldest_at) =>
            {
                return Err(RecordError::Impossible("it tells of snapshots that cannot be"));
            }
            Facts::RestoreTest(test) => {
                let told = test.compared.checked_add(test.missing).and_then(|n| n.checked_add(test.changed_since));
                if test.mismatched > test.compared || told.is_none_or(|told| told > test.sampled) {
                    return Err(RecordError::Impossible("it tells of more files than were chosen"));
                }
            }
            Facts::Scan(scan) if (scan.files.len() as u64) > scan.infected => {
                return Err(RecordError::Impossible("it tells of more infected files than were found"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Every time in it, and of what it is.
    fn times(&self) -> Vec<(&'static str, Time)> {
        let mut times = vec![("its end", self.ended_at)];
        match &self.facts {
            Facts::Restic(repository) | Facts::Borg(repository) => {
                times.extend(repository.groups.iter().map(|group| ("a snapshot", group.newest_at)));
            }
            Facts::ResticCheck(verified) | Facts::BorgCheck(verified) => {
                times.extend(verified.at.map(|at| ("a verification", at)));
            }
            Facts::RestoreTest(test) => times.extend(test.backup_at.map(|at| ("a backup", at))),
            Facts::Scan(scan) => times.extend(scan.complete_at.map(|at| ("a scan", at))),
            Facts::StoreVerify(store) => times.extend(store.at.map(|at| ("a verification", at))),
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn record(facts: Facts) -> Record {
        Record {
            schema: RecordSchema::V1,
            name: "records".into(),
            began_at: at("2026-11-23T12:00:00Z"),
            ended_at: at("2026-11-23T12:05:00Z"),
            ok: true,
            facts,
            notes: Vec::new(),
        }
    }

    fn group(newest_at: &str) -> Group {
        let (newest_at, oldest_at) = (at(newest_at), at("2026-11-01T00:00:00Z"));
        Group { tag: None, count: 2, newest_at, oldest_at, newest: "9cdfbd1f".into(), size_bytes: None }
    }

    #[test]
    fn a_record_is_of_the_job_that_is_asked_for_and_of_times_that_have_come() {
        let now = at("2026-11-23T12:06:00Z");
        let good = record(Facts::Restic(Repository {
            reachable: true,
            groups: vec![group("2026-11-23T02:00:00Z")],
            locked: None,
        }));
        assert_eq!(good.judge("restic", "records", now), Ok(()));
        assert_eq!(good.file_name(), "restic-records.json");
        assert!(matches!(good.judge("restic", "others", now), Err(RecordError::Other(_))));
        assert!(matches!(good.judge("borg", "records", now), Err(RecordError::Other(_))));
        assert!(matches!(good.judge("restic", "records", at("2026-11-23T12:00:00Z")), Err(RecordError::ToCome { .. })));
        let backwards = Record { ended_at: at("2026-11-23T11:59:59Z"), ..good.clone() };
        assert!(matches!(backwards.judge("restic", "records", now), Err(RecordError::Backwards { .. })));
        let tomorrow = record(Facts::Restic(Repository {
            reachable: true,
            groups: vec![group("2026-11-24T02:00:00Z")],
            locked: None,
        }));
        let said = tomorrow.judge("restic", "records", now).unwrap_err().to_string();
        assert!(said.contains("a snapshot at 2026-11-24T02:00:00Z, which has not come"), "{said}");
        let verified = Verified { whole: Some(true), at: Some(at("2030-01-01T00:00:00Z")) };
        assert!(record(Facts::BorgCheck(verified)).judge("borg-check", "records", now).is_err());
        for name in ["", "..", ".x", "a/b", "a b", "ü", &"x".repeat(65)] {
            assert!(matches!(
                Record { name: name.into(), ..good.clone() }.judge("restic", name, now),
                Err(RecordError::Name(_))
            ));
        }
    }

    #[test]
    fn what_cannot_be_is_no_record() {
        let now = at("2026-11-23T12:06:00Z");
        let test = RestoreTest { sampled: 50, compared: 50, ..RestoreTest::default() };
        let judged = |test: RestoreTest| record(Facts::RestoreTest(test)).judge("restore-test", "records", now);
        assert_eq!(judged(test.clone()), Ok(()));
        for bad in [
            RestoreTest { mismatched: 51, ..test.clone() },
            RestoreTest { missing: 1, ..test.clone() },
            RestoreTest { changed_since: u64::MAX, ..test.clone() },
            RestoreTest { files: vec![String::new(); 201], ..test.clone() },
        ] {
            assert!(matches!(judged(bad), Err(RecordError::Impossible(_))));
        }
        let empty = Group { count: 0, ..group("2026-11-23T02:00:00Z") };
        let none = Repository { reachable: true, groups: vec![empty], locked: None };
        assert!(record(Facts::Borg(none)).judge("borg", "records", now).is_err());
        let many = Record { notes: vec![String::new(); 201], ..record(Facts::StoreVerify(StoreVerify::default())) };
        assert!(many.judge("store-verify", "records", now).is_err());
    }

    #[test]
    fn an_address_is_not_told_by_the_name_that_it_gives() {
        let name = Record::repository_name("rest:https://user:secret@host/records");
        assert!(Record::is_name(&name) && name.len() == 16);
        assert_ne!(name, Record::repository_name("/var/backup/writ"));
    }
}
