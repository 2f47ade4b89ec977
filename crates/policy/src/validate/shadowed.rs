//! Rules that never run because another always answers first.
//!
//! A lower rule gets its turn when the higher one has used up its attempts. So a higher rule hides it for good only when
//! it matches whatever the lower one matches, and either escalates or has as many attempts as the severity allows: then
//! people are called before the lower one's turn comes.
//!
//! That the check fails says nothing of what a rule is matched with: after a runbook that did not help, rules are matched
//! with what was seen then, and there the check itself may hold while another that the runbook names does not.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::context::Context;
use super::domain::implies;
use super::finding::Finding;
use super::matching::{Answer, answers};
use crate::predicate::Predicate;

/// Compares the rules of each check that have different priorities.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut by_check: BTreeMap<&str, Vec<Answer<'_>>> = BTreeMap::new();
    for answer in answers(context) {
        by_check.entry(answer.check).or_default().push(answer);
    }
    for (check, mut rules) in by_check {
        rules.sort_by_key(|answer| std::cmp::Reverse(answer.priority));
        let allowed = allowed(context, check);
        for (i, lower) in rules.iter().enumerate() {
            let hides = |higher: &&Answer<'_>| {
                higher.priority > lower.priority
                    && ends(higher, allowed).is_some()
                    && (is_always(&higher.narrowed) || implies(&lower.narrowed, &higher.narrowed))
            };
            if let Some(higher) = rules[..i].iter().find(hides) {
                findings.push(lower.rule.place(finding(higher, lower, ends(higher, allowed).unwrap_or_default())));
            }
        }
    }
}

/// The attempts that the severity of a check allows, where the settings say.
fn allowed(context: &Context<'_>, check: &str) -> Option<u64> {
    let severity = context.item("checks", check)?.text("severity")?;
    context.whole("settings")?.pointer("/escalation/l1_failures")?.get(severity)?.as_u64()
}

fn is_always(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::All(parts) if parts.is_empty())
}

/// How a rule ends an incident before any other has its turn, in words; none when it does not.
fn ends(answer: &Answer<'_>, allowed: Option<u64>) -> Option<String> {
    if answer.rule.value.get("escalate").is_some_and(Json::is_object) {
        return Some("and calls people".to_owned());
    }
    let (attempts, allowed) = (answer.rule.value.get("attempts")?.as_u64()?, allowed?);
    (attempts >= allowed).then(|| format!("and has as many attempts as this severity allows ({allowed})"))
}

fn finding(higher: &Answer<'_>, lower: &Answer<'_>, how: String) -> Finding {
    let (first, second) = (higher.rule.id, lower.rule.id);
    Finding::error(
        "shadowed-rule",
        lower.rule.path(&["priority"]),
        format!("rule `{second}` never runs: `{first}` answers first {how}"),
    )
    .expected(format!("a narrower `{first}`, fewer of its attempts, or no `{second}`"))
    .related(
        higher.rule.declared_at(),
        higher.rule.path(&["priority"]),
        format!("`{first}` has priority {}", higher.priority),
    )
}
