//! `writ-planner` as a process of its own, on the spool of an appliance.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::binaries;

/// A running planner; ended when dropped.
pub struct Planner {
    child: Child,
    folder: PathBuf,
}

impl Planner {
    /// Starts it on a spool. `folder` is its own: configuration, state and what it says. `model` is what its configuration says of
    /// language models; empty for none.
    pub fn start(folder: &Path, spool: &Path, model: &str) -> Result<Self> {
        let (spool, state) = (spool.canonicalize()?, folder.join("state"));
        for folder in [&state, &spool.join("plan/requests"), &spool.join("plan/plans"), &spool.join("plan/verdicts")] {
            fs::create_dir_all(folder)?;
        }
        let configuration = folder.join("planner.toml");
        fs::write(&configuration, format!("spool = {spool:?}\nstate_dir = {:?}\n{model}", state.canonicalize()?))?;
        let log = fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new(binaries::folder()?.join("writ-planner"));
        command.arg("--config").arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // As much as it can be brought to say: what must not be there is searched for.
        let child = command.env("WRIT_LOG", "trace").spawn().context("cannot start writ-planner")?;
        Ok(Self { child, folder: folder.to_owned() })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Planner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
