//! Bundles that were found, as CSV (RFC 4180) for spreadsheets.
//!
//! A spreadsheet takes a cell that begins with `= + - @`, a tab or a carriage return for a formula. What is in a bundle may have
//! come from anybody, so such a cell gets an apostrophe before it, as OWASP recommends; and no cell has a control character.

use writ_trust::text::escaped;

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

/// A cell that no spreadsheet runs and no line break ends.
pub fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let text = escaped(text);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn line<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text.as_ref())).collect();
    cells.join(",") + "\r\n"
}

/// One line for each bundle.
pub fn rows(found: &[Row]) -> String {
    let mut out = line(&ROWS);
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
        out += &line(&cells);
    }
    out
}

/// One line for each sort of incident that came more than once.
pub fn recurring(found: &[Recurring]) -> String {
    let mut out = line(&RECURRING);
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
        out += &line(&cells);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_line() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\\u{9}=1"),
            ("\r=1", "'\\u{d}=1"),
            ("two\nlines", "two\\u{a}lines"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
