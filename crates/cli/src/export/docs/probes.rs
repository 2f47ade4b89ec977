//! `probes.md` and `steps.md`: what checks look with and what runbooks are made from, as this version of writ has them.

use writ_policy::schema::{FieldSchema, ParameterSchema};

use super::markdown::{Target, code, text};
use super::reference::Reference;
use crate::library::{catalogue, words};

/// The page of probes.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out =
        "# Probes\n\nWhat checks look with. A field that was not seen is absent, and a predicate on it is unknown, \
                   which never passes.\n"
            .to_owned();
    let checks = reference.checks();
    for (name, schema) in &reference.library.registry.probes {
        out += &format!("\n{}\n", reference.links.heading(2, Target::Probe, name, schema.about));
        if reference.library.registry.unobserved(name) {
            out += "*Not observed by this version*: its schema is announced, so that policies can be judged by it; its \
                    checks are not assessable.\n\n";
        }
        if reference.library.registry.network.contains(name) {
            out += "*Over the network*: `writ-probe` looks with it. What it sees is evidence of that vantage, and no rule may run \
                    anything because of it.\n\n";
        }
        out += &takes(schema.parameters);
        out += "It shows:\n\n| Field | Type | What it is |\n|---|---|---|\n";
        out += &schema.observation.iter().map(field).collect::<String>();
        let with = checks.iter().filter(|(_, all)| all.iter().any(|(_, check)| check.probe.name == *name));
        let with = reference.links.links(Target::Check, with.map(|(id, _)| *id));
        out += &format!("\nChecks that look with it: {with}\n");
    }
    out
}

/// The page of steps.
pub fn steps(reference: &Reference<'_>) -> String {
    let mut out =
        "# Steps\n\nWhat runbooks are made from. A step's success says only that it was carried out; the checks \
                   that the runbook names decide whether it helped.\n"
            .to_owned();
    for (name, schema) in &reference.library.registry.steps {
        out += &format!("\n{}\n", reference.links.heading(2, Target::Step, name, schema.about));
        out += &takes(schema.parameters);
        let all = reference.library.catalogue.runbooks.iter();
        let runbooks = all.filter(|(_, runbook)| catalogue::takes_step(runbook, name));
        let runbooks = reference.links.links(Target::Runbook, runbooks.map(|(id, _)| id.as_str()));
        out += &format!("Runbooks that take it: {runbooks}\n");
    }
    out
}

fn takes(parameters: &[ParameterSchema]) -> String {
    if parameters.is_empty() {
        return "It takes no parameters.\n\n".to_owned();
    }
    let row = |p: &ParameterSchema| {
        let needed = if p.required { "required" } else { "optional" };
        let kind = format!("{}{}", p.kind.as_str(), words::values_note(p.values));
        format!("| {} | {} | {needed} | {} |\n", code(p.name), text(&kind), text(p.about))
    };
    let rows: String = parameters.iter().map(row).collect();
    format!("It takes:\n\n| Parameter | Type | | What it is |\n|---|---|---|---|\n{rows}\n")
}

fn field(schema: &FieldSchema) -> String {
    let class = words::class_note(schema.class);
    let kind = format!("{}{}", words::kind_of(schema), words::values_note(schema.values));
    format!("| {} | {} | {}{class} |\n", code(schema.name), text(&kind), text(schema.about))
}
