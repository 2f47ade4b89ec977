//! From what people type to one thing: its kind and its id, or the nearest name.

use std::collections::BTreeMap;

use writ_policy::nearest::nearest;
use writ_policy::validate::codes::CODES;
use writ_trust::text::one_line;

use super::{Asked, Kind};
use crate::failure::{Failure, Outcome};

/// The most names that a refusal lists.
const MOST_NAMED: usize = 8;

/// Every name with its kinds.
fn names<'a>(asked: &'a Asked<'_>) -> BTreeMap<&'a str, Vec<Kind>> {
    let mut names: BTreeMap<&str, Vec<Kind>> = BTreeMap::new();
    let mut add = |kind: Kind, id: &'a str| {
        let kinds = names.entry(id).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    let catalogue = &asked.library.catalogue;
    for baseline in catalogue.baselines.values() {
        baseline.controls.keys().for_each(|id| add(Kind::Control, id));
        baseline.checks.keys().for_each(|id| add(Kind::Check, id));
        baseline.duties.keys().for_each(|id| add(Kind::Duty, id));
        baseline.figures.keys().for_each(|id| add(Kind::Figure, id));
    }
    catalogue.rules().for_each(|(_, id, _)| add(Kind::Rule, id));
    catalogue.runbooks.keys().for_each(|id| add(Kind::Runbook, id));
    for (_, policy) in asked.policies() {
        policy.controls.keys().for_each(|id| add(Kind::Control, id));
        policy.checks.keys().for_each(|id| add(Kind::Check, id));
        policy.rules.keys().for_each(|id| add(Kind::Rule, id));
        policy.runbooks.keys().for_each(|id| add(Kind::Runbook, id));
        policy.duties.keys().for_each(|id| add(Kind::Duty, id));
        policy.exceptions.keys().for_each(|id| add(Kind::Exception, id));
    }
    asked.library.registry.probes.keys().for_each(|id| add(Kind::Probe, id));
    asked.library.registry.steps.keys().for_each(|id| add(Kind::Step, id));
    CODES.iter().for_each(|code| add(Kind::Code, code.name));
    names
}

/// The one thing that a text names: an id, or `kind:id`.
pub fn find(asked: &Asked<'_>, text: &str) -> Outcome<(Kind, String)> {
    let names = names(asked);
    let prefixed = text.split_once(':').and_then(|(kind, id)| Some((Kind::named(kind)?, id)));
    let (wanted, id) = prefixed.map_or((None, text), |(kind, id)| (Some(kind), id));
    let kinds = names.get(id).map(Vec::as_slice).unwrap_or_default();
    match (wanted, kinds) {
        (Some(kind), kinds) if kinds.contains(&kind) => Ok((kind, id.to_owned())),
        (None, [kind]) => Ok((*kind, id.to_owned())),
        (None, [_, _, ..]) => {
            let choices: Vec<String> = kinds.iter().map(|kind| format!("{}:{id}", kind.as_str())).collect();
            let what = format!("`{id}` is the name of {} things", kinds.len());
            Err(Failure::could_not(what).next(format!("say which: {}", choices.join(" or "))))
        }
        (wanted, _) => Err(unknown(&names, wanted, id)),
    }
}

fn unknown(names: &BTreeMap<&str, Vec<Kind>>, wanted: Option<Kind>, id: &str) -> Failure {
    let of_kind = |kinds: &Vec<Kind>| wanted.is_none_or(|kind| kinds.contains(&kind));
    let known = || names.iter().filter(|(_, kinds)| of_kind(kinds)).map(|(name, _)| *name);
    let kind = wanted.map_or("nothing here", |kind| kind.nothing());
    let failure = Failure::could_not(format!("{kind} is called `{}`", one_line(id)));
    // What begins like it, or holds it, is most of what people mean; a typing mistake is the rest.
    let holding: Vec<&str> =
        known().filter(|name| id.len() >= 3 && name.to_lowercase().contains(&id.to_lowercase())).collect();
    let prefix = |name: &str| match names.get(name).map(Vec::as_slice) {
        Some([only]) if matches!(only, Kind::Probe | Kind::Step | Kind::Code) => format!("{}:{name}", only.as_str()),
        Some([first, _, ..]) => format!("{}:{name}", wanted.unwrap_or(*first).as_str()),
        _ => name.to_owned(),
    };
    let more = |all: &[&str]| if all.len() > MOST_NAMED { " …" } else { "" };
    let listed = |all: &[&str]| all.iter().take(MOST_NAMED).map(|name| prefix(name)).collect::<Vec<_>>().join(", ");
    let below: Vec<&str> = holding.iter().filter(|name| name.starts_with(id)).copied().collect();
    if !below.is_empty() {
        return failure.next(format!("there is: {}{}", listed(&below), more(&below)));
    }
    let near = nearest(id, known().filter(|name| !holding.contains(name)));
    if let Some(near) = near {
        return failure.next(format!("did you mean `{}`?", prefix(near)));
    }
    if holding.is_empty() {
        return failure.next("name a check, control, rule, runbook, duty, figure, exception, probe, step or code");
    }
    failure.next(format!("there is: {}{}", listed(&holding), more(&holding)))
}
