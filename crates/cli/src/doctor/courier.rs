//! What the courier says of itself. It is an ordinary user whom nobody trusts: its file is read with bounds, and what it says
//! is never more than that.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use writ_agent::enforce::hostile;
use writ_agent::sync::config::Config;
use writ_agent::sync::status::FILE;
use writ_confine::Enforced;
use writ_trust::json;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::process;

/// The largest status that is read, in bytes.
const MAX_STATUS: usize = 64 * 1024;
/// The program.
const PROGRAM: &str = "writ-sync";
/// How much of what it says is repeated, in characters.
const MOST_WORDS: usize = 600;

/// The courier.
pub struct Courier {
    /// Its configuration.
    pub config: Config,
    /// What it says of itself.
    pub status: Result<Status, Silence>,
    /// Whether the process that it names runs.
    pub runs: bool,
}

/// Why it says nothing.
#[derive(Debug)]
pub enum Silence {
    /// It never wrote a status.
    Never,
    /// What it wrote cannot be used, for this reason.
    Unusable(String),
}

/// Its status, as far as it matters here; what is not there is not known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// When it was written.
    pub at: Option<Time>,
    /// The process that wrote it.
    pub pid: Option<u32>,
    /// Why the enforcer does not vouch for it.
    pub not_vouched: Option<String>,
    /// The newest release in the inbox.
    pub release: Option<String>,
    /// Bundles in the outbox that were not delivered.
    pub waiting: u64,
    /// Of these, how many the depot does not take.
    pub refused: u64,
    /// Bundles that could not be read.
    pub unreadable: u64,
    /// The depot's clock less ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Each job by name.
    pub jobs: BTreeMap<String, Job>,
    /// What keeps it in its place.
    pub confined: Option<Enforced>,
}

/// How one job is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    /// When it last came to a good end.
    pub done_at: Option<Time>,
    /// Failures since then.
    pub failures: u64,
    /// What is in its way.
    pub problem: Option<String>,
    /// The rule that the depot broke.
    pub rule: Option<String>,
    /// What kind of thing is in its way.
    pub kind: Option<String>,
}

impl Courier {
    /// Reads what it says.
    pub fn read(config: Config) -> Self {
        let status = read(&config.state_dir.join(FILE));
        let runs = status.as_ref().ok().and_then(|s| s.pid).is_some_and(|pid| process::runs(pid, PROGRAM));
        Self { config, status, runs }
    }

    /// When it last checked in; nothing when it never did, or says nothing.
    pub fn checked_in(&self) -> Option<Time> {
        self.status.as_ref().ok()?.jobs.get("check-in")?.done_at
    }

    /// The most failures in a row that any of its jobs has. One that waits for what others bring has none.
    pub fn failures(&self) -> u64 {
        let jobs = self.status.iter().flat_map(|status| status.jobs.values());
        jobs.filter(|job| job.kind.as_deref() != Some("waiting")).map(|job| job.failures).max().unwrap_or(0)
    }
}

/// Reads the status of somebody who is not trusted.
pub fn read(path: &Path) -> Result<Status, Silence> {
    let bytes = match hostile::read(path, MAX_STATUS) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Silence::Never),
        Err(e) => return Err(Silence::Unusable(e.to_string())),
    };
    parse(&bytes)
}

/// Reads its bytes.
pub fn parse(bytes: &[u8]) -> Result<Status, Silence> {
    let unusable = |e: &dyn std::fmt::Display| Silence::Unusable(said(&e.to_string()));
    // A list would be taken for a status by position.
    let object: serde_json::Map<String, Value> = json::parse(bytes, MAX_STATUS).map_err(|e| unusable(&e))?;
    serde_json::from_value(Value::Object(object)).map_err(|e| unusable(&e))
}

/// Words of somebody who is not trusted, fit for a terminal: one line of at most some hundred characters.
pub fn said(words: &str) -> String {
    let mut text: String = words.chars().take(MOST_WORDS).collect();
    if text.len() < words.len() {
        text.push('…');
    }
    escaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Result<Status, Silence> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("status.json"), bytes).unwrap();
        read(&dir.path().join("status.json"))
    }

    #[test]
    fn nothing_that_a_courier_writes_is_more_than_words() {
        assert!(of(br#"{"at":"2026-11-27T05:00:00Z","jobs":{"check-in":{"failures":3}},"novelty":1}"#).is_ok());
        for bad in [&b""[..], b"[]", b"{\"waiting\":-1}", b"{\"at\":\"yesterday\"}", &[b' '; MAX_STATUS + 1], b"\xff"] {
            assert!(matches!(of(bad), Err(Silence::Unusable(_))), "{bad:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("status.json");
        assert!(matches!(read(&at), Err(Silence::Never)));
        std::os::unix::fs::symlink("/etc/passwd", &at).unwrap();
        assert!(matches!(read(&at), Err(Silence::Unusable(_))), "a link is not followed");
        let painted = said(&format!("\u{1b}[31m{}\nroot: all is well", "x".repeat(5000)));
        assert!(painted.chars().count() < 700 && !painted.contains(['\u{1b}', '\n']), "{painted}");
    }
}
