//! `/etc/writ/planner.toml`: where the spool is.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{FOLDER, PLANS, REQUESTS, VERDICTS};
use crate::config::ConfigError;

/// Where the configuration is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/writ/planner.toml";
/// The largest configuration file, in bytes.
const MAX_CONFIG: usize = 64 * 1024;

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
        let bytes = match writ_durable::read_bounded(path, MAX_CONFIG) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound && path == Path::new(DEFAULT_PATH) => Vec::new(),
            Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        };
        Self::parse(&bytes).map_err(|message| ConfigError::Malformed { path: path.to_owned(), message })
    }

    /// Reads its bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
        toml::from_str(text).map_err(|e| e.to_string().trim().to_owned())
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
