//! One item of a policy: where it is declared, what it is on each appliance, and where it applies or why not.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use writ_policy::declared::DeclaredAt;

use super::Asked;
use crate::library::sites::{Items, Name, Policy};

/// One declaration of an item.
#[derive(Debug, Clone)]
pub struct Declared<T> {
    /// Whose it is, in words: `baseline hipaa 2026.2`, `rule family backup`, `appliance clinic-001/front-desk`.
    pub by: String,
    /// The baseline that declares it, if one does.
    pub baseline: Option<String>,
    /// The rule family that declares it, if one does.
    pub family: Option<String>,
    /// Where.
    pub at: DeclaredAt,
    /// As it is declared.
    pub item: T,
}

/// An item as some appliances have it.
#[derive(Debug, Clone)]
pub struct Variant<T> {
    /// The item.
    pub item: T,
    /// Where.
    pub at: Vec<Name>,
}

/// One item.
#[derive(Debug, Clone)]
pub struct Subject<T> {
    /// Its id.
    pub id: String,
    /// Its declarations: several baselines may declare one item.
    pub declared: Vec<Declared<T>>,
    /// What it is in force, what most appliances have first.
    pub variants: Vec<Variant<T>>,
    /// What the variants are measured by, where there are several: its only declaration, or else what most have.
    pub base: Option<T>,
}

/// Where an item applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Applies {
    /// The appliances that have it.
    pub to: Vec<Name>,
    /// Those that do not, by reason.
    pub not: Vec<Not>,
}

/// Appliances that an item does not apply to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Not {
    /// Why, in words.
    pub why: String,
    /// The appliances.
    pub appliances: Vec<Name>,
}

impl<T: Clone + PartialEq + Serialize> Subject<T> {
    /// Gathers what the policies in scope say of an item, beside what is declared of it.
    pub fn gather(
        asked: &Asked<'_>,
        id: &str,
        mut declared: Vec<Declared<T>>,
        section: fn(&Policy) -> &Items<T>,
        declared_at: fn(&T) -> &DeclaredAt,
    ) -> Self {
        let only = if let [only] = &declared[..] { Some(only.item.clone()) } else { None };
        let mut variants: Vec<Variant<T>> = Vec::new();
        for (name, policy) in asked.policies() {
            let Some(item) = section(policy).get(id) else { continue };
            match variants.iter_mut().find(|variant| same(&variant.item, item.as_ref())) {
                Some(variant) => variant.at.push(name.clone()),
                None => variants.push(Variant { item: T::clone(item), at: vec![name.clone()] }),
            }
        }
        variants.sort_by_key(|variant| std::cmp::Reverse(variant.at.len()));
        for variant in &variants {
            let at = declared_at(&variant.item);
            if !declared.iter().any(|known| known.at == *at) {
                let by = owner(at);
                declared.push(Declared {
                    by,
                    baseline: None,
                    family: None,
                    at: at.clone(),
                    item: variant.item.clone(),
                });
            }
        }
        if let Some(first) = variants.first() {
            let own = declared_at(&first.item);
            declared.sort_by_key(|known| known.at != *own);
        }
        let base = match &variants[..] {
            [] => declared.first().map(|d| d.item.clone()),
            [one] => Some(one.item.clone()),
            [most, ..] => Some(only.unwrap_or_else(|| most.item.clone())),
        };
        Self { id: id.to_owned(), declared, variants, base }
    }

    /// What is explained: as all in question have it, or as it is declared.
    pub fn main(&self) -> Option<&T> {
        self.base.as_ref()
    }

    /// Where it applies, with a reason for every appliance that it does not apply to.
    pub fn applies(&self, asked: &Asked<'_>, why: impl Fn(&Policy) -> String) -> Applies {
        let mut applies = Applies::default();
        let mut not: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        for (name, appliance) in &asked.scope {
            let reason = match &appliance.policy {
                _ if self.variants.iter().any(|v| v.at.contains(name)) => {
                    applies.to.push(name.clone());
                    continue;
                }
                None => "it has no policy: `writ check` says why".to_owned(),
                Some(policy) => why(policy),
            };
            not.entry(reason).or_default().push(name.clone());
        }
        applies.not = not.into_iter().map(|(why, appliances)| Not { why, appliances }).collect();
        applies
    }

    /// Why an item of baselines is not in a policy.
    pub fn without_baseline(&self) -> String {
        let names: Vec<&str> = self.declared.iter().filter_map(|d| d.baseline.as_deref()).collect();
        match (&names[..], self.declared.first()) {
            ([], Some(first)) => format!("only {} declares it", first.by),
            ([one], _) => format!("its site does not use the baseline {one}"),
            (several, _) => format!("its site uses none of the baselines {}", several.join(", ")),
        }
    }
}

/// Whether two items say the same: the order of a list says nothing, but that of steps.
pub fn same<T: PartialEq + Serialize>(one: &T, other: &T) -> bool {
    one == other || unordered(one) == unordered(other)
}

/// An item as JSON, with lists of texts in one order, wherever they are not of steps.
pub fn unordered<T: Serialize>(item: &T) -> Json {
    let mut json = serde_json::to_value(item).unwrap_or_default();
    sort(&mut json);
    json
}

fn sort(json: &mut Json) {
    match json {
        Json::Object(members) => {
            members.iter_mut().filter(|(key, _)| *key != "steps").for_each(|(_, value)| sort(value))
        }
        Json::Array(entries) if entries.iter().all(Json::is_string) => {
            entries.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
        Json::Array(entries) => entries.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Who declares something in a file below `hosts/`.
fn owner(at: &DeclaredAt) -> String {
    let parts: Vec<&str> = at.file.split('/').collect();
    match parts[..] {
        ["hosts", site, appliance, _] => format!("appliance {site}/{appliance}"),
        ["hosts", site, _] => format!("site {site}"),
        _ => at.file.clone(),
    }
}
