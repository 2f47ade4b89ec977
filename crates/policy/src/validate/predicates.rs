//! Predicates against the schema of the observation that they judge: a type mismatch is a mistake here, not a check that
//! is never assessable on the appliance.

use serde_json::Value as Json;

use super::context::Context;
use super::finding::{Finding, listed, one_of};
use super::shape::describe;
use super::units::in_unit_of;
use super::values::impossible;
use super::walk::{Node, predicates, walk};
use crate::predicate::{Op, Predicate};
use crate::schema::{Class, FieldSchema, Kind, ProbeSchema};

/// Judges every clause of every predicate.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for found in predicates(context) {
        let mut path = found.item.path(&found.keys);
        let mut own = Vec::new();
        walk(found.predicate, &mut path, &mut |path, node| match node {
            Node::Misshapen { given, expected } => own.push(
                Finding::error("wrong-type", path.to_vec(), format!("{} is no predicate", describe(given)))
                    .expected(expected),
            ),
            Node::Clause { field, op, operand } => clause(found.probe, path, field, op, operand, &mut own),
        });
        findings.extend(own.into_iter().map(|finding| found.item.place(finding)));
    }
}

/// The fields of a probe that a predicate may depend on.
fn judged(probe: &ProbeSchema) -> impl Iterator<Item = &'static str> {
    probe.observation.iter().filter(|field| field.class != Class::Text).map(|field| field.name)
}

fn clause(
    probe: Option<&ProbeSchema>,
    path: &[String],
    name: &str,
    op_name: &str,
    operand: &Json,
    findings: &mut Vec<Finding>,
) {
    let op = Op::named(op_name);
    if op.is_none() {
        let known = || Op::ALL.into_iter().map(Op::as_str);
        findings.push(
            Finding::error("unknown-operator", path.to_vec(), format!("there is no operator `{op_name}`"))
                .at_key()
                .expected(format!("one of {}", known().collect::<Vec<_>>().join(", ")))
                .nearest(op_name, known()),
        );
    }
    let Some(probe) = probe else { return };
    let at_field = &path[..path.len() - 1];
    let Some(field) = probe.field(name) else {
        let known = || judged(probe);
        findings.push(
            Finding::error(
                "unknown-observation",
                at_field.to_vec(),
                format!("probe `{}` observes no `{name}`", probe.name),
            )
            .at_key()
            .expected(one_of(known()))
            .nearest(name, known()),
        );
        return;
    };
    if field.class == Class::Text {
        findings.push(
            Finding::error(
                "text-field",
                at_field.to_vec(),
                format!(
                    "`{name}` is free text: no predicate may depend on it, because it is scrubbed before it is kept"
                ),
            )
            .at_key()
            .expected(format!("a field that is not free text: {}", listed(judged(probe)))),
        );
        return;
    }
    if let Some(op) = op {
        match operation(probe, field, op, operand, path) {
            Some(finding) => findings.push(finding),
            None => findings.extend(impossible(probe, field, op, operand, path)),
        }
    }
}

/// Whether a clause makes sense for what the probe observes: one that does not is reported as such, and for nothing else.
pub fn is_sound(probe: &ProbeSchema, name: &str, op: Op, operand: &Json) -> bool {
    probe.field(name).is_some_and(|field| {
        operation(probe, field, op, operand, &[]).is_none() && impossible(probe, field, op, operand, &[]).is_empty()
    })
}

/// The operators that give an answer for a kind of field.
fn operators(kind: Kind) -> &'static [Op] {
    match kind {
        Kind::Bool => &[Op::Eq, Op::Ne, Op::Exists],
        Kind::Int => &[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Exists],
        Kind::List => &[Op::Eq, Op::Ne, Op::Contains, Op::SubsetOf, Op::SupersetOf, Op::Exists],
        _ => &[Op::Eq, Op::Ne, Op::In, Op::NotIn, Op::Contains, Op::Matches, Op::Exists],
    }
}

fn operation(probe: &ProbeSchema, field: &FieldSchema, op: Op, operand: &Json, path: &[String]) -> Option<Finding> {
    let known = operators(field.kind);
    if !known.contains(&op) {
        let names: Vec<&str> = known.iter().map(|op| op.as_str()).collect();
        return Some(
            Finding::error(
                "operator-not-applicable",
                path.to_vec(),
                format!("`{}` does not apply to `{}`, which is {}", op.as_str(), field.name, field.kind.as_str()),
            )
            .at_key()
            .expected(format!("one of {}", names.join(", "))),
        );
    }
    let wanted = match op {
        Op::Eq | Op::Ne => field.kind,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => Kind::Int,
        Op::In | Op::NotIn | Op::SubsetOf | Op::SupersetOf => Kind::List,
        Op::Contains | Op::Matches => Kind::Text,
        Op::Exists => Kind::Bool,
    };
    let fits = match wanted {
        Kind::Bool => operand.is_boolean(),
        Kind::Int => operand.is_i64(),
        Kind::List => operand.as_array().is_some_and(|l| l.iter().all(Json::is_string)),
        _ => operand.is_string(),
    };
    if !fits {
        let about = format!("`{}` of probe `{}`: {}", field.name, probe.name, field.told());
        return Some(
            Finding::error(
                "wrong-operand",
                path.to_vec(),
                format!("`{}.{}` is compared with {}", field.name, op.as_str(), describe(operand)),
            )
            .expected(wanted.as_str())
            .help(in_unit_of(field.name, operand).unwrap_or(about)),
        );
    }
    (op == Op::Matches).then(|| pattern(operand.as_str().unwrap_or_default(), path)).flatten()
}

/// The same reading as the agent's, so that what passes here is accepted there.
fn pattern(text: &str, path: &[String]) -> Option<Finding> {
    let error = Predicate::from_json(&serde_json::json!({ "field": { "matches": text } })).err()?;
    // The compiler's message is several lines with a caret of its own; its last line says what is wrong.
    let why = error.message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let why = why.strip_prefix("not a regular expression: ").unwrap_or(&why);
    Some(
        Finding::error("wrong-operand", path.to_vec(), format!("not a regular expression: {why}"))
            .expected("a regular expression for the whole value"),
    )
}
