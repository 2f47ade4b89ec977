//! The whole result: what changed, and what that comes to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use writ_policy::diff::{Change, Effect, Event, ExceptionChange, Words};

use super::closure::Closure;
use super::compare::{Compared, Fate, Group, Name, Status};
use super::figures::FigureChange;
use super::rings::SiteRings;
use crate::render_diff::{self, safe, safe_words};
use crate::screen::count;

/// The most appliances that are named one by one.
const MOST_NAMED: usize = 3;
/// From so many entries on, a list is counted in its heading.
pub const MANY: usize = 6;

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
    /// Who gets it when, by the rings of sites.
    pub rings: Vec<SiteRings>,
}

/// How many changes there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Appliances of either side.
    pub appliances: usize,
    /// Appliances where protection weakens.
    pub weaker_appliances: usize,
    /// Of each effect; every line of the lists that says one counts once.
    #[serde(flatten)]
    pub of: Counts,
    /// Systems that change.
    pub systems: usize,
    /// Systems that could not be compared.
    pub systems_unknown: usize,
}

impl Totals {
    /// Everything of which it is not known whether protection weakens.
    pub fn undecided(&self) -> usize {
        self.of.unclear + self.systems_unknown
    }
}

/// How many changes there are of each effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Changes that weaken.
    pub weaker: usize,
    /// Changes that cannot be decided.
    pub unclear: usize,
    /// Changes that strengthen.
    pub stronger: usize,
    /// Changes of words only.
    pub reworded: usize,
}

impl Counts {
    /// Counts effects.
    pub fn of(effects: impl IntoIterator<Item = Effect>) -> Self {
        let mut counts = Self::default();
        for effect in effects {
            *match effect {
                Effect::Weaker => &mut counts.weaker,
                Effect::Unclear => &mut counts.unclear,
                Effect::Stronger => &mut counts.stronger,
                Effect::Same => &mut counts.reworded,
            } += 1;
        }
        counts
    }

    /// Those of a group's changes.
    pub fn of_group(group: &Group) -> Self {
        Self::of(group.changes.iter().map(|located| located.change.effect))
    }

    /// `2 weaker, 1 stronger`; empty where there is nothing.
    pub fn words(&self) -> String {
        let kinds = [
            (self.weaker, "weaker"),
            (self.unclear, "unclear"),
            (self.stronger, "stronger"),
            (self.reworded, "reworded"),
        ];
        let said: Vec<String> = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        said.join(", ")
    }
}

/// Something that weakens, in words.
pub struct Weakness {
    /// What.
    pub what: Words,
    /// What that means.
    pub why: Words,
    /// Where.
    pub appliances: Vec<Name>,
    /// How many changes these words tell.
    pub changes: usize,
    rank: u8,
}

impl Report {
    /// What weakens, gravest first. What is told in the same words of several appliances, as of overrides with reasons of
    /// their own, is told once.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let mut merged: Vec<Weakness> = Vec::new();
        let mut places: HashMap<(Words, Words), usize> = HashMap::new();
        for one in self.each_weakness() {
            let place = *places.entry((one.what.clone(), one.why.clone())).or_insert(merged.len());
            match merged.get_mut(place) {
                Some(known) => {
                    known.appliances.extend(one.appliances);
                    known.changes += one.changes;
                }
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
                all.push(Weakness {
                    what: render_diff::told(change),
                    why: change.why.as_ref().map(safe_words).unwrap_or_default(),
                    appliances: group.appliances.clone(),
                    changes: 1,
                    rank: rank(change),
                });
            }
        }
        for one in self.compared.exceptions.iter().filter(|one| one.change.effect == Effect::Weaker) {
            let (what, why) = (told(&one.change), lifting(&one.change));
            all.push(Weakness { what, why, appliances: one.appliances.clone(), changes: 1, rank: 2 });
        }
        let removed: Vec<Name> = self.with_status(Status::Removed);
        if !removed.is_empty() {
            let what = Words::from(format!("{} removed", count(removed.len(), "appliance")).as_str());
            let why = "no release is accepted there any more".into();
            all.push(Weakness { what, why, changes: removed.len(), appliances: removed, rank: 3 });
        }
        all
    }

    /// How many changes there are of each kind.
    pub fn totals(&self) -> Totals {
        let weaknesses = self.each_weakness();
        let weaker: BTreeSet<&Name> = weaknesses.iter().flat_map(|one| &one.appliances).collect();
        Totals {
            appliances: self.compared.appliances.len(),
            weaker_appliances: weaker.len(),
            of: Counts::of(self.effects()),
            systems: self.closures.values().filter(|c| matches!(c, Closure::Changed { .. })).count(),
            systems_unknown: self.closures.values().filter(|c| matches!(c, Closure::Unknown { .. })).count(),
        }
    }

    /// The effect of each entry of the lists that has one.
    fn effects(&self) -> impl Iterator<Item = Effect> {
        let changes = self.compared.groups.iter().flat_map(|group| &group.changes).map(|located| located.change.effect);
        let exceptions = self.compared.exceptions.iter().filter_map(|one| match Standing::of(&one.change) {
            Standing::Changed(effect) => Some(effect),
            Standing::EndsSoon | Standing::Ended => None,
        });
        let fates = self.compared.appliances.values();
        let removed = fates.clone().filter(|fate| fate.status == Status::Removed).map(|_| Effect::Weaker);
        let facts = fates.flat_map(facts).filter_map(|(effect, _)| effect);
        let systems = self.closures.values().filter_map(|closure| match Turn::of(closure)? {
            Turn::Ends => Some(Effect::Unclear),
            Turn::Changes | Turn::Unknown => None,
        });
        changes.chain(exceptions).chain(removed).chain(facts).chain(systems)
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
            && self.rings.iter().all(|site| site.before.is_none())
            && self
                .closures
                .values()
                .all(|closure| !matches!(closure, Closure::Changed { .. } | Closure::Unknown { .. }))
    }

    /// Whether these are all appliances, and more than one: then no name is told.
    pub fn is_everywhere(&self, names: &[Name]) -> bool {
        names.len() > 1 && names.len() == self.compared.appliances.len()
    }

    /// Whose something is, in a few words: `all 6 appliances`, `all 2 appliances of clinic-001`, or names.
    pub fn whose(&self, names: &[Name]) -> Words {
        let all = &self.compared.appliances;
        if self.is_everywhere(names) {
            let many = format!("all {} appliances", all.len());
            return Words::from(if all.len() == 2 { "both appliances" } else { &many });
        }
        let sites: BTreeSet<&String> = names.iter().map(|(site, _)| site).collect();
        let whole = names.len() > 1 && names.len() == all.keys().filter(|(site, _)| sites.contains(site)).count();
        if whole {
            let many = if names.len() == 2 { "both".to_owned() } else { format!("all {}", names.len()) };
            let sites: Vec<String> = sites.into_iter().map(|site| safe(site)).collect();
            return Words::default().ours(&many).ours(" appliances of ").then(&some_of(&sites));
        }
        let names: Vec<String> = names.iter().map(|(site, one)| safe(&format!("{site}/{one}"))).collect();
        some_of(&names)
    }
}

/// A few names, and how many more there are.
fn some_of(names: &[String]) -> Words {
    let shown = if names.len() <= MOST_NAMED { names.len() } else { MOST_NAMED - 1 };
    let listed = names
        .iter()
        .take(shown)
        .enumerate()
        .fold(Words::default(), |words, (i, name)| words.ours(if i == 0 { "" } else { ", " }).quote(name));
    match names.len() - shown {
        0 => listed,
        more => listed.ours(&format!(" and {more} more")),
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

/// How an exception stands.
pub enum Standing {
    /// Nothing about it changed, and it ends soon.
    EndsSoon,
    /// It had ended, and is taken away.
    Ended,
    /// It changed.
    Changed(Effect),
}

impl Standing {
    /// From what happened to it.
    pub fn of(change: &ExceptionChange) -> Self {
        match change.event {
            Event::Ending { .. } => Self::EndsSoon,
            Event::Removed => Self::Ended,
            _ => Self::Changed(change.effect),
        }
    }
}

/// What becomes of a system that is not as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is another one, or there is one now.
    Changes,
    /// Nobody keeps it any more: it may be in safe hands, or in none.
    Ends,
    /// Nobody can say.
    Unknown,
}

impl Turn {
    /// None of one that is as before.
    pub fn of(closure: &Closure) -> Option<Self> {
        match closure {
            Closure::NotManaged | Closure::Same { .. } => None,
            Closure::Changed { after: None, .. } => Some(Self::Ends),
            Closure::Changed { .. } => Some(Self::Changes),
            Closure::Unknown { .. } => Some(Self::Unknown),
        }
    }
}

/// What changed about an appliance beside its policy and its system, and the effect of that where it has one.
pub fn facts(fate: &Fate) -> Vec<(Option<Effect>, Words)> {
    let key = fate.key.as_ref().map(|key| match (&key.before, &key.after) {
        (None, _) => (None, "it has a public key now".into()),
        (_, None) => (Some(Effect::Unclear), "its public key is gone".into()),
        _ => {
            let text = "its public key is another one: evidence by the old one is refused from then on";
            (Some(Effect::Unclear), text.into())
        }
    });
    let machine = fate.system_type.as_ref().map(|(was, is)| {
        let words = Words::from("its machine is ").quote(safe(is)).ours(" now, not ").quote(safe(was));
        (Some(Effect::Unclear), words)
    });
    key.into_iter().chain(machine).collect()
}

/// The first of some texts, and how many more there are.
pub fn first_of(texts: Vec<String>) -> String {
    match texts.len().checked_sub(MANY).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", texts[..MANY].join(", ")),
        None => texts.join(", "),
    }
}

/// What happened to an exception, in words.
pub fn told(change: &ExceptionChange) -> Words {
    let exception = || Words::from("exception ").quote(safe(&change.id));
    let to_the_day = |words: Words| words.quote(safe(change.expires.get(..10).unwrap_or(&change.expires)));
    let days = |n: i64| count(usize::try_from(n).unwrap_or_default(), "day");
    match &change.event {
        Event::Opened => to_the_day(exception().ours(" opened, until ")),
        Event::Reopened => to_the_day(exception().ours(" had ended, and is open again until ")),
        Event::Redirected { from } => exception().ours(" lifts another thing than ").quote(safe(from)),
        Event::Extended { days: n } => to_the_day(exception().ours(&format!(" extended by {}, to ", days(*n)))),
        Event::Shortened { days: n } => to_the_day(exception().ours(&format!(" shortened by {}, to ", days(*n)))),
        Event::Ending { days: n } => to_the_day(exception().ours(&format!(" ends in {}, on ", days(*n)))),
        Event::Closed => to_the_day(exception().ours(" closed, before its end on ")),
        Event::Removed => to_the_day(exception().ours(" removed; it had ended on ")),
        Event::Changed { fields } => exception().ours(" changed: ").quote(safe(&fields.join(", "))),
    }
}

/// The fields of an exception that differ, with what stands there, beside what happened to it.
pub fn fields(change: &ExceptionChange) -> Vec<Words> {
    let is_told = |field: &str| match change.event {
        Event::Extended { .. } | Event::Shortened { .. } | Event::Reopened => field == "expires",
        Event::Redirected { .. } => matches!(field, "check" | "control"),
        _ => false,
    };
    let others = change.changes.iter().filter(|one| !is_told(&one.field));
    let line = |field: &str, values: String| Words::default().quote(format!("{}: {values}", safe(field)));
    others.map(|one| line(&one.field, render_diff::values(one.before.as_deref(), one.after.as_deref()))).collect()
}

/// What an exception does, and who answers for it.
pub fn lifting(change: &ExceptionChange) -> Words {
    let lifts = match change.event {
        Event::Closed | Event::Removed => "it lifted ",
        _ => "it lifts ",
    };
    let words = Words::from(lifts).quote(safe(&change.lifts)).ours(", approved by ").quote(safe(&change.approved_by));
    // What did not change with it was not approved with it.
    let changed = !matches!(change.event, Event::Ending { .. } | Event::Closed | Event::Removed);
    if !(changed && change.approval_unchanged) {
        return words;
    }
    let day = safe(change.approved_at.get(..10).unwrap_or(&change.approved_at));
    let digest = format!("{}…", safe(change.approval.get(..15).unwrap_or(&change.approval)));
    words.ours(" on ").quote(day).ours(", by the same document as before (").quote(digest).ours(")")
}

#[cfg(test)]
mod tests;
