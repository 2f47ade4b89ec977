//! Bundles that were found, as CSV for spreadsheets.

use super::csv::record;
use crate::query::{Recurring, Row};

/// The names of the columns of [`rows`].
const ROWS: [&str; 18] = [
    "generated_at",
    "site",
    "appliance",
    "bundle_id",
    "kind",
    "event_type",
    "machine",
    "check",
    "incident_id",
    "controls",
    "severity",
    "resolution",
    "resolution_status",
    "tier",
    "runbook",
    "mttr_seconds",
    "sla_met",
    "summary",
];

/// The names of the columns of [`recurring`].
const RECURRING: [&str; 10] =
    ["site", "appliance", "event_type", "machine", "checks", "times", "first", "last", "failed", "sla_missed"];

/// One line for each bundle.
pub fn rows(found: &[Row]) -> String {
    let mut out = record(ROWS);
    for row in found {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let word = |word: Option<&'static str>| word.unwrap_or_default().to_owned();
        let cells: [String; ROWS.len()] = [
            row.generated_at.to_string(),
            row.site.to_string(),
            row.appliance.to_string(),
            row.bundle_id.to_string(),
            row.kind.to_string(),
            text(&row.event_type),
            text(&row.machine),
            text(&row.check),
            row.incident_id.map(|id| id.to_string()).unwrap_or_default(),
            row.controls.join("; "),
            row.severity.map(|severity| severity.to_string()).unwrap_or_default(),
            word(row.resolution),
            word(row.resolution_status),
            word(row.tier),
            text(&row.runbook),
            row.mttr_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
            row.sla_met.map(|met| met.to_string()).unwrap_or_default(),
            row.summary.clone(),
        ];
        out += &record(cells.iter().map(String::as_str));
    }
    out
}

/// One line for each sort of incident that came more than once.
pub fn recurring(found: &[Recurring]) -> String {
    let mut out = record(RECURRING);
    for group in found {
        let cells: [String; RECURRING.len()] = [
            group.site.to_string(),
            group.appliance.to_string(),
            group.event_type.clone(),
            group.machine.clone(),
            group.checks.join("; "),
            group.times.to_string(),
            group.first.to_string(),
            group.last.to_string(),
            group.failed.to_string(),
            group.sla_missed.to_string(),
        ];
        out += &record(cells.iter().map(String::as_str));
    }
    out
}
