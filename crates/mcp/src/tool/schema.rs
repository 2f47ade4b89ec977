//! What the schemas of tools' arguments are made of: every property bounded, and none besides those that are named.

use serde_json::{Map, Value, json};
use writ_audit::compare::Verdict;
use writ_policy::declared::Severity;
use writ_wire::plan::{MAX_NAME, MAX_REASON, MAX_RUNBOOKS};

use crate::arguments::{LONGEST_CURSOR, LONGEST_PERIOD, MOST, USUAL};

/// An object with these properties.
pub fn object<const N: usize>(properties: [(&str, Value); N], required: &[&str]) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A site.
pub fn site() -> Value {
    id("The site; needed where the folder holds several, as in clinic-001")
}

/// An appliance.
pub fn appliance(what: &str) -> Value {
    id(what)
}

fn id(what: &str) -> Value {
    json!({ "type": "string", "minLength": 3, "maxLength": 40, "pattern": "^[a-z0-9-]+$", "description": what })
}

/// The name of something in the policy.
pub fn name(what: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": "^[!-~]+$", "description": what })
}

/// A period.
pub fn period() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_PERIOD, "pattern": "^[!-~]+$",
        "description": "The time to judge, in UTC: 90d, 2026-11, 2026-11-23, 2026-Q4, 2026-10-01..2026-11-23; as a rule what the \
            server was started with" })
}

/// A severity.
pub fn severity() -> Value {
    json!({ "type": "string", "enum": Severity::ALL.map(Severity::as_str), "description": "Only of this severity" })
}

/// A verdict.
pub fn verdict() -> Value {
    json!({ "type": "string", "enum": Verdict::ALL.map(Verdict::slug), "description": "Only with this verdict" })
}

/// One of some words.
pub fn one_of(words: &[&str], what: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": what })
}

/// How many entries.
pub fn limit() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL, "description": "The most entries of this answer" })
}

/// Where to go on.
pub fn cursor() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_CURSOR, "pattern": "^[0-9a-z-]+$",
        "description": "Where to go on: next_cursor of the answer before, with the same other arguments" })
}

/// The id of a bundle.
pub fn bundle() -> Value {
    json!({ "type": "string", "maxLength": 32, "pattern": "^EB-[0-9]{8}-[0-9]{4,}$", "description": "Its id, as in EB-20261123-0042" })
}

/// The id of an incident.
pub fn incident(what: &str) -> Value {
    json!({ "type": "string", "maxLength": 32, "pattern": "^INC-[0-9]{8}-[0-9]{4,}$", "description": what })
}

/// Runbooks in order.
pub fn runbooks() -> Value {
    json!({ "type": "array", "minItems": 1, "maxItems": MAX_RUNBOOKS, "uniqueItems": true,
        "items": name("The id of a runbook of the signed policy, as in RB-BACKUP-001"),
        "description": "The runbooks in order, each run only while the check still fails" })
}

/// Why, for people.
pub fn reason() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_REASON, "description": "Why these runbooks, for the person who decides" })
}
