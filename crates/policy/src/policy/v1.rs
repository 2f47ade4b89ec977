//! `writ.policy.v1` as `writ.policy.v2`: what the older schema could not say gets the value that changes nothing.

use serde_json::{Map, Value as Json, json};

use super::{SCHEMA, SCHEMA_V1};

/// A document of the older schema with the fields that the newer one has beside it; any other document as it is.
///
/// `rules_version` keeps standing for the rules and runbooks of the older document.
pub fn upgrade(policy: Json) -> Json {
    upgraded(policy).0
}

/// The same, and the first field that was there although the older schema has no such field: agents that know only the
/// older one refuse such a document, so everybody must.
pub(super) fn upgraded(mut policy: Json) -> (Json, Option<String>) {
    let mut foreign = None;
    let Some(document) = policy.as_object_mut().filter(|o| o.get("schema").is_some_and(|s| s == SCHEMA_V1)) else {
        return (policy, None);
    };
    document.insert("schema".to_owned(), json!(SCHEMA));
    if document.contains_key("sealed") {
        foreign = Some("sealed".to_owned());
    }
    add(document, "", json!({ "duties": {}, "programs": [], "secrets": [] }), &mut foreign);
    for (section, fields) in [
        ("controls", json!({ "requirement": null, "duties": [] })),
        ("checks", json!({ "cites": [] })),
        ("rules", json!({ "escalate": null })),
    ] {
        for (id, item) in document.get_mut(section).and_then(Json::as_object_mut).into_iter().flatten() {
            if let Some(item) = item.as_object_mut() {
                add(item, &format!("{section}.{id:?}."), fields.clone(), &mut foreign);
            }
        }
    }
    if let Some(settings) = document.get_mut("settings").and_then(Json::as_object_mut) {
        for (name, fields) in [("escalation", escalation()), ("retention", retention())] {
            if let Some(part) = settings.get_mut(name).and_then(Json::as_object_mut) {
                add(part, &format!("settings.{name}."), fields, &mut foreign);
            }
        }
        add(settings, "settings.", own_settings(), &mut foreign);
    }
    (policy, foreign)
}

/// Adds fields to an object; one that is there stays, and is told.
fn add(object: &mut Map<String, Json>, path: &str, fields: Json, foreign: &mut Option<String>) {
    let Json::Object(fields) = fields else { return };
    for (name, value) in fields {
        if object.contains_key(&name) {
            foreign.get_or_insert_with(|| format!("{path}{name}").chars().take(200).collect());
        } else {
            object.insert(name, value);
        }
    }
}

fn escalation() -> Json {
    json!({
        "l2_failures": 2,
        "no_answer": "30m",
        "acknowledge": "15m",
        "updates": { "critical": "2h", "high": "4h" },
        "report": "72h",
        "route": { "critical": [], "high": [], "medium": [], "low": [] },
    })
}

fn retention() -> Json {
    json!({
        "application_logs": null,
        "audit_logs": null,
        "configuration": null,
        "reports": null,
        "online": null,
    })
}

fn own_settings() -> Json {
    json!({
        "tier": null,
        "contacts": {},
        "notify": {},
        "maintenance": { "windows": [] },
        "planner": { "enabled": false, "review": "before" },
    })
}
