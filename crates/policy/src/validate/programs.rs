//! Runbooks run programs by symbol, and the appliance's system must provide each.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::context::{Context, strings};
use super::finding::{Finding, one_of};

/// Looks for symbols that the system of this appliance does not provide, in the runbooks that its rules run.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(programs @ Json::Array(_)) = context.whole("programs") else { return };
    let run: BTreeSet<&str> = context.items("rules").filter_map(|rule| rule.text("run")).collect();
    let known = || strings(Some(programs)).map(|(_, name)| name);
    for runbook in context.items("runbooks").filter(|runbook| run.contains(runbook.id)) {
        for (keys, symbol) in symbols(runbook.value) {
            if known().any(|known| known == symbol) {
                continue;
            }
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let message = format!("the system of this appliance has no program `{symbol}`");
            let expected = if known().next().is_none() {
                "a name in `programs` of policy.nix".to_owned()
            } else {
                one_of(known())
            };
            findings.push(
                runbook.place(
                    Finding::error("unknown-program", runbook.path(&keys), message)
                        .expected(expected)
                        .nearest(symbol, known())
                        .help("`programs` in policy.nix names what the appliance's system provides"),
                ),
            );
        }
    }
}

/// The symbols in the parameters of a runbook's steps, with the keys that lead to each.
fn symbols(runbook: &Json) -> Vec<(Vec<String>, &str)> {
    let mut found = Vec::new();
    for (i, step) in runbook.get("steps").and_then(Json::as_array).into_iter().flatten().enumerate() {
        let at = i.to_string();
        of_action(step, &["steps", &at], &mut found);
        if let Some(undo) = step.get("undo") {
            of_action(undo, &["steps", &at, "undo"], &mut found);
        }
    }
    found
}

fn of_action<'a>(action: &'a Json, keys: &[&str], found: &mut Vec<(Vec<String>, &'a str)>) {
    for (name, value) in action.get("parameters").and_then(Json::as_object).into_iter().flatten() {
        let only = value.as_object().filter(|o| o.len() == 1);
        if let Some(symbol) = only.and_then(|o| o.get("program")).and_then(Json::as_str) {
            let keys = keys.iter().copied().chain(["parameters", name, "program"]);
            found.push((keys.map(str::to_owned).collect(), symbol));
        }
    }
}
