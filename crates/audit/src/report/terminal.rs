//! For a terminal: tables, with colour where whoever calls wants it.

mod compared;

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use writ_trust::text::{escaped, one_line};

pub use self::compared::{comparison, matrix};
use super::counted;
use crate::load::log_batches::LogSourceSummary;
use crate::log_summary::{External, LogSummary, NOT_CONFIGURED, WITHOUT_ENTRIES};
use crate::problem::{Problem, Weight};
use crate::query::{Recurring, Row};
use crate::verify::{VerifyReport, Witnessed};
use crate::words::{of, thousands, when};

/// How a terminal looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether to use colour.
    pub colour: bool,
    /// Its width in columns; as wide as needed when null.
    pub width: Option<u16>,
}

impl Look {
    fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(header.iter().map(|h| Cell::new(h).add_attribute(Attribute::Bold)));
        if self.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table
    }

    fn paint(self, text: &str, codes: &str) -> String {
        if self.colour { format!("\u{1b}[{codes}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn heading(self, text: &str) -> String {
        format!("\n{}\n", self.paint(text, "1"))
    }
}

/// What verifying came to. The last line begins with `Verified OK` or `NOT VERIFIED`.
pub fn verification(report: &VerifyReport, look: Look) -> String {
    let mut out = String::new();
    for release in &report.releases {
        let newest = release.newest.as_ref().map(|n| format!(", newest {n}")).unwrap_or_default();
        out += &format!("{}: {}{newest}\n", release.site, of(release.releases as u64, "release"));
    }
    if !report.chains.is_empty() {
        let mut table = look.table(&["Appliance", "Key", "Bundles", "Numbers", "First", "Last"]);
        for chain in &report.chains {
            let numbers = chain.first.zip(chain.last).map_or_else(|| "-".to_owned(), |(f, l)| format!("{f} to {l}"));
            let time = |at: Option<writ_trust::time::Time>| at.map_or_else(|| "-".to_owned(), when);
            table.add_row([
                format!("{}/{}", chain.site, chain.appliance),
                chain.key_id.clone(),
                thousands(chain.bundles as u64),
                numbers,
                time(chain.first_at),
                time(chain.last_at),
            ]);
        }
        out += &format!("{table}\n");
    }
    report.problems.list.iter().for_each(|p| out += &problem(p, look));
    let untold = (report.problems.bad + report.problems.notes).saturating_sub(report.problems.list.len());
    if untold > 0 {
        out += &format!("and {untold} more\n");
    }
    out += &logs(report, look);
    report.log_sources.iter().for_each(|source| out += &log_source(source));
    out + &conclusion(report, look) + "\n"
}

fn logs(report: &VerifyReport, look: Look) -> String {
    if report.log == NOT_CONFIGURED {
        let judged = format!("log: {0}; receipts: {0} ({1} present, not judged)\n", report.log, report.receipts);
        return judged + "whether bundles after the last of each chain were withheld cannot be seen without a log\n";
    }
    let mut table = look.table(&["Log", "Entries", "Root", "Head, by its own word"]);
    let logs = report.logs.iter().flat_map(|site| site.logs.iter().map(move |log| (site, log)));
    for (site, log) in logs.clone() {
        let sound = match (log.sound, log.entries_here || log.size.is_none()) {
            (true, _) => "",
            (false, true) => "\nNOT VERIFIED",
            (false, false) => "\nits entries are not here",
        };
        table.add_row([
            format!("{}, log {}\n{}{sound}", site.site, log.number, log.origin),
            log.size.map_or_else(|| "-".to_owned(), thousands),
            log.root.clone().unwrap_or_else(|| "-".to_owned()),
            log.fresh_at.map_or_else(|| "-".to_owned(), when),
        ]);
    }
    let mut out = if logs.clone().next().is_some() { format!("{table}\n") } else { String::new() };
    for key in logs.clone().flat_map(|(_, log)| &log.verifier_keys) {
        out += &format!("verifier key {}\n", escaped(key));
    }
    for (site, log) in logs {
        for External { kind, by, at, size } in &log.external {
            let (by, entries) = (one_line(by), of(*size, "entry"));
            out += &format!("{kind} of log {} of {} by {by}: {entries} by {}\n", log.number, site.site, when(*at));
        }
    }
    report.witnesses.iter().for_each(|witnessed| out += &witness_line(witnessed));
    report.logs.iter().for_each(|site| out += &log_line(site));
    out
}

fn witness_line(witnessed: &Witnessed) -> String {
    let Witnessed { path, site, log, size, holds, .. } = witnessed;
    let found = if *holds { "the log here begins with it" } else { "NOT shown to be a beginning of the log here" };
    format!("checkpoint given in {}: {} of log {log} of {site}; {found}\n", escaped(path), of(*size, "entry"))
}

fn log_line(site: &LogSummary) -> String {
    let LogSummary { site, state, receipts, last_checkpoints, unlogged, .. } = site;
    if *state == NOT_CONFIGURED {
        return format!("log of {site}: {state}; receipts: {state}\n");
    }
    let unlogged = match unlogged {
        None => "not known whether every bundle is in it".to_owned(),
        Some(0) => "every bundle is in it".to_owned(),
        Some(n) => format!("{} in no log", of(*n, "bundle")),
    };
    let receipts = of(*receipts, "receipt");
    format!(
        "log of {site}: {state}; {receipts} and the last checkpoints of {} lead to it; {unlogged}\n",
        of(*last_checkpoints, "bundle")
    )
}

fn log_source(source: &LogSourceSummary) -> String {
    let LogSourceSummary { site, appliance, source, bundles, batches, lines, missing, from, to } = source;
    let missing = if *missing == 0 { "none missing".to_owned() } else { format!("{} missing", thousands(*missing)) };
    format!(
        "logs of {site}/{appliance}, {source}: {} with {} from {} to {}, {missing}; named by {}\n",
        of(*batches, "batch"),
        of(*lines, "line"),
        when(*from),
        when(*to),
        of(*bundles, "bundle"),
    )
}

fn problem(p: &Problem, look: Look) -> String {
    let (label, codes) = match p.weight {
        Weight::Bad => ("BAD ", "1;31"),
        Weight::Note => ("note", "33"),
    };
    format!("{} {}: {}\n     {}\n     so: {}\n", look.paint(label, codes), p.code, p.path, p.what, p.consequence)
}

/// One line: whether the folder verified, and the first thing that is wrong.
pub fn conclusion(report: &VerifyReport, look: Look) -> String {
    let counted = counted(report);
    let pinned = if report.pinned { "" } else { "; trust root NOT pinned: taken from this folder" };
    let log = if report.log == WITHOUT_ENTRIES { "; the log's entries are not here" } else { "" };
    match report.problems.first_bad() {
        None if report.ok => format!("{} ({counted}{log}{pinned})", look.paint("Verified OK", "1;32")),
        first => {
            let first = first.map(|p| format!("first: {} {}: {}", p.code, p.path, p.what)).unwrap_or_default();
            let failed = look.paint("NOT VERIFIED", "1;31");
            format!("{failed} ({} bad; {first})", report.problems.bad)
        }
    }
}

/// Bundles that were found.
pub fn rows(found: &[Row], look: Look) -> String {
    let mut table = look.table(&["Written", "Bundle", "Appliance", "Kind", "What it tells"]);
    for row in found {
        table.add_row([
            when(row.generated_at),
            row.bundle_id.to_string(),
            row.appliance.to_string(),
            row.kind.to_string(),
            escaped(&row.summary),
        ]);
    }
    format!("{table}\n{}\n", of(found.len() as u64, "bundle"))
}

/// Incidents that came more than once.
pub fn recurring(found: &[Recurring], look: Look) -> String {
    let mut table = look.table(&["Event", "Machine", "Times", "First", "Last", "Failed", "SLA missed"]);
    for group in found {
        table.add_row([
            group.checks.iter().fold(escaped(&group.event_type), |out, check| format!("{out}\n{}", escaped(check))),
            format!("{}\nby {}\n{}", escaped(&group.machine), group.appliance, group.site),
            thousands(group.times),
            when(group.first),
            when(group.last),
            thousands(group.failed),
            thousands(group.sla_missed),
        ]);
    }
    format!("{table}\n{}\n", of(found.len() as u64, "recurring incident"))
}
