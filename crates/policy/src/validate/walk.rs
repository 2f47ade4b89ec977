//! Walking the JSON of a predicate, which may be wrong in any way, with the path to every place.

use serde_json::Value as Json;

use super::context::{Context, Item};
use crate::schema::ProbeSchema;

/// A predicate within a policy.
pub struct Found<'a> {
    /// The item that it belongs to.
    pub item: Item<'a>,
    /// The path from the item to it.
    pub keys: Vec<&'static str>,
    /// The predicate.
    pub predicate: &'a Json,
    /// The probe whose observations it judges, if that is known.
    pub probe: Option<&'a ProbeSchema>,
}

/// Every predicate of a policy: `expect` and `prefer` of checks, `when.observation` of rules.
pub fn predicates<'a>(context: &Context<'a>) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for item in context.items("checks") {
        for key in ["expect", "prefer"] {
            if let Some(predicate @ Json::Object(_)) = item.value.get(key) {
                found.push(Found { item, keys: vec![key], predicate, probe: probe_of(context, item) });
            }
        }
    }
    for item in context.items("rules") {
        let Some(when) = item.value.get("when") else { continue };
        let Some(predicate @ Json::Object(_)) = when.get("observation") else { continue };
        let check = when.get("check").and_then(Json::as_str).and_then(|id| context.item("checks", id));
        let probe = check.and_then(|check| probe_of(context, check));
        found.push(Found { item, keys: vec!["when", "observation"], predicate, probe });
    }
    found
}

fn probe_of<'a>(context: &Context<'a>, check: Item<'a>) -> Option<&'a ProbeSchema> {
    context.registry.probes.get(check.value.get("probe")?.as_object()?.keys().next()?.as_str())
}

/// One place of a predicate.
pub enum Node<'a> {
    /// `field.op = operand`.
    Clause {
        /// The field.
        field: &'a str,
        /// The operator's name, which may be unknown.
        op: &'a str,
        /// What stands behind it.
        operand: &'a Json,
    },
    /// Not what a predicate has at this place.
    Misshapen {
        /// What stands there.
        given: &'a Json,
        /// What would be right.
        expected: &'static str,
    },
}

/// Calls `visit` with every place of a predicate and the path to it. Nesting is bounded by the reader of documents.
pub fn walk<'a>(predicate: &'a Json, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], Node<'a>)) {
    let Json::Object(object) = predicate else {
        visit(path, Node::Misshapen { given: predicate, expected: "a predicate such as { mode.eq = \"0644\"; }" });
        return;
    };
    if object.is_empty() {
        visit(
            path,
            Node::Misshapen { given: predicate, expected: "at least one field: an empty predicate always holds" },
        );
    }
    for (key, inner) in object {
        path.push(key.clone());
        match (key.as_str(), inner) {
            ("any" | "all", Json::Array(parts)) if !parts.is_empty() => {
                for (i, part) in parts.iter().enumerate() {
                    path.push(i.to_string());
                    walk(part, path, visit);
                    path.pop();
                }
            }
            ("any" | "all", given) => {
                visit(path, Node::Misshapen { given, expected: "a list of at least one predicate" })
            }
            ("not", part) => walk(part, path, visit),
            (field, Json::Object(ops)) if !ops.is_empty() => {
                for (op, operand) in ops {
                    path.push(op.clone());
                    visit(path, Node::Clause { field, op, operand });
                    path.pop();
                }
            }
            (_, given) => {
                visit(path, Node::Misshapen { given, expected: "an operator and a value, such as mode.eq = \"0644\"" });
            }
        }
        path.pop();
    }
}
