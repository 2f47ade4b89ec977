//! Shape: unknown and missing fields, wrong types, judged by the tables of what each item consists of.

use serde_json::{Map, Value as Json};
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::time::{Span, Time};

use super::context::{Context, ITEMS, Item};
use super::finding::{Finding, one_of};
use crate::policy::SCHEMA;

pub mod table;

use table::{EXCEPTION, Field, LEVELS, SECTIONS, SETTINGS, Type};

/// The document's own fields, its schema and its `rules_version`.
pub fn document(policy: &Map<String, Json>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let known: Vec<&str> =
        ["schema", "site", "appliance", "baselines", "programs", "secrets", "settings", "rules_version"]
            .into_iter()
            .chain(ITEMS)
            .collect();
    for name in &known {
        if !policy.contains_key(*name) {
            findings.push(missing(&[], name));
        }
    }
    // It may be missing: most policies bring none.
    for name in policy.keys().filter(|name| !known.contains(&name.as_str()) && *name != "sealed") {
        findings.push(unknown(&[], name, &known));
    }
    if policy.get("schema").is_some_and(|schema| schema != SCHEMA) {
        findings.push(
            Finding::error("unknown-schema", vec!["schema".into()], "this policy has a schema that is not known here")
                .expected(format!("{SCHEMA:?}")),
        );
    }
    for (name, ok) in [
        ("site", policy.get("site").is_none_or(parses::<writ_trust::ids::SiteId>)),
        ("appliance", policy.get("appliance").is_none_or(parses::<writ_trust::ids::ApplianceId>)),
        (
            "baselines",
            policy.get("baselines").is_none_or(|v| v.as_object().is_some_and(|m| m.values().all(Json::is_string))),
        ),
    ] {
        if !ok {
            let expected = if name == "baselines" { "versions by name" } else { "3 to 40 of a-z, 0-9 and -" };
            findings.push(
                Finding::error("wrong-type", vec![name.into()], format!("`{name}` does not fit")).expected(expected),
            );
        }
    }
    findings.extend(rules_version(policy));
    findings
}

/// `rules_version` must be the digest of the rules and runbooks, or every appliance refuses the policy.
pub fn rules_version(policy: &Map<String, Json>) -> Option<Finding> {
    let stated = policy.get("rules_version")?;
    let hashed = serde_json::json!({ "rules": policy.get("rules"), "runbooks": policy.get("runbooks") });
    let computed = Digest::of(&json::canonical(&hashed)).to_string();
    (stated.as_str() != Some(computed.as_str())).then(|| {
        Finding::error(
            "rules-version",
            vec!["rules_version".into()],
            "`rules_version` is not the digest of the rules and runbooks",
        )
        .expected(format!("{computed:?}"))
    })
}

/// Controls, checks, rules, runbooks and duties.
pub fn common(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (section, fields) in SECTIONS.iter().filter(|(name, _)| *name != "exceptions") {
        items(context, section, fields, findings);
    }
}

/// Exceptions, programs, secrets, those that are sealed, and settings.
pub fn own(context: &Context<'_>, findings: &mut Vec<Finding>) {
    items(context, "exceptions", EXCEPTION, findings);
    let sections = [
        ("programs", &Type::Texts),
        ("secrets", &Type::Texts),
        ("sealed", &Type::Each(&Type::Text)),
        ("settings", &Type::Struct(SETTINGS)),
    ];
    for (name, is) in sections {
        if let Some(value) = context.whole(name) {
            judge(value, is, &[name.to_owned()], findings);
        }
    }
}

fn items(context: &Context<'_>, section: &'static str, fields: &'static [Field], findings: &mut Vec<Finding>) {
    match context.whole(section) {
        None | Some(Json::Object(_)) => {}
        Some(other) => findings.push(wrong(&[section.to_owned()], other, "an object of items by id")),
    }
    for item in context.items(section) {
        let mut own = Vec::new();
        judge(item.value, &Type::Struct(fields), &item.path(&[]), &mut own);
        findings.extend(own.into_iter().map(|finding| Item::place(&item, finding)));
    }
}

fn missing(path: &[String], name: &str) -> Finding {
    let path = path.iter().cloned().chain([name.to_owned()]).collect();
    Finding::error("missing-field", path, format!("the field `{name}` is missing")).at_key()
}

fn unknown(path: &[String], name: &str, known: &[&'static str]) -> Finding {
    let path = path.iter().cloned().chain([name.to_owned()]).collect();
    Finding::error("unknown-field", path, format!("there is no field `{name}` here"))
        .at_key()
        .expected(one_of(known.iter().copied().filter(|n| *n != "declared_at")))
        .nearest(name, known.iter().copied())
}

fn wrong(path: &[String], given: &Json, expected: &str) -> Finding {
    Finding::error("wrong-type", path.to_vec(), format!("{} does not fit here", describe(given))).expected(expected)
}

/// A value as people would name it in a sentence.
pub fn describe(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(_) | Json::Number(_) => format!("`{value}`"),
        Json::String(text) if text.chars().count() <= 60 => format!("{text:?}"),
        Json::String(_) => "a long string".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an attribute set".to_owned(),
    }
}

fn parses<T: serde::de::DeserializeOwned>(value: &Json) -> bool {
    T::deserialize(value).is_ok()
}

fn judge(value: &Json, is: &Type, path: &[String], findings: &mut Vec<Finding>) {
    let mut test = |ok: bool, expected: &str| {
        if !ok {
            findings.push(wrong(path, value, expected));
        }
    };
    match is {
        Type::Text => test(value.as_str().is_some_and(|s| !s.trim().is_empty()), "a string that is not empty"),
        Type::Int { least } if *least == i64::MIN => test(value.is_i64(), "an integer"),
        Type::Int { least } => {
            let fits = value.as_i64().is_some_and(|n| n >= *least && n <= i64::from(u32::MAX));
            test(fits, &format!("an integer from {least} to {}", u32::MAX));
        }
        Type::Span => test(parses::<Span>(value), "a duration such as \"30s\", \"5m\", \"26h\" or \"90d\""),
        Type::Time if value.as_str().is_some_and(has_the_form_of_a_time) => {
            test(parses::<Time>(value), "a date and a time that exist");
        }
        Type::Time => test(parses::<Time>(value), "a UTC time such as \"2026-09-01T00:00:00Z\""),
        Type::Digest => test(parses::<Digest>(value), "\"sha256:\" and 64 lower-case hex digits"),
        Type::Bool => test(value.is_boolean(), "true or false"),
        Type::Clock => test(value.as_str().is_some_and(is_clock), "a time of day such as \"02:00\""),
        Type::OneOf(names) => {
            if !value.as_str().is_some_and(|s| names.contains(&s)) {
                let finding = wrong(path, value, &one_of(names.iter().copied()));
                findings.push(finding.nearest(value.as_str().unwrap_or_default(), names.iter().copied()));
            }
        }
        Type::Texts => list(value, &Type::Text, path, findings),
        Type::List(inner) => list(value, inner, path, findings),
        Type::TextLists => each(value, path, findings, |v, path, findings| list(v, &Type::Text, path, findings)),
        Type::Each(inner) => each(value, path, findings, |v, path, findings| judge(v, inner, path, findings)),
        Type::Severities(inner) => severities(value, inner, path, findings),
        Type::Parameters | Type::Object => test(value.is_object(), "an attribute set"),
        Type::Struct(fields) => structure(value, fields, path, findings),
    }
}

/// Whether this is written as a UTC time is, whether or not there is one.
fn has_the_form_of_a_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == FORM.len() && text.bytes().zip(FORM).all(fits)
}

/// Whether this is `HH:MM`, from 00:00 to 23:59.
fn is_clock(text: &str) -> bool {
    let digits = |part: &str| (part.len() == 2).then(|| part.parse::<u8>().ok()).flatten();
    let all_digits = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    all_digits
        && text.split_once(':').and_then(|(h, m)| Some((digits(h)?, digits(m)?))).is_some_and(|(h, m)| h < 24 && m < 60)
}

fn step(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

fn list(value: &Json, inner: &Type, path: &[String], findings: &mut Vec<Finding>) {
    let Json::Array(entries) = value else { return findings.push(wrong(path, value, "a list")) };
    for (i, entry) in entries.iter().enumerate() {
        judge(entry, inner, &step(path, &i.to_string()), findings);
    }
}

fn each(
    value: &Json,
    path: &[String],
    findings: &mut Vec<Finding>,
    mut one: impl FnMut(&Json, &[String], &mut Vec<Finding>),
) {
    let Json::Object(entries) = value else { return findings.push(wrong(path, value, "an attribute set")) };
    for (key, entry) in entries {
        one(entry, &step(path, key), findings);
    }
}

/// One value for each severity, none missing: what has no target would never be late.
fn severities(value: &Json, inner: &Type, path: &[String], findings: &mut Vec<Finding>) {
    let Json::Object(entries) = value else { return findings.push(wrong(path, value, "a value for each severity")) };
    for name in LEVELS {
        match entries.get(name) {
            None => findings.push(missing(path, name)),
            Some(entry) => judge(entry, inner, &step(path, name), findings),
        }
    }
    for name in entries.keys().filter(|n| !LEVELS.contains(&n.as_str())) {
        findings.push(unknown(path, name, &LEVELS));
    }
}

fn structure(value: &Json, fields: &'static [Field], path: &[String], findings: &mut Vec<Finding>) {
    let Json::Object(entries) = value else { return findings.push(wrong(path, value, "an attribute set")) };
    let mut meant = Vec::new();
    let stranger = |name: &&String| !fields.iter().any(|f| f.name == name.as_str());
    if entries.keys().any(|name| stranger(&name)) {
        let known: Vec<&'static str> = fields.iter().map(|f| f.name).collect();
        for name in entries.keys().filter(stranger) {
            let finding = unknown(path, name, &known);
            meant.extend(finding.nearest.clone());
            findings.push(finding);
        }
    }
    for field in fields {
        match entries.get(field.name) {
            // A misspelt name is one mistake, not also a missing one.
            None if field.absent || meant.iter().any(|m| m == field.name) => {}
            None => findings.push(missing(path, field.name)),
            Some(Json::Null) if field.nullable => {}
            Some(entry) => judge(entry, &field.is, &step(path, field.name), findings),
        }
    }
}
