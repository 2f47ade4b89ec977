//! From what people type to one thing: its kind and its id, or the nearest name.

use std::collections::BTreeMap;

use writ_policy::declared::DeclaredAt;
use writ_policy::nearest::nearest;
use writ_policy::validate::codes::CODES;
use writ_trust::text::one_line;

use super::{Asked, Kind};
use crate::failure::{Failure, Outcome};
use crate::library::sites::{Name, Policy};

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
    let (wanted, id) = split(text);
    let kinds = names.get(id).map(Vec::as_slice).unwrap_or_default();
    match (wanted, kinds) {
        (Some(kind), kinds) if kinds.contains(&kind) => one_place(asked, kind, id).map(|()| (kind, id.to_owned())),
        (None, [kind]) => one_place(asked, *kind, id).map(|()| (*kind, id.to_owned())),
        (None, [_, _, ..]) => {
            let choices: Vec<String> = kinds.iter().map(|kind| format!("{}:{id}", kind.as_str())).collect();
            let what = format!("`{id}` is the name of {} things", kinds.len());
            Err(Failure::could_not(what).next(format!("say which: {}", choices.join(" or "))))
        }
        (Some(kind), [other, ..]) => {
            let failure = Failure::could_not(format!("{} is called `{}`", kind.nothing(), one_line(id)));
            let other = other.as_str();
            Err(failure.next(format!("it is the name of a {other}: writ explain '{other}:{}'", one_line(id))))
        }
        (wanted, []) => Err(unknown(&names, wanted, id)),
    }
}

/// The kind, if one is named, and the id.
fn split(text: &str) -> (Option<Kind>, &str) {
    let prefixed = text.split_once(':').and_then(|(kind, id)| Some((Kind::named(kind)?, id)));
    prefixed.map_or((None, text), |(kind, id)| (Some(kind), id))
}

/// Where an id is declared among the appliances in question, and who has it from there.
type Places<'a> = BTreeMap<&'a DeclaredAt, Vec<&'a Name>>;

/// Exceptions, and rules of no family, are called so by one site or appliance only: another may call its own the same, and
/// neither answers for the other.
fn one_place(asked: &Asked<'_>, kind: Kind, id: &str) -> Outcome<()> {
    let mut places = Places::new();
    for (name, policy) in asked.policies() {
        let at = match kind {
            Kind::Exception => policy.exceptions.get(id).map(|exception| &exception.declared_at),
            Kind::Rule => policy.rules.get(id).map(|rule| &rule.declared_at),
            _ => None,
        };
        if let Some(at) = at {
            places.entry(at).or_default().push(name);
        }
    }
    if places.len() < 2 {
        return Ok(());
    }
    let several = format!("`{}` is the name of {} {}s", one_line(id), places.len(), kind.as_str());
    let failure = Failure::could_not(several);
    let failure = places.iter().take(MOST_NAMED).fold(failure, |failure, (at, names)| {
        let only =
            places.iter().filter(|(_, others)| others.iter().any(|name| name.site == names[0].site)).count() == 1;
        let appliance = if only { String::new() } else { format!(" --appliance {}", names[0].appliance) };
        failure.because(format!("{at} declares one: --site {}{appliance}", names[0].site))
    });
    let untold = places.len().saturating_sub(MOST_NAMED);
    let failure = if untold > 0 { failure.because(format!("and {untold} places more")) } else { failure };
    Err(failure.next("say which with the options above"))
}

/// Why a name that is known in the whole tree is not where one looked; none where it is known there, or nowhere.
pub fn elsewhere(asked: &Asked<'_>, all: &Asked<'_>, text: &str) -> Option<Failure> {
    let (wanted, id) = split(text);
    if names(asked).contains_key(id) {
        return None;
    }
    let named = names(all);
    let kind = named.get(id)?.iter().find(|kind| wanted.is_none_or(|wanted| wanted == **kind))?;
    let has = |policy: &Policy| match kind {
        Kind::Check => policy.checks.contains_key(id),
        Kind::Control => policy.controls.contains_key(id),
        Kind::Rule => policy.rules.contains_key(id),
        Kind::Runbook => policy.runbooks.contains_key(id),
        Kind::Duty => policy.duties.contains_key(id),
        Kind::Exception => policy.exceptions.contains_key(id),
        Kind::Figure | Kind::Probe | Kind::Step | Kind::Code => false,
    };
    let found: Vec<String> =
        all.policies().filter(|(_, policy)| has(policy)).map(|(name, _)| name.to_string()).collect();
    let more = if found.len() > MOST_NAMED { " …" } else { "" };
    let listed = found.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let failure = Failure::could_not(format!("{} is called `{}` there", kind.nothing(), one_line(id)));
    Some(failure.because(format!("it is found on {listed}{more}")).next("name another site or appliance, or none"))
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
    if let Some(same) = known().find(|name| name.eq_ignore_ascii_case(id)) {
        return failure.did_you_mean(prefix(same));
    }
    let begins = |name: &str| name.to_lowercase().starts_with(&id.to_lowercase());
    let below: Vec<&str> = holding.iter().filter(|name| begins(name)).copied().collect();
    if !below.is_empty() {
        return failure.next(format!("there is: {}{}", listed(&below), more(&below)));
    }
    let near = nearest(id, known().filter(|name| !holding.contains(name)));
    if let Some(near) = near {
        return failure.did_you_mean(prefix(near));
    }
    if holding.is_empty() {
        return failure.next("name a check, control, rule, runbook, duty, figure, exception, probe, step or code");
    }
    failure.next(format!("there is: {}{}", listed(&holding), more(&holding)))
}
