//! Whom incidents reach: a contact without an address is nobody, and an empty route is everybody.

use serde_json::{Map, Value as Json};

use super::effect;
use super::{Change, Effect, Words};
use crate::validate::is_reachable;

/// The roles of contacts in the order in which people are called where no route says otherwise.
const ROLES: [&str; 7] = ["primary", "secondary", "manager", "security", "account", "after-hours", "clinic"];

/// Judges the changes of contacts and routes by the whole settings before and after.
pub(super) fn reached(changes: &mut [Change], before: &Map<String, Json>, after: &Map<String, Json>) {
    for change in changes {
        let keys: Vec<&str> = change.path.iter().map(String::as_str).collect();
        let judged = match keys[..] {
            ["settings", "contacts", name, "email" | "phone"] => {
                let contact = after.get("contacts").and_then(|contacts| contacts.get(name));
                address(change, contact.is_some_and(is_reachable))
            }
            ["settings", "contacts", _] if change.before.is_none() => {
                let reachable = change.after.as_ref().is_some_and(is_reachable);
                (!reachable).then(|| (Effect::Unclear, Some("nothing says how to reach this person".into())))
            }
            ["settings", "escalation", "route", _] => route(change, before, after),
            _ => None,
        };
        if let Some((effect, why)) = judged {
            (change.effect, change.why) = (effect, why);
        }
    }
}

type Verdict = Option<(Effect, Option<Words>)>;

/// One of the ways to reach somebody; `reachable`: whether there is one left.
fn address(change: &Change, reachable: bool) -> Verdict {
    let given = |value: &Option<Json>| value.as_ref().is_some_and(|value| !value.is_null());
    let (effect, why) = match (given(&change.before), given(&change.after)) {
        (true, false) if reachable => (Effect::Weaker, "one way less to reach this person"),
        (true, false) => (Effect::Weaker, "nobody can reach this person any more"),
        (true, true) => (Effect::Unclear, "it leads elsewhere"),
        (false, true) => return Some((Effect::Stronger, None)),
        (false, false) => return None,
    };
    Some((effect, Some(why.into())))
}

/// A route that is empty before or after, with the people it means.
fn route(change: &Change, before: &Map<String, Json>, after: &Map<String, Json>) -> Verdict {
    let empty = |value: &Option<Json>| value.as_ref().and_then(Json::as_array).is_some_and(Vec::is_empty);
    if !empty(&change.before) && !empty(&change.after) {
        return None;
    }
    let meant = |value: &Option<Json>, settings: &Map<String, Json>| match value {
        Some(_) if empty(value) => everybody(settings),
        other => other.clone(),
    };
    let (was, is) = (meant(&change.before, before)?, meant(&change.after, after)?);
    let keys: Vec<&str> = change.path.iter().map(String::as_str).collect();
    let (effect, why) = effect::of(&keys, Some(&was), Some(&is));
    // The two values do not show it.
    let everybody = || Words::from("an empty route is everybody, in order of role");
    Some((effect, Some(why.filter(|_| effect == Effect::Weaker).unwrap_or_else(everybody))))
}

/// Every contact, in the order in which they are called; none where nobody is named.
fn everybody(settings: &Map<String, Json>) -> Option<Json> {
    let contacts = settings.get("contacts")?.as_object().filter(|contacts| !contacts.is_empty())?;
    let rank = |contact: &Json| {
        let role = contact.get("role").and_then(Json::as_str).unwrap_or_default();
        ROLES.iter().position(|known| *known == role).unwrap_or(ROLES.len())
    };
    let mut names: Vec<(usize, &String)> = contacts.iter().map(|(name, contact)| (rank(contact), name)).collect();
    names.sort_unstable();
    Some(names.into_iter().map(|(_, name)| name.as_str()).collect())
}
