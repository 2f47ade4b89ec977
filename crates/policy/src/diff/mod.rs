//! What differs between two policies, value by value, and whether that weakens or strengthens protection.
//!
//! Where things are declared and digests of parts are left out: they change with every edit and protect nothing.

mod calendar;
mod effect;
mod normal;
mod people;
mod predicate;
mod running;
mod samples;
mod scales;
mod sealed;
mod telling;
mod windows;
mod witness;
mod words;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value as Json};

pub use self::calendar::{Event, ExceptionChange, FieldChange, exceptions};
pub use self::normal::normal;
pub use self::running::beside_rules;
pub use self::sealed::digests;
pub use self::telling::{conceal, entries, parameter, safe, safe_words, told, values, what};
pub use self::witness::Witness;
pub use self::words::Words;
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
    /// What that means, in a few words: of everything that is weaker or cannot be decided, and where the values do not
    /// show it.
    pub why: Option<Words>,
    /// Of maintenance windows: those of each side in words, before and after.
    pub entries: Option<[Vec<String>; 2]>,
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

/// Whether a key of what a path leads to names or places a thing, and protects nothing: fields of the document, and where
/// an item is declared. Anywhere else, a key of that name is the id of something.
fn is_place(path: &[String], key: &str) -> bool {
    match path {
        [] => ["schema", "site", "appliance", "rules_version"].contains(&key),
        [section, _] => section != "settings" && key == "declared_at",
        _ => false,
    }
}

/// What differs between two policies of one appliance.
pub fn diff(before: &Policy, after: &Policy) -> Diff {
    // A policy is plain data: writing it as JSON cannot fail, and if it did, nothing would be hidden but the change.
    let json = |policy| serde_json::to_value(policy).unwrap_or_default();
    diff_json(&json(before), &json(after))
}

/// The same for documents, for instance of a version that this crate cannot parse whole.
pub fn diff_json(before: &Json, after: &Json) -> Diff {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), &sealed::told(before), &sealed::told(after), &mut changes);
    let rules = |policy: &'_ Json| policy.get("rules").cloned().unwrap_or_default();
    let (was, is) = (rules(before), rules(after));
    crossed(&was, &is, &mut changes);
    running::unrun(&mut changes, &is);
    untold(&after["settings"], &mut changes);
    Diff { changes: changes.into_iter().filter_map(|change| beside_rules(change, &was, &is)).collect() }
}

/// What differs between two values of one section of a policy, such as all of its `checks`. The sections of a policy are
/// compared one by one, so documents that share some need not be compared whole.
pub fn diff_section(name: &str, before: &Json, after: &Json) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut vec![name.to_owned()], before, after, &mut changes);
    if name == "rules" {
        crossed(before, after, &mut changes);
        running::unrun(&mut changes, after);
    }
    changes
}

/// A rule that is new, or answers more, may take the place of another for the same check: priority decides, not
/// protection. And a runbook that is tried where people were called at once keeps them waiting.
fn crossed(before: &Json, after: &Json, changes: &mut [Change]) {
    let check_of = |rule: &Json| rule.pointer("/when/check").and_then(Json::as_str).map(str::to_owned);
    let rules = || [before, after].into_iter().filter_map(Json::as_object).flatten();
    let others = |id: &str, check: &str| {
        rules().any(|(other, rule)| other != id && check_of(rule).is_some_and(|answers| answers == check))
    };
    let answered = |check: &str| {
        before.as_object().into_iter().flatten().any(|(_, rule)| check_of(rule).is_some_and(|answers| answers == check))
    };
    for change in
        changes.iter_mut().filter(|c| c.effect == Effect::Stronger && c.path.len() >= 2 && c.path[0] == "rules")
    {
        let is_new = change.path.len() == 2 && change.before.is_none();
        let narrows = change.path.get(2..4).is_some_and(|keys| keys[0] == "when" && keys[1] == "observation");
        let Some(rule) = after.get(&change.path[1]).filter(|_| is_new || narrows) else { continue };
        let Some(check) = check_of(rule) else { continue };
        let why = if (is_new && answered(&check)) || (narrows && others(&change.path[1], &check)) {
            Words::from("another rule answers ").quote(check).ours(" already: priority decides which runs first")
        } else if let Some(run) = rule.get("run").and_then(Json::as_str).filter(|_| is_new) {
            Words::default().quote(run).ours(" is tried for ").quote(check).ours(" before people are called")
        } else {
            continue;
        };
        (change.effect, change.why) = (Effect::Unclear, Some(why));
    }
}

/// A severity that is raised out of what a channel tells is not told there any more: `settings` are those after.
pub fn untold(settings: &Json, changes: &mut [Change]) {
    let channels = settings.get("notify").and_then(Json::as_object);
    for change in changes.iter_mut().filter(|change| change.effect == Effect::Stronger) {
        let [section, _, key] = change.path.as_slice() else { continue };
        let (Some(was), Some(is)) = (&change.before, &change.after) else { continue };
        if !matches!(section.as_str(), "checks" | "controls") || key != "severity" {
            continue;
        }
        let silent = channels.into_iter().flatten().find(|(_, channel)| {
            let told = channel.get("severities").and_then(Json::as_array);
            told.is_some_and(|told| told.contains(was) && !told.contains(is))
        });
        if let Some((name, _)) = silent {
            let why = Words::default().quote(name).ours(" is not told of this severity");
            (change.effect, change.why) = (Effect::Unclear, Some(why));
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
    for key in keys {
        if is_place(path, key) {
            continue;
        }
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
        ["checks", _] => warned(added, before, after),
        ["rules", _] => tried(added),
        ["settings"] => {
            people::reached(&mut changes[start..], before, after);
            windows::worded(&mut changes[start..], before, after);
            computed(changes, start);
        }
        _ => {}
    }
}

fn change(path: &[String], before: Option<&Json>, after: Option<&Json>) -> Change {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    if scales::is_predicate(&keys) {
        return predicate::appeared(path, before, after);
    }
    let (effect, why) = effect::of(&keys, before, after);
    Change {
        path: path.to_vec(),
        before: before.cloned(),
        after: after.cloned(),
        effect,
        why,
        entries: None,
        witness: None,
    }
}

/// To claim that more of a control is shown is protection only where more is looked at.
fn covered(changes: &mut [Change]) {
    let last = |change: &Change, name: &str| change.path.last().is_some_and(|key| key == name);
    let checks = changes.iter().find(|c| last(c, "checks")).map(|c| c.effect);
    let Some(change) = changes.iter_mut().find(|c| last(c, "coverage")) else { return };
    let claims_all = |value: &Option<Json>| value.as_ref().is_some_and(|value| value == "automated");
    if change.effect == Effect::Stronger && checks != Some(Effect::Stronger) {
        change.effect = Effect::Unclear;
        change.why = Some("it claims more, and nothing more is looked at".into());
    }
    if change.effect != Effect::Unclear {
        return;
    }
    match checks {
        Some(Effect::Stronger) if claims_all(&change.after) => {
            (change.effect, change.why) = (Effect::Stronger, None);
        }
        Some(Effect::Weaker) if claims_all(&change.before) => {
            (change.effect, change.why) = (Effect::Weaker, Some("fewer checks show it".into()));
        }
        _ if claims_all(&change.after) => {
            change.why = Some("it claims more, and nothing more is looked at".into());
        }
        _ => {}
    }
}

/// A rule that only calls people where it tried a runbook first heals nothing; the other way round, people wait for it.
fn tried(changes: &mut [Change]) {
    let there = |value: &Option<Json>| value.as_ref().is_some_and(|value| !value.is_null());
    let Some(run) = changes.iter_mut().find(|change| change.path.last().is_some_and(|key| key == "run")) else {
        return;
    };
    match (there(&run.before), there(&run.after)) {
        (true, false) => {
            (run.effect, run.why) = (Effect::Weaker, Some("nothing is tried any more: people are called".into()));
        }
        (false, true) => run.why = Some("it is tried before people are called".into()),
        _ => {}
    }
}

/// What a check warned of, and fails of now, is no loss.
fn warned(changes: &mut [Change], before: &Map<String, Json>, after: &Map<String, Json>) {
    let is_prefer = |change: &Change| change.path.get(2).is_some_and(|key| key == "prefer");
    if !changes.iter().any(|change| is_prefer(change) && change.effect == Effect::Weaker) {
        return;
    }
    let of = |check: &Map<String, Json>, name| check.get(name).cloned().unwrap_or_default();
    let (was, is) = ([of(before, "expect"), of(before, "prefer")], [of(after, "expect"), of(after, "prefer")]);
    let joint = predicate::preferred((&was[0], &was[1]), (&is[0], &is[1]));
    if let Some(effect @ (Effect::Stronger | Effect::Same)) = joint {
        for change in changes.iter_mut().filter(|change| is_prefer(change) && change.effect == Effect::Weaker) {
            (change.effect, change.why, change.witness) = (effect, None, None);
        }
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
