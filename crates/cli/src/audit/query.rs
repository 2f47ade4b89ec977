//! `writ audit query`: finding bundles.

use clap::builder::PossibleValuesParser;
use writ_audit::Period;
use writ_audit::query::{Filter, query, recurring};
use writ_audit::report::{rows_csv, terminal};
use writ_evidence::{IncidentId, Kind};
use writ_policy::declared::Severity;
use writ_trust::ids::{ApplianceId, SiteId};

use super::hours::Hours;
use super::{Source, warn_unless_verified};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, screen};

/// Find bundles by date, control, check, incident, severity, words and more
///
/// Several conditions must all hold. Only bundles that verified are found.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit query audit --period 2026-10-15 --event-type backup_failure
  writ audit query audit --control '164.312(c)(1)' --kind incident-closed
  writ audit query audit --text 'restic' --appliance front-desk --period 2026-10
  writ audit query audit --sla-missed --json | jq '.[].mttr_seconds'
  writ audit query audit --period 7d --failed --csv > failed.csv
  writ audit query audit --period 7d --resolution manual --resolution partial --count
  writ audit query audit --period 90d --recurring             (what came again on one machine)
  writ audit query audit --period 7d --outside-hours 08:00-18:00     (after a key was stolen)

Exit codes: 0 verified, whatever was found; 1 the folder did not verify; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// Only this appliance
    #[arg(long)]
    appliance: Option<ApplianceId>,
    /// Written in this time: 2026-10-15, 2026-10, 24h, 2026-10-01..2026-10-15 (UTC)
    #[arg(long, visible_alias = "date")]
    period: Option<String>,
    /// Of this kind; may be given several times
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)))]
    kind: Vec<String>,
    /// Of incidents of this event type
    #[arg(long)]
    event_type: Option<String>,
    /// Of incidents that touch this control
    #[arg(long)]
    control: Option<String>,
    /// About this check
    #[arg(long)]
    check: Option<String>,
    /// Of incidents of this severity
    #[arg(long, value_parser = PossibleValuesParser::new(Severity::ALL.map(Severity::as_str)))]
    severity: Option<String>,
    /// Of incidents resolved so; may be given several times
    #[arg(long, value_parser = ["auto", "manual", "partial"])]
    resolution: Vec<String>,
    /// Of incidents that were closed without success, wholly or in part
    #[arg(long)]
    failed: bool,
    /// Of incidents that took longer than the site allows itself
    #[arg(long, conflicts_with = "sla_met")]
    sla_missed: bool,
    /// Of incidents that were closed within the time that the site allows itself
    #[arg(long)]
    sla_met: bool,
    /// Of incidents for which this runbook ran
    #[arg(long)]
    runbook: Option<String>,
    /// About this incident
    #[arg(long)]
    incident: Option<IncidentId>,
    /// With these words in what it tells, in capitals or not
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Written outside of these hours of Monday to Friday, where the site is
    #[arg(long, value_name = "HH:MM-HH:MM", num_args = 0..=1, default_missing_value = "08:00-18:00")]
    outside_hours: Option<Hours>,
    /// Group incidents by sort of event and machine, and print those groups that have several
    #[arg(long, conflicts_with = "count")]
    recurring: bool,
    /// Print only how many there are
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    count: bool,
    /// Print the result as CSV; what a spreadsheet would take for a formula gets an apostrophe before it
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print the result as JSON: query-v1 of `writ export schema`, recurring-v1 with --recurring
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let period = self.period.as_deref().map(|text| Period::parse(text, clock::now())).transpose();
        let filter = Filter {
            period: period.map_err(|e| Failure::could_not(e).at("--period"))?,
            appliance: self.appliance,
            kinds: Kind::ALL.into_iter().filter(|k| self.kind.iter().any(|name| name == k.as_str())).collect(),
            event_type: self.event_type,
            control: self.control,
            check: self.check,
            severity: Severity::ALL.into_iter().find(|s| self.severity.as_deref() == Some(s.as_str())),
            resolution: self.resolution,
            failed: self.failed,
            sla_missed: self.sla_missed,
            sla_met: self.sla_met,
            runbook: self.runbook,
            incident: self.incident,
            text: self.text,
        };
        let archive = self.source.open(self.site)?;
        let (mut rows, report) = query(&archive, &filter);
        if let Some(hours) = &self.outside_hours {
            hours.keep_outside(&archive, &mut rows);
        }
        warn_unless_verified(&report);
        let groups = if self.recurring { recurring(&rows) } else { Vec::new() };
        match (self.recurring, self.json, self.csv) {
            _ if self.count => screen::line(&rows.len().to_string()),
            (false, true, _) => screen::json(&rows),
            (true, true, _) => screen::json(&groups),
            (false, _, true) => screen::line(rows_csv::rows(&rows).trim_end()),
            (true, _, true) => screen::line(rows_csv::recurring(&groups).trim_end()),
            (false, ..) => screen::line(terminal::rows(&rows, super::look()).trim_end()),
            (true, ..) => screen::line(terminal::recurring(&groups, super::look()).trim_end()),
        }
        Ok(if report.ok { Answer::Yes } else { Answer::No })
    }
}
