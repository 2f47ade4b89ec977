//! The whole result: what changed, and what that comes to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use writ_policy::diff::{Change, Effect, Event, ExceptionChange};

use super::closure::Closure;
use super::compare::{Compared, Name, Status};
use super::figures::FigureChange;
use crate::render_diff::{path, safe, what};
use crate::screen::count;

/// The most appliances that are named one by one.
const MOST_NAMED: usize = 3;

/// A revision as people and programs are told of it.
pub struct Revision {
    /// What it is called.
    pub name: String,
    /// What was asked for; none for the working tree.
    pub revision: Option<String>,
    /// The commit that it names.
    pub commit: Option<String>,
}

/// Everything that `writ diff` found.
pub struct Report {
    /// The side before.
    pub from: Revision,
    /// The side after.
    pub to: Revision,
    /// What changed in policies.
    pub compared: Compared,
    /// What becomes of systems.
    pub closures: BTreeMap<Name, Closure>,
    /// Figures that changed.
    pub figures: Vec<FigureChange>,
}

/// How many changes there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Appliances of either side.
    pub appliances: usize,
    /// Appliances where protection weakens.
    pub weaker_appliances: usize,
    /// Changes that weaken.
    pub weaker: usize,
    /// Changes that cannot be decided.
    pub unclear: usize,
    /// Changes that strengthen.
    pub stronger: usize,
    /// Changes of words only.
    pub reworded: usize,
    /// Systems that change.
    pub systems: usize,
    /// Systems that could not be compared.
    pub systems_unknown: usize,
}

impl Totals {
    /// Everything of which it is not known whether protection weakens.
    pub fn undecided(&self) -> usize {
        self.unclear + self.systems_unknown
    }
}

/// Something that weakens, in words.
pub struct Weakness {
    /// What.
    pub what: String,
    /// What that means.
    pub why: String,
    /// Where.
    pub appliances: Vec<Name>,
    rank: u8,
}

impl Report {
    /// What weakens, gravest first. What is lost in the same words at several appliances, of lists that were not the
    /// same, is told once.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let mut merged: Vec<Weakness> = Vec::new();
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        for one in self.each_weakness() {
            let place = *places.entry((one.what.clone(), one.why.clone())).or_insert(merged.len());
            match merged.get_mut(place) {
                Some(known) => known.appliances.extend(one.appliances),
                None => merged.push(one),
            }
        }
        for one in &mut merged {
            one.appliances.sort();
            one.appliances.dedup();
        }
        merged.sort_by(|a, b| (a.rank, b.appliances.len()).cmp(&(b.rank, a.appliances.len())));
        merged
    }

    fn each_weakness(&self) -> Vec<Weakness> {
        let mut all = Vec::new();
        for group in &self.compared.groups {
            for located in group.changes.iter().filter(|located| located.change.effect == Effect::Weaker) {
                let change = &located.change;
                let why = safe(change.why.as_deref().unwrap_or_default());
                all.push(Weakness {
                    what: format!("{}: {}", path(change), what(change)),
                    why,
                    appliances: group.appliances.clone(),
                    rank: rank(change),
                });
            }
        }
        for one in self.compared.exceptions.iter().filter(|one| one.change.effect == Effect::Weaker) {
            let (what, why) = (told(&one.change), lifting(&one.change));
            all.push(Weakness { what, why, appliances: one.appliances.clone(), rank: 2 });
        }
        let removed: Vec<Name> = self.with_status(Status::Removed);
        if !removed.is_empty() {
            let what = format!("{} removed", count(removed.len(), "appliance"));
            let why = "no release is accepted there any more".to_owned();
            all.push(Weakness { what, why, appliances: removed, rank: 3 });
        }
        all
    }

    /// How many changes there are of each kind.
    pub fn totals(&self) -> Totals {
        let changes = || self.compared.groups.iter().flat_map(|group| &group.changes);
        let exceptions = || self.compared.exceptions.iter().filter(|one| !super::compare::only_ends(&one.change));
        let of = |effect: Effect| {
            changes().filter(|located| located.change.effect == effect).count()
                + exceptions().filter(|one| one.change.effect == effect).count()
        };
        let weaknesses = self.each_weakness();
        let weaker: BTreeSet<&Name> = weaknesses.iter().flat_map(|one| &one.appliances).collect();
        let keys =
            self.compared.appliances.values().filter(|fate| fate.key.as_ref().is_some_and(|key| key.before.is_some()));
        let machines = self.compared.appliances.values().filter(|fate| fate.system_type.is_some());
        // A system that nobody keeps any more may be in safe hands, or in none.
        let unmanaged = self.closures.values().filter(|c| matches!(c, Closure::Changed { after: None, .. }));
        Totals {
            appliances: self.compared.appliances.len(),
            weaker_appliances: weaker.len(),
            weaker: weaknesses.len(),
            unclear: of(Effect::Unclear) + keys.count() + machines.count() + unmanaged.count(),
            stronger: of(Effect::Stronger),
            reworded: of(Effect::Same),
            systems: self.closures.values().filter(|c| matches!(c, Closure::Changed { .. })).count(),
            systems_unknown: self.closures.values().filter(|c| matches!(c, Closure::Unknown { .. })).count(),
        }
    }

    /// The appliances of a status.
    pub fn with_status(&self, status: Status) -> Vec<Name> {
        self.compared
            .appliances
            .iter()
            .filter(|(_, fate)| fate.status == status)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Whether nothing at all differs.
    pub fn is_empty(&self) -> bool {
        let same = |status: &Status| *status == Status::Unchanged;
        self.compared.appliances.values().all(|fate| same(&fate.status))
            && self.figures.is_empty()
            && self
                .closures
                .values()
                .all(|closure| !matches!(closure, Closure::Changed { .. } | Closure::Unknown { .. }))
    }

    /// Whose something is, in a few words: `all 6 appliances`, `all 2 appliances of clinic-001`, or names.
    pub fn whose(&self, names: &[Name]) -> String {
        let all = &self.compared.appliances;
        let text = |(site, appliance): &Name| safe(&format!("{site}/{appliance}"));
        if let [one] = names {
            return text(one);
        }
        if names.len() == all.len() {
            return format!("all {} appliances", all.len());
        }
        let sites: BTreeSet<&String> = names.iter().map(|(site, _)| site).collect();
        let whole = names.len() == all.keys().filter(|(site, _)| sites.contains(site)).count();
        let listed = |of: Vec<String>| match of.len() {
            n if n <= MOST_NAMED => of.join(", "),
            n => format!("{} and {} more", of[..MOST_NAMED - 1].join(", "), n - MOST_NAMED + 1),
        };
        if whole {
            return format!(
                "all {} appliances of {}",
                names.len(),
                listed(sites.into_iter().map(|s| safe(s)).collect())
            );
        }
        listed(names.iter().map(text).collect())
    }
}

/// How early a change that weakens is told: what is not looked at any more, then what passes, then what is claimed, how
/// much it counts and how often it is looked at.
fn rank(change: &Change) -> u8 {
    match change.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["checks" | "controls" | "baselines", _] => 0,
        ["checks", _, "expect", ..] => 1,
        ["controls", _, "checks" | "coverage" | "duties"] => 4,
        ["checks" | "controls", _, "severity"] => 5,
        ["checks", _, "every"] => 6,
        _ => 7,
    }
}

/// What happened to an exception, in words.
pub fn told(change: &ExceptionChange) -> String {
    let id = safe(&change.id);
    let day = safe(change.expires.get(..10).unwrap_or(&change.expires));
    let days = |n: i64| count(usize::try_from(n).unwrap_or_default(), "day");
    match &change.event {
        Event::Opened => format!("exception {id} opened, until {day}"),
        Event::Reopened => format!("exception {id} had ended, and is open again until {day}"),
        Event::Redirected { from } => format!("exception {id} lifts another thing than {}", safe(from)),
        Event::Extended { days: n } => format!("exception {id} extended by {}, to {day}", days(*n)),
        Event::Shortened { days: n } => format!("exception {id} shortened by {}, to {day}", days(*n)),
        Event::Ending { days: n } => format!("exception {id} ends in {}, on {day}", days(*n)),
        Event::Closed => format!("exception {id} closed, before its end on {day}"),
        Event::Removed => format!("exception {id} removed; it had ended on {day}"),
        Event::Changed { fields } => format!("exception {id} changed: {}", safe(&fields.join(", "))),
    }
}

/// What an exception does, and who answers for it.
pub fn lifting(change: &ExceptionChange) -> String {
    let lifts = match change.event {
        Event::Closed | Event::Removed => "it lifted",
        _ => "it lifts",
    };
    let (what, by) = (safe(&change.lifts), safe(&change.approved_by));
    // What did not change with it was not approved with it.
    let changed = !matches!(change.event, Event::Ending { .. } | Event::Closed | Event::Removed);
    if !(changed && change.approval_unchanged) {
        return format!("{lifts} {what}, approved by {by}");
    }
    let day = safe(change.approved_at.get(..10).unwrap_or(&change.approved_at));
    let digest = change.approval.get(..15).unwrap_or(&change.approval);
    format!("{lifts} {what}, approved by {by} on {day}, by the same document as before ({}…)", safe(digest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compare::{Fate, Group, Located};
    use super::*;

    fn weaker(path: &[&str], before: serde_json::Value, after: Option<serde_json::Value>) -> Located {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        let change = Change { path, before: Some(before), after, effect: Effect::Weaker, why: None, witness: None };
        Located { change, at: None, reason: None }
    }

    #[test]
    fn the_gravest_is_told_first_and_the_same_loss_once() {
        let name = |name: &str| ("s".to_owned(), name.to_owned());
        let checks = ["controls", "A", "checks"];
        let groups = vec![
            Group {
                appliances: vec![name("a")],
                changes: vec![
                    weaker(&["checks", "c", "every"], json!("5m"), Some(json!("1h"))),
                    weaker(&checks, json!(["x", "y"]), Some(json!(["y"]))),
                    weaker(&["checks", "c", "expect", "n", "ge"], json!(5), Some(json!(4))),
                ],
            },
            Group {
                appliances: vec![name("b")],
                changes: vec![
                    weaker(&checks, json!(["x", "z"]), Some(json!(["z"]))),
                    weaker(&["checks", "d"], json!({}), None),
                ],
            },
        ];
        let fate = || Fate { status: Status::Changed, key: None, system_type: None };
        let appliances = [(name("a"), fate()), (name("b"), fate())].into();
        let revision = || Revision { name: "x".to_owned(), revision: None, commit: None };
        let compared = Compared { appliances, groups, exceptions: Vec::new() };
        let closures = BTreeMap::new();
        let report = Report { from: revision(), to: revision(), compared, closures, figures: Vec::new() };
        let told: Vec<(String, usize)> =
            report.weaknesses().into_iter().map(|one| (one.what, one.appliances.len())).collect();
        let told: Vec<(&str, usize)> = told.iter().map(|(what, of)| (what.as_str(), *of)).collect();
        assert_eq!(
            told,
            [
                ("checks.d: removed", 1),
                ("checks.c.expect.n.ge: 5 → 4", 1),
                ("controls.A.checks: -\"x\"", 2),
                ("checks.c.every: \"5m\" → \"1h\"", 1),
            ]
        );
        assert_eq!((report.totals().weaker, report.totals().weaker_appliances), (5, 2));
    }
}
