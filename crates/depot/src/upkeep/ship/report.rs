//! What a round came to: for people, as JSON, and as figures for whoever watches.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use writ_bucket::Bucket;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::ledger::Shipped;
use crate::forecast;
use crate::upkeep::archive::Day;
use crate::upkeep::tell;

/// What came of it, `writ.depot-ship.v1`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    schema: &'static str,
    /// When it was begun.
    pub at: Time,
    /// The bucket, and the server that it is on.
    pub to: String,
    endpoint: String,
    /// Whether the bucket locks; null where it did not say.
    pub locked: Option<bool>,
    /// Archives that were made in this round.
    pub made: Vec<String>,
    /// How many waited in the spool before any was sent.
    pub backlog: usize,
    /// What is in the bucket since this round, in the order in which it came there.
    pub sent: Vec<Sent>,
    /// How many days are in the bucket.
    pub held: usize,
    /// What is not.
    pub waiting: Waiting,
    /// In how many seconds the depot's disk is full, at the rate of the last days; null while nothing says so.
    pub disk_full_seconds: Option<u64>,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// What somebody must look at, in one line each.
    pub alerts: Vec<String>,
    /// How long the policies of sites have evidence kept, in milliseconds, or why nobody knows.
    #[serde(skip)]
    pub kept: BTreeMap<SiteId, Result<i64, String>>,
    /// Whether the spool had no room for an archive.
    #[serde(skip)]
    pub is_short_of_room: bool,
}

/// A day that came into the bucket.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    site: SiteId,
    day: String,
    key: String,
    size: u64,
    digest: Digest,
    until: Time,
}

/// What is not in the bucket.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Waiting {
    /// How many days.
    pub archives: usize,
    /// The oldest of them.
    pub oldest: Option<String>,
    /// How many seconds ago that one ended.
    pub seconds: Option<i64>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The site, where it is about one day.
    pub site: Option<SiteId>,
    /// The day.
    pub day: Option<String>,
    /// What.
    pub why: String,
    /// Whether it is that there was no room.
    #[serde(skip)]
    pub is_of_room: bool,
}

impl Sent {
    /// Of a record.
    pub fn of(shipped: &Shipped) -> Self {
        Self {
            site: shipped.site.clone(),
            day: shipped.day.clone(),
            key: shipped.archive.key.clone(),
            size: shipped.archive.size,
            digest: shipped.archive.digest,
            until: shipped.archive.until,
        }
    }
}

impl Report {
    /// Nothing yet.
    pub fn begin(bucket: &Bucket, at: Time) -> Self {
        Self {
            schema: "writ.depot-ship.v1",
            at,
            to: bucket.address().to_string(),
            endpoint: bucket.endpoint().to_owned(),
            locked: None,
            made: Vec::new(),
            backlog: 0,
            sent: Vec::new(),
            held: 0,
            waiting: Waiting::default(),
            disk_full_seconds: None,
            problems: Vec::new(),
            alerts: Vec::new(),
            kept: BTreeMap::new(),
            is_short_of_room: false,
        }
    }

    /// Adds what is not there yet.
    pub fn add(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Adds a problem with one day.
    pub fn problem(&mut self, site: &SiteId, day: Day, why: String) {
        self.add(Problem { site: Some(site.clone()), day: Some(day.to_string()), why, is_of_room: false });
    }

    /// Adds a problem with all of it.
    pub fn general(&mut self, why: String) {
        self.add(Problem { site: None, day: None, why, is_of_room: false });
    }

    /// Says what somebody must look at: an archive that waits for longer than so many milliseconds after its day, and a disk that
    /// will not hold what comes in two days.
    pub fn alert(&mut self, after: i64) {
        if let (Some(seconds), Some(oldest)) = (self.waiting.seconds, &self.waiting.oldest)
            && seconds > after / 1000
        {
            self.alerts.push(format!(
                "{} archives are not in the bucket, and the oldest, of {oldest}, since {} hours: they are kept here until they are",
                self.waiting.archives,
                seconds / 3600
            ));
        }
        if let Some(seconds) = self.disk_full_seconds.filter(|seconds| *seconds < forecast::SHORT) {
            self.alerts.push(format!(
                "the depot's disk does not hold what comes in 48 hours: at the rate of the last days it is full in {} hours: make room",
                seconds / 3600
            ));
        }
    }

    /// Whether all that should be in the bucket is, and nothing is to be looked at.
    pub fn is_well(&self) -> bool {
        self.problems.is_empty() && self.alerts.is_empty()
    }

    /// Tells it to people.
    pub fn show(&self, bucket: &str) {
        if self.locked == Some(true) {
            tell::line(&format!("✓ Bucket validated: {bucket} (Object Lock enabled)"));
        }
        if self.backlog > 1 {
            tell::line(&format!("{} archives wait: the oldest is sent first", self.backlog));
        }
        for Sent { key, until, size, .. } in &self.sent {
            let size = tell::bytes(*size);
            tell::line(&format!("✓ Upload complete: {}{key} ({size}, COMPLIANCE until {until})", self.to));
        }
        for Problem { site, day, why, .. } in &self.problems {
            match site.as_ref().zip(day.as_ref()) {
                Some((site, day)) => tell::line(&format!("✗ {site} {day}: {why}")),
                None => tell::line(&format!("✗ {why}")),
            }
        }
        self.alerts.iter().for_each(|alert| tell::line(&format!("ALERT: {alert}")));
        let (sent, waiting, held) = (self.sent.len(), self.waiting.archives, self.held);
        tell::line(&format!("{sent} sent, {waiting} wait, {held} are in the bucket"));
    }

    /// The figures, in the text format of Prometheus (node_exporter's textfile collector).
    pub fn figures(&self) -> String {
        let disk = self.disk_full_seconds.map_or_else(|| "+Inf".to_owned(), |seconds| seconds.to_string());
        let figures = [
            ("writ_ship_configured", "1 where archives are sent to a bucket.", "1".to_owned()),
            ("writ_ship_at_seconds", "When these figures were made.", (self.at.unix_millis() / 1000).to_string()),
            (
                "writ_ship_waiting_archives",
                "Days that ended and are not in the bucket.",
                self.waiting.archives.to_string(),
            ),
            (
                "writ_ship_waiting_seconds",
                "How long ago the oldest of them ended; 0 without one.",
                self.waiting.seconds.unwrap_or(0).to_string(),
            ),
            ("writ_ship_held_archives", "Days that are in the bucket.", self.held.to_string()),
            ("writ_ship_problems", "What went wrong in the last round.", self.problems.len().to_string()),
            ("writ_ship_disk_full_seconds", "In how long the depot's disk is full.", disk),
        ];
        figures.iter().fold(String::new(), |mut text, (name, help, value)| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use writ_bucket::{Credentials, Settings};

    use super::*;

    fn report() -> Report {
        let settings = Settings {
            endpoint: "https://s3.example".to_owned(),
            region: "eu-central-1".to_owned(),
            ca_file: None,
            allow_http: false,
            patience: std::time::Duration::from_secs(1),
        };
        let by = Credentials::parse("aws_access_key_id = a\naws_secret_access_key = b").unwrap();
        let bucket = Bucket::new(&"s3://evidence".parse().unwrap(), &settings, by).unwrap();
        Report::begin(&bucket, "2026-11-28T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_waits_too_long_and_a_disk_that_fills_are_alerts() {
        const HOUR: i64 = 3600;
        let alerts = |waits: Option<i64>, disk: Option<u64>| {
            let oldest = waits.map(|_| "2026-11-26".to_owned());
            let waiting = Waiting { archives: 2, oldest, seconds: waits };
            let mut report = Report { waiting, disk_full_seconds: disk, ..report() };
            report.alert(26 * HOUR * 1000);
            assert_eq!(report.is_well(), report.alerts.is_empty());
            report.alerts
        };
        let none: [&str; 0] = [];
        assert_eq!(alerts(None, None), none);
        assert_eq!(alerts(Some(26 * HOUR), Some(48 * 3600)), none);
        let late = alerts(Some(36 * HOUR), None);
        assert!(late.len() == 1 && late[0].contains("of 2026-11-26, since 36 hours"), "{late:?}");
        let full = alerts(None, Some(47 * 3600));
        assert!(full.len() == 1 && full[0].contains("full in 47 hours"), "{full:?}");
        assert_eq!(alerts(Some(36 * HOUR), Some(0)).len(), 2);
    }

    #[test]
    fn figures_say_what_is_known() {
        let mut report = report();
        report.general("the bucket cannot be reached".to_owned());
        report.general("the bucket cannot be reached".to_owned());
        let figures = report.figures();
        for line in ["writ_ship_at_seconds 1795867200", "writ_ship_problems 1", "writ_ship_disk_full_seconds +Inf"] {
            assert!(figures.lines().any(|there| there == line), "{line}: {figures}");
        }
        report.disk_full_seconds = Some(60);
        assert!(report.figures().contains("\nwrit_ship_disk_full_seconds 60\n"));
    }
}
