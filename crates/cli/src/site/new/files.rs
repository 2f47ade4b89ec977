//! The files of a new site, as text.

use std::collections::BTreeMap;

use super::description::{Channel, Contact, Site, To, Window};
use super::gather::REVIEW;
use crate::nix_text::{list, name, string};

/// The files of a site: path from the root of the tree, and content.
pub fn files(site: &Site) -> Vec<(String, String)> {
    let folder = format!("hosts/{}", site.name);
    let appliance = |name: &String| (format!("{folder}/{name}/policy.nix"), policy_nix(&site.programs));
    std::iter::once((format!("{folder}/site.nix"), site_nix(site)))
        .chain(site.appliances.iter().map(appliance))
        .collect()
}

/// The policy of an appliance that adds nothing to its site.
pub fn policy_nix(programs: &[String]) -> String {
    let programs = list_of("programs", programs.iter().map(|program| string(program)).collect());
    let programs: String = programs.iter().map(|line| format!("  {line}\n")).collect();
    format!(
        "# What this appliance adds to its site: checks, rules, overrides, exceptions.\n{{ writ, ... }}:\n\
         writ.appliance {{\n  system_type = \"x86_64-linux\";\n  \
         # The symbols that its system provides to runbooks.\n{programs}}}\n"
    )
}

fn site_nix(site: &Site) -> String {
    let paragraphs: Vec<String> = [about(site), obeys(site), people(site), outbound(site)]
        .into_iter()
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.iter().map(|line| format!("  {line}\n")).collect())
        .collect();
    format!(
        "# Who must obey which baselines, who may accept a risk, and whom to call.\n{{ writ, ... }}:\nwrit.site {{\n{}}}\n",
        paragraphs.join("\n")
    )
}

fn about(site: &Site) -> Vec<String> {
    let mut lines =
        vec![format!("title = {};", string(&site.title)), format!("time_zone = {};", string(&site.time_zone))];
    lines.extend(site.tier.as_ref().map(|tier| format!("tier = {};", string(tier))));
    lines
}

fn obeys(site: &Site) -> Vec<String> {
    let baseline =
        |(baseline, version): (&String, &String)| format!("baselines.{} = {};", name(baseline), string(version));
    let families = list_of("rule_families", site.rule_families.iter().map(|family| string(family)).collect());
    site.baselines.iter().map(baseline).chain(families).collect()
}

fn people(site: &Site) -> Vec<String> {
    let named = named(&site.contacts);
    let mut lines = list_of("approvers", site.approvers.iter().map(|person| string(person)).collect());
    lines.push("contacts = {".to_owned());
    for (called, contact) in &named {
        lines.push(format!("  {} = {{", name(called)));
        lines.extend(contact_fields(contact).iter().map(|(field, value)| format!("    {field} = {value};")));
        lines.push("  };".to_owned());
    }
    lines.push("};".to_owned());
    lines.push("escalation.route = {".to_owned());
    lines.extend(route(&named).into_iter().map(|(level, names)| format!("  {level} = {};", list(names))));
    lines.push("};".to_owned());
    for channel in &site.notify {
        lines.push(format!("notify.{} = {{", name(&channel.name)));
        lines.extend(channel_fields(channel).iter().map(|(field, value)| format!("  {field} = {value};")));
        lines.push("};".to_owned());
    }
    lines
}

fn outbound(site: &Site) -> Vec<String> {
    let mut lines = Vec::new();
    if !site.windows.is_empty() {
        lines.push("maintenance.windows = [".to_owned());
        lines.extend(site.windows.iter().map(|window| format!("  {{ {} }}", window_fields(window))));
        lines.push("];".to_owned());
    }
    if site.review != REVIEW {
        lines.push(format!("planner.review = {};", string(&site.review)));
    }
    if !site.secrets.is_empty() {
        lines.push(format!("secrets = {};", list(&site.secrets)));
    }
    lines
}

/// The widest that a list on one line may be, in characters.
const WIDEST: usize = 100;

/// A list of written values: on one line, or on a line for each where that would be too wide.
fn list_of(field: &str, values: Vec<String>) -> Vec<String> {
    let line =
        if values.is_empty() { format!("{field} = [ ];") } else { format!("{field} = [ {} ];", values.join(" ")) };
    if line.chars().count() <= WIDEST {
        return vec![line];
    }
    let lines = values.into_iter().map(|value| format!("  {value}"));
    std::iter::once(format!("{field} = [")).chain(lines).chain(["];".to_owned()]).collect()
}

type Fields = Vec<(&'static str, String)>;

/// Contacts by a name for each: its role, numbered from the second of one role on.
fn named(contacts: &[Contact]) -> Vec<(String, &Contact)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    contacts
        .iter()
        .map(|contact| {
            let count = seen.entry(contact.role.as_str()).or_default();
            *count += 1;
            let called = if *count == 1 { contact.role.clone() } else { format!("{}-{count}", contact.role) };
            (called, contact)
        })
        .collect()
}

/// Whom each severity reaches: everybody for the critical, who is on call for the high, the first for the rest.
fn route(contacts: &[(String, &Contact)]) -> Vec<(&'static str, Vec<String>)> {
    let all: Vec<String> = contacts.iter().map(|(called, _)| called.clone()).collect();
    let on_call: Vec<String> = contacts
        .iter()
        .filter(|(_, contact)| matches!(contact.role.as_str(), "primary" | "secondary" | "security"))
        .map(|(called, _)| called.clone())
        .collect();
    let high = if on_call.is_empty() { all.clone() } else { on_call };
    let first: Vec<String> = high.iter().take(1).cloned().collect();
    vec![("critical", all), ("high", high), ("medium", first.clone()), ("low", first)]
}

/// How soon a person answers, where nobody said it: what is usual for the role.
pub fn answers_within(contact: &Contact) -> &'static str {
    match contact.role.as_str() {
        "primary" | "secondary" => "15m",
        "manager" | "after-hours" => "30m",
        "security" => "1h",
        _ => "4h",
    }
}

fn contact_fields(contact: &Contact) -> Fields {
    let mut fields = vec![("person", string(&contact.person)), ("role", string(&contact.role))];
    fields.extend(contact.email.as_ref().map(|email| ("email", string(email))));
    fields.extend(contact.phone.as_ref().map(|phone| ("phone", string(phone))));
    fields.push(("answers_within", string(answers_within(contact))));
    fields
}

fn channel_fields(channel: &Channel) -> Fields {
    let to = match &channel.to {
        To::Address(address) => ("address", string(address)),
        To::Secret(secret) => ("secret", format!("writ.secret {}", string(secret))),
    };
    vec![("kind", string(&channel.kind)), to, ("events", list(["escalated", "exception-expiring", "silence"]))]
}

fn window_fields(window: &Window) -> String {
    format!(
        "days = {}; from = {}; to = {}; allows = {};",
        list(&window.days),
        string(&window.from),
        string(&window.to),
        list(&window.allows)
    )
}
