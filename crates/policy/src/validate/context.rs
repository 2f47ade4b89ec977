//! What a rule of validation sees: the sections of a policy as JSON, which may be wrong in any way.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use writ_trust::time::Time;

use super::COMMON_SECTIONS;
use super::finding::Finding;
use crate::declared::DeclaredAt;
use crate::schema::Registry;

/// The sections of a policy that hold items by id, in the order in which findings about them are made.
pub const ITEMS: [&str; 6] = ["controls", "checks", "rules", "runbooks", "duties", "exceptions"];

/// Names that are declared but had to be left out because of a mistake that is reported elsewhere: a reference to one
/// is no second mistake. Names that nobody knows stay mistakes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// The names, whatever section they belong to.
    pub names: BTreeSet<String>,
    /// Runbooks of the tree, which a policy holds only where one of its rules runs them: none of them is misspelt.
    pub runbooks: BTreeSet<String>,
    /// Sections of which whole files are not there, so that nothing can be said about an unknown name of theirs.
    pub sections: BTreeSet<&'static str>,
    /// Whole parts are missing, so that nothing can be said about any unknown name.
    pub everything: bool,
    /// Sections of which some items are left out, and with them what those refer to: nothing that only they may refer to
    /// can be called unused.
    pub referring: BTreeSet<&'static str>,
}

impl LeftOut {
    /// Whether a name of a section may have been declared, or referred to, by what is left out.
    pub fn covers(&self, section: &str, name: &str) -> bool {
        self.everything || self.sections.contains(section) || self.names.contains(name)
    }
}

/// A policy, or as much of it as there is, and what it is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Controls, checks, rules, runbooks and duties: what appliances often share.
    pub common: &'a Map<String, Json>,
    /// Sections that count where `common` has none of that name.
    pub base: Option<&'a Map<String, Json>>,
    /// Exceptions, programs, secrets and settings: what belongs to one appliance. A whole document serves as both.
    pub own: &'a Map<String, Json>,
    /// Every probe and step.
    pub registry: &'a Registry,
    /// The instant at which exceptions are judged.
    pub now: Time,
    /// Names that are no mistakes.
    pub left_out: &'a LeftOut,
}

/// One item of a section.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The section's name.
    pub section: &'static str,
    /// The item's id.
    pub id: &'a str,
    /// What it is.
    pub value: &'a Json,
}

impl<'a> Context<'a> {
    /// The items of a section; none when it is missing or no object.
    pub fn items(&self, section: &'static str) -> impl Iterator<Item = Item<'a>> + use<'a> {
        self.section(section).into_iter().flatten().map(move |(id, value)| Item { section, id, value })
    }

    /// One item.
    pub fn item(&self, section: &'static str, id: &str) -> Option<Item<'a>> {
        self.section(section)?.get_key_value(id).map(|(id, value)| Item { section, id, value })
    }

    /// The ids of a section.
    pub fn ids(&self, section: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.items(section).map(|item| item.id)
    }

    fn section(&self, section: &str) -> Option<&'a Map<String, Json>> {
        self.whole(section)?.as_object()
    }

    /// A section as it stands there, whatever it is.
    pub fn whole(&self, section: &str) -> Option<&'a Json> {
        if !COMMON_SECTIONS.contains(&section) {
            return self.own.get(section);
        }
        self.common.get(section).or_else(|| self.base?.get(section))
    }

    /// A finding when `section` has no item `id`.
    pub fn refer(
        &self,
        item: Item<'_>,
        keys: &[&str],
        id: &str,
        section: &'static str,
        findings: &mut Vec<Finding>,
    ) -> bool {
        if self.section(section).is_some_and(|s| s.contains_key(id)) {
            return true;
        }
        if !self.left_out.covers(section, id) {
            let one = singular(section);
            let nothing = BTreeSet::new();
            let elsewhere = if section == "runbooks" { &self.left_out.runbooks } else { &nothing };
            findings.push(
                item.place(
                    Finding::error("dangling-reference", item.path(keys), format!("there is no {one} `{id}`"))
                        .expected(format!("the id of a {one}"))
                        .nearest(id, self.ids(section).chain(elsewhere.iter().map(String::as_str))),
                ),
            );
        }
        false
    }
}

impl<'a> Item<'a> {
    /// The path to this item and on through `keys`.
    pub fn path(&self, keys: &[&str]) -> Vec<String> {
        [self.section, self.id].iter().chain(keys).map(|k| (*k).to_owned()).collect()
    }

    /// Gives a finding this item's place.
    pub fn place(&self, mut finding: Finding) -> Finding {
        finding.declared_at = self.declared_at();
        finding
    }

    /// Where it is declared, if it says so.
    pub fn declared_at(&self) -> Option<DeclaredAt> {
        let at = self.value.get("declared_at")?;
        let line = at.get("line")?.as_u64()?;
        Some(DeclaredAt { file: at.get("file")?.as_str()?.to_owned(), line: u32::try_from(line).ok()? })
    }

    /// A string field.
    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.value.get(field)?.as_str()
    }

    /// A field that is a list: its strings with their positions.
    pub fn strings(&self, field: &str) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
        strings(self.value.get(field))
    }

    /// An object field, empty when there is none.
    pub fn object(&self, field: &str) -> impl Iterator<Item = (&'a String, &'a Json)> + use<'a> {
        self.value.get(field).and_then(Json::as_object).into_iter().flatten()
    }
}

/// The strings of a list, with their positions as path steps.
pub fn strings(list: Option<&Json>) -> impl Iterator<Item = (String, &str)> {
    list.and_then(Json::as_array)
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(i, v)| Some((i.to_string(), v.as_str()?)))
}

/// One item of a section, as people call it.
fn singular(section: &str) -> &str {
    if section == "duties" { "duty" } else { section.trim_end_matches('s') }
}
