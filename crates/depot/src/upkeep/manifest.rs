//! What a backup holds: `backup.json`, which is written last.

use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::fsck::stray::is_time;
use super::{Outcome, UpkeepError};

/// Its name in the folder of a backup.
pub const NAME: &str = "backup.json";
/// The largest, in bytes: about 220 for each file, so some ten million files.
const MOST: usize = 2 * 1024 * 1024 * 1024;
/// The folders of a data directory of which files are kept. Logs' files are made again from the database, but for those that
/// [`is_kept_of_logs`] names.
pub const KEPT: [&str; 4] = ["documents", "cache", "waiting", "logs"];
/// The folder of the logs.
pub const LOGS: &str = "log";

/// Whether a file of the logs, by its path in their folder, is in no database: a timestamp or a cosignature.
pub fn is_kept_of_logs(path: &str) -> bool {
    let mut parts = path.splitn(3, '/');
    let (Some(site), Some(number), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    site.parse::<SiteId>().is_ok() && number.parse::<u64>().is_ok_and(|n| n.to_string() == number) && is_time(rest)
}

/// The schema of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Schema {
    /// `writ.depot-backup.v1`
    #[default]
    #[serde(rename = "writ.depot-backup.v1")]
    V1,
}

/// An object of a backup: bytes by their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// How far a log had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogAt {
    /// The site.
    pub site: SiteId,
    /// Which of its logs.
    pub number: u64,
    /// How many entries it had.
    pub size: u64,
}

/// A file of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileAt {
    /// Its path below the data directory.
    pub path: String,
    /// Its bytes.
    pub object: Object,
}

/// What a backup holds, `writ.depot-backup.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `writ.depot-backup.v1`.
    pub schema: Schema,
    /// When it was begun, by the clock of the machine.
    pub made_at: Time,
    /// The database.
    pub database: Object,
    /// The schema of the database, as `PRAGMA user_version` says it.
    pub database_schema: i64,
    /// How far each log had come.
    pub logs: Vec<LogAt>,
    /// Every other file, by path.
    pub files: Vec<FileAt>,
}

impl Manifest {
    /// Reads the manifest of a backup; `None` when there is none.
    pub fn read(backup: &Path) -> Outcome<Option<Self>> {
        let path = backup.join(NAME);
        let bytes = match writ_durable::read_bounded(&path, MOST) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(UpkeepError::io(&path)(e)),
        };
        let refused =
            |why: String| UpkeepError::Refused(format!("{}: not the manifest of a backup: {why}", path.display()));
        let manifest: Self = writ_trust::json::parse(&bytes, MOST).map_err(|e| refused(e.to_string()))?;
        let bad = manifest.files.iter().find(|file| !is_within(&file.path));
        match bad {
            Some(file) => Err(refused(format!("{:?} is no path of a depot's files", file.path))),
            None => Ok(Some(manifest)),
        }
    }

    /// Writes it: from then on the backup is this one. One that could not be read again is refused, and the one before stays.
    pub fn write(&self, backup: &Path) -> Outcome<()> {
        let path = backup.join(NAME);
        let bytes = writ_trust::json::canonical(self);
        refuse_larger(&path, bytes.len(), self.files.len())?;
        writ_durable::replace(&path, &bytes, 0o640).map_err(UpkeepError::io(&path))
    }

    /// All of its objects.
    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        self.files.iter().map(|file| file.object).chain([self.database])
    }
}

fn refuse_larger(path: &Path, bytes: usize, files: usize) -> Outcome<()> {
    if bytes <= MOST {
        return Ok(());
    }
    Err(UpkeepError::Refused(format!(
        "{}: the list of {files} files would have {bytes} bytes, and {MOST} can be read again: the backup before this one stays as \
         it was; remove what nothing needs (`writ-depot gc`), or copy the data directory by a snapshot of its disk",
        path.display()
    )))
}

/// Where the bytes of a digest are in a backup.
pub fn object_path(backup: &Path, digest: &Digest) -> std::path::PathBuf {
    let hex = digest.hex();
    backup.join("objects").join(&hex[..2]).join(hex)
}

/// Whether a path stays within the folders that a backup keeps.
pub fn is_within(path: &str) -> bool {
    if let Some(rest) = path.strip_prefix(LOGS).and_then(|rest| rest.strip_prefix('/')) {
        return is_kept_of_logs(rest);
    }
    let mut parts = path.split('/');
    let kept = parts.next().is_some_and(|folder| KEPT.contains(&folder));
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.bytes().any(|byte| byte.is_ascii_control());
    let (mut deep, mut all_plain) = (false, true);
    for part in parts {
        (deep, all_plain) = (true, all_plain && plain(part));
    }
    kept && deep && all_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let path = Path::new("/mnt/backup/backup.json");
        assert!(refuse_larger(path, MOST, 1).is_ok());
        let refused = refuse_larger(path, MOST + 1, 12).unwrap_err();
        assert!(refused.code() == 1 && refused.to_string().contains("12 files"), "{refused}");
    }

    #[test]
    fn nothing_leads_out_of_the_data_directory() {
        for good in [
            "documents/a.json",
            "cache/nar/a.nar",
            "logs/clinic-001/ab/abc.jsonl.gz",
            "log/clinic-001/1/timestamps/20261128-0123456789abcdef.tsr",
        ] {
            assert!(is_within(good), "{good}");
        }
        for bad in [
            "",
            "documents",
            "documents/",
            "/etc/passwd",
            "documents/../lock",
            "../documents/a",
            "depot.sqlite",
            "log/a/1/tile",
            "log/clinic-001/../timestamps/20261128-0123456789abcdef.tsr",
            "log/clinic-001/1/timestamps/../checkpoint",
            "documents//a",
            "documents/./a",
            "documents/a\n",
            "lock",
        ] {
            assert!(!is_within(bad), "{bad:?}");
        }
    }
}
