//! How an observation leaves the appliance: identifying values as keyed hashes, text scrubbed, the rest as it is.

use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Judgement;
use writ_policy::schema::{Class, ProbeSchema};

use crate::identifier::Salt;
use crate::scrub::scrub;

/// The form of an observation that evidence may hold.
///
/// Fields are treated by their class in the probe's schema; a field that the schema does not know is treated as text that
/// names somebody, that is, hashed: what is not declared safe does not leave.
pub fn for_evidence(observation: &Observation, schema: &ProbeSchema, salt: &Salt) -> Observation {
    let mut out = Observation::new();
    for (name, value) in observation.iter() {
        let class = schema.field(name).map_or(Class::Identifier, |field| field.class);
        out.set(name, convert(value, class, salt));
    }
    out
}

/// The reasons of a judgement as evidence may hold them: what they quote of identifying fields is replaced by its keyed
/// hash, the rest is scrubbed.
///
/// Reasons are written about the raw observation, because predicates are judged on it; so what they quote must be found
/// in them again.
pub fn reasons_for_evidence(judgement: &Judgement, schema: &ProbeSchema, salt: &Salt) -> Vec<String> {
    let mut quoted: Vec<&str> = Vec::new();
    for (name, value) in judgement.observation.iter() {
        if schema.field(name).is_some_and(|field| field.class != Class::Identifier) {
            continue;
        }
        match value {
            Value::Text(s) => quoted.push(s),
            Value::List(items) => quoted.extend(items.iter().map(String::as_str)),
            Value::Bool(_) | Value::Int(_) => {}
        }
    }
    // Longest first: a name that contains another is replaced before its part is.
    quoted.retain(|s| !s.is_empty());
    quoted.sort_by_key(|s| std::cmp::Reverse(s.len()));
    quoted.dedup();
    let hide = |reason: &String| {
        let hidden = quoted.iter().fold(reason.clone(), |text, s| {
            let hash = salt.hash(s);
            text.replace(&format!("{s:?}"), &format!("{hash:?}")).replace(&format!("'{s}'"), &format!("'{hash}'"))
        });
        scrub(&hidden).into_owned()
    };
    judgement.reasons.iter().map(hide).collect()
}

fn convert(value: &Value, class: Class, salt: &Salt) -> Value {
    let text = |s: &str| match class {
        Class::Plain => s.to_owned(),
        Class::Identifier => salt.hash(s),
        Class::Text => scrub(s).into_owned(),
    };
    match value {
        Value::Text(s) => Value::Text(text(s)),
        Value::List(items) => Value::List(items.iter().map(|s| text(s)).collect()),
        // A number may identify too (a uid, a record number): then only its hash leaves.
        Value::Int(n) if class == Class::Identifier => Value::Text(salt.hash(&n.to_string())),
        Value::Int(_) | Value::Bool(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use writ_policy::outcome::Outcome;
    use writ_policy::schema::{FieldSchema, Kind};
    use writ_policy::values::Values;

    use super::*;

    const fn field(name: &'static str, kind: Kind, class: Class) -> FieldSchema {
        FieldSchema { name, kind, class, values: Values::Any, about: "" }
    }

    const FIELDS: &[FieldSchema] = &[
        field("count", Kind::Int, Class::Plain),
        field("mode", Kind::Text, Class::Plain),
        field("users", Kind::List, Class::Identifier),
        field("message", Kind::Text, Class::Text),
    ];

    #[test]
    fn only_plain_fields_leave_as_they_are() {
        let schema = ProbeSchema { name: "x", about: "", parameters: &[], observation: FIELDS };
        let salt = Salt::new([7; 32]);
        let seen = Observation::new()
            .with("count", 3)
            .with("mode", "0644")
            .with("users", vec!["jane.doe".to_owned()])
            .with("message", "SSN 123-45-6789")
            .with("surprise", "Jane Doe");
        let out = for_evidence(&seen, &schema, &salt);
        assert_eq!(out.get("count"), seen.get("count"));
        assert_eq!(out.get("mode"), seen.get("mode"));
        let all = serde_json::to_string(&out).unwrap();
        for leak in ["jane", "Jane", "123-45"] {
            assert!(!all.contains(leak), "{all}");
        }
        assert!(all.contains(&salt.hash("jane.doe")));
        let reasons = vec![r#"users is ["jane.doe"], expected to be a subset of ["root"]"#.to_owned()];
        let judgement = Judgement { outcome: Outcome::Fail, reasons, observation: seen };
        let told = reasons_for_evidence(&judgement, &schema, &salt);
        let expected = format!(r#"users is ["{}"], expected to be a subset of ["root"]"#, salt.hash("jane.doe"));
        assert_eq!(told, [expected]);
    }
}
