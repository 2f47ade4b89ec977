//! Durations within reason.

use serde_json::Value as Json;
use writ_trust::time::Span;

use super::context::{Context, Item};
use super::finding::Finding;

/// The shortest interval of a check, in milliseconds.
const SHORTEST_EVERY: i64 = 1_000;
/// The longest time that one step may take, in milliseconds.
const LONGEST_TIMEOUT: i64 = 3_600_000;

/// Judges intervals of checks and timeouts of steps.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for check in context.items("checks") {
        if span(check.value).is_some_and(|millis| millis < SHORTEST_EVERY) {
            findings.push(
                check.place(
                    Finding::error("out-of-bounds", check.path(&["every"]), "a check runs at most once a second")
                        .expected("every = \"1s\" or longer")
                        .help("what the system can tell by itself is noticed at once, whatever `every` says"),
                ),
            );
        }
    }
    for runbook in context.items("runbooks") {
        for (i, step) in runbook.value.get("steps").and_then(Json::as_array).into_iter().flatten().enumerate() {
            let at = i.to_string();
            timeout(runbook, step, &["steps", &at, "timeout"], findings);
            timeout(runbook, step.get("undo").unwrap_or(&Json::Null), &["steps", &at, "undo", "timeout"], findings);
        }
    }
}

fn span(check: &Json) -> Option<i64> {
    millis(check.get("every"))
}

fn millis(value: Option<&Json>) -> Option<i64> {
    value?.as_str()?.parse::<Span>().ok().map(|span| span.millis())
}

fn timeout(runbook: Item<'_>, action: &Json, keys: &[&str], findings: &mut Vec<Finding>) {
    if millis(action.get("timeout")).is_some_and(|millis| !(1..=LONGEST_TIMEOUT).contains(&millis)) {
        findings.push(
            runbook.place(
                Finding::error("out-of-bounds", runbook.path(keys), "a step may take an hour at most")
                    .expected("a duration from \"1ms\" to \"1h\""),
            ),
        );
    }
}
