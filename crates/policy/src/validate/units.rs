//! Bounds on ages that are shorter than the time between two looks: seldom the unit that was meant.

use serde_json::Value as Json;
use writ_trust::time::Span;

use super::context::Context;
use super::finding::Finding;
use super::walk::{Node, predicates, walk};

/// Compares upper bounds on ages with how often the check looks.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for found in predicates(context).into_iter().filter(|found| found.item.section == "checks") {
        let every = found.item.text("every").and_then(|every| every.parse::<Span>().ok());
        let Some(every) = every else { continue };
        let mut path = found.item.path(&found.keys);
        let mut own = Vec::new();
        walk(found.predicate, &mut path, &mut |path, node| {
            let Node::Clause { field, op, operand } = node else { return };
            let upper = matches!(op, "le" | "lt") && field.ends_with("age_seconds");
            if let Some(bound) = operand.as_i64().filter(|bound| upper && (1..every.seconds()).contains(bound)) {
                own.push(
                    Finding::error(
                        "unit-doubtful",
                        path.to_vec(),
                        format!("{bound} seconds are less than the {every} between two looks"),
                    )
                    .warning()
                    .expected(format!("seconds, such as writ.inSeconds \"{bound}h\"")),
                );
            }
        });
        findings.extend(own.into_iter().map(|finding| found.item.place(finding)));
    }
}

/// What a duration is in the unit of a field, where the field's name says one.
pub fn in_unit_of(field: &str, operand: &Json) -> Option<String> {
    let text = operand.as_str()?;
    let span = text.parse::<Span>().ok()?;
    if field.ends_with("_seconds") {
        Some(format!("writ.inSeconds {text:?} is {}", span.seconds()))
    } else if field.ends_with("_ms") {
        Some(format!("{text} are {} milliseconds", span.millis()))
    } else {
        None
    }
}
