//! Which appliances have which change, and what of it they share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use writ_policy::diff::Change;

use super::compare::{Group, Lists, Located, Name};
use crate::render_diff::entries;

/// Which appliances have which change.
#[derive(Default)]
pub struct Shared {
    by_change: BTreeMap<(String, String), Held>,
}

/// A change, and whose it is: by the values before and after, which of lists may differ.
struct Held {
    located: Located,
    by_values: BTreeMap<String, (Change, BTreeSet<Name>)>,
}

impl Shared {
    /// A change that these appliances have. `told` is how it is told of one of them, and whether an override made it.
    pub fn add(&mut self, change: &Change, names: &[Name], told: impl Fn(&Name) -> (Located, bool)) {
        let values = serde_json::json!([change.before, change.after]);
        let what = alike(change).unwrap_or_else(|| values.clone());
        let key = serde_json::json!([change.path, what, change.effect, change.why, change.witness]).to_string();
        let values = values.to_string();
        for name in names {
            let (told, overridden) = told(name);
            // What an override made is told with its reason: with another one it is another change. Of a setting that
            // several sites change alike, the place in the first of them is told.
            let made = overridden.then(|| serde_json::json!([told.at, told.reason, told.override_removed]).to_string());
            let key = (key.clone(), made.unwrap_or_default());
            let held = self.by_change.entry(key).or_insert_with(|| Held { located: told, by_values: BTreeMap::new() });
            let of = held.by_values.entry(values.clone()).or_insert_with(|| (change.clone(), BTreeSet::new()));
            of.1.insert(name.clone());
        }
    }

    /// The changes by whose they are, what weakens and concerns most first.
    pub fn groups(self) -> Vec<Group> {
        let mut by_names: BTreeMap<Vec<Name>, Vec<Located>> = BTreeMap::new();
        for held in self.by_change.into_values() {
            let (names, located) = held.told();
            by_names.entry(names).or_default().push(located);
        }
        let mut groups: Vec<Group> = by_names
            .into_iter()
            .map(|(appliances, mut changes)| {
                changes.sort_by(|a, b| (a.change.effect, &a.change.path).cmp(&(b.change.effect, &b.change.path)));
                Group { appliances, changes }
            })
            .collect();
        groups.sort_by_key(|group| {
            let worst = group.changes.first().map(|located| located.change.effect);
            (worst, std::cmp::Reverse(group.appliances.len()))
        });
        groups
    }
}

impl Held {
    /// Whose it is, and the change with the values of the first of these.
    fn told(self) -> (Vec<Name>, Located) {
        let Self { mut located, by_values } = self;
        let mut values: Vec<(Change, BTreeSet<Name>)> = by_values.into_values().collect();
        values.sort_by(|(_, a), (_, b)| a.first().cmp(&b.first()));
        let names: BTreeSet<Name> = values.iter().flat_map(|(_, names)| names).cloned().collect();
        let mut values = values.into_iter();
        located.change = values.next().map_or(located.change, |(change, _)| change);
        let lists = |(change, names): (Change, BTreeSet<Name>)| Lists {
            appliances: names.iter().map(|(site, appliance)| format!("{site}/{appliance}")).collect(),
            before: change.before.unwrap_or_default(),
            after: change.after.unwrap_or_default(),
        };
        located.others = values.map(lists).collect();
        (names.into_iter().collect(), located)
    }
}

/// What lists have in common that change alike: the entries that they lose and gain, where these are what is told.
fn alike(change: &Change) -> Option<Json> {
    let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
    entries(before, after)?;
    let less = |from: &Json, other: &Json| -> Vec<Json> {
        let other = other.as_array().map(Vec::as_slice).unwrap_or_default();
        from.as_array().into_iter().flatten().filter(|entry| !other.contains(entry)).cloned().collect()
    };
    Some(serde_json::json!({ "lost": less(before, after), "gained": less(after, before) }))
}
