//! Numbers that no document may carry: `Policy::parse` refuses them wherever they stand.

use serde_json::Value as Json;
use writ_trust::json::MAX_INTEGER;

use super::COMMON_SECTIONS;
use super::context::{Context, ITEMS};
use super::finding::Finding;

/// Numbers in controls, checks, rules, runbooks and duties.
pub fn common(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for section in ITEMS.into_iter().filter(|section| COMMON_SECTIONS.contains(section)) {
        items(context, section, findings);
    }
}

/// Numbers in exceptions and settings.
pub fn own(context: &Context<'_>, findings: &mut Vec<Finding>) {
    items(context, "exceptions", findings);
    if let Some(settings) = context.whole("settings") {
        within(settings, &mut vec!["settings".to_owned()], findings, &|finding| finding);
    }
}

fn items(context: &Context<'_>, section: &'static str, findings: &mut Vec<Finding>) {
    for item in context.items(section) {
        within(item.value, &mut item.path(&[]), findings, &|finding| item.place(finding));
    }
}

/// Nesting is bounded by the reader of documents.
fn within(value: &Json, path: &mut Vec<String>, findings: &mut Vec<Finding>, place: &dyn Fn(Finding) -> Finding) {
    let mut below = |key: String, inner: &Json| {
        path.push(key);
        within(inner, path, findings, place);
        path.pop();
    };
    match value {
        Json::Array(entries) => entries.iter().enumerate().for_each(|(i, inner)| below(i.to_string(), inner)),
        Json::Object(entries) => entries.iter().for_each(|(key, inner)| below(key.clone(), inner)),
        Json::Number(number) => {
            let fits = number.as_i64().is_some_and(|n| (-MAX_INTEGER..=MAX_INTEGER).contains(&n));
            // A field with narrower bounds has said so already.
            if !fits && !findings.iter().any(|finding| finding.path == *path) {
                findings.push(place(
                    Finding::error(
                        "out-of-bounds",
                        path.clone(),
                        format!("{number} is no integer that every reader of JSON keeps exact"),
                    )
                    .expected(format!("an integer from -{MAX_INTEGER} to {MAX_INTEGER} (2^53)")),
                ));
            }
        }
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}
