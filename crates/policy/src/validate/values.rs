//! Values that a probe never shows: a comparison with one is decided before anything looks.

use serde_json::Value as Json;
use writ_trust::json::MAX_INTEGER;

use super::finding::Finding;
use super::secrets::gives_away;
use super::shape::describe;
use crate::observation::Value;
use crate::predicate::{Clause, Op, Predicate, Truth};
use crate::schema::{Class, FieldSchema, Kind, ProbeSchema};
use crate::values::Values;

/// The findings of one clause whose operator and operand fit the field's type; `path` leads to the operand.
pub fn impossible(probe: &ProbeSchema, field: &FieldSchema, op: Op, operand: &Json, path: &[String]) -> Vec<Finding> {
    // What names people is told as a keyed hash, and no policy lists all names that there are.
    if field.class != Class::Plain || op == Op::Exists {
        return Vec::new();
    }
    let values = field.possible();
    // What looks like a key is found wherever it stands, and never repeated.
    let refused = |given: &str| !values.allows_text(given) && gives_away(given).is_none();
    let one = |given: &Json, path: Vec<String>| {
        let text = given.as_str().filter(|text| refused(text))?;
        Some(never(probe, field, &describe(given), Some(text), path))
    };
    match (op, operand) {
        (Op::Matches, Json::String(_)) | (Op::Contains, Json::String(_)) if field.kind == Kind::Text => {
            unmatched(probe, field, op, operand, path).into_iter().collect()
        }
        (_, Json::String(_)) => one(operand, path.to_vec()).into_iter().collect(),
        (_, Json::Array(entries)) => {
            let at = |position: usize| path.iter().cloned().chain([position.to_string()]).collect();
            entries.iter().enumerate().filter_map(|(position, entry)| one(entry, at(position))).collect()
        }
        (_, Json::Number(_)) => out_of_range(probe, field, op, operand, path).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A part or a pattern that none of a closed set of values has. Of a set that may grow nothing is said: this is the way
/// to name a value that a newer version of its program has.
fn unmatched(probe: &ProbeSchema, field: &FieldSchema, op: Op, operand: &Json, path: &[String]) -> Option<Finding> {
    let Values::Closed(values) = field.possible() else { return None };
    let json = serde_json::json!({ field.name: { op.as_str(): operand } });
    let Ok(Predicate::Clause(clause)) = Predicate::from_json(&json) else { return None };
    let holds = |clause: &Clause, value: &str| clause.judge(Some(&Value::from(value))) == Truth::True;
    let text = operand.as_str().filter(|text| gives_away(text).is_none())?;
    if values.iter().any(|value| holds(&clause, value)) {
        return None;
    }
    let what = if op == Op::Matches { "what matches" } else { "what contains" };
    Some(never(probe, field, &format!("{what} {}", describe(operand)), Some(text), path.to_vec()))
}

/// A bound that no number of the field's range is on the other side of.
fn out_of_range(probe: &ProbeSchema, field: &FieldSchema, op: Op, operand: &Json, path: &[String]) -> Option<Finding> {
    let Values::Between(least, most) = field.possible() else { return None };
    // What no document may carry is told as that.
    let bound = operand.as_i64().filter(|bound| (-MAX_INTEGER..=MAX_INTEGER).contains(bound))?;
    let what = match op {
        Op::Lt if bound == least => format!("less than {bound}"),
        Op::Gt if bound == most => format!("more than {bound}"),
        _ if (least..=most).contains(&bound) => return None,
        _ => bound.to_string(),
    };
    Some(never(probe, field, &what, None, path.to_vec()))
}

fn never(probe: &ProbeSchema, field: &FieldSchema, what: &str, given: Option<&str>, path: Vec<String>) -> Finding {
    let values = field.possible();
    let subject = if field.kind == Kind::List { "an entry of " } else { "" };
    let mut finding = Finding::error("impossible-value", path, format!("{subject}`{}` is never {what}", field.name))
        .help(help(probe, field, given));
    finding.expected = values.words();
    finding.nearest = given.and_then(|given| values.nearest(given));
    finding
}

/// Which other field has that value, where one does; else what the field is.
fn help(probe: &ProbeSchema, field: &FieldSchema, given: Option<&str>) -> String {
    let has = |other: &&FieldSchema| match other.possible() {
        Values::Closed(values) | Values::Known(values, _) => given.is_some_and(|given| values.contains(&given)),
        _ => false,
    };
    if let (Some(given), Some(other)) = (given, probe.observation.iter().filter(|f| f.name != field.name).find(has)) {
        return format!("{given:?} is a value of `{}`: {}", other.name, other.about);
    }
    match field.possible() {
        Values::Known(_, version) => format!(
            "these are the values as of {version}; one that a newer version has is named with `{}.matches`",
            field.name
        ),
        _ => format!("`{}` of probe `{}`: {}", field.name, probe.name, field.about),
    }
}
