//! `/etc/writ/probe.toml`: where the spool is, and whom certificates may be from.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::asks;
use crate::config::{self, ConfigError};

/// Where the configuration is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/writ/probe.toml";

/// The configuration of writ-probe. It says nothing of what is looked at: the signed policy does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The spool that is shared with the enforcer: `asks/`, `looks/`.
    #[serde(default = "default_spool")]
    pub spool: PathBuf,
    /// State of our own: lock and status.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Authorities (PEM) that certificates may be from, instead of the public web's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
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

    /// What the enforcer asks for.
    pub fn asks(&self) -> PathBuf {
        self.spool.join(asks::FOLDER)
    }

    /// What we saw.
    pub fn looks(&self) -> PathBuf {
        self.spool.join(asks::LOOKS)
    }
}

fn default_spool() -> PathBuf {
    "/var/lib/writ/spool".into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/writ/probe".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_has_to_be_said_and_mistakes_are_named() {
        let config = read("").unwrap();
        assert_eq!(config.asks(), Path::new("/var/lib/writ/spool/asks"));
        assert_eq!(config.looks(), Path::new("/var/lib/writ/spool/looks"));
        for (text, says) in [("spol = \"/x\"\n", "spol"), ("ca_file = 1\n", "ca_file"), ("spool = [", "spool")] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        assert!(Config::read(Path::new("/nonexistent/probe.toml")).is_err(), "a file that was named must be there");
    }
}
