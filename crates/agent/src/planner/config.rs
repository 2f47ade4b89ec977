//! `/etc/writ/planner.toml`: where the spool is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{FOLDER, PLANS, REQUESTS, VERDICTS};
use crate::config::{self, ConfigError};

/// Where the configuration is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/writ/planner.toml";

/// The configuration of writ-planner. It says nothing of what may be chosen: the signed policy does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The spool that is shared with the enforcer: `plan/`.
    #[serde(default = "default_spool")]
    pub spool: PathBuf,
    /// State of our own: lock and status.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
}

impl Config {
    /// Reads a configuration; unknown keys are errors, so that a misspelt one is not silently ignored. Without a file at
    /// [`DEFAULT_PATH`] everything is as it is by default.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::load(path, Some(DEFAULT_PATH), Self::parse)
    }

    /// Reads its bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        config::from_toml(bytes)
    }

    /// What is asked.
    pub fn requests(&self) -> PathBuf {
        self.spool.join(FOLDER).join(REQUESTS)
    }

    /// What we chose.
    pub fn plans(&self) -> PathBuf {
        self.spool.join(FOLDER).join(PLANS)
    }

    /// What became of it.
    pub fn verdicts(&self) -> PathBuf {
        self.spool.join(FOLDER).join(VERDICTS)
    }
}

fn default_spool() -> PathBuf {
    "/var/lib/writ/spool".into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/writ/planner".into()
}
