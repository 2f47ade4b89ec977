//! Parameters of probes and steps against their schemas.

use serde_json::Value as Json;
use writ_trust::time::Span;

use super::context::Item;
use super::finding::{Finding, one_of};
use super::secrets::{gives_away, in_clear};
use super::shape::describe;
use crate::schema::{Kind, ParameterSchema};

/// What takes the parameters.
pub struct Call<'a> {
    /// `probe` or `step`.
    pub what: &'static str,
    /// Its name.
    pub name: &'a str,
    /// What it takes.
    pub schema: &'static [ParameterSchema],
    /// The path from the item to the parameters.
    pub keys: Vec<&'a str>,
}

/// Judges the parameters of one probe or step.
pub fn judge(item: Item<'_>, call: &Call<'_>, given: &Json, findings: &mut Vec<Finding>) {
    let Json::Object(given) = given else { return };
    let at = |name: &str| item.path(&call.keys.iter().copied().chain([name]).collect::<Vec<_>>());
    let mut meant = Vec::new();
    for (name, value) in given {
        match call.schema.iter().find(|p| p.name == name) {
            None => {
                let finding = unknown(call, name, at(name));
                let meant_secret =
                    call.schema.iter().any(|p| p.kind == Kind::Secret && finding.nearest.as_deref() == Some(p.name));
                if let (true, Json::String(text)) = (meant_secret, value)
                    && gives_away(text).is_none()
                {
                    let what = format!("`{name}` of {} `{}`", call.what, call.name);
                    findings.push(item.place(in_clear(at(name), &what)));
                }
                meant.extend(finding.nearest.clone());
                findings.push(item.place(finding));
            }
            Some(parameter) if fits(parameter.kind, value) => {
                findings.extend(refused(call, parameter, value, at(name)).map(|finding| item.place(finding)));
            }
            Some(parameter) if parameter.kind == Kind::Secret && value.is_string() => {
                // What looks like a key is found wherever it stands.
                if gives_away(value.as_str().unwrap_or_default()).is_none() {
                    let what = format!("`{name}` of {} `{}`", call.what, call.name);
                    findings.push(item.place(in_clear(at(name), &what)));
                }
            }
            Some(parameter) => findings.push(
                item.place(
                    Finding::error(
                        "wrong-parameter",
                        at(name),
                        format!("{} is no value for `{name}` of {} `{}`", describe(value), call.what, call.name),
                    )
                    .expected(parameter.kind.as_str())
                    .help(format!("`{name}`: {}", parameter.told())),
                ),
            ),
        }
    }
    // A misspelt name is one mistake, not also a missing one.
    let missing =
        |p: &&ParameterSchema| p.required && !given.contains_key(p.name) && !meant.iter().any(|m| m == p.name);
    for parameter in call.schema.iter().filter(missing) {
        findings.push(
            item.place(
                Finding::error(
                    "missing-parameter",
                    at(parameter.name),
                    format!("{} `{}` needs the parameter `{}`", call.what, call.name, parameter.name),
                )
                .at_key()
                .expected(format!("{} = {}", parameter.name, parameter.kind.as_str()))
                .help(format!("`{}`: {}", parameter.name, parameter.told())),
            ),
        );
    }
}

/// A text of the right type that the probe or step does not take all the same. What a secret stands for shows only on
/// the appliance.
fn refused(call: &Call<'_>, parameter: &ParameterSchema, value: &Json, path: Vec<String>) -> Option<Finding> {
    let text = value.as_str().filter(|text| parameter.kind == Kind::Text && !parameter.values.allows_text(text))?;
    // What looks like a key is found wherever it stands, and never repeated.
    if gives_away(text).is_some() {
        return None;
    }
    let message = format!("{} is no value for `{}` of {} `{}`", describe(value), parameter.name, call.what, call.name);
    let mut finding =
        Finding::error("wrong-parameter", path, message).help(format!("`{}`: {}", parameter.name, parameter.about));
    finding.expected = parameter.values.words();
    finding.nearest = parameter.values.nearest(text);
    Some(finding)
}

fn unknown(call: &Call<'_>, name: &str, path: Vec<String>) -> Finding {
    let known = || call.schema.iter().map(|p| p.name);
    let expected = if call.schema.is_empty() { "no parameters".to_owned() } else { one_of(known()) };
    Finding::error("unknown-parameter", path, format!("{} `{}` has no parameter `{name}`", call.what, call.name))
        .at_key()
        .expected(expected)
        .nearest(name, known())
}

/// Whether a value is of a kind. A secret may stand for any text: what it is shows only on the appliance.
fn fits(kind: Kind, value: &Json) -> bool {
    match kind {
        Kind::Bool => value.is_boolean(),
        Kind::Int => value.is_i64(),
        Kind::Text => value.is_string() || reference(value, "secret"),
        Kind::List => value.as_array().is_some_and(|list| list.iter().all(Json::is_string)),
        Kind::Span => value.as_str().is_some_and(|text| text.parse::<Span>().is_ok()),
        Kind::Program => reference(value, "program"),
        Kind::Secret => reference(value, "secret"),
    }
}

fn reference(value: &Json, kind: &str) -> bool {
    value.as_object().is_some_and(|o| o.len() == 1 && o.get(kind).is_some_and(Json::is_string))
}
