//! What changed, appliance by appliance, and which appliances share it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::Value as Json;
use writ_policy::diff::{self, Change, Effect, Event, ExceptionChange};
use writ_trust::time::{Span, Time};

use super::gather::{Appliance, Gathered, SECTIONS, Sections, Sites, TextId, Texts};

/// An appliance by site and name.
pub type Name = (String, String);

/// What became of an appliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is there, and something about it differs.
    Changed,
    /// It is there, as before.
    Unchanged,
}

/// A change, and where the item that it is about is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The change.
    pub change: Change,
    /// `file:line`; of what is gone, where it was.
    pub at: Option<String>,
}

/// Changes that the same appliances have.
pub struct Group {
    /// The appliances, in order.
    pub appliances: Vec<Name>,
    /// Their changes, what weakens first.
    pub changes: Vec<Located>,
}

/// An exception that changed, or ends soon, and whose it is.
pub struct ExceptionOf {
    /// What happened.
    pub change: ExceptionChange,
    /// The appliances, in order.
    pub appliances: Vec<Name>,
}

/// A public key that changed.
pub struct KeyChange {
    /// The key before.
    pub before: Option<String>,
    /// The key after.
    pub after: Option<String>,
}

/// What became of one appliance.
pub struct Fate {
    /// Whether it is there.
    pub status: Status,
    /// Its key, where that changed.
    pub key: Option<KeyChange>,
    /// Its machine before and after, where that changed.
    pub system_type: Option<(String, String)>,
}

/// Everything that changed in policies.
pub struct Compared {
    /// Every appliance of either side.
    pub appliances: BTreeMap<Name, Fate>,
    /// Changes by the appliances that share them, what weakens and concerns most first.
    pub groups: Vec<Group>,
    /// Exceptions.
    pub exceptions: Vec<ExceptionOf>,
}

/// Exceptions that end within this are told.
const SOON_DAYS: &str = "30d";

/// Compares two sides as of an instant.
pub fn compare(before: &Gathered, after: &Gathered, texts: &Texts<'_>, now: Time) -> Compared {
    let (a, b) = (named(&before.sites), named(&after.sites));
    let names: BTreeSet<&Name> = a.keys().chain(b.keys()).collect();
    let soon: Span = SOON_DAYS.parse().expect("a span");
    let mut differ = Differ { texts, values: HashMap::new(), sections: HashMap::new() };
    let mut fates = BTreeMap::new();
    // Appliances with the same pair of policies have the same changes: each pair is compared once.
    let mut pairs: HashMap<(Option<Sections>, Option<Sections>), Vec<Name>> = HashMap::new();
    for name in names {
        let (was, is) = (a.get(name).copied(), b.get(name).copied());
        fates.insert(name.clone(), fate(was, is));
        pairs.entry((was.map(|w| w.sections), is.map(|i| i.sections))).or_default().push(name.clone());
    }
    let (mut shared, mut exceptions) = (Shared::default(), BTreeMap::<ExceptionChange, BTreeSet<Name>>::new());
    for ((was, is), names) in pairs {
        if let (Some(was), Some(is)) = (was, is) {
            for changes in differ.changes(&was, &is) {
                shared.add(&changes, &names);
            }
        }
        for change in differ.exceptions(was, is, now, &soon) {
            exceptions.entry(change).or_default().extend(names.iter().cloned());
        }
    }
    let groups = shared.groups();
    let changed: BTreeSet<&Name> = groups
        .iter()
        .flat_map(|group| &group.appliances)
        .chain(exceptions.iter().filter(|(change, _)| !is_news(change)).flat_map(|(_, of)| of))
        .collect();
    for (name, fate) in &mut fates {
        if fate.status == Status::Unchanged && changed.contains(name) {
            fate.status = Status::Changed;
        }
    }
    let exceptions = exceptions.into_iter().map(|(change, of)| ExceptionOf { change, appliances: of.into_iter().collect() });
    let mut exceptions: Vec<ExceptionOf> = exceptions.collect();
    exceptions.sort_by_key(|one| one.change.effect);
    Compared { appliances: fates, groups, exceptions }
}

/// Whether an exception is told although nothing about it changed.
pub fn is_news(change: &ExceptionChange) -> bool {
    matches!(change.event, Event::Ending { .. })
}

fn named(sites: &Sites) -> BTreeMap<Name, &Appliance> {
    let all = sites.iter().flat_map(|(site, appliances)| {
        appliances.iter().map(move |(name, appliance)| ((site.clone(), name.clone()), appliance))
    });
    all.collect()
}

fn fate(was: Option<&Appliance>, is: Option<&Appliance>) -> Fate {
    let (Some(was), Some(is)) = (was, is) else {
        let status = if is.is_some() { Status::Added } else { Status::Removed };
        return Fate { status, key: None, system_type: None };
    };
    let key = (was.public_key != is.public_key)
        .then(|| KeyChange { before: was.public_key.clone(), after: is.public_key.clone() });
    let text = |kind: &Option<String>| kind.clone().unwrap_or_default();
    let system_type =
        (was.system_type != is.system_type).then(|| (text(&was.system_type), text(&is.system_type)));
    let same = key.is_none() && system_type.is_none();
    Fate { status: if same { Status::Unchanged } else { Status::Changed }, key, system_type }
}

/// Compares sections, each pair of texts once.
struct Differ<'a> {
    texts: &'a Texts<'a>,
    values: HashMap<TextId, Rc<Json>>,
    sections: HashMap<(usize, Option<TextId>, Option<TextId>), Rc<Vec<Located>>>,
}

impl Differ<'_> {
    fn changes(&mut self, was: &Sections, is: &Sections) -> Vec<Rc<Vec<Located>>> {
        // Exceptions are told as a calendar.
        let compared = (0..SECTIONS.len()).filter(|i| SECTIONS[*i] != "exceptions" && was[*i] != is[*i]);
        compared.map(|i| self.section(i, was[i], is[i])).collect()
    }

    fn section(&mut self, index: usize, was: Option<TextId>, is: Option<TextId>) -> Rc<Vec<Located>> {
        if let Some(known) = self.sections.get(&(index, was, is)) {
            return Rc::clone(known);
        }
        let (a, b) = (self.value(was), self.value(is));
        let changes = diff::diff_section(SECTIONS[index], &a, &b);
        let located: Vec<Located> = changes.into_iter().map(|change| located(change, &a, &b)).collect();
        let located = Rc::new(located);
        self.sections.insert((index, was, is), Rc::clone(&located));
        located
    }

    fn exceptions(&mut self, was: Option<Sections>, is: Option<Sections>, now: Time, soon: &Span) -> Vec<ExceptionChange> {
        let index = SECTIONS.iter().position(|name| *name == "exceptions").unwrap_or_default();
        let (a, b) = (self.value(was.and_then(|s| s[index])), self.value(is.and_then(|s| s[index])));
        let mut changes = match (was, is) {
            // What is gone is told as such.
            (_, None) => return Vec::new(),
            _ => diff::exceptions(&a, &b, now, soon),
        };
        if was.is_none() {
            // Nothing that was protected before is lifted at an appliance that is new; somebody should look all the same.
            changes.iter_mut().for_each(|change| change.effect = Effect::Unclear);
        }
        changes
    }

    fn value(&mut self, id: Option<TextId>) -> Rc<Json> {
        let Some(id) = id else { return Rc::new(Json::Null) };
        Rc::clone(self.values.entry(id).or_insert_with(|| Rc::new(self.texts.value(id))))
    }
}

fn located(change: Change, before: &Json, after: &Json) -> Located {
    let item = |section: &Json| {
        let at = section.get(change.path.get(1)?)?.get("declared_at")?;
        Some(format!("{}:{}", at.get("file")?.as_str()?, at.get("line")?.as_u64()?))
    };
    let at = item(after).or_else(|| item(before));
    Located { at, change }
}

/// Which appliances have which change.
#[derive(Default)]
struct Shared {
    by_change: BTreeMap<String, (Located, BTreeSet<Name>)>,
}

impl Shared {
    fn add(&mut self, changes: &[Located], names: &[Name]) {
        for located in changes {
            let change = &located.change;
            let key = serde_json::json!([change.path, change.before, change.after]).to_string();
            let (_, of) = self.by_change.entry(key).or_insert_with(|| (located.clone(), BTreeSet::new()));
            of.extend(names.iter().cloned());
        }
    }

    fn groups(self) -> Vec<Group> {
        let mut by_names: BTreeMap<Vec<Name>, Vec<Located>> = BTreeMap::new();
        for (located, names) in self.by_change.into_values() {
            by_names.entry(names.into_iter().collect()).or_default().push(located);
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
