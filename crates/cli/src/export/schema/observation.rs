//! What one probe sees, as its schema in the registry declares it.

use serde_json::{Map, Value as Json, json};
use writ_policy::schema::{Class, FieldSchema, Kind, ProbeSchema};

use super::common::{DRAFT, id, integer_among, text_among};
use crate::library::words;

/// The name of a probe's schema.
pub fn name(probe: &str) -> String {
    format!("observation-{probe}-v1")
}

/// An observation of a probe as predicates see it. No field is required: one that could not be seen is absent.
pub fn schema(probe: &ProbeSchema, unobserved: bool) -> Json {
    let fields: Map<String, Json> = probe.observation.iter().map(|f| (f.name.to_owned(), field(f))).collect();
    let unseen = if unobserved { " This version cannot look yet." } else { "" };
    let description = format!("{}.{unseen} A field that could not be seen is absent.", words::capitalised(probe.about));
    json!({
        "$schema": DRAFT,
        "$id": id(&name(probe.name)),
        "title": format!("An observation of the probe {}", probe.name),
        "description": description,
        "type": "object",
        "properties": fields,
        "additionalProperties": false,
    })
}

/// A field. One that names a person or a machine leaves the appliance as a keyed hash, whatever its type was.
fn field(field: &FieldSchema) -> Json {
    let mut schema = kind(field);
    let note = match field.class {
        Class::Plain => "",
        Class::Identifier => "; in evidence a keyed hash",
        Class::Text => "; free text: scrubbed in evidence, and no predicate may use it",
    };
    if field.class == Class::Identifier && field.kind == Kind::Int {
        schema = json!({ "anyOf": [schema, { "type": "string" }] });
    }
    let values = field.possible().words().map(|values| format!("; {values}")).unwrap_or_default();
    schema["description"] = Json::String(format!("{}{values}{note}", field.about));
    schema
}

fn kind(field: &FieldSchema) -> Json {
    match field.kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int => integer_among(field.possible()),
        Kind::List => json!({ "type": "array", "items": text_among(field.possible()) }),
        // Fields are of the four types above and this one; the others are for parameters.
        Kind::Text | Kind::Span | Kind::Program | Kind::Secret => text_among(field.possible()),
    }
}
