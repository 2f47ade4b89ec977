//! Dangling references: an id that names nothing.

use serde_json::Value as Json;

use super::context::{Context, Item, strings};
use super::finding::Finding;

/// References between controls, checks, rules, runbooks and duties.
pub fn common(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for control in context.items("controls") {
        for (at, check) in control.strings("checks") {
            context.refer(control, &["checks", &at], check, "checks", findings);
        }
        for (at, duty) in control.strings("duties") {
            context.refer(control, &["duties", &at], duty, "duties", findings);
        }
    }
    for rule in context.items("rules") {
        if let Some(check) = rule.value.pointer("/when/check").and_then(Json::as_str) {
            context.refer(rule, &["when", "check"], check, "checks", findings);
        }
        if let Some(runbook) = rule.text("run") {
            context.refer(rule, &["run"], runbook, "runbooks", findings);
        }
        for (at, control) in rule.strings("controls") {
            context.refer(rule, &["controls", &at], control, "controls", findings);
        }
    }
    for runbook in context.items("runbooks") {
        for (at, check) in runbook.strings("verify") {
            context.refer(runbook, &["verify", &at], check, "checks", findings);
        }
    }
}

/// References of exceptions and settings.
pub fn own(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for exception in context.items("exceptions") {
        for (field, section) in [("control", "controls"), ("check", "checks")] {
            if let Some(id) = exception.text(field) {
                context.refer(exception, &[field], id, section, findings);
            }
        }
    }
    if let Some(value) = context.whole("settings").and_then(|s| s.get("probation")) {
        let probation = Item { section: "settings", id: "probation", value };
        for (at, check) in strings(value.get("checks")) {
            context.refer(probation, &["checks", &at], check, "checks", findings);
        }
    }
}
