//! Whom incidents reach: routes lead to contacts that the site has, and notifications go somewhere.

use serde_json::Value as Json;

use super::context::{Context, strings};
use super::finding::{Finding, one_of};

/// Judges routes and channels.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(settings) = context.whole("settings") else { return };
    routes(settings, findings);
    for (name, channel) in settings.get("notify").and_then(Json::as_object).into_iter().flatten() {
        let given = |field| channel.get(field).is_some_and(|v| !v.is_null());
        if channel.is_object() && given("address") == given("secret") {
            let path = ["settings", "notify", name].map(str::to_owned).to_vec();
            let message = "a notification goes to an address or to what a secret names: exactly one of the two";
            findings.push(
                Finding::error("wrong-value", path, message)
                    .at_key()
                    .expected("address = \"…\"; or secret = writ.secret \"…\";"),
            );
        }
    }
}

fn routes(settings: &Json, findings: &mut Vec<Finding>) {
    let Some(contacts) = settings.get("contacts").and_then(Json::as_object) else { return };
    let known = || contacts.keys().map(String::as_str);
    for (severity, route) in settings.pointer("/escalation/route").and_then(Json::as_object).into_iter().flatten() {
        for (at, name) in strings(Some(route)).filter(|(_, name)| !contacts.contains_key(*name)) {
            let path = ["settings", "escalation", "route", severity, &at].map(str::to_owned).to_vec();
            findings.push(
                Finding::error("unknown-contact", path, format!("this site has no contact `{name}`"))
                    .expected(one_of(known()))
                    .nearest(name, known())
                    .help("`contacts` in site.nix names them"),
            );
        }
    }
}
