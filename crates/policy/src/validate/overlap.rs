//! Two rules of equal priority that can match the same finding: which one runs would be chance.

use std::collections::BTreeMap;

use super::context::{Context, Item};
use super::domain::disjoint;
use super::finding::Finding;
use super::matching::answers;
use crate::predicate::Predicate;

/// Compares the rules of each check that have the same priority.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut groups: BTreeMap<(&str, i64), Vec<(Item<'_>, Predicate)>> = BTreeMap::new();
    for answer in answers(context) {
        groups.entry((answer.check, answer.priority)).or_default().push((answer.rule, answer.narrowed));
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
