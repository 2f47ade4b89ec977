//! Two rules of equal priority that can match the same finding: which one runs would be chance.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::context::{Context, Item};
use super::domain::disjoint;
use super::finding::Finding;
use crate::predicate::Predicate;

/// Compares the rules of each check that have the same priority.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut groups: BTreeMap<(&str, i64), Vec<(Item<'_>, Predicate)>> = BTreeMap::new();
    for rule in context.items("rules") {
        let Some(when) = rule.value.get("when") else { continue };
        let (Some(check), Some(priority)) =
            (when.get("check").and_then(Json::as_str), rule.value.get("priority").and_then(Json::as_i64))
        else {
            continue;
        };
        let narrowed = match when.get("observation") {
            None | Some(Json::Null) => Predicate::All(Vec::new()),
            // One that cannot be read is reported as such.
            Some(json) => match Predicate::from_json(json) {
                Ok(predicate) => predicate,
                Err(_) => continue,
            },
        };
        groups.entry((check, priority)).or_default().push((rule, narrowed));
    }
    for ((check, priority), rules) in groups {
        for (i, (second, narrowed)) in rules.iter().enumerate() {
            let Some((first, _)) = rules[..i].iter().find(|(_, other)| !disjoint(other, narrowed)) else { continue };
            findings.push(
                second.place(
                    Finding::error(
                        "overlapping-rules",
                        second.path(&["priority"]),
                        format!(
                            "rules `{}` and `{}` answer the same finding of `{check}` with the same priority {priority}",
                            first.id, second.id
                        ),
                    )
                    .expected("another priority, or `when.observation` predicates that exclude each other")
                    .related(
                        first.declared_at(),
                        first.path(&["priority"]),
                        format!("`{}` has priority {priority} too", first.id),
                    ),
                ),
            );
        }
    }
}
