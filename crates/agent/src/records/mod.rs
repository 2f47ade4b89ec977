//! Records (`writ.record.v1`): what `writ-record` leaves of jobs that take a network, a secret or hours, for probes that must
//! have none of them.
//!
//! The enforcer has no IP sockets and must not wait: it never asks a repository of backups anything. A unit of the machine's
//! own system does, by a timer, and leaves what it found in [`FOLDER`], where the probe reads it. One file per kind of job.

pub mod borg;
pub mod program;
pub mod repository;
pub mod restic;
pub mod restore;
pub mod sample;
pub mod scan;
pub mod store;

use std::io;
use std::path::Path;

use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::record::{Facts, LONGEST_LINE, MAX_RECORD, MOST_ENTRIES, Record, RecordSchema};

use crate::enforce::hostile;

/// Where records are, on an appliance.
pub const FOLDER: &str = "/var/lib/writ/records";

/// The record of this kind and name, judged; none when the job never ran.
///
/// # Errors
/// Why what stands there is no such record, in one line.
pub fn read(folder: &Path, kind: &str, name: &str, now: Time) -> Result<Option<(Record, Vec<u8>)>, String> {
    let path = folder.join(Record::file_name_of(kind, name));
    let told = |reason: String| format!("{}: {}", path.display(), one_line(reason));
    let bytes = match hostile::read(&path, MAX_RECORD) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(told(e.to_string())),
    };
    let record = Record::parse(&bytes).map_err(|e| told(e.to_string()))?;
    record.judge(kind, name, now).map_err(|e| told(e.to_string()))?;
    Ok(Some((record, bytes)))
}

/// Puts a record in the place of the one before.
///
/// # Errors
/// What the disk said.
pub fn keep(folder: &Path, record: &Record) -> io::Result<()> {
    writ_durable::create_directories(folder)?;
    writ_durable::replace(&folder.join(record.file_name()), &record.canonical(), 0o600)
}

/// A run of a job that is being told.
pub struct Run {
    /// When it began.
    pub began_at: Time,
    /// What people may want to know.
    pub notes: Vec<String>,
}

impl Run {
    /// A run that begins.
    pub fn begin(now: Time) -> Self {
        Self { began_at: now, notes: Vec::new() }
    }

    /// Notes something, within the bounds of a record.
    pub fn note(&mut self, line: impl Into<String>) {
        if self.notes.len() < MOST_ENTRIES {
            self.notes.push(bounded(&line.into()));
        }
    }

    /// Its record.
    pub fn end(self, name: &str, now: Time, ok: bool, facts: Facts) -> Record {
        // A clock that was set back meanwhile: it took no time.
        let ended_at = now.max(self.began_at);
        let (schema, began_at, notes) = (RecordSchema::V1, self.began_at, self.notes);
        Record { schema, name: name.to_owned(), began_at, ended_at, ok, facts, notes }
    }
}

/// What a program says of files, without their names, which may be those of patients: what stands in quotes, and before the
/// chunk that borg misses of `archive: path: New missing file chunk detected`.
pub fn without_names(line: &str) -> String {
    let line = match line.find("issing file chunk").map(|at| line[..at].rfind(": ")) {
        Some(Some(before)) => format!("…{}", &line[before..]),
        _ => line.to_owned(),
    };
    let quoted = |(number, part): (usize, &str)| if number % 2 == 1 { "…".to_owned() } else { part.to_owned() };
    // A quote within a name is written as \".
    let parts: Vec<String> = line.replace("\\\"", "").split('"').enumerate().map(quoted).collect();
    parts.join("\"")
}

/// A line as records hold it: in one line, and not longer than [`LONGEST_LINE`].
pub fn bounded(line: &str) -> String {
    one_line(line).chars().take(LONGEST_LINE).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use writ_wire::record::{StoreVerify, Verified};

    use super::*;

    fn now() -> Time {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_record_is_kept_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("records");
        assert_eq!(read(&folder, "store-verify", "store", now()), Ok(None));
        let mut run = Run::begin(now());
        for n in 0..300 {
            run.note(format!("line {n}\nand {}", "x".repeat(2000)));
        }
        let record = run.end("store", now().plus_millis(-1), true, Facts::StoreVerify(StoreVerify::default()));
        keep(&folder, &record).unwrap();
        let (back, bytes) = read(&folder, "store-verify", "store", now()).unwrap().unwrap();
        assert_eq!((&back, bytes), (&record, record.canonical()));
        assert_eq!((back.notes.len(), back.ended_at), (MOST_ENTRIES, now()));
        assert!(back.notes.iter().all(|note| note.chars().count() <= LONGEST_LINE && !note.contains('\n')));
    }

    #[test]
    fn complaints_are_told_without_names_of_files() {
        for (said, told) in [
            (
                r#"error for tree 6b86b273: file "smith \"j\".pdf" blob 0 not found"#,
                r#"error for tree 6b86b273: file "…" blob 0 not found"#,
            ),
            (
                "user-1: home/ann/smith: j.pdf: New missing file chunk detected (Byte 0-7, Chunk 6b86b273). Replacing with all-zero chunk.",
                "…: New missing file chunk detected (Byte 0-7, Chunk 6b86b273). Replacing with all-zero chunk.",
            ),
            ("Fatal: repository contains errors", "Fatal: repository contains errors"),
        ] {
            assert_eq!(without_names(said), told);
        }
    }

    #[test]
    fn what_is_no_record_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("restic-check-x.json");
        let good = Run::begin(now()).end("x", now(), true, Facts::ResticCheck(Verified::default()));
        let said = || read(dir.path(), "restic-check", "x", now()).unwrap_err();
        let with = |from: &str, to: &str| String::from_utf8(good.canonical()).unwrap().replace(from, to).into_bytes();
        for (bytes, reason) in [
            (vec![b' '; MAX_RECORD + 1], "larger than"),
            (vec![b'['; 10 << 20], "larger than"),
            (vec![b'['; 100_000], "nested deeper"),
            (b"\xff".to_vec(), "UTF-8"),
            (b"{}".to_vec(), "no \"schema\""),
            (with("\"ok\":true", "\"ok\":true,\"more\":1"), "more"),
            (with("\"notes\":[]", "\"notes\":{}"), "expected a sequence"),
            (with("\"name\":\"x\"", "\"name\":\"y\""), "it is the record \"restic-check-y.json\""),
            (with("\"name\":\"x\"", "\"name\":\"../x\""), "its name is"),
            (with("2026-11-23T12:00:00Z\",\"facts", "2026-11-23T11:00:00Z\",\"facts"), "before it began"),
            (with("2026-11-23", "2999-11-23"), "has not come"),
            (with("2026-11-23", "-026-11-23"), "-026"),
        ] {
            fs::write(&path, &bytes).unwrap();
            let told = said();
            assert!(told.contains(reason) && told.contains("restic-check-x.json"), "{reason}: {told}");
            assert!(!told.contains('\n') && told.len() < 1000, "{told}");
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        said();
    }
}
