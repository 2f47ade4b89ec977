//! Reading the evidence that an appliance has laid in its outbox.

use std::collections::BTreeSet;
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
    listed(outbox)?.into_iter().map(|(sequence, file)| open(sequence, file)).collect()
}

/// The files of bundles, in order of sequence.
fn listed(outbox: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    let entries = match fs::read_dir(outbox) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(e) => return Err(e).with_context(|| outbox.display().to_string()),
    };
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(sequence) = name.strip_suffix(".json").and_then(|n| n.split('-').next()).and_then(|n| n.parse().ok())
        else {
            continue;
        };
        files.push((sequence, file));
    }
    files.sort();
    Ok(files)
}

fn open(sequence: u64, file: PathBuf) -> Result<Found> {
    let json = serde_json::from_slice(&fs::read(&file)?).with_context(|| file.display().to_string())?;
    Ok(Found { file, sequence, json })
}

/// Waits for the first bundle past `after` that `wanted` accepts. Each is read and asked about once: it does not change.
pub fn wait_for(
    outbox: &Path,
    after: u64,
    what: &str,
    limit: Duration,
    wanted: impl Fn(&Found) -> bool,
) -> Result<Found> {
    let mut seen = BTreeSet::new();
    run::wait(what, limit, || {
        for (sequence, file) in listed(outbox)? {
            if sequence <= after || !seen.insert(file.clone()) {
                continue;
            }
            let found = open(sequence, file)?;
            if wanted(&found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    })
}

/// The sequence of the newest bundle; 0 when there is none.
pub fn last_sequence(outbox: &Path) -> Result<u64> {
    Ok(listed(outbox)?.last().map_or(0, |(sequence, _)| *sequence))
}
