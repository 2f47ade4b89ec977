//! Every control of the baseline, and what it is called elsewhere.

use std::collections::BTreeMap;

use writ_policy::control::Coverage;

use super::super::model::{Block, Section, Shape, Table, number, text, verdict};
use super::super::site::Site;
use crate::compare::Verdict;
use crate::compare::model::{CheckFinding, ControlFinding, Link};

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
    section.table(table, "No policy was in force, so no control was asked for.");
    section.heading("Across frameworks");
    section.table(frameworks(site), "No control names an identifier of another framework.");
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

/// The identifiers of other frameworks, each with the worst verdict of the controls that name it.
fn frameworks(site: &Site<'_>) -> Table {
    let mut rows: BTreeMap<(&str, &str), Vec<&ControlFinding>> = BTreeMap::new();
    for control in &site.whole.controls {
        for (framework, ids) in &control.maps {
            for id in ids {
                rows.entry((framework, id)).or_default().push(control);
            }
        }
    }
    let mut table = Table::new(
        "frameworks",
        "What the verdicts come to in other frameworks: the worst of the controls that name each identifier",
        &[
            ("Framework", Shape::Words),
            ("Identifier", Shape::Words),
            ("Verdict", Shape::Words),
            ("Without exceptions", Shape::Words),
            ("Controls", Shape::Words),
        ],
    );
    let worst = |all: &[&ControlFinding], of: fn(&ControlFinding) -> Verdict| all.iter().map(|c| of(c)).min();
    for ((framework, id), all) in rows {
        let [with, without] = [worst(&all, |c| c.verdict), worst(&all, |c| c.verdict_without_exceptions)];
        let names: Vec<&str> = all.iter().map(|c| c.control.as_str()).collect();
        table.row(vec![
            text(framework.to_uppercase()),
            text(id),
            verdict(with.unwrap_or(Verdict::NotAssessable)),
            verdict(without.unwrap_or(Verdict::NotAssessable)),
            text(names.join(", ")),
        ]);
    }
    table
}
