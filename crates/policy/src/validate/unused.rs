//! Items that nothing refers to: harmless, but seldom meant.

use std::collections::BTreeSet;

use super::context::Context;
use super::finding::Finding;
use crate::nearest::nearest;

/// The ids that are named, and those that a misspelt name was probably meant to be: that is one mistake, not two.
fn meant<'a>(context: &Context<'a>, section: &'static str, named: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let resolved = |name: &'a str| match context.item(section, name) {
        Some(_) => name,
        None => nearest(name, context.ids(section)).unwrap_or(name),
    };
    named.map(resolved).collect()
}

/// Looks for checks that support no control and runbooks that no rule runs.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    if context.left_out.everything {
        return;
    }
    let named = context.items("controls").flat_map(|control| control.strings("checks")).map(|(_, id)| id);
    let supporting = meant(context, "checks", named);
    let run = meant(context, "runbooks", context.items("rules").filter_map(|rule| rule.text("run")));
    for (section, used, by, code, message, expected) in [
        (
            "checks",
            &supporting,
            "controls",
            "unused-check",
            "this check supports no control",
            "a control that names it in `checks`",
        ),
        ("runbooks", &run, "rules", "unused-runbook", "no rule runs this runbook", "a rule that names it in `run`"),
    ] {
        if context.left_out.referring.contains(by) {
            continue;
        }
        let known = |id: &str| used.contains(id) || context.left_out.covers(section, id);
        for item in context.items(section).filter(|item| !known(item.id)) {
            // No control of a baseline can name what an appliance has for itself: there the check names its controls.
            let is_own = section == "checks" && item.declared_at().is_some_and(|at| at.file.starts_with("hosts/"));
            let expected =
                if is_own { "controls = [ \"…\" ]; with the ids of the controls that it supports" } else { expected };
            findings
                .push(item.place(Finding::error(code, item.path(&[]), message).warning().at_key().expected(expected)));
        }
    }
}
