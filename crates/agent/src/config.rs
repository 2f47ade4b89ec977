//! `/etc/writ/enforce.toml`: who this appliance is and where its files are.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Span;

use crate::network::asks;
use crate::planner;
use crate::secrets::unseal::Keeping;
use crate::size::Size;

/// Where the configuration is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/writ/enforce.toml";
/// The largest configuration file, in bytes.
const MAX_CONFIG: usize = 64 * 1024;

/// The smallest outbox that makes sense.
const LEAST_BUDGET: Size = Size::mebibytes(1);

/// The configuration of one appliance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The site this appliance belongs to.
    pub site: SiteId,
    /// Its name within the site.
    pub appliance: ApplianceId,
    /// The folder that holds releases (`trust/`, `releases/<site>/`, `documents/`, `cache/`, `log/<site>/`, and from a courier
    /// also `receipts/` and `courier.pub`). All of it is hostile.
    pub releases: PathBuf,
    /// The first trust root, baked into the image.
    pub trust: PathBuf,
    /// The appliance's own secret key (a minisign file without passphrase, mode 0600).
    pub key: PathBuf,
    /// The appliance's key for secrets (an age identity, mode 0600); by default `secrets.key` beside its other key.
    #[serde(default)]
    pub secrets_key: Option<PathBuf>,
    /// The folder, in memory, where secrets are laid out as files for units, such as `/run/writ/secrets`; without it none are.
    /// Whatever else lies there is removed.
    #[serde(default)]
    pub secrets_out: Option<PathBuf>,
    /// State that must survive: floor, incidents, journal, running generation.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Where sealed bundles are put.
    #[serde(default = "default_outbox_dir")]
    pub outbox_dir: PathBuf,
    /// Where the heartbeat and the word for the courier's key are laid out; by default `presence` beside the outbox.
    #[serde(default)]
    pub presence_dir: Option<PathBuf>,
    /// How often the heartbeat is laid out.
    #[serde(default = "default_heartbeat")]
    pub heartbeat: Span,
    /// How long a bundle stays in the outbox at least after it was delivered, within the budget.
    #[serde(default = "default_keep_delivered")]
    pub keep_delivered: Span,
    /// How much the outbox may hold; by default what the policy says, and 512 MiB before there is one.
    #[serde(default)]
    pub outbox_budget: Option<Size>,
    /// How much of logs that were not sent may lie in the spool; the oldest are dropped beyond it.
    #[serde(default = "default_logs_budget")]
    pub logs_budget: Size,
    /// How often the ends of the chains of logs go into the evidence.
    #[serde(default = "default_anchor_logs")]
    pub anchor_logs: Span,
    /// The profile that names the running system.
    #[serde(default = "default_profile")]
    pub profile: PathBuf,
    /// The activation command within a system.
    #[serde(default = "default_activation")]
    pub activation: PathBuf,
    /// How a switch is started.
    #[serde(default)]
    pub switch_command: SwitchCommand,
    /// How long one run of the activation command may take.
    #[serde(default = "default_activation_timeout")]
    pub activation_timeout: Span,
    /// How long a new generation is on trial when this version cannot read its policy, and so not its own window.
    #[serde(default = "default_fallback_window")]
    pub fallback_window: Span,
    /// Where links for Nix's garbage collector are put; by default a folder of this appliance in Nix's own.
    #[serde(default)]
    pub gc_roots: Option<PathBuf>,
    /// How often the folder of releases is read again when nothing announces a change.
    #[serde(default = "default_poll")]
    pub poll_releases: Span,
    /// How long the answer of a planner is waited for. Whoever answers people within seconds is of use (the second tier
    /// answers within 2 to 5).
    #[serde(default = "default_plan_within")]
    pub plan_within: Span,
    /// The stretched break-glass code that `pause` asks for; without it `pause` is refused.
    #[serde(default)]
    pub pause_code_file: Option<PathBuf>,
    /// How this machine is booted, for releases that need that.
    #[serde(default)]
    pub boot: Boot,
}

/// How a machine is booted: `[boot]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Boot {
    /// Where the partition of the boot loader is mounted; found at `/efi`, `/boot` or `/boot/efi` by default.
    pub esp: Option<PathBuf>,
    /// The program that boots the machine, and its arguments.
    pub reboot: Vec<String>,
    /// Where `/run/booted-system`, `/proc` and the variables of the firmware are: `/`, or what stands for it in tests.
    pub root: PathBuf,
}

impl Default for Boot {
    fn default() -> Self {
        Self { esp: None, reboot: vec!["systemctl".into(), "reboot".into()], root: "/".into() }
    }
}

impl Boot {
    /// Whether nothing else is wished.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// How a switch is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchCommand {
    /// As a transient unit by systemd, outside the enforcer's sandbox.
    #[default]
    SystemdRun,
    /// As a detached child, for hosts without systemd.
    Process,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}; name another with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a configuration.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong and where, by line and column.
        message: String,
    },
}

/// Reads a configuration. Without a file where it `may_be`, everything is as it is by default.
pub(crate) fn load<T>(
    path: &Path,
    may_be: Option<&str>,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, ConfigError> {
    let bytes = match writ_durable::read_bounded(path, MAX_CONFIG) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound && may_be.is_some_and(|usual| path == Path::new(usual)) => {
            Vec::new()
        }
        Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    };
    parse(&bytes).map_err(|message| ConfigError::Malformed { path: path.to_owned(), message })
}

/// What the bytes of a configuration say.
pub(crate) fn from_toml<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
    toml::from_str(text).map_err(|e| e.to_string().trim().to_owned())
}

impl Config {
    /// Reads a configuration; unknown keys are errors, so that a misspelt one is not silently ignored.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        load(path, None, Self::parse)
    }

    /// Reads its bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config: Self = from_toml(bytes)?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), String> {
        if self.activation.is_absolute() || self.activation.components().any(|c| c.as_os_str() == "..") {
            return Err("activation is a path within a system, such as \"bin/switch-to-configuration\"".to_owned());
        }
        if self.poll_releases.millis() < 100 {
            return Err("poll_releases is at least \"100ms\"".to_owned());
        }
        if self.heartbeat.millis() < 100 {
            return Err("heartbeat is at least \"100ms\"".to_owned());
        }
        if !(100..=600_000).contains(&self.plan_within.millis()) {
            return Err("plan_within is at least \"100ms\" and at most \"10m\"".to_owned());
        }
        if self.outbox_budget.is_some_and(|budget| budget < LEAST_BUDGET) {
            return Err(format!("outbox_budget is at least \"{LEAST_BUDGET}\""));
        }
        if self.secrets_out.as_deref().is_some_and(|folder| !folder.is_absolute() || folder.parent().is_none()) {
            return Err("secrets_out is the path of a folder of its own, such as \"/run/writ/secrets\"".to_owned());
        }
        if self.boot.reboot.is_empty() {
            return Err("boot.reboot is a program with its arguments, such as [\"systemctl\", \"reboot\"]".to_owned());
        }
        Ok(())
    }

    /// Where secrets are kept, and the key that decrypts those of a policy.
    pub fn keeping(&self) -> Keeping {
        Keeping {
            identity: self.secrets_key.clone().unwrap_or_else(|| self.key.with_file_name("secrets.key")),
            by_hand: self.key.with_file_name("secrets"),
        }
    }

    /// Where the heartbeat and the word for the courier's key are laid out.
    pub fn presence_dir(&self) -> PathBuf {
        self.presence_dir.clone().unwrap_or_else(|| self.outbox_dir.with_file_name("presence"))
    }

    /// Where what is to be looked at over the network is laid out, beside the outbox.
    pub fn asks_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name(asks::FOLDER)
    }

    /// Where `writ-probe` puts what it saw, beside the outbox. All of it is hostile.
    pub fn looks_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name(asks::LOOKS)
    }

    /// Where planners are asked.
    pub fn plan_requests_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name(planner::FOLDER).join(planner::REQUESTS)
    }

    /// Where planners put their answers. All of it is hostile.
    pub fn plans_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name(planner::FOLDER).join(planner::PLANS)
    }

    /// Where what became of a plan is said.
    pub fn plan_verdicts_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name(planner::FOLDER).join(planner::VERDICTS)
    }

    /// Where requests of people on the machine are put (`pause`).
    pub fn requests_dir(&self) -> PathBuf {
        self.state_dir.join("requests")
    }

    /// Where notices are laid out: beside the outbox.
    pub fn notices_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name("notices")
    }

    /// Where batches of logs lie: beside the outbox. All of it is hostile.
    pub fn logs_dir(&self) -> PathBuf {
        self.outbox_dir.with_file_name(crate::logs::FOLDER)
    }

    /// Where tickets for people are put.
    pub fn tickets_dir(&self) -> PathBuf {
        self.state_dir.join("tickets")
    }

    /// Where the running generation's documents are kept.
    pub fn running_dir(&self) -> PathBuf {
        self.state_dir.join("running")
    }
}

fn default_state_dir() -> PathBuf {
    "/var/lib/writ/enforce".into()
}

fn default_outbox_dir() -> PathBuf {
    "/var/lib/writ/spool/outbox".into()
}

fn default_heartbeat() -> Span {
    "60s".parse().expect("a duration")
}

fn default_plan_within() -> Span {
    "5s".parse().expect("a duration")
}

fn default_keep_delivered() -> Span {
    "30d".parse().expect("a duration")
}

fn default_logs_budget() -> Size {
    Size::mebibytes(64)
}

fn default_anchor_logs() -> Span {
    "1h".parse().expect("a duration")
}

fn default_profile() -> PathBuf {
    "/nix/var/nix/profiles/system".into()
}

fn default_activation() -> PathBuf {
    "bin/switch-to-configuration".into()
}

fn default_activation_timeout() -> Span {
    crate::switch::request::ACTIVATION_TIMEOUT.parse().expect("a duration")
}

fn default_fallback_window() -> Span {
    crate::switch::request::fallback_window()
}

fn default_poll() -> Span {
    "60s".parse().expect("a duration")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path()).map_err(|e| e.to_string())
    }

    const LEAST: &str =
        "site = \"clinic-001\"\nappliance = \"front-desk\"\nreleases = \"/r\"\ntrust = \"/t\"\nkey = \"/k\"\n";

    #[test]
    fn the_least_configuration_has_sane_defaults() {
        let config = read(LEAST).unwrap();
        assert_eq!(config.state_dir, Path::new("/var/lib/writ/enforce"));
        assert_eq!(config.switch_command, SwitchCommand::SystemdRun);
        assert_eq!(config.poll_releases.seconds(), 60);
        assert_eq!(config.presence_dir(), Path::new("/var/lib/writ/spool/presence"));
        assert_eq!((config.heartbeat.seconds(), config.keep_delivered.as_str()), (60, "30d"));
        let other = read(&format!("{LEAST}outbox_dir = \"/o/outbox\"\noutbox_budget = \"64MiB\"\n")).unwrap();
        assert_eq!(other.presence_dir(), Path::new("/o/presence"));
        assert_eq!(other.outbox_budget, Some(Size::mebibytes(64)));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, says) in [
            ("", "site"),
            (&*format!("{LEAST}polll = 1\n"), "polll"),
            (&*format!("{LEAST}activation = \"/bin/sh\"\n"), "activation"),
            (&*format!("{LEAST}activation = \"../x\"\n"), "activation"),
            (&*format!("{LEAST}poll_releases = \"1ms\"\n"), "poll_releases"),
            (&*format!("{LEAST}heartbeat = \"1ms\"\n"), "heartbeat"),
            (&*format!("{LEAST}outbox_budget = \"64MB\"\n"), "64MB"),
            (&*format!("{LEAST}outbox_budget = \"64KiB\"\n"), "at least \"1MiB\""),
            (&*format!("{LEAST}keep_delivered = \"long\"\n"), "long"),
            (&*format!("{LEAST}plan_within = \"1h\"\n"), "plan_within"),
            (&*format!("{LEAST}switch_command = \"magic\"\n"), "magic"),
            (&*format!("{LEAST}secrets_out = \"secrets\"\n"), "secrets_out"),
            (&*format!("{LEAST}[boot]\nreboot = []\n"), "boot.reboot"),
            (&*format!("{LEAST}[boot]\npartition = \"/boot\"\n"), "partition"),
            ("site = \"Clinic 1\"\n", "site name"),
            ("site = ", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        assert!(Config::read(Path::new("/nonexistent")).unwrap_err().to_string().contains("--config"));
    }
}
