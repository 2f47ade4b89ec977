//! `/etc/writ/logs.toml`: which logs there are, and where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use writ_trust::ids::LogSourceId;

use crate::config::{self, ConfigError};

/// Where the configuration is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/writ/logs.toml";
/// The most sources: each makes a batch every five minutes, and a depot takes no more of one appliance.
pub const MOST_SOURCES: usize = 16;
/// The most files of a source.
const MOST_FILES: usize = 64;
/// The most words of a journal filter.
const MOST_WORDS: usize = 64;

/// The configuration of writ-logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The spool: `logs/` is written.
    #[serde(default = "default_spool")]
    pub spool: PathBuf,
    /// Where reading ended, and how it went.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// The program that reads the journal; by default the first in the usual places.
    #[serde(default)]
    pub journalctl: Option<PathBuf>,
    /// The sources by name.
    #[serde(default)]
    pub sources: BTreeMap<LogSourceId, Source>,
}

/// One source: the journal or files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Entries of the journal.
    #[serde(default)]
    pub journal: Option<Filter>,
    /// Files, by their absolute paths, each read line by line and followed across rotation.
    #[serde(default)]
    pub files: Vec<PathBuf>,
}

/// Which entries of the journal: those that any of these words fits, or all where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Of these units (`_SYSTEMD_UNIT`).
    #[serde(default)]
    pub units: Vec<String>,
    /// Of programs that call themselves so (`SYSLOG_IDENTIFIER`).
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// That came this way: `audit`, `kernel`, `syslog`, `stdout` (`_TRANSPORT`).
    #[serde(default)]
    pub transports: Vec<String>,
}

impl Filter {
    /// As arguments of journalctl(1): matches of one field are alternatives, and so are groups between which `+` stands.
    pub fn matches(&self) -> Vec<String> {
        let fields = [
            ("_SYSTEMD_UNIT", &self.units),
            ("SYSLOG_IDENTIFIER", &self.identifiers),
            ("_TRANSPORT", &self.transports),
        ];
        let mut matches = Vec::new();
        for (field, words) in fields.into_iter().filter(|(_, words)| !words.is_empty()) {
            if !matches.is_empty() {
                matches.push("+".to_owned());
            }
            matches.extend(words.iter().map(|word| format!("{field}={word}")));
        }
        matches
    }

    fn words(&self) -> impl Iterator<Item = &String> {
        self.units.iter().chain(&self.identifiers).chain(&self.transports)
    }
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
        if self.sources.len() > MOST_SOURCES {
            return Err(format!("{} sources: at most {MOST_SOURCES}", self.sources.len()));
        }
        for (name, source) in &self.sources {
            source.validate().map_err(|why| format!("source {name}: {why}"))?;
        }
        Ok(())
    }

    /// Where the batches of a source lie.
    pub fn folder(&self, source: &LogSourceId) -> PathBuf {
        self.spool.join(super::FOLDER).join(source.as_str())
    }
}

impl Source {
    fn validate(&self) -> Result<(), String> {
        if self.journal.is_some() != self.files.is_empty() {
            return Err("give either `journal` or `files`".to_owned());
        }
        if self.files.len() > MOST_FILES {
            return Err(format!("{} files: at most {MOST_FILES}", self.files.len()));
        }
        if let Some(path) = self.files.iter().find(|path| !path.is_absolute() || path.file_name().is_none()) {
            return Err(format!("{}: expected an absolute path of a file", path.display()));
        }
        let Some(filter) = &self.journal else { return Ok(()) };
        let plain =
            |word: &&String| (1..=200).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if filter.words().count() > MOST_WORDS {
            return Err(format!("at most {MOST_WORDS} units, identifiers and transports"));
        }
        match filter.words().find(|word| !plain(word)) {
            Some(word) => Err(format!("{word:?} is no unit, identifier or transport")),
            None => Ok(()),
        }
    }
}

fn default_spool() -> PathBuf {
    "/var/lib/writ/spool".into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/writ/logs".into()
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
    fn sources_are_the_journal_or_files() {
        let config = read(
            "[sources.audit.journal]\nunits = [\"auditd.service\"]\ntransports = [\"audit\", \"kernel\"]\n\
             [sources.everything.journal]\n[sources.access]\nfiles = [\"/var/log/nginx/access.log\"]\n",
        )
        .unwrap();
        let of = |name: &str| config.sources[&name.parse().unwrap()].clone();
        let matches = of("audit").journal.unwrap().matches();
        assert_eq!(matches, ["_SYSTEMD_UNIT=auditd.service", "+", "_TRANSPORT=audit", "_TRANSPORT=kernel"]);
        assert!(of("everything").journal.unwrap().matches().is_empty());
        assert_eq!(config.folder(&"access".parse().unwrap()), Path::new("/var/lib/writ/spool/logs/access"));
    }

    #[test]
    fn mistakes_are_named() {
        let many: String = (0..17).map(|n| format!("[sources.source-{n}.journal]\n")).collect();
        for (text, says) in [
            ("spol = \"/x\"\n", "spol"),
            ("[sources.audit]\n", "either `journal` or `files`"),
            ("[sources.audit]\nfiles = [\"/a\"]\njournal = {}\n", "either `journal` or `files`"),
            ("[sources.audit]\nfiles = [\"a.log\"]\n", "absolute"),
            ("[sources.audit]\nfiles = [\"/\"]\n", "absolute"),
            ("[sources.audit.journal]\nunit = [\"a\"]\n", "unit"),
            ("[sources.audit.journal]\nunits = [\"a\\nb\"]\n", "no unit"),
            ("[sources.audit.journal]\nunits = [\"\"]\n", "no unit"),
            ("[sources.\"../x\".journal]\n", "log source name"),
            (&many, "at most 16"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        assert!(Config::read(Path::new("/nonexistent/logs.toml")).is_err());
    }
}
