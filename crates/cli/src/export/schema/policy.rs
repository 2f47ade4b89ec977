//! The schema of policies, made from the tables that `writ check` judges their shape by, and from the registry.

use serde_json::{Map, Value as Json, json};
use writ_policy::policy::SCHEMA;
use writ_policy::schema::{Kind, ParameterSchema, Registry};
use writ_policy::validate::shape::table::{Field, LEVELS, SECTIONS, SETTINGS, Type};

use super::common::{self, DRAFT, id, nullable, object};

/// A policy of this version.
pub fn schema(registry: &Registry) -> Json {
    let mut members = vec![
        ("schema".to_owned(), json!({ "const": SCHEMA })),
        ("site".to_owned(), common::name()),
        ("appliance".to_owned(), common::name()),
        ("baselines".to_owned(), json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        ("rules_version".to_owned(), common::digest()),
        ("programs".to_owned(), of(&Type::Texts)),
        ("secrets".to_owned(), of(&Type::Texts)),
        ("settings".to_owned(), structure(SETTINGS)),
    ];
    for (section, fields) in SECTIONS {
        members.push((section.to_owned(), json!({ "type": "object", "additionalProperties": structure(fields) })));
    }
    let mut schema = object(members);
    // Most policies bring none, so it is not required.
    schema["properties"]["sealed"] = json!({
        "description": "Secrets of the site, encrypted to this appliance's key: age files in base64, by name.",
        "type": "object",
        "additionalProperties": { "type": "string", "contentEncoding": "base64", "maxLength": 65536 },
    });
    schema["$schema"] = DRAFT.into();
    schema["$id"] = id("policy-v2").into();
    schema["title"] = SCHEMA.into();
    schema["description"] = "What one appliance must obey. Written by the policy library, never by hand.".into();
    schema["$defs"] = json!({ "predicate": predicate(), "probe": probe(registry), "step": step(registry) });
    schema
}

fn of(is: &Type) -> Json {
    match is {
        Type::Text => common::text(),
        Type::Int { least } if *least == i64::MIN => common::integer(),
        Type::Int { least } => json!({ "type": "integer", "minimum": least, "maximum": u32::MAX }),
        Type::Span => common::span(),
        Type::Time => common::time(),
        Type::Digest => common::digest(),
        Type::OneOf(names) => json!({ "enum": names }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Clock => json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
        Type::Texts => list(&common::text()),
        Type::TextLists => json!({ "type": "object", "additionalProperties": list(&common::text()) }),
        Type::Each(inner) => json!({ "type": "object", "additionalProperties": of(inner) }),
        Type::Severities(inner) => object(LEVELS.iter().map(|level| ((*level).to_owned(), of(inner)))),
        Type::Parameters | Type::Object => json!({ "type": "object" }),
        Type::Struct(fields) => structure(fields),
        Type::List(inner) => list(&of(inner)),
    }
}

fn list(of: &Json) -> Json {
    json!({ "type": "array", "items": of })
}

fn some(of: &Json) -> Json {
    json!({ "type": "array", "items": of, "minItems": 1 })
}

/// An object of these fields. What the table leaves to rules of their own is known here by its name.
fn structure(fields: &[Field]) -> Json {
    let member = |field: &Field| {
        let schema = match (field.name, field.is) {
            ("expect" | "prefer" | "observation", Type::Object) => json!({ "$ref": "#/$defs/predicate" }),
            ("probe", Type::Object) => json!({ "$ref": "#/$defs/probe" }),
            (_, is) => of(&is),
        };
        (field.name.to_owned(), if field.nullable { nullable(schema) } else { schema })
    };
    let mut schema = object(fields.iter().map(member));
    // What came later is left out where nobody set it.
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| !fields.iter().any(|field| field.absent && *name == field.name));
    }
    if fields.iter().any(|field| matches!(field.is, Type::Parameters)) {
        schema["allOf"] = json!([{ "$ref": "#/$defs/step" }]);
    }
    schema
}

/// A predicate over the fields of an observation.
fn predicate() -> Json {
    let integer = common::integer;
    let value = json!({
        "anyOf": [{ "type": "boolean" }, integer(), { "type": "string" }, list(&json!({ "type": "string" }))],
    });
    let text = json!({ "type": "string" });
    let texts = list(&text);
    let this = json!({ "$ref": "#/$defs/predicate" });
    let operators = json!({
        "eq": value, "ne": value,
        "lt": integer(), "le": integer(), "gt": integer(), "ge": integer(),
        "in": texts, "not_in": texts, "subset_of": texts, "superset_of": texts,
        "contains": text, "matches": text,
        "exists": { "type": "boolean" },
    });
    json!({
        "description": "Fields of an observation with operators; all of it must hold.",
        "type": "object",
        "minProperties": 1,
        "properties": { "all": some(&this), "any": some(&this), "not": this },
        "additionalProperties": {
            "type": "object", "minProperties": 1, "properties": operators, "additionalProperties": false,
        },
    })
}

/// Exactly one probe with its parameters.
fn probe(registry: &Registry) -> Json {
    let probes: Map<String, Json> = registry
        .probes
        .values()
        .map(|probe| (probe.name.to_owned(), described(probe.about, parameters(probe.parameters))))
        .collect();
    json!({
        "type": "object", "properties": probes, "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
    })
}

/// A step with the parameters that it takes.
fn step(registry: &Registry) -> Json {
    let names: Vec<&str> = registry.steps.keys().copied().collect();
    let takes: Vec<Json> = registry
        .steps
        .values()
        .map(|step| {
            json!({
                "if": { "properties": { "step": { "const": step.name } } },
                "then": { "properties": { "parameters": described(step.about, parameters(step.parameters)) } },
            })
        })
        .collect();
    json!({ "properties": { "step": { "enum": names } }, "allOf": takes })
}

fn described(about: &str, mut schema: Json) -> Json {
    schema["description"] = about.into();
    schema
}

fn parameters(parameters: &[ParameterSchema]) -> Json {
    let members: Map<String, Json> =
        parameters.iter().map(|p| (p.name.to_owned(), described(&p.told(), parameter(p)))).collect();
    let required: Vec<&str> = parameters.iter().filter(|p| p.required).map(|p| p.name).collect();
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

/// A value of a parameter; a secret may stand for any text.
fn parameter(parameter: &ParameterSchema) -> Json {
    let reference = |name: &str| object([(name.to_owned(), json!({ "type": "string" }))]);
    match parameter.kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int => common::integer(),
        Kind::Text => json!({ "anyOf": [common::text_among(parameter.values), reference("secret")] }),
        Kind::List => list(&json!({ "type": "string" })),
        Kind::Span => common::span(),
        Kind::Program => reference("program"),
        Kind::Secret => reference("secret"),
    }
}
