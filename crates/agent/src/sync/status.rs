//! `status.json` in the state directory: how the courier is, for people and tests.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use writ_trust::json;
use writ_trust::time::Time;

use super::fetch::Progress;
use super::logs::LogsStatus;
use super::schedule::{Ending, Job};
use super::trouble::Trouble;
use writ_confine::Enforced;

/// Its file.
pub const FILE: &str = "status.json";

/// The largest status that is read back, in bytes.
pub const MAX_STATUS: usize = 64 * 1024;

/// What is read back of an earlier status.
#[derive(Deserialize)]
struct Before {
    jobs: BTreeMap<String, JobBefore>,
}

/// When a job last came to a good end.
#[derive(Deserialize)]
struct JobBefore {
    done_at: Option<Time>,
}

/// How one job is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct JobStatus {
    /// When it last came to a good end.
    pub done_at: Option<Time>,
    /// Failures since then.
    pub failures: u32,
    /// What is in its way; null when nothing is.
    pub problem: Option<String>,
    /// The rule that the depot broke, if that is in its way.
    pub rule: Option<&'static str>,
    /// What kind of thing is in its way, see [`Trouble::kind`]; null when nothing is.
    pub kind: Option<&'static str>,
}

/// How the courier is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// When this was written.
    pub at: Option<Time>,
    /// The process that wrote it.
    pub pid: u32,
    /// The depot.
    pub depot: String,
    /// How often it checks in, in seconds.
    pub checkin_seconds: u64,
    /// Why the enforcer does not vouch for this courier; null when it does.
    pub not_vouched: Option<String>,
    /// The newest release in the inbox, `<epoch>-<serial>`.
    pub release: Option<String>,
    /// The newest trust root.
    pub trust_version: u64,
    /// Entries of the site's log that were verified.
    pub log_size: u64,
    /// When the log's key last signed what was verified.
    pub log_fresh_at: Option<Time>,
    /// Bundles delivered, with proof, since the start.
    pub delivered: u64,
    /// Bundles in the outbox that were not.
    pub waiting: u64,
    /// Of these, how many the depot does not take.
    pub refused: u64,
    /// Bundles that could not be read when the last one was sent that could be.
    pub unreadable: u64,
    /// Up to which sequence the depot said to hold everything.
    pub held: Option<u64>,
    /// The depot's clock less ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// How far a closure that is being fetched has come.
    pub fetching: Option<Progress>,
    /// Notices that were not sent.
    pub notices_waiting: u64,
    /// How the logs are.
    pub logs: LogsStatus,
    /// Each job.
    pub jobs: BTreeMap<&'static str, JobStatus>,
    /// What keeps this process in its place.
    pub confined: Enforced,
    #[serde(skip)]
    changed: bool,
}

impl Status {
    /// Nothing was done yet.
    pub fn new(depot: &str) -> Self {
        let jobs = Job::ALL.iter().map(|job| (job.name(), JobStatus::default())).collect();
        Self { depot: depot.to_owned(), pid: std::process::id(), jobs, changed: true, ..Self::default() }
    }

    /// The same, and when each job last came to a good end before this start.
    pub fn after(depot: &str, state_dir: &Path) -> Self {
        let mut status = Self::new(depot);
        let before = writ_durable::read_bounded(&state_dir.join(FILE), MAX_STATUS).ok();
        // What cannot be read says nothing of what was.
        let before: Option<Before> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        for (job, before) in before.into_iter().flat_map(|before| before.jobs) {
            if let Some(job) = status.jobs.get_mut(job.as_str()) {
                job.done_at = before.done_at;
            }
        }
        status
    }

    /// Something is worth writing down.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// Takes note of how a job ended, and says it: a trouble when it is new, and then ever more rarely.
    pub fn ended(&mut self, job: Job, result: &Result<Ending, Trouble>, at: Time) {
        self.changed = true;
        let status = self.jobs.entry(job.name()).or_default();
        match result {
            Ok(_) => {
                if status.failures > 0 {
                    info!(job = job.name(), after = status.failures, "works again");
                }
                *status = JobStatus { done_at: Some(at), ..JobStatus::default() };
            }
            Err(trouble) => {
                let message = trouble.to_string();
                status.failures = status.failures.saturating_add(1);
                if status.problem.as_ref() != Some(&message) || status.failures.is_power_of_two() {
                    warn!(job = job.name(), failures = status.failures, "{message}");
                }
                (status.problem, status.rule, status.kind) = (Some(message), trouble.rule(), Some(trouble.kind()));
            }
        }
    }

    /// Writes it when something has changed.
    pub fn write(&mut self, state_dir: &Path, at: Time) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.at = Some(at);
        let path = state_dir.join(FILE);
        if let Err(e) = writ_durable::replace(&path, &json::canonical(self), 0o644) {
            warn!("{}: {e}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_does_not_forget_when_things_last_worked() {
        let dir = tempfile::tempdir().unwrap();
        let at: Time = "2026-11-27T05:00:00Z".parse().unwrap();
        let done = |status: &Status| status.jobs[Job::CheckIn.name()].done_at;
        let mut status = Status::after("https://depot.example", dir.path());
        assert_eq!(done(&status), None);
        status.ended(Job::CheckIn, &Ok(Ending::Done), at);
        status.ended(Job::Sync, &Err(Trouble::Waiting("w".into())), at);
        status.write(dir.path(), at);
        let status = Status::after("https://depot.example", dir.path());
        assert_eq!((done(&status), status.jobs[Job::Sync.name()].failures), (Some(at), 0));
        for damaged in ["", "[]", "{\"jobs\":{\"check-in\":{\"done_at\":7}}}"] {
            std::fs::write(dir.path().join(FILE), damaged).unwrap();
            assert_eq!(done(&Status::after("https://depot.example", dir.path())), None, "{damaged}");
        }
    }
}
