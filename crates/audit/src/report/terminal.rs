//! For a terminal: tables, with colour where whoever calls wants it.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use writ_trust::text::{escaped, one_line};

use super::counted;
use crate::compare::model::{CheckFinding, Comparison, ControlFinding, IncidentFinding, Verdict};
use crate::load::log_batches::LogSourceSummary;
use crate::log_summary::{External, LogSummary, NOT_CONFIGURED, WITHOUT_ENTRIES};
use crate::problem::{Problem, Weight};
use crate::query::{Recurring, Row};
use crate::story::values;
use crate::verify::VerifyReport;
use crate::words::{lasting, lasting_millis, of, thousands, when};

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

fn colour_of(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Demonstrated => Color::Green,
        Verdict::PartlyDemonstrated => Color::DarkGreen,
        Verdict::Excepted => Color::Yellow,
        Verdict::Failed | Verdict::NoEvidence => Color::Red,
        Verdict::NotAssessable => Color::Magenta,
        Verdict::Procedural | Verdict::Inherited | Verdict::NotApplicable => Color::Grey,
    }
}

fn verdict_cell(verdict: Verdict) -> Cell {
    Cell::new(verdict).fg(colour_of(verdict))
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
    report.logs.iter().for_each(|site| out += &log_line(site));
    out
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

/// A comparison: controls, checks, incidents, exceptions, changes, and what was not assessed.
pub fn comparison(c: &Comparison, look: Look) -> String {
    let baselines: Vec<String> = c.baselines.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let mut out = format!("{}\n", look.paint(&format!("{} ({})", c.title, c.site), "1"));
    out += &format!("{} · {} to {}\n", baselines.join(", "), when(c.period.from), when(c.period.to));
    out += &format!("{}\n", conclusion(&c.verification, look));
    out += &score(c);
    out += &figures(c);
    for appliance in &c.appliances {
        if let Some(why) = &appliance.not_assessable {
            out += &format!("{} {}: {why}\n", look.paint("not assessable", "35"), appliance.appliance);
        }
    }
    out += &look.heading("Controls");
    out += &controls(&c.controls, look);
    out += &look.heading("Checks");
    out += &checks(&c.checks, look);
    out += &happened(c, look);
    out
}

fn score(c: &Comparison) -> String {
    let percent = |s: &crate::compare::model::Score| s.percent().map(|p| format!(" ({p} %)")).unwrap_or_default();
    format!(
        "{} of {} controls that machines decide are shown or excepted{}; {} without exceptions{}\n",
        c.score.met,
        c.score.of,
        percent(&c.score),
        c.score_without_exceptions.met,
        percent(&c.score_without_exceptions)
    )
}

fn figures(c: &Comparison) -> String {
    let f = &c.figures;
    let percent = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |n| format!("{n} %"));
    let repair = f.mttr_seconds.map_or_else(|| "-".to_owned(), lasting);
    format!(
        "{} ended, {} unresolved; by rules {}, within the SLA {}, mean time to repair {repair}\n{} of evidence with {} bytes, \
         {} bytes in the time before\n",
        of(f.closed, "incident"),
        thousands(f.unresolved),
        percent(f.l1_percent),
        percent(f.sla_met_percent),
        of(f.bundles, "bundle"),
        thousands(f.bytes),
        thousands(f.bytes_before),
    )
}

fn controls(all: &[ControlFinding], look: Look) -> String {
    let mut table = look.table(&["Control", "Verdict", "Why"]);
    for control in all {
        let mut why = control.reasons.clone();
        why.extend(control.not_assessed.as_ref().map(|n| format!("left out: {n}")));
        why.extend(control.procedure.as_ref().map(|p| format!("people: {p}")));
        why.extend(
            control
                .duties
                .iter()
                .map(|d| format!("people: {}, {}, by {}; attach: {}", d.title, d.cadence, d.by, d.attach)),
        );
        why.push(format!("asked for at {}", control.declared_at));
        table.add_row([
            Cell::new(format!("{}\n{}", control.control, control.title)),
            verdict_cell(control.verdict),
            Cell::new(why.join("\n")),
        ]);
    }
    format!("{table}\n")
}

fn checks(all: &[CheckFinding], look: Look) -> String {
    let mut table = look.table(&["Check", "Verdict", "Runs / due", "Longest gap / allowed", "Failed", "Seen"]);
    for check in all {
        let a = &check.arithmetic;
        let healed: Vec<String> = a.healed_by.iter().map(|(tier, n)| format!("{tier} {n}")).collect();
        let failed = match a.failures {
            0 => "never".to_owned(),
            n => format!(
                "{n}×, {}\nhealed by {}",
                lasting(a.seconds_in_failure),
                if healed.is_empty() { "none".to_owned() } else { healed.join(", ") }
            ),
        };
        let seen = check.observed.as_ref().map(|o| values(&o.values)).unwrap_or_default();
        table.add_row([
            Cell::new(format!("{}\n{}", check.check, check.appliance)),
            verdict_cell(check.verdict),
            Cell::new(format!("{} / {}", thousands(a.runs), thousands(a.scheduled))),
            Cell::new(format!("{} / {}", lasting(a.longest_gap_seconds), lasting(a.allowed_gap_seconds))),
            Cell::new(failed),
            Cell::new(shorten(&seen, 120)),
        ]);
    }
    format!("{table}\n")
}

fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit { text.to_owned() } else { text.chars().take(limit - 1).chain(['…']).collect() }
}

fn happened(c: &Comparison, look: Look) -> String {
    let mut out = String::new();
    if !c.incidents.is_empty() {
        out += &look.heading("Incidents");
        let mut table = look.table(&["Incident", "Check", "Severity", "Detected", "How it ended", "Evidence"]);
        c.incidents.iter().for_each(|i| {
            table.add_row(incident(i));
        });
        out += &format!("{table}\n");
    }
    if !c.exceptions.is_empty() {
        out += &look.heading("Exceptions");
        for e in &c.exceptions {
            let state = if e.in_force { "in force" } else { "not in force" };
            let lifts = e.exception.control.as_ref().or(e.exception.check.as_ref()).cloned().unwrap_or_default();
            out += &format!(
                "{} lifts {lifts}, {state} until {}, approved by {}: {}\n",
                e.id,
                when(e.exception.expires),
                e.exception.approved_by,
                e.exception.reason
            );
        }
    }
    let told = c.switches.iter().map(|s| (s.at, &s.appliance, &s.story, &s.link));
    out += &stories("Intended changes", told, look);
    let told = c.events.iter().map(|e| (e.at, &e.appliance, &e.story, &e.link));
    out += &stories("Other events", told, look);
    if !c.retired_checks.is_empty() {
        out += &look.heading("No longer asked for");
        for r in &c.retired_checks {
            out += &format!("{} on {} until {}: {}\n", r.check, r.appliance, when(r.until), r.verdict);
        }
    }
    out
}

fn stories<'a>(
    title: &str,
    told: impl Iterator<
        Item = (
            writ_trust::time::Time,
            &'a writ_trust::ids::ApplianceId,
            &'a Vec<String>,
            &'a crate::compare::model::Link,
        ),
    >,
    look: Look,
) -> String {
    let lines: Vec<String> = told
        .map(|(at, appliance, story, link)| {
            format!("{} {appliance}: {} [{}]", when(at), story.first().map_or("", String::as_str), link.bundle_id)
        })
        .collect();
    if lines.is_empty() { String::new() } else { format!("{}{}\n", look.heading(title), lines.join("\n")) }
}

fn incident(i: &IncidentFinding) -> [Cell; 6] {
    let late = i.sla_met == Some(false);
    let ended = match i.took_millis {
        None => i.status.as_str().to_owned(),
        Some(ms) => format!("{} after {} by {}", i.status.as_str(), lasting_millis(ms), i.tier.unwrap_or("nobody")),
    };
    let ended = if late { format!("{ended}\nSLA missed") } else { ended };
    let evidence: Vec<String> = i.evidence.iter().map(|l| l.bundle_id.to_string()).collect();
    [
        Cell::new(i.incident_id),
        Cell::new(format!("{}\n{}", i.check, i.appliance)),
        Cell::new(i.severity),
        Cell::new(when(i.detected_at)),
        if late { Cell::new(ended).fg(Color::Red) } else { Cell::new(ended) },
        Cell::new(evidence.join("\n")),
    ]
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
