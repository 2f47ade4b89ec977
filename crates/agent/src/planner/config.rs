//! `/etc/writ/planner.toml`: where the spool is, and whether a model may be reached from here.

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
    /// How a model is reached that the signed policy names. Without it the process has no network, and asks none.
    #[serde(default)]
    pub model: Option<ModelConfig>,
}

/// How a model is reached. It says neither which nor where: the signed policy does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The folder of credentials, each a file by the name of its secret; without it the one that systemd hands over
    /// (`LoadCredential=`).
    #[serde(default)]
    pub credentials: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that may vouch for its name, instead of the public web's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The only TCP port that is connected to, beside that of name servers.
    #[serde(default = "default_port")]
    pub port: u16,
}

impl ModelConfig {
    /// The folder of credentials.
    pub fn credentials(&self) -> Option<PathBuf> {
        self.credentials.clone().or_else(|| std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from))
    }
}

impl Config {
    /// Reads a configuration; unknown keys are errors, so that a misspelt one is not silently ignored. Without a file at
    /// [`DEFAULT_PATH`] everything is as it is by default.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::load(path, Some(DEFAULT_PATH), Self::parse)
    }

    /// Reads its bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config: Self = config::from_toml(bytes)?;
        if config.model.as_ref().is_some_and(|model| model.port == 0) {
            return Err("port of [model] is from 1 to 65535".to_owned());
        }
        Ok(config)
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

fn default_port() -> u16 {
    443
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_section_no_model_is_reached() {
        let read = |text: &str| Config::parse(text.as_bytes());
        assert!(read("").unwrap().model.is_none());
        let model = read("[model]\n").unwrap().model.unwrap();
        assert_eq!((model.port, model.ca_file), (443, None));
        let model = read("[model]\ncredentials = \"/run/credentials/writ-planner.service\"\nport = 11434\n")
            .unwrap()
            .model
            .unwrap();
        assert_eq!((model.port, model.credentials()), (11434, Some("/run/credentials/writ-planner.service".into())));
        for (text, named) in [
            ("[model]\nurl = \"https://models.example\"\n", "url"),
            ("[model]\nport = 0\n", "port"),
            ("[model]\nport = 70000\n", "port"),
            ("[modle]\n", "modle"),
            ("model = true\n", "model"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(named), "{text}: {message}");
        }
    }
}
