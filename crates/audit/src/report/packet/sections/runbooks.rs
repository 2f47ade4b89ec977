//! What appliances do by themselves: rules, and the runbooks that they run.

use super::super::model::{Section, Shape, Table, maybe, number, text};
use super::super::site::Site;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("runbook-library", "Runbook library");
    let policies = site.policies();
    let mut rules = Table::new(
        "rules",
        "Rules: which runbook answers to which check",
        &[
            ("Rule", Shape::Words),
            ("What it does", Shape::Words),
            ("Answers to", Shape::Words),
            ("Runs", Shape::Words),
            ("Attempts", Shape::Numbers),
            ("Controls", Shape::Words),
            ("Tried in the period", Shape::Numbers),
            ("Resolved", Shape::Numbers),
        ],
    );
    let mut seen = std::collections::BTreeSet::new();
    for (id, rule) in policies.iter().flat_map(|(_, policy)| &policy.rules).filter(|(id, _)| seen.insert(*id)) {
        let figures = site.whole.figures.rules.iter().find(|figures| figures.rule == *id);
        rules.row(vec![
            text(id),
            text(&rule.title),
            text(&rule.when.check),
            maybe(rule.run.as_ref()),
            number(u64::from(rule.attempts)),
            text(rule.controls.join(", ")),
            number(figures.map_or(0, |f| f.tried)),
            number(figures.map_or(0, |f| f.resolved)),
        ]);
    }
    section.table(rules, "The policies have no rules.");
    let mut runbooks = Table::new(
        "runbooks",
        "Runbooks: their steps, and the checks that must hold afterwards",
        &[
            ("Runbook", Shape::Words),
            ("What it does", Shape::Words),
            ("Version", Shape::Words),
            ("Steps", Shape::Words),
            ("Verified by", Shape::Words),
            ("SHA-256", Shape::Code),
        ],
    );
    let mut seen = std::collections::BTreeSet::new();
    for (id, runbook) in policies.iter().flat_map(|(_, policy)| &policy.runbooks).filter(|(id, _)| seen.insert(*id)) {
        let steps: Vec<String> = runbook.steps.iter().map(|step| format!("{}: {}", step.id, step.step)).collect();
        runbooks.row(vec![
            text(id),
            text(&runbook.title),
            text(&runbook.version),
            text(steps.join("; ")),
            text(runbook.verify.join(", ")),
            text(runbook.digest()),
        ]);
    }
    section.table(runbooks, "The policies have no runbooks.");
    section
}
