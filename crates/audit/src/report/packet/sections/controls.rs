//! Every control of the baseline, and what it is called elsewhere.

use writ_policy::control::Coverage;

use super::super::model::{Block, Section, Shape, Table, number, text, verdict};
use super::super::site::Site;
use crate::compare::Verdict;
use crate::compare::model::{CheckFinding, ControlFinding, Link};
use crate::words::framework;

/// The most reasons that one control gives here; `writ audit compare` gives all.
const REASONS: usize = 4;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("controls", "Control coverage");
    section.blocks.push(Block::Table(by_coverage(site)));
    let mut table = Table::new(
        "controls",
        "Every control of the baseline, with what its verdict rests on",
        &[
            ("Control", Shape::Words),
            ("Title", Shape::Words),
            ("Coverage", Shape::Words),
            ("Severity", Shape::Words),
            ("Verdict", Shape::Words),
            ("Without exceptions", Shape::Words),
            ("Why", Shape::Words),
            ("Evidence, some of it", Shape::Words),
        ],
    );
    for control in &site.whole.controls {
        table.row(vec![
            text(&control.control),
            text(&control.title),
            text(coverage(control.coverage)),
            text(control.severity),
            verdict(control.verdict),
            verdict(control.verdict_without_exceptions),
            text(reasons(control)),
            site.evidence(links(site, control)),
        ]);
    }
    section.table(table, "No policy that is known here was in force, so no control was judged.");
    section.heading("Across frameworks");
    section.table(frameworks(site), "No control names an identifier of a framework.");
    section
}

fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Automated => "automated",
        Coverage::Partial => "partial",
        Coverage::Procedural => "procedural",
        Coverage::Inherited => "inherited",
    }
}

fn by_coverage(site: &Site<'_>) -> Table {
    let mut table = Table::new(
        "coverage-of-controls",
        "How far machines can show the controls, and how many of them they show",
        &[
            ("Coverage", Shape::Words),
            ("Controls", Shape::Numbers),
            ("Shown", Shape::Numbers),
            ("Excepted", Shape::Numbers),
            ("Not shown", Shape::Numbers),
        ],
    );
    for sought in [Coverage::Automated, Coverage::Partial, Coverage::Procedural, Coverage::Inherited] {
        let of: Vec<&ControlFinding> = site.whole.controls.iter().filter(|c| c.coverage == sought).collect();
        let count = |wanted: fn(Verdict) -> bool| of.iter().filter(|c| wanted(c.verdict)).count() as u64;
        table.row(vec![
            text(coverage(sought)),
            number(of.len() as u64),
            number(count(Verdict::is_shown)),
            number(count(|v| v == Verdict::Excepted)),
            number(count(|v| v.is_assessed() && !v.is_shown() && v != Verdict::Excepted)),
        ]);
    }
    table
}

fn reasons(control: &ControlFinding) -> String {
    let mut told: Vec<String> = control.reasons.iter().take(REASONS).cloned().collect();
    if control.reasons.len() > REASONS {
        told.push(format!("and {} more", control.reasons.len() - REASONS));
    }
    told.extend(control.not_assessed.iter().map(|left_out| format!("not assessed: {left_out}")));
    told.extend(control.procedure.clone());
    if told.is_empty() { "–".to_owned() } else { told.join("; ") }
}

/// The last bundle of each check, which tells of its state at the end.
fn links<'s>(site: &'s Site<'_>, control: &ControlFinding) -> Vec<&'s Link> {
    let checks = control.checks.iter().filter_map(|i| site.whole.checks.get(*i));
    let last = |check: &'s CheckFinding| check.observed.as_ref().map(|o| &o.link).or(check.evidence.last());
    let mut links: Vec<&Link> = checks.filter_map(last).collect();
    links.sort();
    links.dedup();
    links.truncate(crate::compare::model::MAX_LINKS);
    links
}

/// The same by the identifiers of each framework that controls name.
fn frameworks(site: &Site<'_>) -> Table {
    let mut table = Table::new(
        "frameworks",
        "What the verdicts come to in each framework: the worst of the controls that name an identifier",
        &[
            ("Framework", Shape::Words),
            ("Identifier", Shape::Words),
            ("Verdict", Shape::Words),
            ("Without exceptions", Shape::Words),
            ("Controls", Shape::Words),
        ],
    );
    for row in &site.whole.matrix {
        table.row(vec![
            text(framework(&row.framework)),
            text(&row.id),
            verdict(row.verdict),
            verdict(row.verdict_without_exceptions),
            text(row.controls.join(", ")),
        ]);
    }
    table
}
