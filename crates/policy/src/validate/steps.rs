//! Runbooks consist of steps that the agent knows, with the parameters that they take and ids of their own.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::context::{Context, Item, strings};
use super::finding::{Finding, one_of};
use super::parameters::{self, Call};
use crate::values::{Form, Values};

/// Judges every step, and what would undo it, of every runbook.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for runbook in context.items("runbooks") {
        let mut ids = BTreeSet::new();
        for (i, step) in runbook.value.get("steps").and_then(Json::as_array).into_iter().flatten().enumerate() {
            let at = i.to_string();
            judge(context, runbook, &["steps", &at], step, findings);
            if let Some(undo @ Json::Object(_)) = step.get("undo") {
                judge(context, runbook, &["steps", &at, "undo"], undo, findings);
            }
            if let Some(id) = step.get("id").and_then(Json::as_str)
                && !ids.insert(id)
            {
                findings.push(
                    runbook.place(
                        Finding::error(
                            "duplicate-step",
                            runbook.path(&["steps", &at, "id"]),
                            format!("this runbook has two steps called `{id}`"),
                        )
                        .expected("a name of its own for each step"),
                    ),
                );
            }
        }
    }
}

fn judge(context: &Context<'_>, runbook: Item<'_>, keys: &[&str], step: &Json, findings: &mut Vec<Finding>) {
    let Some(name) = step.get("step").and_then(Json::as_str) else { return };
    let with = |key| keys.iter().copied().chain([key]).collect::<Vec<_>>();
    let known = || context.registry.steps.keys().copied();
    let Some(schema) = context.registry.steps.get(name) else {
        findings.push(
            runbook.place(
                Finding::error("unknown-step", runbook.path(&with("step")), format!("there is no step `{name}`"))
                    .expected(one_of(known()))
                    .nearest(name, known()),
            ),
        );
        return;
    };
    let call = Call { what: "step", name, schema: schema.parameters, keys: with("parameters") };
    let given = step.get("parameters").unwrap_or(&Json::Null);
    parameters::judge(runbook, &call, given, findings);
    for parameter in schema.parameters.iter().filter(|p| p.values == Values::Form(Form::CheckId)) {
        for (at, check) in strings(given.get(parameter.name)) {
            let keys: Vec<&str> = call.keys.iter().copied().chain([parameter.name, &at]).collect();
            context.refer(runbook, &keys, check, "checks", findings);
        }
    }
}
