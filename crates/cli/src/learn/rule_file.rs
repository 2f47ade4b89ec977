//! The Nix file of a rule that was learned.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};
use writ_audit::learn::{Pattern, in_words};
use writ_audit::words::{lasting_millis, of, when};
use writ_policy::predicate::Predicate;
use writ_trust::text::one_line;

use crate::nix_text::{list, name, string};

/// The most appliances and sites that are named; how many there are is said in any case.
const MOST_NAMES: usize = 20;

/// What the rule is made of beside the pattern.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What goes wrong, for people.
    pub title: String,
    /// What narrows it; none where the whole check is meant.
    pub observation: Option<Predicate>,
    /// Of several rules that match, the highest runs first.
    pub priority: i64,
    /// How often it is tried for one incident.
    pub attempts: u32,
    /// How long it rests after it was tried in vain.
    pub cooldown: String,
    /// The controls it serves, at least one.
    pub controls: Vec<String>,
}

/// The file: whatever the names in it are, they are nothing but text in it.
pub fn text(pattern: &Pattern, rule: &Rule) -> String {
    let id = string(&pattern.rule_id());
    let mut text = String::new();
    let line = |text: &mut String, indent: usize, line: &str| {
        let _ = writeln!(text, "{}{line}", " ".repeat(indent));
    };
    for comment in head(pattern) {
        line(&mut text, 0, &format!("# {}", one_line(comment)));
    }
    line(&mut text, 0, "{ writ, ... }: {");
    line(&mut text, 2, &format!("learned.{id} = {{"));
    for (field, value) in provenance(pattern) {
        match value {
            Written::One(value) => line(&mut text, 4, &format!("{field} = {value};")),
            Written::Many(values) if values.is_empty() => line(&mut text, 4, &format!("{field} = [ ];")),
            Written::Many(values) => {
                line(&mut text, 4, &format!("{field} = ["));
                values.iter().for_each(|value| line(&mut text, 6, &string(value)));
                line(&mut text, 4, "];");
            }
        }
    }
    line(&mut text, 2, "};");
    line(&mut text, 0, "");
    line(&mut text, 2, &format!("rules.{id} = writ.rule {{"));
    line(&mut text, 4, &format!("title = {};", string(&rule.title)));
    line(&mut text, 4, &format!("when = {{ {} }};", matched(pattern, rule)));
    line(&mut text, 4, &format!("run = {};", string(&pattern.runbook)));
    line(&mut text, 4, &format!("priority = {};", rule.priority));
    line(&mut text, 4, &format!("attempts = {};", rule.attempts));
    line(&mut text, 4, &format!("cooldown = {};", string(&rule.cooldown)));
    line(&mut text, 4, &format!("controls = {};", list(&rule.controls)));
    line(&mut text, 2, "};");
    line(&mut text, 0, "}");
    text
}

/// What whoever reviews the pull request reads first.
fn head(pattern: &Pattern) -> Vec<String> {
    let appliances = of(pattern.appliances.len() as u64, "appliance");
    let sites = of(pattern.sites.len() as u64, "site");
    let broken: Vec<String> = pattern.conditions.iter().map(|term| in_words(term)).collect();
    let shape = match broken.is_empty() {
        true => String::new(),
        false => format!(", with this not so: {}", broken.join("; ")),
    };
    vec![
        format!(
            "Learned from evidence: when {} failed{shape}, plans had {} run.",
            pattern.check, pattern.runbook
        ),
        format!(
            "It helped in {} of {}, on {appliances} of {sites}, from {} to {}; mean time to heal {}.",
            pattern.successes,
            of(pattern.occurrences, "incident"),
            when(pattern.first_seen),
            when(pattern.last_seen),
            lasting_millis(pattern.mean_ms),
        ),
        "Before this is merged: look at the runbook, at some of the bundles below (`writ audit show`), and at `writ diff`. Merging is \
         the approval."
            .to_owned(),
    ]
}

enum Written {
    One(String),
    Many(Vec<String>),
}

/// What it rests on, for people and for whoever counts later.
fn provenance(pattern: &Pattern) -> Vec<(&'static str, Written)> {
    let first = |all: &[String]| all.iter().take(MOST_NAMES).cloned().collect();
    let number = |number: u64| Written::One(number.to_string());
    vec![
        ("pattern", Written::One(string(&pattern.signature.to_string()))),
        ("incident_type", Written::One(string(&pattern.incident_type))),
        ("conditions", Written::Many(pattern.conditions.clone())),
        ("parameters", Written::One(string(&pattern.parameters.to_string()))),
        ("occurrences", number(pattern.occurrences)),
        ("successes", number(pattern.successes)),
        ("success_permille", number(u64::from(pattern.success_permille))),
        ("seen_first", Written::One(string(&pattern.first_seen.to_string()))),
        ("seen_last", Written::One(string(&pattern.last_seen.to_string()))),
        ("sites", Written::Many(first(&pattern.sites))),
        ("appliances", Written::Many(first(&pattern.appliances))),
        ("bundles", Written::Many(pattern.bundles.clone())),
    ]
}

/// The bindings of `when`.
fn matched(pattern: &Pattern, rule: &Rule) -> String {
    let check = format!("check = {};", string(&pattern.check));
    match &rule.observation {
        None => check,
        Some(observation) => format!("{check} observation = {};", value(&observation.to_json())),
    }
}

/// A value of a predicate as Nix. Predicates hold neither null nor fractions.
fn value(json: &Json) -> String {
    match json {
        Json::String(text) => string(text),
        Json::Array(items) => format!("[ {} ]", items.iter().map(value).collect::<Vec<_>>().join(" ")),
        Json::Object(fields) => set(fields),
        // A negative number in a list would be a subtraction.
        Json::Number(number) if number.to_string().starts_with('-') => format!("({number})"),
        Json::Number(number) => number.to_string(),
        Json::Bool(truth) => truth.to_string(),
        Json::Null => "null".to_owned(),
    }
}

fn set(fields: &Map<String, Json>) -> String {
    let bindings: Vec<String> =
        fields.iter().map(|(key, inner)| format!("{} = {};", name(key), value(inner))).collect();
    format!("{{ {} }}", bindings.join(" "))
}
