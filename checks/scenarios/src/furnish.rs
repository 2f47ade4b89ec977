//! What a well-kept clinic's machine has and a bare container lacks. A check that begins to be observed would fail in every
//! container otherwise, and the story would be about that.
//!
//! One file per family of probes, listed below. It lays down what an administrator, a timer or an installed program would
//! have left, in the form in which they leave it; what a container cannot have (a disk, firmware) is not made up.

mod accounts;
mod advisories;
mod backups;
mod jobs;
mod kernel_modules;
pub mod records;
mod scanner;
mod store;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use writ_trust::time::Time;
use writ_wire::record::{Facts, Record, RecordSchema};

use crate::container::Container;

/// Lengths of time, in milliseconds.
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What furnishes for one family of probes.
type Family = fn(&Container) -> Result<()>;

const FAMILIES: &[(&str, Family)] = &[
    ("accounts", accounts::furnish),
    ("advisories", advisories::furnish),
    ("backups", backups::furnish),
    ("kernel modules", kernel_modules::furnish),
    ("a scanner", scanner::furnish),
    ("a store", store::furnish),
    // Last: it forgives what has failed so far.
    ("jobs", jobs::furnish),
];

/// Furnishes a container that is up and in which nothing of ours runs yet.
pub fn furnish(container: &Container) -> Result<()> {
    for (name, family) in FAMILIES {
        family(container).with_context(|| format!("cannot furnish the container with {name}"))?;
    }
    Ok(())
}

/// Writes a file of root's inside, and the folders above it.
fn lay(container: &Container, inside: &str, mode: u32, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = container.path(inside);
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).with_context(|| path.display().to_string())
}

/// Starts units whose files were just laid down.
fn start(container: &Container, units: &[&str]) -> Result<()> {
    container.run("systemctl", &["daemon-reload"])?;
    let arguments: Vec<&str> = ["start"].iter().chain(units).copied().collect();
    container.run("systemctl", &arguments).map(drop)
}

/// Leaves the record of a job that ended well.
fn keep(container: &Container, name: &str, [began_at, ended_at]: [Time; 2], facts: Facts) -> Result<()> {
    let (schema, name, notes) = (RecordSchema::V1, name.to_owned(), Vec::new());
    let record = Record { schema, name, began_at, ended_at, ok: true, facts, notes };
    lay(container, &format!("/var/lib/writ/records/{}", record.file_name()), 0o600, record.canonical())
}

/// So many milliseconds ago.
fn ago(millis: i64) -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).plus_millis(-millis)
}
