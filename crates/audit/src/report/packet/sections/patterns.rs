//! Patterns as tables: what was seen, how often it helped, and what may be done about it.

use super::super::model::{Shape, Table, instant, maybe, millis, number, text};
use crate::learn::{LearnedRule, Pattern, RULE_PREFIX, State, in_words};

/// The most names in one cell.
const NAMED: usize = 5;

/// A state in a word.
pub fn state(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Eligible => "candidate",
        State::Promoted => "promoted",
        State::Rejected => "rejected",
        State::Withdrawable => "to be withdrawn",
    }
}

/// What a person does next about a pattern; nothing where there is nothing to be done.
pub fn next(pattern: &Pattern) -> String {
    match pattern.state {
        State::Pending | State::Promoted => String::new(),
        State::Eligible => format!("writ learn show {0}; then writ learn promote {0}, or reject", pattern.id),
        State::Rejected => "look at it again: is the reason still good?".to_owned(),
        State::Withdrawable => "it helps too rarely: mend its runbook, or take the rule out".to_owned(),
    }
}

/// A share of a thousand, in percent with one digit: `94.1 %`.
pub fn share(permille: u32) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// Some names, and how many more there are.
pub fn some(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What of the check's expectation did not hold.
fn conditions(pattern: &Pattern) -> String {
    let terms: Vec<String> = pattern.conditions.iter().map(|term| format!("not {}", in_words(term))).collect();
    if terms.is_empty() { "the check fails".to_owned() } else { terms.join("; ") }
}

/// Learned rules, as they do by themselves. A pattern cannot tell that: it counts what plans had run.
pub fn rules(id: &'static str, all: &[LearnedRule]) -> Table {
    let mut table = Table::new(
        id,
        "Rules of the newest releases that are patterns: of the ended incidents in which each ran, those that it resolved, in all evidence",
        &[
            ("Rule", Shape::Code),
            ("Pattern", Shape::Code),
            ("Check", Shape::Words),
            ("Runbook", Shape::Words),
            ("Tried", Shape::Numbers),
            ("Resolved", Shape::Numbers),
            ("Share", Shape::Numbers),
            ("Last answered", Shape::Words),
            ("What to do", Shape::Words),
        ],
    );
    for rule in all {
        let weak = rule.withdrawable.then(|| match rule.rule.starts_with(RULE_PREFIX) {
            true => format!("it helps too rarely: mend its runbook, or writ learn withdraw {}", rule.rule),
            false => "it helps too rarely: mend its runbook, or take it out where it is written".to_owned(),
        });
        table.row(vec![
            text(&rule.rule),
            maybe(rule.pattern.as_ref()),
            text(&rule.check),
            text(&rule.runbook),
            number(rule.tried),
            number(rule.resolved),
            maybe((rule.tried > 0).then(|| share(rule.success_permille))),
            instant(rule.last_seen),
            maybe(weak),
        ]);
    }
    table
}

/// Patterns, as they come.
pub fn table(id: &'static str, caption: &str, all: &[&Pattern]) -> Table {
    let mut table = Table::new(
        id,
        caption,
        &[
            ("Pattern", Shape::Code),
            ("State", Shape::Words),
            ("Check", Shape::Words),
            ("Kind of event", Shape::Words),
            ("Runbook", Shape::Words),
            ("Conditions", Shape::Words),
            ("Seen", Shape::Numbers),
            ("Helped", Shape::Numbers),
            ("Share", Shape::Numbers),
            ("Mean time", Shape::Numbers),
            ("First seen", Shape::Words),
            ("Last seen", Shape::Words),
            ("Sites", Shape::Words),
            ("Appliances", Shape::Words),
            ("Bundles", Shape::Words),
            ("What to do", Shape::Words),
        ],
    );
    for pattern in all {
        table.row(vec![
            text(&pattern.id),
            text(state(pattern.state)),
            text(&pattern.check),
            text(&pattern.incident_type),
            text(&pattern.runbook),
            text(conditions(pattern)),
            number(pattern.occurrences),
            number(pattern.successes),
            text(share(pattern.success_permille)),
            millis((pattern.successes > 0).then_some(pattern.mean_ms)),
            instant(Some(pattern.first_seen)),
            instant(Some(pattern.last_seen)),
            text(some(&pattern.sites)),
            text(some(&pattern.appliances)),
            text(some(&pattern.bundles)),
            text(next(pattern)),
        ]);
    }
    table
}
