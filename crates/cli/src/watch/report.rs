//! What a look came to, for programs and for people.

use std::collections::BTreeSet;

use comfy_table::{Table, presets};
use serde::Serialize;
use writ_audit::words::{of, when};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::ago;
use super::findings::Finding;
use crate::screen;

/// One look, `writ.watch.v1`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always `writ.watch.v1`.
    pub schema: &'static str,
    /// When, by this machine's clock.
    pub at: Time,
    /// The site.
    pub site: SiteId,
    /// The depot's address.
    pub depot: String,
    /// The newest trust root that holds.
    pub trust: TrustSeen,
    /// The head of the newest log; null where there is none that holds.
    pub log: Option<LogSeen>,
    /// The newest release; null where there is none that holds.
    pub release: Option<ReleaseSeen>,
    /// The appliances of that release.
    pub appliances: Vec<ApplianceSeen>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// A trust root.
#[derive(Debug, Serialize)]
pub struct TrustSeen {
    /// Its version.
    pub version: u64,
    /// When it ends.
    pub expires_at: Time,
}

/// The head of a log.
#[derive(Debug, Serialize)]
pub struct LogSeen {
    /// Which of the site's logs, from 1.
    pub number: u64,
    /// Its name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// When its key last said that this is its head.
    pub fresh_at: Option<Time>,
    /// Who else said when it had come to what, the newest of each authority and witness of the trust root.
    pub external: Vec<ExternalSeen>,
}

/// What somebody who is not the log said of when.
#[derive(Debug, Serialize)]
pub struct ExternalSeen {
    /// `timestamp` or `witness`.
    pub kind: &'static str,
    /// What the trust root calls them.
    pub by: String,
    /// When.
    pub at: Time,
    /// How many entries the log had then.
    pub size: u64,
}

/// A release.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseSeen {
    /// `epoch-serial`.
    pub point: String,
    /// Of its exact bytes.
    pub digest: Digest,
    /// When it ends.
    pub expires_at: Time,
}

/// An appliance, by its last heartbeat that holds.
#[derive(Debug, Serialize)]
pub struct ApplianceSeen {
    /// Which.
    pub appliance: ApplianceId,
    /// When it last said that it lives; null when it never did.
    pub at: Option<Time>,
    /// The release that it obeys, `epoch-serial`; null when it obeys none.
    pub release: Option<String>,
    /// Its last bundle.
    pub sequence: u64,
    /// How many incidents are open there.
    pub open_incidents: u64,
    /// How many documents it refused since it started.
    pub refused: u64,
    /// How much of the log it has seen.
    pub log_size: Option<u64>,
    /// The version of its program.
    pub agent_version: Option<String>,
}

impl ApplianceSeen {
    /// One that was never heard of.
    pub fn unheard(appliance: ApplianceId) -> Self {
        Self {
            appliance,
            at: None,
            release: None,
            sequence: 0,
            open_incidents: 0,
            refused: 0,
            log_size: None,
            agent_version: None,
        }
    }
}

impl Report {
    /// The findings without their words, by which one look is told from the next.
    pub fn named(&self) -> BTreeSet<String> {
        self.findings.iter().map(|finding| format!("{} {}", finding.code.as_str(), finding.subject)).collect()
    }

    /// For people.
    pub fn table(&self) -> String {
        let dash = || "-".to_owned();
        let mut out = format!("{} at {}, {}\n", self.site, self.depot, when(self.at));
        let release = self.release.as_ref();
        let ends = release.map(|r| format!(", until {}", when(r.expires_at))).unwrap_or_default();
        out += &format!("release: {}{ends}\n", release.map_or_else(dash, |release| release.point.clone()));
        out += &match &self.log {
            Some(log) => {
                let fresh = log
                    .fresh_at
                    .map_or_else(|| "without a time".to_owned(), |at| format!("fresh {} ago", ago(self.at, at)));
                let line =
                    format!("log:     {} (log {}), {}, {fresh}\n", log.origin, log.number, of(log.size, "entry"));
                let external = log.external.iter().map(|seen| {
                    let ExternalSeen { kind, by, at, size } = seen;
                    format!(
                        "time:    {kind} by {}, {} ago, of {}\n",
                        one_line(by),
                        ago(self.at, *at),
                        of(*size, "entry")
                    )
                });
                line + &external.collect::<String>()
            }
            None => "log:     -\n".to_owned(),
        };
        if !self.appliances.is_empty() {
            let mut table = Table::new();
            table.load_preset(presets::UTF8_HORIZONTAL_ONLY).force_no_tty();
            table.set_header(["Appliance", "Heard", "Release", "Bundles", "Open incidents", "Refused", "Log seen"]);
            for seen in &self.appliances {
                table.add_row([
                    seen.appliance.to_string(),
                    seen.at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", ago(self.at, at))),
                    seen.release.clone().unwrap_or_else(dash),
                    seen.sequence.to_string(),
                    seen.open_incidents.to_string(),
                    seen.refused.to_string(),
                    seen.log_size.map_or_else(dash, |size| size.to_string()),
                ]);
            }
            out += &format!("{table}\n");
        }
        for Finding { code, subject, what } in &self.findings {
            out += &format!("{} {}: {subject}: {what}\n", screen::paint(screen::RED, "FINDING"), code.as_str());
        }
        match self.findings.len() {
            0 => out + &format!("{}\n", screen::paint(screen::GREEN, "all is well")),
            n => out + &format!("{}\n", screen::paint(screen::RED, &of(n as u64, "finding"))),
        }
    }
}
