//! What changed, appliance by appliance, and which appliances share it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json};
use writ_policy::delta::Override;
use writ_policy::diff::{self, Change, Effect, Event, ExceptionChange};
use writ_policy::schema::Kind;
use writ_trust::time::{Span, Time};

use super::gather::{Appliance, Gathered, Layer, SECTIONS, Sections, TextId, Texts, unreadable};
use super::places::Places;
use super::shared::Shared;
use crate::failure::Outcome;

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
    /// The reason of the override that made it, where one did.
    pub reason: Option<String>,
    /// Whether it is made by that override's being removed.
    pub override_removed: bool,
    /// Of a list: the other lists, of others of these appliances, that lose and gain the same.
    pub others: Vec<Lists>,
}

/// A list of some appliances, before and after.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Lists {
    /// The appliances, in order, as `site/appliance`.
    pub appliances: Vec<String>,
    /// What stood there.
    pub before: Json,
    /// What stands there now.
    pub after: Json,
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

/// Compares two sides as of an instant. An error where a value cannot be read.
pub fn compare(
    before: &Gathered<'_>,
    after: &Gathered<'_>,
    texts: &Texts<'_>,
    places: &Places,
    now: Time,
) -> Outcome<Compared> {
    let (a, b) = (named(before), named(after));
    let names: BTreeSet<&Name> = a.keys().chain(b.keys()).collect();
    let soon: Span = SOON_DAYS.parse().expect("a span");
    let mut differ = Differ { texts, values: HashMap::new(), sections: HashMap::new(), broken: None };
    let mut fates = BTreeMap::new();
    // Appliances with the same pair of policies have the same changes: each pair is compared once.
    let mut pairs: HashMap<(Option<Sections>, Option<Sections>), Vec<Name>> = HashMap::new();
    for name in names {
        let (was, is) = (a.get(name).copied(), b.get(name).copied());
        fates.insert(name.clone(), fate(was, is));
        pairs.entry((was.map(|w| w.sections), is.map(|i| i.sections))).or_default().push(name.clone());
    }
    let (mut shared, mut exceptions) = (Shared::default(), BTreeMap::<ExceptionChange, BTreeSet<Name>>::new());
    // In order of names: what is told of a change that several have is then the same in every run.
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_by(|(_, x), (_, y)| x.cmp(y));
    for ((was, is), names) in pairs {
        if let (Some(was), Some(is)) = (was, is) {
            let baselines = differ.section_of(&is, "baselines");
            for located in differ.told(&was, &is) {
                shared.add(&located.change, &names, |name| {
                    let at = places.of_setting(&name.0, &baselines, &located.change.path);
                    let located = Located { at: at.or_else(|| located.at.clone()), ..located.clone() };
                    overridden(located, a.get(name).copied(), b.get(name).copied())
                });
            }
        }
        for change in differ.exceptions(was, is, now, &soon) {
            exceptions.entry(change).or_default().extend(names.iter().cloned());
        }
    }
    if let Some(error) = &differ.broken {
        return Err(unreadable(error));
    }
    let groups = shared.groups();
    let changed: BTreeSet<&Name> = groups
        .iter()
        .flat_map(|group| &group.appliances)
        .chain(exceptions.iter().filter(|(change, _)| !only_ends(change)).flat_map(|(_, of)| of))
        .collect();
    for (name, fate) in &mut fates {
        if fate.status == Status::Unchanged && changed.contains(name) {
            fate.status = Status::Changed;
        }
    }
    let exceptions =
        exceptions.into_iter().map(|(change, of)| ExceptionOf { change, appliances: of.into_iter().collect() });
    let mut exceptions: Vec<ExceptionOf> = exceptions.collect();
    exceptions.sort_by_key(|one| one.change.effect);
    Ok(Compared { appliances: fates, groups, exceptions })
}

/// Whether an exception is told although nothing about it changed.
pub fn only_ends(change: &ExceptionChange) -> bool {
    matches!(change.event, Event::Ending { .. })
}

fn named<'a, 'b>(side: &'b Gathered<'a>) -> BTreeMap<Name, &'b Appliance<'a>> {
    let all = side.sites.iter().flat_map(|(site, appliances)| {
        appliances.iter().map(move |(name, appliance)| ((site.clone(), name.clone()), appliance))
    });
    all.collect()
}

fn fate(was: Option<&Appliance<'_>>, is: Option<&Appliance<'_>>) -> Fate {
    let (Some(was), Some(is)) = (was, is) else {
        let status = if is.is_some() { Status::Added } else { Status::Removed };
        return Fate { status, key: None, system_type: None };
    };
    let key = (was.public_key != is.public_key)
        .then(|| KeyChange { before: was.public_key.map(str::to_owned), after: is.public_key.map(str::to_owned) });
    let text = |kind: Option<&str>| kind.unwrap_or_default().to_owned();
    let system_type = (was.system_type != is.system_type).then(|| (text(was.system_type), text(is.system_type)));
    let same = key.is_none() && system_type.is_none();
    Fate { status: if same { Status::Unchanged } else { Status::Changed }, key, system_type }
}

/// A section by its number, before and after.
type Pair = (usize, Option<Layer>, Option<Layer>);

/// Compares sections, each pair of texts once.
struct Differ<'a> {
    texts: &'a Texts<'a>,
    values: HashMap<TextId, Rc<Json>>,
    sections: HashMap<Pair, Rc<Vec<Located>>>,
    /// Why a value could not be read, of the first one.
    broken: Option<serde_json::Error>,
}

impl Differ<'_> {
    fn changes(&mut self, was: &Sections, is: &Sections) -> Vec<Rc<Vec<Located>>> {
        // Exceptions are told as a calendar.
        let compared = (0..SECTIONS.len()).filter(|i| SECTIONS[*i] != "exceptions" && was[*i] != is[*i]);
        compared.map(|i| self.section(i, was[i], is[i])).collect()
    }

    /// What changes, beside what else is in the policy: rules that run a runbook, and channels that tell of a severity.
    fn told(&mut self, was: &Sections, is: &Sections) -> Vec<Located> {
        let changes = self.changes(was, is);
        if changes.is_empty() {
            return Vec::new();
        }
        let settings = self.section_of(is, "settings");
        let of_runbooks = |located: &Located| located.change.path.first().is_some_and(|section| section == "runbooks");
        let rules = match changes.iter().flat_map(|changes| changes.iter()).any(of_runbooks) {
            true => (self.section_of(was, "rules"), self.section_of(is, "rules")),
            false => (Rc::new(Json::Null), Rc::new(Json::Null)),
        };
        let told = changes.iter().flat_map(|changes| changes.iter()).filter_map(|located| {
            let change = diff::beside_rules(located.change.clone(), &rules.0, &rules.1)?;
            Some(Located { change: heard(change, &settings), ..located.clone() })
        });
        told.collect()
    }

    fn section_of(&mut self, sections: &Sections, name: &str) -> Rc<Json> {
        let layer = SECTIONS.iter().position(|one| *one == name).and_then(|index| sections[index]);
        self.whole(layer)
    }

    fn section(&mut self, index: usize, was: Option<Layer>, is: Option<Layer>) -> Rc<Vec<Located>> {
        if let Some(known) = self.sections.get(&(index, was, is)) {
            return Rc::clone(known);
        }
        let located = Rc::new(match (was, is) {
            // What a new rule means depends on the others.
            (Some(was), Some(is)) if !(was.is_plain() && is.is_plain()) && SECTIONS[index] != "rules" => {
                self.layered(index, was, is)
            }
            _ => compared(index, &self.whole(was), &self.whole(is)),
        });
        self.sections.insert((index, was, is), Rc::clone(&located));
        located
    }

    /// Two sections of which much is shared: what is shared is compared once for all, and the rest item by item.
    fn layered(&mut self, index: usize, was: Layer, is: Layer) -> Vec<Located> {
        let plain = |layer: Layer| Some(Layer { set: None, drop: None, ..layer });
        let shared = self.section(index, plain(was), plain(is));
        let touched: BTreeSet<String> = [was, is].into_iter().flat_map(|layer| self.touched(layer)).collect();
        let mut only = |layer: Layer| {
            let section = self.whole_of(layer, Some(&touched));
            Json::Object(section)
        };
        let (a, b) = (only(was), only(is));
        let untouched = |located: &&Located| located.change.path.get(1).is_none_or(|id| !touched.contains(id));
        let mut all: Vec<Located> = shared.iter().filter(untouched).cloned().collect();
        all.extend(compared(index, &a, &b));
        all
    }

    /// The ids of items that a layer has otherwise than its base, or has not.
    fn touched(&mut self, layer: Layer) -> Vec<String> {
        let (set, drop) = (layer.set.map(|id| self.value(id)), layer.drop.map(|id| self.value(id)));
        let set = set.as_deref().and_then(Json::as_object).into_iter().flat_map(Map::keys).cloned();
        let drop = drop.as_deref().and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        set.chain(drop.map(str::to_owned)).collect()
    }

    /// A section as it stands in the policy.
    fn whole(&mut self, layer: Option<Layer>) -> Rc<Json> {
        match layer {
            None => Rc::new(Json::Null),
            Some(layer) if layer.is_plain() => self.value(layer.base),
            Some(layer) => Rc::new(Json::Object(self.whole_of(layer, None))),
        }
    }

    /// The same, of some items, or of all.
    fn whole_of(&mut self, layer: Layer, only: Option<&BTreeSet<String>>) -> Map<String, Json> {
        let base = self.value(layer.base);
        let (set, drop) = (layer.set.map(|id| self.value(id)), layer.drop.map(|id| self.value(id)));
        let wanted = |id: &String| only.is_none_or(|only| only.contains(id));
        let dropped: BTreeSet<&str> =
            drop.as_deref().and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let items = |of: &Json| -> Vec<(String, Json)> {
            let items = of.as_object().into_iter().flatten().filter(|(id, _)| wanted(id));
            items.map(|(id, item)| (id.clone(), item.clone())).collect()
        };
        let mut section: Map<String, Json> =
            items(&base).into_iter().filter(|(id, _)| !dropped.contains(id.as_str())).collect();
        section.extend(set.iter().flat_map(|set| items(set)));
        section
    }

    fn exceptions(
        &mut self,
        was: Option<Sections>,
        is: Option<Sections>,
        now: Time,
        soon: &Span,
    ) -> Vec<ExceptionChange> {
        let index = SECTIONS.iter().position(|name| *name == "exceptions").unwrap_or_default();
        // What is gone with its appliance is told as such.
        let Some(is) = is else { return Vec::new() };
        let (a, b) = (self.whole(was.and_then(|sections| sections[index])), self.whole(is[index]));
        let mut changes = diff::exceptions(&a, &b, now, soon);
        if was.is_none() {
            // Nothing that was protected before is lifted at an appliance that is new; somebody should look all the same.
            changes.iter_mut().for_each(|change| change.effect = Effect::Unclear);
        }
        changes
    }

    fn value(&mut self, id: TextId) -> Rc<Json> {
        if let Some(known) = self.values.get(&id) {
            return Rc::clone(known);
        }
        let value = Rc::new(self.texts.value(id).unwrap_or_else(|error| {
            self.broken.get_or_insert(error);
            Json::Null
        }));
        self.values.insert(id, Rc::clone(&value));
        value
    }
}

fn compared(index: usize, before: &Json, after: &Json) -> Vec<Located> {
    let changes = diff::diff_section(SECTIONS[index], before, after);
    changes.into_iter().map(|change| located(change, before, after)).collect()
}

fn located(change: Change, before: &Json, after: &Json) -> Located {
    let item = |section: &Json| {
        let at = section.get(change.path.get(1)?)?.get("declared_at")?;
        Some(format!("{}:{}", at.get("file")?.as_str()?, at.get("line")?.as_u64()?))
    };
    let at = item(after).or_else(|| item(before));
    Located { at, reason: None, override_removed: false, change: without_secrets(change), others: Vec::new() }
}

/// A change without what stands where the name of a secret should: `writ check` finds that, and nobody is to read it.
fn without_secrets(mut change: Change) -> Change {
    if matches!(change.path.first().map(String::as_str), Some("checks" | "runbooks")) {
        let named = change.path.last().is_some_and(|key| is_secret(key));
        for value in [&mut change.before, &mut change.after].into_iter().flatten() {
            star(value, named);
        }
    }
    change
}

/// Whether a parameter of a probe or a step takes the name of a secret.
fn is_secret(parameter: &str) -> bool {
    static NAMES: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let registry = writ_agent::probes::registry();
        let probes = registry.probes.values().map(|probe| probe.parameters);
        let parameters = probes.chain(registry.steps.values().map(|step| step.parameters)).flatten();
        parameters.filter(|parameter| parameter.kind == Kind::Secret).map(|parameter| parameter.name).collect()
    });
    NAMES.contains(parameter)
}

fn star(value: &mut Json, is_named: bool) {
    match value {
        Json::String(text) if is_named => "****".clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| star(item, is_named)),
        Json::Object(object) => object.iter_mut().for_each(|(key, inner)| star(inner, is_secret(key))),
        _ => {}
    }
}

/// A change, where a channel of the appliance's own settings does not tell of it, as one that somebody should look at.
fn heard(change: Change, settings: &Json) -> Change {
    if change.effect != Effect::Stronger || change.path.last().is_none_or(|key| key != "severity") {
        return change;
    }
    let mut one = [change];
    diff::untold(settings, &mut one);
    let [change] = one;
    change
}

/// A change that an override makes, with its place and reason; or that the removal of one makes, with the reason it had.
/// Also whether there is such an override.
fn overridden(located: Located, was: Option<&Appliance<'_>>, is: Option<&Appliance<'_>>) -> (Located, bool) {
    let path = &located.change.path;
    let made = |one: &&&Override| !one.path.is_empty() && (path.starts_with(&one.path) || one.path.starts_with(path));
    let find = |side: Option<&Appliance<'_>>| {
        let one = side.and_then(|appliance| appliance.overrides.iter().rev().find(made).copied())?;
        let at = one.declared_at.as_ref().map(|at| format!("{}:{}", at.file, at.line));
        Some((at, Some(one.reason.clone()).filter(|reason| !reason.is_empty())))
    };
    if let Some((at, reason)) = find(is) {
        return (Located { at: at.or(located.at), reason, ..located }, true);
    }
    match find(was) {
        // Where it stood, something else stands now.
        Some((_, reason)) => (Located { reason, override_removed: true, ..located }, true),
        None => (located, false),
    }
}

#[cfg(test)]
mod tests;
