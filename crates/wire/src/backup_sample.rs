//! The sample (`writ.backup-sample.v1`): what some files of a backup were when it was made. It lies in the backup itself, so
//! that a restore can be judged when those files have changed or are gone.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::shape::document;

/// The largest sample, in bytes (1 MiB).
pub const MAX_SAMPLE: usize = 1024 * 1024;

/// What some files were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSample {
    /// Always `writ.backup-sample.v1`.
    pub schema: BackupSampleSchema,
    /// When they were looked at.
    pub at: Time,
    /// The files, by path.
    pub files: Vec<SampledFile>,
}

document!(BackupSample, BackupSampleSchema, BACKUP_SAMPLE_SCHEMA, "writ.backup-sample.v1", MAX_SAMPLE);

/// What one file was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampledFile {
    /// Where it lies: an absolute path.
    pub path: String,
    /// The digest of what it held.
    pub digest: Digest,
    /// When it was last changed.
    pub modified_at: Time,
}
