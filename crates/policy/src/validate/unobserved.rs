//! Checks whose probe the agent knows but cannot look with yet: they may stand in a policy, and must not decide anything.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::context::{Context, strings};
use super::finding::Finding;

/// Whether nobody can observe this check yet.
fn is_unobserved(context: &Context<'_>, check: &str) -> bool {
    let probe = context.item("checks", check).and_then(|check| check.value.get("probe")?.as_object()?.keys().next());
    probe.is_some_and(|probe| context.registry.unobserved(probe))
}

/// A runbook whose `verify` names such a check, where the check that it is run for can be observed. A runbook for a
/// check that cannot be observed is never run, and may verify by that check.
pub fn common(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let run: BTreeSet<&str> = context
        .items("rules")
        .filter(|rule| {
            let check = rule.value.pointer("/when/check").and_then(Json::as_str);
            check.is_some_and(|check| context.item("checks", check).is_some() && !is_unobserved(context, check))
        })
        .filter_map(|rule| rule.text("run"))
        .collect();
    for runbook in context.items("runbooks").filter(|runbook| run.contains(runbook.id)) {
        for (at, check) in runbook.strings("verify").filter(|(_, check)| is_unobserved(context, check)) {
            findings.push(
                runbook.place(
                    Finding::error(
                        "verify-unobserved",
                        runbook.path(&["verify", &at]),
                        format!(
                            "`{check}` cannot be observed by this version: no incident would ever be closed by this runbook"
                        ),
                    )
                    .expected("checks whose probes can look"),
                ),
            );
        }
    }
}

/// Probation that demands such a check: named checks must hold whatever held before.
pub fn own(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let named = context.whole("settings").and_then(|s| s.pointer("/probation/checks"));
    for (at, check) in strings(named).filter(|(_, check)| is_unobserved(context, check)) {
        let path = ["settings", "probation", "checks", &at].map(str::to_owned).to_vec();
        findings.push(
            Finding::error(
                "probation-unobserved",
                path,
                format!("`{check}` cannot be observed by this version: no generation would survive its probation"),
            )
            .expected("checks whose probes can look"),
        );
    }
}
