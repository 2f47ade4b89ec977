//! Items that say too little to be of use: each is a promise that nobody could keep or check.

use serde_json::Value as Json;

use super::context::{Context, Item};
use super::finding::Finding;

/// Judges controls, rules, runbooks and duties.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for rule in context.items("rules") {
        let given = |field| rule.value.get(field).is_some_and(|v| !v.is_null());
        if given("run") == given("escalate") {
            let message = if given("run") {
                "this rule runs a runbook and escalates"
            } else {
                "this rule neither runs a runbook nor escalates"
            };
            findings.push(
                rule.place(
                    Finding::error("rule-run", rule.path(&["escalate"]), message)
                        .at_key()
                        .expected("exactly one of run = \"…\"; and escalate = { to = \"L3\"; why = \"…\"; };"),
                ),
            );
        }
    }
    for duty in context.items("duties") {
        let cadence = duty.value.get("cadence").filter(|cadence| cadence.is_object());
        let none = |field| cadence.is_some_and(|c| c.get(field).is_none_or(Json::is_null));
        if none("every") && none("on") {
            findings.push(
                duty.place(
                    Finding::error("duty-cadence", duty.path(&["cadence"]), "this duty is never due")
                        .at_key()
                        .expected("cadence.every = \"91d\"; or cadence.on = \"…\";"),
                ),
            );
        }
    }
    for control in context.items("controls") {
        findings.extend(incomplete(control).map(|finding| control.place(finding)));
    }
    for (section, field, code, message, help) in [
        (
            "rules",
            "controls",
            "rule-without-controls",
            "this rule serves no control",
            "whoever reads the evidence must be told which requirement the repair served",
        ),
        (
            "runbooks",
            "verify",
            "runbook-without-verify",
            "this runbook names no check that decides whether it helped",
            "exit codes inform, the re-scan decides: without one an incident could never be closed",
        ),
        (
            "runbooks",
            "steps",
            "runbook-without-steps",
            "this runbook has no steps",
            "a runbook does at least one thing",
        ),
    ] {
        for item in context.items(section).filter(|item| empty(item, field)) {
            findings.push(
                item.place(
                    Finding::error(code, item.path(&[field]), message)
                        .expected("a list with at least one entry")
                        .help(help),
                ),
            );
        }
    }
}

fn empty(item: &Item<'_>, field: &str) -> bool {
    item.value.get(field).and_then(Json::as_array).is_some_and(Vec::is_empty)
}

fn incomplete(control: Item<'_>) -> Option<Finding> {
    let error = |code, field, message: &str, expected: &str| {
        Some(Finding::error(code, control.path(&[field]), message).expected(expected))
    };
    let none = |field| control.value.get(field).is_none_or(Json::is_null);
    match control.text("coverage")? {
        "automated" | "partial" if empty(&control, "checks") => error(
            "control-checks",
            "checks",
            "a control that is assessed by machine names no check",
            "checks = [ \"…\" ]; or coverage = \"procedural\"",
        ),
        "partial" if none("not_assessed") => error(
            "control-not-assessed",
            "not_assessed",
            "a partial control does not say what is left out",
            "not_assessed = \"what no check here looks at\"",
        ),
        coverage @ ("procedural" | "inherited") if none("procedure") => error(
            "control-procedure",
            "procedure",
            &format!("a control that is {coverage} does not say who does what"),
            "procedure = \"what people do, how often, and where it is recorded\"",
        ),
        coverage @ ("procedural" | "inherited") if empty(&control, "duties") => error(
            "control-duties",
            "duties",
            &format!("a control that is {coverage} does not say when, and what is attached"),
            "duties = [ \"…\" ];",
        ),
        _ => None,
    }
}
