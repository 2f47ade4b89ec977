//! What several generated schemas have in common.

use serde_json::{Value as Json, json};

/// The draft that all are written in.
pub const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// The largest integer that every JSON reader keeps exact.
const LARGEST: i64 = writ_trust::json::MAX_INTEGER;

/// What a schema is known by.
pub fn id(name: &str) -> String {
    format!("urn:writ:schema:{name}")
}

/// An integer that a document may hold.
pub fn integer() -> Json {
    json!({ "type": "integer", "minimum": -LARGEST, "maximum": LARGEST })
}

/// A string that is not blank.
pub fn text() -> Json {
    json!({ "type": "string", "pattern": "\\S" })
}

/// A duration.
pub fn span() -> Json {
    json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w|y)$" })
}

/// An instant.
pub fn time() -> Json {
    json!({
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z$",
    })
}

/// A digest.
pub fn digest() -> Json {
    json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" })
}

/// The name of a site or an appliance.
pub fn name() -> Json {
    json!({ "type": "string", "pattern": "^[a-z0-9-]{3,40}$" })
}

/// An object with exactly these members.
pub fn object(members: impl IntoIterator<Item = (String, Json)>) -> Json {
    let members: serde_json::Map<String, Json> = members.into_iter().collect();
    let required: Vec<String> = members.keys().cloned().collect();
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

/// The same, or null.
pub fn nullable(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "null" }] })
}
