//! Checks that must not decide anything: those whose probe the agent knows but cannot look with yet, and those that are looked
//! at over the network, by another process in its own time. What lies on the network may also be forged there: nothing is run
//! because of it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::context::{Context, strings};
use super::finding::Finding;

fn probe<'a>(context: &Context<'a>, check: &str) -> Option<&'a str> {
    let check = context.item("checks", check)?;
    check.value.get("probe")?.as_object()?.keys().next().map(String::as_str)
}

/// Whether nobody can observe this check yet.
fn is_unobserved(context: &Context<'_>, check: &str) -> bool {
    probe(context, check).is_some_and(|probe| context.registry.unobserved(probe))
}

/// Whether this check is looked at over the network.
fn is_network(context: &Context<'_>, check: &str) -> bool {
    probe(context, check).is_some_and(|probe| context.registry.network.contains(probe))
}

/// Why a check cannot be the one by which something is judged, if so.
fn blind(context: &Context<'_>, check: &str) -> Option<&'static str> {
    if is_unobserved(context, check) {
        Some("cannot be observed by this version")
    } else if is_network(context, check) {
        Some("is looked at over the network, by another process in its own time")
    } else {
        None
    }
}

/// A rule that runs a runbook because of what was seen over the network.
pub fn network(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for rule in context.items("rules").filter(|rule| rule.text("run").is_some()) {
        let check = rule.value.pointer("/when/check").and_then(Json::as_str);
        let Some(check) = check.filter(|check| is_network(context, check)) else { continue };
        let message = format!("`{check}` is seen over the network only, and nothing is run because of that");
        let finding = Finding::error("rule-on-network", rule.path(&["run"]), message);
        findings.push(rule.place(finding.expected("`escalate`, or a check that looks at this machine")));
    }
}

/// A runbook whose `verify` names such a check, where the check that it is run for can be observed. A runbook for a
/// check that cannot be observed is never run, and may verify by that check.
pub fn common(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let run: BTreeSet<&str> = context
        .items("rules")
        .filter(|rule| {
            let check = rule.value.pointer("/when/check").and_then(Json::as_str);
            check.is_some_and(|check| {
                context.item("checks", check).is_some() && !is_unobserved(context, check) && !is_network(context, check)
            })
        })
        .filter_map(|rule| rule.text("run"))
        .collect();
    for runbook in context.items("runbooks").filter(|runbook| run.contains(runbook.id)) {
        for (at, check) in runbook.strings("verify") {
            let Some(why) = blind(context, check) else { continue };
            findings.push(
                runbook.place(
                    Finding::error(
                        "verify-unobserved",
                        runbook.path(&["verify", &at]),
                        format!("`{check}` {why}: no incident would ever be closed by this runbook"),
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
    for (at, check) in strings(named) {
        let Some(why) = blind(context, check) else { continue };
        let path = ["settings", "probation", "checks", &at].map(str::to_owned).to_vec();
        findings.push(
            Finding::error(
                "probation-unobserved",
                path,
                format!("`{check}` {why}: no generation would survive its probation"),
            )
            .expected("checks whose probes can look"),
        );
    }
}
