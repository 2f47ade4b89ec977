//! The result for programs: `writ.diff.v1`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use writ_policy::diff::{Change, Effect, ExceptionChange, Witness};

use super::closure::Closure;
use super::compare::{Group, KeyChange, Lists, Located, Name, Status};
use super::figures::FigureChange;
use super::markdown;
use super::report::{Counts, Report, Revision, Totals, told};
use super::rings::SiteRings;
use crate::render_diff::{self, conceal};
use crate::screen;

/// Prints it.
pub fn print(report: &Report) {
    match value(report) {
        Ok(document) => screen::json(&document),
        Err(e) => screen::error("error", &format!("this result cannot be written as JSON: {e}")),
    }
}

/// The document.
pub fn value(report: &Report) -> serde_json::Result<Json> {
    let mut document = serde_json::to_value(document(report))?;
    conceal(&mut document);
    Ok(document)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    from: JsonRevision<'a>,
    to: JsonRevision<'a>,
    /// Whether anything weakens.
    weaker: bool,
    /// How many changes cannot be decided, systems that Nix cannot name among them.
    unclear: usize,
    /// The verdict in one line, without markup.
    headline: String,
    sites: BTreeMap<&'a str, JsonSite<'a>>,
    groups: Vec<JsonGroup<'a>>,
    exceptions: Vec<JsonException<'a>>,
    figures: &'a [FigureChange],
    /// Who gets it when.
    rings: &'a [SiteRings],
    totals: Totals,
}

#[derive(Serialize)]
struct JsonRevision<'a> {
    rev: Option<&'a str>,
    commit: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct JsonSite<'a> {
    appliances: BTreeMap<&'a str, JsonAppliance<'a>>,
}

#[derive(Serialize)]
struct JsonAppliance<'a> {
    status: Status,
    closure: Option<&'a Closure>,
    public_key: Option<JsonKey<'a>>,
    /// Places in `groups`.
    groups: Vec<usize>,
}

#[derive(Serialize)]
struct JsonKey<'a> {
    before: Option<&'a str>,
    after: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonGroup<'a> {
    appliances: Vec<String>,
    counts: Counts,
    changes: Vec<JsonChange<'a>>,
}

#[derive(Serialize)]
struct JsonChange<'a> {
    /// The change in words, as the other forms say it.
    text: String,
    path: &'a [String],
    section: Option<&'a str>,
    id: Option<&'a str>,
    before: Option<&'a Json>,
    after: Option<&'a Json>,
    effect: Effect,
    why: Option<&'a str>,
    witness: Option<&'a Witness>,
    at: Option<&'a str>,
    reason: Option<&'a str>,
    override_removed: bool,
    others: &'a [Lists],
}

#[derive(Serialize)]
struct JsonException<'a> {
    /// What happened in words, as the other forms say it.
    text: String,
    #[serde(flatten)]
    change: &'a ExceptionChange,
    appliances: Vec<String>,
}

fn document(report: &Report) -> Document<'_> {
    let totals = report.totals();
    let mut sites: BTreeMap<&str, JsonSite<'_>> = BTreeMap::new();
    for (name, fate) in &report.compared.appliances {
        let one = JsonAppliance {
            status: fate.status,
            closure: report.closures.get(name),
            public_key: fate.key.as_ref().map(JsonKey::of),
            groups: Vec::new(),
        };
        sites.entry(&name.0).or_default().appliances.insert(&name.1, one);
    }
    for (place, group) in report.compared.groups.iter().enumerate() {
        for (site, appliance) in &group.appliances {
            let one = sites.get_mut(site.as_str()).and_then(|s| s.appliances.get_mut(appliance.as_str()));
            one.into_iter().for_each(|one| one.groups.push(place));
        }
    }
    Document {
        schema: "writ.diff.v1",
        from: JsonRevision::of(&report.from),
        to: JsonRevision::of(&report.to),
        weaker: totals.of.weaker > 0,
        unclear: totals.undecided(),
        headline: markdown::plain_verdict(report),
        sites,
        groups: report.compared.groups.iter().map(JsonGroup::of).collect(),
        exceptions: report
            .compared
            .exceptions
            .iter()
            .map(|one| JsonException {
                text: told(&one.change).to_string(),
                change: &one.change,
                appliances: texts(&one.appliances),
            })
            .collect(),
        figures: &report.figures,
        rings: &report.rings,
        totals,
    }
}

fn texts(names: &[Name]) -> Vec<String> {
    names.iter().map(|(site, appliance)| format!("{site}/{appliance}")).collect()
}

impl<'a> JsonRevision<'a> {
    fn of(revision: &'a Revision) -> Self {
        Self { rev: revision.revision.as_deref(), commit: revision.commit.as_deref() }
    }
}

impl<'a> JsonKey<'a> {
    fn of(key: &'a KeyChange) -> Self {
        Self { before: key.before.as_deref(), after: key.after.as_deref() }
    }
}

impl<'a> JsonGroup<'a> {
    fn of(group: &'a Group) -> Self {
        let counts = Counts::of_group(group);
        Self {
            appliances: texts(&group.appliances),
            counts,
            changes: group.changes.iter().map(JsonChange::of).collect(),
        }
    }
}

impl<'a> JsonChange<'a> {
    fn of(located: &'a Located) -> Self {
        let Change { path, before, after, effect, why, entries: _, witness } = &located.change;
        Self {
            text: render_diff::told(&located.change).to_string(),
            section: path.first().map(String::as_str),
            id: path.get(1).map(String::as_str),
            path,
            before: before.as_ref(),
            after: after.as_ref(),
            effect: *effect,
            why: why.as_deref(),
            witness: witness.as_ref(),
            at: located.at.as_deref(),
            reason: located.reason.as_deref(),
            override_removed: located.override_removed,
            others: &located.others,
        }
    }
}
