//! Reading the evidence that an appliance has laid in its outbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run;

/// One bundle as it lies in the outbox.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its file.
    pub file: PathBuf,
    /// Its number in the chain.
    pub sequence: u64,
    /// Its contents.
    pub json: Value,
}

impl Found {
    /// A text field by its path of keys; empty when it is not there.
    pub fn text(&self, path: &[&str]) -> &str {
        path.iter().try_fold(&self.json, |value, key| value.get(key)).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Every bundle in the outbox, in order of sequence.
pub fn read(outbox: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(outbox) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(e) => return Err(e).with_context(|| outbox.display().to_string()),
    };
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(sequence) = name.strip_suffix(".json").and_then(|n| n.split('-').next()).and_then(|n| n.parse().ok())
        else {
            continue;
        };
        let json = serde_json::from_slice(&fs::read(&file)?).with_context(|| file.display().to_string())?;
        found.push(Found { file, sequence, json });
    }
    found.sort_by_key(|f| f.sequence);
    Ok(found)
}

/// Waits for the first bundle past `after` that `wanted` accepts.
pub fn wait_for(
    outbox: &Path,
    after: u64,
    what: &str,
    limit: Duration,
    wanted: impl Fn(&Found) -> bool,
) -> Result<Found> {
    run::wait(what, limit, || Ok(read(outbox)?.into_iter().find(|f| f.sequence > after && wanted(f))))
}

/// The sequence of the newest bundle; 0 when there is none.
pub fn last_sequence(outbox: &Path) -> Result<u64> {
    Ok(read(outbox)?.last().map_or(0, |f| f.sequence))
}
