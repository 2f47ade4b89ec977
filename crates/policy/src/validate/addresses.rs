//! How people and channels are reached: what stands there as an address must be one, and everybody must have some.

use serde_json::Value as Json;

use super::context::Context;
use super::finding::Finding;

/// The fewest digits of a telephone number: those of an emergency call.
const FEWEST_DIGITS: usize = 3;

/// Judges the contacts and the channels of a site.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(settings) = context.whole("settings") else { return };
    for (name, contact) in items(settings, "contacts") {
        person(name, contact, findings);
    }
    for (name, channel) in items(settings, "notify") {
        findings.extend(channel_address(name, channel));
    }
}

fn items<'a>(settings: &'a Json, section: &str) -> impl Iterator<Item = (&'a String, &'a Json)> {
    settings.get(section).and_then(Json::as_object).into_iter().flatten()
}

/// Whether a contact can be written to or called. One that is written as a text alone has it all in that text.
pub(crate) fn is_reachable(contact: &Json) -> bool {
    let given = |field| contact.get(field).is_some_and(|value| !value.is_null());
    let person = contact.get("person").and_then(Json::as_str).unwrap_or_default();
    given("email") || given("phone") || person.contains('@') || is_phone(person)
}

fn person(name: &str, contact: &Json, findings: &mut Vec<Finding>) {
    let path = |keys: &[&str]| ["settings", "contacts", name].iter().chain(keys).map(|key| (*key).to_owned()).collect();
    if !contact.is_object() {
        return;
    }
    if !is_reachable(contact) {
        findings.push(
            Finding::error("contact-unreachable", path(&[]), format!("nothing says how to reach `{name}`"))
                .warning()
                .at_key()
                .expected("email = \"…\"; or phone = \"…\"; or both"),
        );
    }
    for (field, is_one, example) in [
        ("email", is_email as fn(&str) -> bool, "an address such as \"kim@clinic.example\""),
        ("phone", is_phone, "a telephone number such as \"+1 555 0100\""),
    ] {
        let given = contact.get(field).and_then(Json::as_str).filter(|given| !is_one(given));
        if let Some(given) = given {
            let what = if field == "email" { "no address to write to" } else { "no telephone number" };
            let message = format!("{} is {what}", quoted(given));
            findings.push(Finding::error("wrong-address", path(&[field]), message).expected(example));
        }
    }
}

fn channel_address(name: &str, channel: &Json) -> Option<Finding> {
    let address = channel.get("address").and_then(Json::as_str)?;
    // One that has both is another mistake.
    channel.get("secret").filter(|secret| !secret.is_null()).is_none().then_some(())?;
    let (what, expected) = match channel.get("kind").and_then(Json::as_str)? {
        "email" if !is_email(address) => ("no address to write to", "an address such as \"desk@clinic.example\""),
        "webhook" if !is_web(address) => ("no address of the web", "an address that begins with \"https://\""),
        // Its key decides whom it wakes, and whoever has it can.
        "pagerduty" => ("nothing that PagerDuty is told by", "secret = writ.secret \"…\"; the name of its routing key"),
        _ => return None,
    };
    let path = ["settings", "notify", name, "address"].map(str::to_owned).to_vec();
    Some(Finding::error("wrong-address", path, format!("{} is {what}", quoted(address))).expected(expected))
}

/// A value as a message repeats it.
fn quoted(text: &str) -> String {
    if text.chars().count() <= 60 { format!("{text:?}") } else { "a long text".to_owned() }
}

fn is_email(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let sides = text.split_once('@').filter(|(person, place)| !person.is_empty() && !place.is_empty());
    plain && sides.is_some_and(|(_, place)| !place.contains('@'))
}

fn is_phone(text: &str) -> bool {
    text.chars().filter(char::is_ascii_digit).count() >= FEWEST_DIGITS
}

fn is_web(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_only_stands_there() {
        for (is_one, right, wrong) in [
            (
                is_email as fn(&str) -> bool,
                &["a@b", "on-call+x@msp.example", "ü@ü.example"][..],
                &["", "sam at msp", "@b", "a@", "a@b@c", "a b@c", "a@b\n"][..],
            ),
            (is_phone, &["112", "+1 555 0100", "555-0100 ext. 3"], &["", "1", "call Sam"]),
            (
                is_web,
                &["https://hooks.example/x?y", "http://10.0.0.1:8080", "https://[::1]/"],
                &["", "https://", "hooks.example", "ftp://a", "https:// a", "desk@x"],
            ),
        ] {
            assert!(right.iter().all(|text| is_one(text)), "{right:?}");
            assert!(!wrong.iter().any(|text| is_one(text)), "{wrong:?}");
        }
    }
}
