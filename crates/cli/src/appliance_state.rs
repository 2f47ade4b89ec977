//! What an enforcer leaves in its state folder for others to read: `status.json`, and `posture.json` with the last runs.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_agent::enforce::hostile;
use writ_agent::enforce::incident::Phase;
use writ_agent::enforce::posture::{self, Book};
use writ_agent::watch::account::Standing;
use writ_confine::Enforced;
use writ_evidence::id::IncidentId;
use writ_policy::outcome::Outcome;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

/// The file with the status.
pub const STATUS: &str = "status.json";
/// The schema of a status that this version reads.
pub const STATUS_SCHEMA: &str = "writ.enforcer-status.v1";
/// The most bytes of each file: every check has a line in it, and every refusal.
const LARGEST: usize = 16 << 20;

/// `status.json`, as far as anybody here asks.
#[derive(Debug, Deserialize)]
pub struct Status {
    /// [`STATUS_SCHEMA`], or that of another version.
    pub schema: String,
    /// When it was written.
    pub at: Time,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The release that is obeyed, `epoch-serial`.
    pub release: Option<String>,
    /// The last outcome of each check.
    pub outcomes: BTreeMap<String, Outcome>,
    /// The incidents that are open.
    pub open_incidents: Vec<Incident>,
    /// Why nothing can be written.
    #[serde(default)]
    pub disk_trouble: Option<String>,
    /// The outbox.
    #[serde(default)]
    pub outbox: Outbox,
    /// Evidence that is not in the outbox yet.
    #[serde(default)]
    pub evidence: Evidence,
    /// Runbooks that run or wait.
    #[serde(default)]
    pub runbooks: Runbooks,
    /// A release that waits for a maintenance window.
    #[serde(default)]
    pub window: Option<Window>,
    /// What keeps the enforcer in its place; none where a version wrote this that knew nothing of it.
    #[serde(default)]
    pub confined: Option<Enforced>,
    /// How it stands with each source of events that something is wanted of.
    #[serde(default)]
    pub sources: BTreeMap<String, Standing>,
}

impl Status {
    /// What is found by polling alone although somebody could tell of it, with the reason: one line for each source.
    pub fn polled(&self) -> Vec<String> {
        let line = |(name, standing): (&String, &Standing)| match (&standing.polling, standing.missing) {
            (Some(why), _) => Some(format!("{name}: {why}")),
            (None, 0) => None,
            (None, missing) => {
                let why = standing.why.as_deref().unwrap_or("they cannot be watched");
                Some(format!("{missing} of {name}: {why}"))
            }
        };
        self.sources.iter().filter_map(line).collect()
    }
}

/// A release that waits for a maintenance window.
#[derive(Debug, Deserialize)]
pub struct Window {
    /// The release, `epoch-serial`.
    pub release: String,
    /// When the window opens, in words.
    pub opens: String,
}

/// Runbooks that run or wait for their turn, the first in line first.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Runbooks {
    /// Those that run.
    pub running: Vec<Asked>,
    /// Those that wait until others have ended.
    pub waiting: Vec<Asked>,
}

/// What a runbook runs for.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// The check.
    pub check: String,
    /// The rule.
    pub rule: String,
}

/// An incident that is open. `writ explain` prints it, without the phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub incident_id: IncidentId,
    /// The check that failed.
    pub check: String,
    /// Since when.
    pub detected_at: Time,
    /// Where it stands.
    #[serde(skip_serializing)]
    pub phase: Phase,
    /// How often something was tried.
    pub attempts: u64,
}

/// The outbox, as the enforcer last found it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Outbox {
    /// The room that everything takes, in bytes; unknown until it was gone through once.
    pub bytes: Option<u64>,
    /// Of that, what was not found delivered, in bytes.
    pub undelivered: Option<u64>,
    /// How much it may hold, in bytes.
    pub budget: Option<u64>,
    /// Above the budget, in bytes, with nothing left that may be removed.
    pub over_budget: u64,
}

/// Evidence on its way to the disk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Bundles that are not in the outbox yet.
    pub waiting: u64,
}

/// The status in a state folder, or why it cannot be read.
pub fn status(folder: &Path) -> io::Result<Status> {
    Ok(serde_json::from_slice(&hostile::read(&folder.join(STATUS), LARGEST)?)?)
}

/// The last run of each check, which is written less often than the status; none where it cannot be read.
pub fn book(folder: &Path) -> Option<Book> {
    let bytes = hostile::read(&folder.join(posture::FILE), LARGEST).ok()?;
    serde_json::from_slice(&bytes).ok().filter(|book: &Book| book.schema == posture::SCHEMA)
}
