//! What others say of when a log had come to what: timestamps by authorities and cosignatures of witnesses, as files beside it.
//!
//! `timestamps/<day>-<authority>.checkpoint` and `.tsr`: one of each day and authority, never replaced. The answer is written last,
//! so a checkpoint without one is what an interrupted write left. `cosignatures/<witness>-<seconds>.checkpoint`: the newest of each
//! witness, and of those before it one for every six hours.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use writ_durable::crash_point;
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::witness::CosignatureName;
use writ_trust::timestamp::{MAX_RESPONSE, TimestampName};
use writ_wire::timestamp::Timestamp;

use super::files::LogFileError;

/// The folder of timestamps.
pub const TIMESTAMPS: &str = "timestamps";
/// The folder of cosigned checkpoints.
pub const COSIGNATURES: &str = "cosignatures";
/// How far apart the cosigned checkpoints of one witness are that stay when it has made newer ones, in seconds: 6 h.
const KEPT_EVERY: u64 = 6 * 3600;

/// What became of something that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is stored now.
    Stored,
    /// One is here that says as much.
    Held,
}

/// The files of one log that say when.
#[derive(Debug, Clone)]
pub struct TimeFiles {
    folder: PathBuf,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> LogFileError {
    let path = path.to_owned();
    move |source| LogFileError::Io { path, source }
}

fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, LogFileError> {
    match writ_durable::read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(path)(e)),
    }
}

/// The names in a folder that end so, in order.
fn names<N: FromStr + Ord>(folder: &Path, ending: &str) -> Result<Vec<N>, LogFileError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(folder)(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed(folder))?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(ending)?.parse().ok()));
    }
    names.sort();
    Ok(names)
}

impl TimeFiles {
    /// Those in the folder of a log.
    pub fn new(log: PathBuf) -> Self {
        Self { folder: log }
    }

    fn timestamp(&self, name: &TimestampName, ending: &str) -> PathBuf {
        self.folder.join(TIMESTAMPS).join(format!("{name}.{ending}"))
    }

    fn cosignature(&self, name: &CosignatureName) -> PathBuf {
        self.folder.join(COSIGNATURES).join(format!("{name}.checkpoint"))
    }

    /// The timestamps, by day.
    pub fn timestamps(&self) -> Result<Vec<TimestampName>, LogFileError> {
        names(&self.folder.join(TIMESTAMPS), ".tsr")
    }

    /// A checkpoint and the authority's answer for it.
    pub fn read_timestamp(&self, name: &TimestampName) -> Result<Option<Timestamp>, LogFileError> {
        let Some(response) = read(&self.timestamp(name, "tsr"), MAX_RESPONSE)? else { return Ok(None) };
        let checkpoint = read(&self.timestamp(name, "checkpoint"), MAX_NOTE)?;
        Ok(Some(Timestamp::new(checkpoint.unwrap_or_default(), response)))
    }

    /// Stores a timestamp, unless there is one of that day by that authority. For one caller at a time.
    pub fn keep_timestamp(
        &self,
        name: &TimestampName,
        checkpoint: &[u8],
        response: &[u8],
    ) -> Result<Kept, LogFileError> {
        let (answer, covered) = (self.timestamp(name, "tsr"), self.timestamp(name, "checkpoint"));
        if answer.exists() {
            return Ok(Kept::Held);
        }
        let folder = self.folder.join(TIMESTAMPS);
        writ_durable::create_directories(&folder).map_err(failed(&folder))?;
        writ_durable::replace(&covered, checkpoint, 0o644).map_err(failed(&covered))?;
        crash_point!("timestamp-checkpoint");
        writ_durable::create(&answer, response, 0o644).map_err(failed(&answer))?;
        Ok(Kept::Stored)
    }

    /// The cosigned checkpoints: those of each witness by their time.
    pub fn cosignatures(&self) -> Result<Vec<CosignatureName>, LogFileError> {
        names(&self.folder.join(COSIGNATURES), ".checkpoint")
    }

    /// A cosigned checkpoint.
    pub fn read_cosignature(&self, name: &CosignatureName) -> Result<Option<Vec<u8>>, LogFileError> {
        read(&self.cosignature(name), MAX_NOTE)
    }

    /// Stores a cosigned checkpoint, unless one of the witness is as new. For one caller at a time.
    pub fn keep_cosignature(&self, name: &CosignatureName, note: &[u8]) -> Result<Kept, LogFileError> {
        let mut before = self.cosignatures()?;
        before.retain(|one| one.witness == name.witness);
        if before.last().is_some_and(|newest| newest.seconds >= name.seconds) {
            return Ok(Kept::Held);
        }
        let folder = self.folder.join(COSIGNATURES);
        writ_durable::create_directories(&folder).map_err(failed(&folder))?;
        let path = self.cosignature(name);
        writ_durable::replace(&path, note, 0o644).map_err(failed(&path))?;
        if let [.., older, newest] = before[..]
            && newest.seconds - older.seconds < KEPT_EVERY
        {
            let path = self.cosignature(&newest);
            writ_durable::remove(&path).map_err(failed(&path))?;
        }
        Ok(Kept::Stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_day_and_authority_is_kept_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let files = TimeFiles::new(dir.path().join("1"));
        let name: TimestampName = "20261128-0123456789abcdef".parse().unwrap();
        assert_eq!((files.timestamps().unwrap(), files.read_timestamp(&name).unwrap()), (vec![], None));
        assert_eq!(files.keep_timestamp(&name, b"note", b"answer").unwrap(), Kept::Stored);
        assert_eq!(files.keep_timestamp(&name, b"other", b"other").unwrap(), Kept::Held);
        assert_eq!(files.timestamps().unwrap(), [name]);
        assert_eq!(files.read_timestamp(&name).unwrap().unwrap(), Timestamp::new(b"note".to_vec(), b"answer".to_vec()));
    }

    #[test]
    fn of_a_witness_the_newest_is_kept_and_one_for_every_six_hours_before() {
        let dir = tempfile::tempdir().unwrap();
        let files = TimeFiles::new(dir.path().join("1"));
        let name = |witness, seconds| CosignatureName { witness: [witness; 4], seconds };
        for quarter in 0..20 * 4 {
            files.keep_cosignature(&name(1, quarter * 900), b"note").unwrap();
        }
        assert_eq!(files.keep_cosignature(&name(1, 60), b"older").unwrap(), Kept::Held);
        files.keep_cosignature(&name(2, 60), b"of another").unwrap();
        let kept: Vec<u64> = files.cosignatures().unwrap().iter().map(|name| name.seconds).collect();
        assert_eq!(kept, [0, 6 * 3600, 12 * 3600, 18 * 3600, 20 * 3600 - 900, 60]);
    }
}
