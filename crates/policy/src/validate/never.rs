//! Rules narrowed to observations that a failing check cannot have.

use super::context::Context;
use super::domain::disjoint;
use super::finding::Finding;
use super::matching::{answers, failing};
use crate::predicate::Predicate;

/// Compares what each rule answers with when its check fails.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for answer in answers(context) {
        let Some(failing) = failing(context, answer.check) else { continue };
        // An observation that nothing has, or a check that nothing fails, is a mistake of its own.
        let can_hold = |predicate: &Predicate| !disjoint(predicate, &Predicate::All(Vec::new()));
        if can_hold(&answer.narrowed) && can_hold(&failing) && disjoint(&answer.narrowed, &failing) {
            let check = answer.check;
            findings.push(
                answer.rule.place(
                    Finding::error(
                        "rule-never-matches",
                        answer.rule.path(&["when", "observation"]),
                        format!("whenever this holds, `{check}` holds too: the rule has nothing to answer"),
                    )
                    .expected(format!("a predicate that a failing `{check}` can have")),
                ),
            );
        }
    }
}
