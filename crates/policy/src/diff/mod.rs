//! What differs between two policies, value by value, and whether that weakens or strengthens protection.
//!
//! Where things are declared and digests of parts are left out: they change with every edit and protect nothing.

mod calendar;
mod effect;
mod normal;
mod predicate;
mod samples;
mod scales;
mod witness;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value as Json};

pub use self::calendar::{Event, ExceptionChange, exceptions};
pub use self::witness::Witness;
use crate::policy::Policy;

/// What a change does to protection, as far as that can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Something that was shown, healed or kept is so no longer, or later, or less, whatever else is gained.
    Weaker,
    /// Cannot be decided from the two values.
    Unclear,
    /// Something is shown, healed or kept that was not, or sooner, or more; and nothing is lost.
    Stronger,
    /// Another way to say the same, or words that protect nothing.
    Same,
}

/// One changed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Keys from the policy's root.
    pub path: Vec<String>,
    /// What stood there; none when it is new.
    pub before: Option<Json>,
    /// What stands there now; none when it is gone.
    pub after: Option<Json>,
    /// What it does to protection.
    pub effect: Effect,
    /// What that means, in a few words: for everything that is weaker, and for some that is unclear.
    pub why: Option<String>,
    /// For a predicate: what makes the difference, as a probe could see it. It proves the effect.
    pub witness: Option<Witness>,
}

/// Every changed value, in order of path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The changes.
    pub changes: Vec<Change>,
}

impl Diff {
    /// Whether nothing changed that this crate looks at.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether anything became weaker.
    pub fn weakens(&self) -> bool {
        self.changes.iter().any(|change| change.effect == Effect::Weaker)
    }
}

/// Fields that name or place a thing, and protect nothing.
const IGNORED: [&str; 5] = ["schema", "site", "appliance", "declared_at", "rules_version"];

/// What differs between two policies of one appliance.
pub fn diff(before: &Policy, after: &Policy) -> Diff {
    // A policy is plain data: writing it as JSON cannot fail, and if it did, nothing would be hidden but the change.
    let json = |policy| serde_json::to_value(policy).unwrap_or_default();
    diff_json(&json(before), &json(after))
}

/// The same for documents, for instance of a version that this crate cannot parse whole.
pub fn diff_json(before: &Json, after: &Json) -> Diff {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), before, after, &mut changes);
    crossed(before.get("rules"), &mut changes);
    Diff { changes }
}

/// What differs between two values of one section of a policy, such as all of its `checks`. The sections of a policy are
/// compared one by one, so documents that share some need not be compared whole.
pub fn diff_section(name: &str, before: &Json, after: &Json) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut vec![name.to_owned()], before, after, &mut changes);
    if name == "rules" {
        crossed(Some(before), &mut changes);
    }
    changes
}

/// A new rule for a check that another one answers may take that one's place: priority decides, not protection.
fn crossed(rules_before: Option<&Json>, changes: &mut [Change]) {
    let check_of = |rule: &Json| rule.pointer("/when/check").and_then(Json::as_str).map(str::to_owned);
    let answered: BTreeSet<String> =
        rules_before.and_then(Json::as_object).into_iter().flatten().filter_map(|(_, rule)| check_of(rule)).collect();
    for change in changes.iter_mut().filter(|c| c.path.len() == 2 && c.path[0] == "rules" && c.before.is_none()) {
        let check = change.after.as_ref().and_then(check_of);
        if let Some(check) = check.filter(|check| answered.contains(check)) {
            change.effect = Effect::Unclear;
            change.why = Some(format!("another rule answers {check} already: priority decides which runs first"));
        }
    }
}

fn compare(path: &mut Vec<String>, before: &Json, after: &Json, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    match (before, after) {
        (Json::Object(_), Json::Object(_)) if scales::is_predicate(&keys) => {
            predicate::compare(path, before, after, changes);
        }
        _ if scales::is_predicate(&keys) => changes.push(predicate::appeared(path, Some(before), Some(after))),
        // A probe of another kind is another probe, not parameters that come and go.
        (Json::Object(a), Json::Object(b)) if keys.last() != Some(&"probe") || a.keys().eq(b.keys()) => {
            each(path, a, b, changes);
        }
        _ => changes.push(change(path, Some(before), Some(after))),
    }
}

fn each(path: &mut Vec<String>, before: &Map<String, Json>, after: &Map<String, Json>, changes: &mut Vec<Change>) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let start = changes.len();
    for key in keys.into_iter().filter(|key| !IGNORED.contains(&key.as_str())) {
        path.push(key.clone());
        match (before.get(key), after.get(key)) {
            (Some(a), Some(b)) => compare(path, a, b, changes),
            (a, b) => changes.push(change(path, a, b)),
        }
        path.pop();
    }
    let added = &mut changes[start..];
    match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["controls", _] => covered(added),
        ["settings"] => computed(changes, start),
        _ => {}
    }
}

fn change(path: &[String], before: Option<&Json>, after: Option<&Json>) -> Change {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    if scales::is_predicate(&keys) {
        return predicate::appeared(path, before, after);
    }
    let (effect, why) = effect::of(&keys, before, after);
    Change { path: path.to_vec(), before: before.cloned(), after: after.cloned(), effect, why, witness: None }
}

/// To claim that more of a control is shown is protection only where more is looked at.
fn covered(changes: &mut [Change]) {
    let last = |change: &Change, name: &str| change.path.last().is_some_and(|key| key == name);
    let checks = changes.iter().find(|c| last(c, "checks")).map(|c| c.effect);
    let Some(change) = changes.iter_mut().find(|c| last(c, "coverage")) else { return };
    let claims_all = |value: &Option<Json>| value.as_ref().is_some_and(|value| value == "automated");
    if change.effect != Effect::Unclear {
        return;
    }
    match checks {
        Some(Effect::Stronger) if claims_all(&change.after) => change.effect = Effect::Stronger,
        Some(Effect::Weaker) if claims_all(&change.before) => {
            (change.effect, change.why) = (Effect::Weaker, Some("fewer checks show it".to_owned()));
        }
        _ if claims_all(&change.after) => {
            change.why = Some("it claims more, and nothing more is looked at".to_owned());
        }
        _ => {}
    }
}

/// The lines for tickets are made of the contacts: where those are there, their change is told once.
fn computed(changes: &mut Vec<Change>, start: usize) {
    let at = |change: &Change, keys: &[&str]| {
        change.path.iter().map(String::as_str).take(keys.len()).eq(keys.iter().copied())
    };
    if changes[start..].iter().any(|c| at(c, &["settings", "contacts"])) {
        let mut index = 0;
        changes.retain(|change| {
            index += 1;
            index <= start || !at(change, &["settings", "escalation", "contacts"])
        });
    }
}

#[cfg(test)]
mod pairs;
#[cfg(test)]
mod tests;
