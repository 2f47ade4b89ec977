//! A comparison for a terminal.

use std::collections::BTreeMap;

use comfy_table::{Cell, Color};
use writ_policy::diff::Effect;
use writ_trust::ids::ApplianceId;
use writ_trust::time::Time;

use super::{Look, conclusion};
use crate::compare::model::{
    ApplianceFinding, CheckFinding, Comparison, ControlArithmetic, IncidentFinding, Link, Signer, Verdict,
};
use crate::story::values;
use crate::words::{framework, lasting, lasting_millis, of, thousands, when};

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

/// A comparison: controls, checks, incidents, exceptions, changes, and what was not assessed.
pub fn comparison(c: &Comparison, look: Look) -> String {
    let baselines: Vec<String> = c.baselines.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let mut out = format!("{}\n", look.paint(&format!("{} ({})", c.title, c.site), "1"));
    out += &match c.instant {
        Some(at) => format!("{} · as of {}\n", baselines.join(", "), when(at)),
        None => format!("{} · {} to {}\n", baselines.join(", "), when(c.period.from), when(c.period.to)),
    };
    out += &format!("{}\n", conclusion(&c.verification, look));
    out += &score(c);
    // Shares and means are of a time, not of an instant.
    if c.instant.is_none() {
        out += &figures(c);
    }
    for appliance in &c.appliances {
        out += &obeyed(appliance, look);
    }
    out += &look.heading("Controls");
    out += &controls(c, look);
    out += &look.heading("Checks");
    out += &if c.instant.is_some() { checks_then(&c.checks, look) } else { checks(&c.checks, look) };
    out += &happened(c, look);
    out
}

/// The verdicts by the ids of each framework.
pub fn matrix(c: &Comparison, look: Look) -> String {
    let mut table = look.table(&["Framework", "Id", "Verdict", "Without exceptions", "By the controls"]);
    for row in &c.matrix {
        table.add_row([
            Cell::new(framework(&row.framework)),
            Cell::new(&row.id),
            verdict_cell(row.verdict),
            verdict_cell(row.verdict_without_exceptions),
            Cell::new(row.controls.join(", ")),
        ]);
    }
    format!("{}{table}\n", look.heading("By framework"))
}

/// What could not be judged of an appliance; and, as of an instant, what it obeyed.
fn obeyed(appliance: &ApplianceFinding, look: Look) -> String {
    match (&appliance.not_assessable, &appliance.release) {
        (Some(why), _) => format!("{} {}: {why}\n", look.paint("not assessable", "35"), appliance.appliance),
        (None, Some(release)) => {
            let (name, by) = (&appliance.appliance, signers(&appliance.signed_by));
            match appliance.obeyed {
                true => format!("{name} obeyed release {release}, signed by {by}\n"),
                false => {
                    format!("{name} was given release {release}, signed by {by}; nothing tells whether it obeys it\n")
                }
            }
        }
        (None, None) => String::new(),
    }
}

fn signers(all: &[Signer]) -> String {
    let names: Vec<String> = all.iter().map(|signer| format!("{} ({})", signer.name, signer.key_id)).collect();
    if names.is_empty() { "nobody whose signature counts".to_owned() } else { names.join(" and ") }
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

fn controls(c: &Comparison, look: Look) -> String {
    let mut table = look.table(&["Control", "Verdict", "Why"]);
    for control in &c.controls {
        let mut why = control.reasons.clone();
        if c.instant.is_none() && !control.checks.is_empty() {
            why.push(sums(&control.arithmetic));
        }
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

/// The numbers of all checks of a control, in a line.
fn sums(a: &ControlArithmetic) -> String {
    let mut parts = vec![
        format!("{} of {} runs", thousands(a.runs), thousands(a.scheduled)),
        format!("longest gap {}", lasting(a.longest_gap_seconds)),
    ];
    if a.failures > 0 {
        let failed = if a.failures == 1 { "failed once".to_owned() } else { format!("failed {} times", a.failures) };
        parts.push(format!("{failed}, {} in all", lasting(a.seconds_in_failure)));
    }
    if a.excepted_seconds > 0 {
        parts.push(format!("{} of it excepted", lasting(a.excepted_seconds)));
    }
    if !a.healed_by.is_empty() {
        parts.push(format!("healed by {}", healed(&a.healed_by)));
    }
    parts.join("; ")
}

fn healed(by: &BTreeMap<&'static str, u64>) -> String {
    let all: Vec<String> = by.iter().map(|(tier, n)| format!("{tier} {n}")).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn checks(all: &[CheckFinding], look: Look) -> String {
    let mut table = look.table(&["Check", "Verdict", "Runs / due", "Longest gap / allowed", "Failed", "Seen"]);
    for check in all {
        let a = &check.arithmetic;
        let mut failed = match a.failures {
            0 => "never".to_owned(),
            n => format!("{n}×, {}\nhealed by {}", lasting(a.seconds_in_failure), healed(&a.healed_by)),
        };
        if a.excepted_seconds > 0 {
            failed += &format!("\nexcepted {} by {}", lasting(a.excepted_seconds), a.excepted_by.join(", "));
        }
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

/// The same as of an instant.
fn checks_then(all: &[CheckFinding], look: Look) -> String {
    let header = ["Check", "Verdict", "Last run before", "Next run after", "Between / allowed", "Failing for", "Seen"];
    let mut table = look.table(&header);
    for check in all {
        let a = &check.arithmetic;
        let time = |at: Option<Time>| at.map_or_else(|| "-".to_owned(), when);
        let between = a.first_at.map_or_else(|| "-".to_owned(), |_| lasting(a.longest_gap_seconds));
        let seen = check.observed.as_ref().map(|o| values(&o.values)).unwrap_or_default();
        table.add_row([
            Cell::new(format!("{}\n{}", check.check, check.appliance)),
            verdict_cell(check.verdict),
            Cell::new(time(a.first_at)),
            Cell::new(time(a.last_at)),
            Cell::new(format!("{between} / {}", lasting(a.allowed_gap_seconds))),
            Cell::new(if a.failures == 0 { "-".to_owned() } else { lasting(a.seconds_in_failure) }),
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
        out += &look.heading(if c.instant.is_some() { "Incidents that were open" } else { "Incidents" });
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
            if c.instant.is_none() {
                out += &format!("  in force for {} of the period\n", lasting(e.in_force_seconds));
            }
        }
    }
    out += &changes(c, look);
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

/// The most entries of one change that are printed, but for those that weaken protection; JSON and HTML have all.
const MOST_ENTRIES: usize = 40;

fn changes(c: &Comparison, look: Look) -> String {
    if c.changes.is_empty() {
        return String::new();
    }
    let mut out = look.heading("Changes of baseline");
    for change in &c.changes {
        let mark = if change.weakens { look.paint(" WEAKENS PROTECTION", "1;31") } else { String::new() };
        let what = match &change.from {
            Some(from) => format!("{from} → {}", change.to),
            None => format!("{}, its first", change.to),
        };
        let by = signers(&change.signed_by);
        out += &format!("{} {}: {what}, signed by {by}{mark}\n", when(change.at), change.appliance);
        if change.entries.is_empty() && change.from.is_some() {
            out += "  the policy is the same\n";
        }
        // What weakens stands first, and all of it is told.
        let weaker = change.entries.iter().filter(|entry| entry.weakens).count();
        let shown = weaker.max(MOST_ENTRIES);
        for entry in change.entries.iter().take(shown) {
            out += &format!("  {} {}\n", effect(entry.effect, look), entry.what);
        }
        let untold = change.entries.len().saturating_sub(shown);
        if untold > 0 {
            out += &format!("  and {} more, none of which weakens protection\n", thousands(untold as u64));
        }
    }
    out
}

/// The word for an effect, eight columns wide.
fn effect(effect: Effect, look: Look) -> String {
    let (word, codes) = match effect {
        Effect::Weaker => ("weaker", "31"),
        Effect::Stronger => ("stronger", "32"),
        Effect::Unclear => ("unclear", "33"),
        Effect::Same => ("reworded", "2"),
    };
    look.paint(&format!("{word:<8}"), codes)
}

fn stories<'a>(
    title: &str,
    told: impl Iterator<Item = (Time, &'a ApplianceId, &'a Vec<String>, &'a Link)>,
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
