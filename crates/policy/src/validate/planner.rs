//! The language model that a planner may ask: reached safely, and asked within bounds.

use serde_json::Value as Json;
use writ_trust::time::Span;

use super::context::Context;
use super::finding::Finding;
use super::secrets::gives_away;
use crate::settings::Endpoint;
use crate::settings::planner::{LONGEST_DEADLINE, LONGEST_MODEL, MOST_CALLS, MOST_RUNBOOKS, SHORTEST_DEADLINE};

/// Judges the model of a site, where it names one.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let model = context.whole("settings").and_then(|settings| settings.pointer("/planner/model"));
    let Some(model) = model.filter(|model| model.is_object()) else { return };
    findings.extend(address(model));
    findings.extend(name(model));
    let span = model.get("deadline").and_then(Json::as_str).and_then(|text| text.parse::<Span>().ok());
    if span.is_some_and(|span| !(SHORTEST_DEADLINE..=LONGEST_DEADLINE).contains(&span.millis())) {
        let message = "a model is waited for 5 seconds at most: people have the incident sooner than that";
        findings.push(
            Finding::error("out-of-bounds", path(&["deadline"]), message)
                .expected("a duration from \"100ms\" to \"5s\""),
        );
    }
    for (keys, most, message) in [
        (&["most_runbooks"][..], MOST_RUNBOOKS, "a plan names 5 runbooks at most"),
        (&["budget", "calls_per_hour"], MOST_CALLS, "a model is asked a thousand times within an hour at most"),
        (&["budget", "calls_per_day"], MOST_CALLS, "a model is asked a thousand times a day at most"),
    ] {
        let value = model.pointer(&format!("/{}", keys.join("/"))).and_then(Json::as_u64);
        if value.is_some_and(|value| value > u64::from(most)) {
            let expected = format!("an integer from 1 to {most}");
            findings.push(Finding::error("out-of-bounds", path(keys), message).expected(expected));
        }
    }
}

fn path(keys: &[&str]) -> Vec<String> {
    ["settings", "planner", "model"].iter().chain(keys).map(|key| (*key).to_owned()).collect()
}

/// What is wrong with the address, which no message repeats: it may hold a password.
fn address(model: &Json) -> Option<Finding> {
    let url = model.get("url").and_then(Json::as_str).filter(|url| !url.trim().is_empty())?;
    // That was said of it already.
    gives_away(url).is_none().then_some(())?;
    let insecure = model.get("insecure").and_then(Json::as_bool).unwrap_or_default();
    let why = match Endpoint::parse(url) {
        Ok(endpoint) => endpoint.bare(insecure)?,
        Err(why) => why,
    };
    let finding = Finding::error("wrong-address", path(&["url"]), format!("no model is asked there: {why}"));
    let finding = finding.expected("the base of an OpenAI-compatible interface, such as \"https://models.example/v1\"");
    Some(finding.help("`insecure = true` allows plain HTTP to a private address, such as \"http://10.0.0.4:11434/v1\""))
}

fn name(model: &Json) -> Option<Finding> {
    let name = model.get("name").and_then(Json::as_str).filter(|name| !name.trim().is_empty())?;
    let sound = name.len() <= LONGEST_MODEL && name.bytes().all(|b| b.is_ascii_graphic());
    (!sound).then(|| {
        Finding::error("wrong-value", path(&["name"]), "no model has this name")
            .expected("up to 128 letters, digits and signs without spaces, as the endpoint knows it")
    })
}
