//! Waiting for the bundle that closes an incident, without sleeping: so as not to measure a sleep.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a heal may take before it is given up.
const LIMIT: Duration = Duration::from_secs(20);

/// An outbox, and which of its bundles were seen.
pub struct Closings {
    outbox: PathBuf,
    known: BTreeSet<String>,
}

impl Closings {
    /// Those that come from now on.
    pub fn from_now(outbox: PathBuf) -> Result<Self> {
        let mut closings = Self { outbox, known: BTreeSet::new() };
        closings.known = closings.names()?;
        Ok(closings)
    }

    /// Spins until the bundle is there that closes an incident of `check`.
    pub fn wait_for(&mut self, check: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            for name in self.names()? {
                if self.known.contains(&name) {
                    continue;
                }
                let bundle: serde_json::Value = serde_json::from_slice(&fs::read(self.outbox.join(&name))?)?;
                self.known.insert(name);
                if bundle["kind"] == "incident-closed" && bundle["incident"]["check"] == check {
                    return Ok(());
                }
            }
        }
        bail!("no bundle closes an incident of {check} within {} s", LIMIT.as_secs())
    }

    /// The bundles in it; one that is being written has another name.
    fn names(&self) -> Result<BTreeSet<String>> {
        let names =
            fs::read_dir(&self.outbox)?.filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned()));
        Ok(names.filter(|name| name.ends_with(".json") && !name.starts_with('.')).collect())
    }
}
