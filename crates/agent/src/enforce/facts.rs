//! What the enforcer knows of itself, for the probe `writ`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use writ_evidence::chain::parse_file_name;
use writ_policy::declared::Severity;
use writ_trust::time::Time;

use super::engine::Engine;
use super::hostile;
use crate::probes::WritFacts;
use crate::sync::schedule::Job;
use crate::sync::status;

/// The largest status of a courier that is read.
const MAX_STATUS: usize = 64 * 1024;

impl Engine {
    /// Gathers what is so now.
    pub(super) fn facts(&self) -> WritFacts {
        let at = self.clock.now();
        let mut numbers = Vec::new();
        let mut know = |field: &'static str, number: Option<i64>| numbers.extend(number.map(|number| (field, number)));
        let left = |until: Time| until.millis_since(at).div_euclid(1000);
        let gone = |since: Time| (at.millis_since(since) / 1000).max(0);
        know("release_expires_in_seconds", self.running.as_ref().map(|r| left(r.generation.release.expires_at)));
        let chain = self.acceptor.chain(&mut Vec::new()).ok();
        know("root_expires_in_seconds", chain.map(|(chain, _)| left(chain.newest().expires_at)));
        know("log_checkpoint_age_seconds", self.state.log_heard_at.map(gone));
        know("outbox_used_percent", self.outbox_used_percent());
        know("undelivered_age_seconds", self.undelivered_age(at));
        know("overdue_incident_count", self.policy().map(|_| self.overdue(at)));
        let critical = self.state.incidents.values().filter(|incident| incident.severity == Severity::Critical);
        know("open_critical_count", i64::try_from(critical.count()).ok());
        let pauses = self.state.pauses.active.iter().filter(|pause| pause.in_force(at));
        let longest = pauses.map(|pause| pause.until.millis_since(pause.from) / 1000).max();
        know("longest_pause_seconds", Some(longest.unwrap_or(0)));
        know("key_age_seconds", modified(&self.config.key).map(gone));
        // Beside the enforcer's own folder, where units and images put it.
        let courier = Courier::read(&self.config.state_dir.with_file_name("sync").join(status::FILE));
        know("checkin_age_seconds", courier.done_at(Job::CheckIn).filter(|done| *done <= at).map(gone));
        know("sync_failure_count", courier.failures(Job::Sync));
        let pause_code_set = self.config.pause_code_file.as_ref().is_some_and(|file| file.is_file());
        WritFacts { numbers, pause_code_set }
    }

    /// Open incidents past the time that the site's SLA gives them.
    fn overdue(&self, at: Time) -> i64 {
        let Some(policy) = self.policy() else { return 0 };
        let late = self.state.incidents.values().filter(|incident| {
            let span = policy.settings.sla.get(&incident.severity);
            span.is_some_and(|span| incident.detected_at.plus(span) < at)
        });
        i64::try_from(late.count()).unwrap_or(i64::MAX)
    }

    /// How old the oldest bundle in the outbox is that was not found delivered; none where there is no log of the site, which
    /// alone proves delivery.
    fn undelivered_age(&self, at: Time) -> Option<i64> {
        if self.site_log.number == 0 {
            return None;
        }
        let sequence = |name: &String| Some(parse_file_name(name)?.0);
        let waiting = hostile::names(&self.config.outbox_dir).into_iter();
        let oldest = waiting
            .filter(|name| sequence(name).is_some_and(|number| !self.state.proven.contains("", number)))
            .min_by_key(sequence);
        let Some(oldest) = oldest else { return Some(0) };
        let written = modified(&self.config.outbox_dir.join(oldest))?;
        Some((at.millis_since(written) / 1000).max(0))
    }
}

/// When a file was last changed.
fn modified(path: &Path) -> Option<Time> {
    let since: SystemTime = path.metadata().ok()?.modified().ok()?;
    let millis = since.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Time::from_unix_millis(i64::try_from(millis).ok()?))
}

/// What a courier says of its jobs. It is repeated as its word.
#[derive(Debug, Default, Deserialize)]
struct Courier {
    jobs: BTreeMap<String, JobSaid>,
}

#[derive(Debug, Deserialize)]
struct JobSaid {
    done_at: Option<Time>,
    failures: u32,
}

impl Courier {
    fn read(path: &Path) -> Self {
        let bytes = hostile::read(path, MAX_STATUS).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn done_at(&self, job: Job) -> Option<Time> {
        self.jobs.get(job.name())?.done_at
    }

    fn failures(&self, job: Job) -> Option<i64> {
        Some(i64::from(self.jobs.get(job.name())?.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_courier_says_is_read_with_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(status::FILE);
        let good = br#"{"at":null,"jobs":{"check-in":{"done_at":"2026-11-27T12:00:00Z","failures":0,"problem":null},"sync":{"done_at":null,"failures":4}}}"#;
        std::fs::write(&path, good).unwrap();
        let said = Courier::read(&path);
        assert_eq!(said.done_at(Job::CheckIn), Some("2026-11-27T12:00:00Z".parse().unwrap()));
        assert_eq!((said.failures(Job::Sync), said.failures(Job::Fetch)), (Some(4), None));
        for bad in [
            &b""[..],
            b"{}",
            br#"{"jobs":{"sync":{"done_at":1,"failures":-1}}}"#,
            &[b'['; MAX_STATUS],
            &[b' '; MAX_STATUS + 1],
        ] {
            std::fs::write(&path, bad).unwrap();
            assert!(Courier::read(&path).jobs.is_empty());
        }
    }
}
