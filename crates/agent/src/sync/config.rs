//! `/etc/writ/sync.toml`: whose courier this is, and which depot it carries to.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use writ_client::Settings;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Span;
use writ_wire::evidence_batch::MAX_BUNDLES;

use super::schedule::Rhythm;
use crate::config::{self, ConfigError};

/// Where the configuration is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/writ/sync.toml";
/// The shortest interval that makes sense, in milliseconds.
const SHORTEST: i64 = 100;

/// The configuration of one courier.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The site this appliance belongs to.
    pub site: SiteId,
    /// Its name within the site.
    pub appliance: ApplianceId,
    /// The depot: `https://host` or `https://host:port`.
    pub depot: String,
    /// The first trust root, baked into the image.
    pub trust: PathBuf,
    /// The spool that is shared with the enforcer: `inbox/`, `outbox/`, `notices/`, `logs/`, `presence/`.
    #[serde(default = "default_spool")]
    pub spool: PathBuf,
    /// State of our own: key, newest checkpoint, status.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Authorities (PEM) that may vouch for the depot's name, instead of the public web's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether the depot may be reached by plain HTTP beyond loopback.
    #[serde(default)]
    pub allow_http: bool,
    /// How often to check in.
    #[serde(default = "default_check_in")]
    pub checkin: Span,
    /// How often to pull when nothing tells of news.
    #[serde(default = "default_sync")]
    pub sync: Span,
    /// How many bundles are sent at once when there is no backlog.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// The Nix store, whose paths need not be fetched.
    #[serde(default = "default_store")]
    pub store: PathBuf,
}

impl Config {
    /// Reads a configuration; unknown keys are errors, so that a misspelt one is not silently ignored.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::load(path, None, Self::parse)
    }

    /// Reads its bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config: Self = config::from_toml(bytes)?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), String> {
        if self.checkin.millis() < SHORTEST || self.sync.millis() < SHORTEST {
            return Err(format!("checkin and sync are at least \"{SHORTEST}ms\""));
        }
        if !(1..=MAX_BUNDLES).contains(&self.batch) {
            return Err(format!("batch is from 1 to {MAX_BUNDLES}"));
        }
        Ok(())
    }

    /// How the depot is reached.
    pub fn settings(&self) -> Settings {
        Settings {
            ca_file: self.ca_file.clone(),
            allow_http: self.allow_http,
            user_agent: concat!("writ-sync/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Settings::new(&self.depot)
        }
    }

    /// How often things are done.
    pub fn rhythm(&self) -> Rhythm {
        Rhythm { check_in: self.checkin.millis().unsigned_abs(), sync: self.sync.millis().unsigned_abs() }
    }

    /// What we bring.
    pub fn inbox(&self) -> PathBuf {
        self.spool.join("inbox")
    }

    /// What the enforcer has to say.
    pub fn outbox(&self) -> PathBuf {
        self.spool.join("outbox")
    }

    /// What people are to be told.
    pub fn notices(&self) -> PathBuf {
        self.spool.join("notices")
    }

    /// Batches of logs.
    pub fn logs(&self) -> PathBuf {
        self.spool.join(crate::logs::FOLDER)
    }

    /// How the enforcer is, and that it vouches for us.
    pub fn presence(&self) -> PathBuf {
        self.spool.join("presence")
    }
}

fn default_spool() -> PathBuf {
    "/var/lib/writ/spool".into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/writ/sync".into()
}

fn default_check_in() -> Span {
    "60s".parse().expect("a duration")
}

fn default_sync() -> Span {
    "3600s".parse().expect("a duration")
}

fn default_batch() -> usize {
    10
}

fn default_store() -> PathBuf {
    "/nix/store".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "site = \"clinic-001\"\nappliance = \"front-desk\"\ndepot = \"https://depot.example\"\ntrust = \"/t\"\n";

    fn read(text: &str) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_least_configuration_has_sane_defaults() {
        let config = read(LEAST).unwrap();
        assert_eq!(config.rhythm(), Rhythm { check_in: 60_000, sync: 3_600_000 });
        assert_eq!((config.batch, config.allow_http), (10, false));
        assert_eq!(config.inbox(), Path::new("/var/lib/writ/spool/inbox"));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, says) in [
            ("", "site"),
            (&*format!("{LEAST}chekin = \"1m\"\n"), "chekin"),
            (&*format!("{LEAST}checkin = \"1ms\"\n"), "at least"),
            (&*format!("{LEAST}sync = \"often\"\n"), "duration"),
            (&*format!("{LEAST}batch = 0\n"), "from 1 to 100"),
            (&*format!("{LEAST}batch = 101\n"), "from 1 to 100"),
            (&*format!("{LEAST}allow_http = 1\n"), "allow_http"),
            ("site = \"Clinic 1\"\n", "site name"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
