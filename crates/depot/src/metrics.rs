//! What `/metrics` tells: counts and times, no names.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use writ_trust::time::Time;
use writ_wire::receipts::Reason;

/// Requests by endpoint and status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The endpoint's name; `none` where there is none.
    pub endpoint: &'static str,
    /// The status.
    pub status: u16,
}

/// What came of logs that are batches.
const OF_LOGS: [&str; 3] = ["new", "known", "beyond-allowance"];

/// Bundles, or batches of logs, by what came of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `new`, `known`, or why it was refused.
    pub outcome: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter<u64, AtomicU64>>,
    bundles: Family<Outcome, Counter<u64, AtomicU64>>,
    logs: Family<Outcome, Counter<u64, AtomicU64>>,
    commits: Histogram,
    group: Histogram,
    /// Groups of which nothing was stored, and files of logs that could not be written.
    pub commit_failures: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// How far behind logs are, in seconds: those that are farthest behind.
    pub log_delay: Gauge,
    /// The age of the oldest key of the trust root that counts, in seconds.
    pub key_age: Gauge,
    /// Claims of machines that belong nowhere yet.
    pub claims: Gauge,
    /// Cards that several keys claim.
    pub claims_contested: Gauge,
    /// In how many seconds the disk is full at the rate of the last days; infinite while nothing says so.
    pub disk_full: Gauge<f64, AtomicU64>,
    /// Looks at the files of the certificate that found a pair which is of no use.
    pub tls_reload_failures: Counter,
    tls_expires: Gauge<f64, AtomicU64>,
    /// When the certificate ends, in milliseconds since 1970; [`i64::MAX`] without TLS.
    tls_end: AtomicI64,
    /// Since when that appliance has not checked in which was not heard of for longest, in seconds.
    pub check_in_age: Gauge,
    /// The appliances that have orders.
    pub appliances: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("writ_depot");
        let requests = Family::<Answered, Counter<u64, AtomicU64>>::default();
        registry.register("requests", "Requests answered, by endpoint and status", requests.clone());
        let bundles = Family::<Outcome, Counter<u64, AtomicU64>>::default();
        // From the start, so that the first of a kind is an increase.
        for outcome in ["new", "known"].into_iter().chain(Reason::ALL.iter().map(|reason| reason.name())) {
            drop(bundles.get_or_create(&Outcome { outcome }));
        }
        registry.register("bundles", "Evidence bundles, by what came of them", bundles.clone());
        let logs = Family::<Outcome, Counter<u64, AtomicU64>>::default();
        for outcome in OF_LOGS {
            drop(logs.get_or_create(&Outcome { outcome }));
        }
        let help = "Batches of logs in bytes, by what came of them";
        registry.register_with_unit("log", help, Unit::Bytes, logs.clone());
        let commits = Histogram::new(exponential_buckets(0.0005, 2.0, 14));
        let help = "Time from taking a group of jobs until it is stored and answered";
        registry.register_with_unit("commit", help, Unit::Seconds, commits.clone());
        let group = Histogram::new(exponential_buckets(1.0, 4.0, 7));
        registry.register("commit_bundles", "Evidence bundles in one transaction", group.clone());
        let commit_failures = Counter::default();
        let help = "Groups of jobs of which nothing was stored, and log files that could not be written";
        registry.register("commit_failures", help, commit_failures.clone());
        let connections = Gauge::default();
        registry.register("connections", "Open connections", connections.clone());
        let log_delay = Gauge::default();
        let help = "How far behind logs are: the age of the end of the batches of that source which is farthest behind";
        registry.register_with_unit("log_delay", help, Unit::Seconds, log_delay.clone());
        let key_age = Gauge::default();
        let help = "The age of the oldest key that counts of the newest trust root";
        registry.register_with_unit("key_age", help, Unit::Seconds, key_age.clone());
        let claims = Gauge::default();
        registry.register("claims", "Claims held of machines that belong nowhere yet", claims.clone());
        let claims_contested = Gauge::default();
        let help = "Network cards that more than one key claims: a key may have been exchanged on its way";
        registry.register("claims_contested", help, claims_contested.clone());
        let disk_full = Gauge::<f64, AtomicU64>::default();
        disk_full.set(f64::INFINITY);
        let help = "In how long the disk is full at the rate of the last days";
        registry.register_with_unit("disk_full", help, Unit::Seconds, disk_full.clone());
        let (tls_reload_failures, tls_expires) = of_certificate(&mut registry);
        let (check_in_age, appliances) = of_appliances(&mut registry);
        Self {
            registry,
            requests,
            bundles,
            logs,
            commits,
            group,
            commit_failures,
            connections,
            log_delay,
            key_age,
            claims,
            claims_contested,
            disk_full,
            tls_reload_failures,
            tls_expires,
            tls_end: AtomicI64::new(i64::MAX),
            check_in_age,
            appliances,
        }
    }
}

/// Looks that found a pair which is of no use, and in how long the one that is served ends.
fn of_certificate(registry: &mut Registry) -> (Counter, Gauge<f64, AtomicU64>) {
    let failures = Counter::default();
    let help = "Looks at the files of the certificate that found a pair which is of no use: the one before serves on";
    registry.register("tls_reload_failures", help, failures.clone());
    let expires = Gauge::<f64, AtomicU64>::default();
    expires.set(f64::INFINITY);
    let help = "In how long the certificate ends that is served; infinite where a proxy ends TLS";
    registry.register_with_unit("tls_expires", help, Unit::Seconds, expires.clone());
    (failures, expires)
}

/// Since when one was not heard of, and how many there are.
fn of_appliances(registry: &mut Registry) -> (Gauge, Gauge) {
    let check_in_age = Gauge::default();
    let help = "Since when that appliance with orders has not checked in which was silent for longest";
    registry.register_with_unit("checkin_age", help, Unit::Seconds, check_in_age.clone());
    let appliances = Gauge::default();
    registry.register("appliances", "Appliances that have orders", appliances.clone());
    (check_in_age, appliances)
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, endpoint: &'static str, status: u16) {
        self.requests.get_or_create(&Answered { endpoint, status }).inc();
    }

    /// This came of some bundles.
    pub fn bundles(&self, outcome: &'static str, count: usize) {
        if count > 0 {
            self.bundles.get_or_create(&Outcome { outcome }).inc_by(count as u64);
        }
    }

    /// This came of a batch of logs of so many bytes.
    pub fn logs(&self, outcome: &'static str, bytes: u64) {
        self.logs.get_or_create(&Outcome { outcome }).inc_by(bytes);
    }

    /// The certificates that are served end then.
    pub fn tls_ends(&self, end: Time) {
        self.tls_end.store(end.unix_millis(), Ordering::Relaxed);
    }

    /// Brings what runs out up to an instant.
    pub fn as_of(&self, now: Time) {
        let left = match self.tls_end.load(Ordering::Relaxed) {
            i64::MAX => f64::INFINITY,
            end => (Time::from_unix_millis(end).millis_since(now) / 1000) as f64,
        };
        self.tls_expires.set(left);
    }

    /// A group of jobs was stored and answered.
    pub fn commit(&self, took: Duration, bundles: usize) {
        self.commits.observe(took.as_secs_f64());
        if bundles > 0 {
            self.group.observe(bundles as f64);
        }
    }

    /// All of it in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_metric() {
        let page = include_str!("../../../docs/metrics.md");
        let text = Metrics::default().text();
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let listed =
            |name: &str| ["`", "{", "_total`", "_total{"].iter().any(|end| page.contains(&format!("`{name}{end}")));
        let lacking: Vec<&str> = names.filter(|name| !listed(name)).collect();
        assert!(lacking.is_empty(), "docs/metrics.md does not list {lacking:?}");
    }

    #[test]
    fn a_certificate_runs_out() {
        let metrics = Metrics::default();
        let at = |seconds: i64| Time::from_unix_millis(1_800_000_000_000 + seconds * 1000);
        metrics.as_of(at(0));
        assert!(metrics.text().contains("writ_depot_tls_expires_seconds inf\n"), "{}", metrics.text());
        metrics.tls_ends(at(60));
        metrics.as_of(at(0));
        assert!(metrics.text().contains("writ_depot_tls_expires_seconds 60.0\n"), "{}", metrics.text());
        metrics.as_of(at(90));
        assert!(metrics.text().contains("writ_depot_tls_expires_seconds -30.0\n"), "{}", metrics.text());
    }

    #[test]
    fn every_outcome_is_there_before_it_happens() {
        let text = Metrics::default().text();
        for outcome in ["new", "known"].into_iter().chain(Reason::ALL.iter().map(|reason| reason.name())) {
            let line = format!("writ_depot_bundles_total{{outcome=\"{outcome}\"}} 0\n");
            assert!(text.contains(&line), "{outcome}: {text}");
        }
        for outcome in OF_LOGS {
            let line = format!("writ_depot_log_bytes_total{{outcome=\"{outcome}\"}} 0\n");
            assert!(text.contains(&line), "{outcome}: {text}");
        }
    }
}
