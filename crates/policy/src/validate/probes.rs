//! Checks name exactly one probe that the agent knows, with the parameters that it takes.

use serde_json::Value as Json;

use super::context::{Context, Item};
use super::finding::{Finding, one_of};
use super::parameters::{self, Call};

/// Judges the probe of every check.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for check in context.items("checks") {
        let Some(Json::Object(probe)) = check.value.get("probe") else { continue };
        if probe.len() != 1 {
            findings.push(
                check.place(
                    Finding::error(
                        "wrong-type",
                        check.path(&["probe"]),
                        format!("a check has one probe, this one has {}", probe.len()),
                    )
                    .expected("exactly one probe, such as probe.file = { path = \"/etc/motd\"; }"),
                ),
            );
        }
        for (name, given) in probe {
            judge(context, check, name, given, findings);
        }
    }
}

fn judge(context: &Context<'_>, check: Item<'_>, name: &str, given: &Json, findings: &mut Vec<Finding>) {
    let known = || context.registry.probes.keys().copied();
    let Some(schema) = context.registry.probes.get(name) else {
        findings.push(
            check.place(
                Finding::error("unknown-probe", check.path(&["probe", name]), format!("there is no probe `{name}`"))
                    .at_key()
                    .expected(one_of(known()))
                    .nearest(name, known()),
            ),
        );
        return;
    };
    if !given.is_object() {
        findings.push(
            check.place(
                Finding::error("wrong-type", check.path(&["probe", name]), "a probe's parameters are an attribute set")
                    .expected(format!("probe.{name} = {{ … }}")),
            ),
        );
    }
    let call = Call { what: "probe", name, schema: schema.parameters, keys: vec!["probe", name] };
    parameters::judge(check, &call, given, findings);
}
