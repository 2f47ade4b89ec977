//! `profile`: what one site selects from the catalogue, where it asks for something else, and what it lives without for a while.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_policy::check::Check;
use writ_policy::control::Control;
use writ_policy::exception::Exception;
use writ_trust::time::Time;

use super::catalog::{Baseline, Catalog, Part, every_id, expect_id, parameters_of, versions};
use super::common::{Metadata, Property};
use super::text::{markup, paragraphs, token};
use super::uuid::Uuid;
use super::{Model, NAMESPACE, exceptions};

/// `profile`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Profile {
    /// Its UUID.
    pub uuid: Uuid,
    /// About it.
    pub metadata: Metadata,
    /// What it selects, and from where.
    pub imports: [Import; 1],
    /// How.
    pub merge: Merge,
    /// What it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modify: Option<Modify>,
}

/// `import`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Import {
    /// The catalogue's file.
    pub href: &'static str,
    /// Its controls.
    pub include_controls: [ControlsById; 1],
}

/// Controls by their ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ControlsById {
    /// Tokens of their ids.
    pub with_ids: Vec<String>,
}

/// `merge`: the groups stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Merge {
    /// Always.
    pub as_is: bool,
}

/// `modify`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Modify {
    /// What checks expect here, and how often they look, where that is not what the catalogue says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_parameters: Vec<SetParameter>,
    /// The exceptions, at the controls that they bear on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alters: Vec<Alter>,
}

/// `set-parameter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SetParameter {
    /// Which.
    pub param_id: String,
    /// Why, and where appliances differ, which has what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guidelines: Vec<Guideline>,
    /// To what: each value that an appliance of the site has.
    pub values: Vec<String>,
}

/// `parameter-guideline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guideline {
    /// What it says, as markup.
    pub prose: String,
}

/// `alter`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alter {
    /// The token of the control's id.
    pub control_id: String,
    /// What is added.
    pub adds: [Add; 1],
}

/// `add`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Add {
    /// Where.
    pub position: &'static str,
    /// What.
    pub parts: Vec<Part>,
}

/// A site to be written down.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its name in words.
    pub title: &'a str,
    /// What its appliances obey, by name.
    pub appliances: BTreeMap<&'a str, Asked<'a>>,
    /// Values of checks that it, or an appliance of it, changed knowingly.
    pub overrides: Vec<Overridden<'a>>,
}

/// What one appliance obeys.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// Controls by id.
    pub controls: BTreeMap<&'a str, &'a Control>,
    /// Checks by id.
    pub checks: BTreeMap<&'a str, &'a Check>,
    /// Exceptions by id.
    pub exceptions: BTreeMap<&'a str, &'a Exception>,
}

/// A value of a check that was changed knowingly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden<'a> {
    /// The keys from the policy's root that lead there.
    pub path: &'a [String],
    /// The appliance; none for all of the site.
    pub appliance: Option<&'a str>,
    /// Why.
    pub reason: &'a str,
}

/// What a site selects from the catalogue of these baselines, as of `now`.
pub fn profile(site: &Site<'_>, baselines: &[Baseline<'_>], now: Time) -> Profile {
    let version = versions(baselines.iter().map(|b| (b.name, b.version)));
    let ids: BTreeSet<&str> = site.appliances.values().flat_map(|asked| asked.controls.keys().copied()).collect();
    let modify = Modify { set_parameters: set_parameters(site, baselines), alters: alters(site, now) };
    Profile {
        uuid: Uuid::default(),
        metadata: Metadata::new(&format!("{} ({})", site.title, site.name), &version, now),
        imports: [Import {
            href: Catalog::FILE,
            include_controls: [ControlsById { with_ids: ids.into_iter().map(token).collect() }],
        }],
        merge: Merge { as_is: true },
        modify: (!modify.set_parameters.is_empty() || !modify.alters.is_empty()).then_some(modify),
    }
}

fn set_parameters(site: &Site<'_>, baselines: &[Baseline<'_>]) -> Vec<SetParameter> {
    let declared: BTreeMap<&str, &Check> = baselines.iter().rev().flat_map(|b| b.checks.clone()).collect();
    // Only what a control names has parameters.
    let named = baselines.iter().flat_map(|b| b.controls.values()).flat_map(|control| &control.checks);
    let named: BTreeSet<&str> = named.map(String::as_str).collect();
    let mut set = Vec::new();
    for (id, check) in declared.into_iter().filter(|(id, _)| named.contains(id)) {
        let (every, expect) = parameters_of(check);
        let mut have: [BTreeMap<String, Vec<&str>>; 2] = Default::default();
        for (appliance, asked) in &site.appliances {
            let Some((every, expect)) = asked.checks.get(id).map(|check| parameters_of(check)) else { continue };
            have[0].entry(every).or_default().push(appliance);
            have[1].entry(expect).or_default().push(appliance);
        }
        let [every_here, expect_here] = have;
        let of = |value: &str| declaring(baselines, id, value);
        set.extend(set_parameter(site, (id, "every", every_id(id)), &every, every_here, of));
        set.extend(set_parameter(site, (id, "expect", expect_id(id)), &expect, expect_here, of));
    }
    set
}

/// The baselines that declare this value for a check.
fn declaring(baselines: &[Baseline<'_>], check: &str, value: &str) -> String {
    let has = |b: &&Baseline<'_>| {
        b.checks.get(check).is_some_and(|check| {
            let (every, expect) = parameters_of(check);
            every == value || expect == value
        })
    };
    versions(baselines.iter().filter(has).map(|b| (b.name, b.version)))
}

/// One parameter of a check, by the field of it; none where every appliance has what the catalogue says.
fn set_parameter(
    site: &Site<'_>,
    (check, field, param_id): (&str, &str, String),
    declared: &str,
    here: BTreeMap<String, Vec<&str>>,
    declaring: impl Fn(&str) -> String,
) -> Option<SetParameter> {
    if here.keys().all(|value| value == declared) {
        return None;
    }
    let mut guidelines = Vec::new();
    if here.len() > 1 {
        let each = here.iter().map(|(value, who)| markup(format!("{value} on {}", who.join(", "))));
        guidelines.push(Guideline { prose: each.collect::<Vec<_>>().join("; ") });
    }
    let path = ["checks", check, field];
    let reasons = site.overrides.iter().filter(|o| o.path.iter().map(String::as_str).take(3).eq(path));
    guidelines.extend(reasons.map(|o| {
        let whose = o.appliance.map_or_else(|| "the site".to_owned(), str::to_owned);
        Guideline { prose: markup(format!("Changed by {whose}: {}", o.reason)) }
    }));
    guidelines.dedup();
    if let (true, Some(value)) = (guidelines.is_empty(), here.keys().next()) {
        let of = declaring(value);
        let why = if of.is_empty() {
            "As the site's baselines come to together.".to_owned()
        } else {
            format!("As declared by {of}.")
        };
        guidelines.push(Guideline { prose: markup(why) });
    }
    Some(SetParameter { param_id, guidelines, values: here.into_keys().collect() })
}

fn alters(site: &Site<'_>, now: Time) -> Vec<Alter> {
    let mut parts: BTreeMap<&str, BTreeMap<&str, &Exception>> = BTreeMap::new();
    for asked in site.appliances.values() {
        for (id, exception) in &asked.exceptions {
            let bears = asked.controls.iter().filter(|(control, it)| {
                let by_check = exception.check.as_ref().is_some_and(|check| it.checks.contains(check));
                by_check || exception.control.as_deref() == Some(**control)
            });
            for (control, _) in bears {
                parts.entry(control).or_default().insert(id, exception);
            }
        }
    }
    let alter = |(control, exceptions): (&str, BTreeMap<&str, &Exception>)| Alter {
        control_id: token(control),
        adds: [Add {
            position: "ending",
            parts: exceptions.into_iter().map(|(id, exception)| part(control, id, exception, now)).collect(),
        }],
    };
    parts.into_iter().map(alter).collect()
}

fn part(control: &str, id: &str, exception: &Exception, now: Time) -> Part {
    let mut props = exceptions::properties(id, exception);
    props.push(Property::ours("in-force", exception.in_force(now)));
    Part {
        id: format!("{}_exc.{}", token(control), token(id)),
        name: "exception",
        ns: Some(NAMESPACE),
        props,
        prose: paragraphs([
            format!("Lived without for a while, as exception {}.", markup(id)),
            exceptions::prose(exception),
        ]),
        parts: Vec::new(),
    }
}
