//! What evaluation says of a side: for every appliance its policy, section by section. The one place that knows how
//! `modules/policy` puts it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use writ_policy::policy::{SCHEMA_V1, upgrade};

use crate::failure::{Failure, Outcome};

/// The sections of a policy that are compared.
pub const SECTIONS: [&str; 10] = [
    "baselines",
    "controls",
    "checks",
    "rules",
    "runbooks",
    "duties",
    "exceptions",
    "programs",
    "secrets",
    "settings",
];

/// A text of some [`Texts`].
pub type TextId = usize;

/// Texts of JSON values, each kept once: appliances share most of theirs.
#[derive(Default)]
pub struct Texts<'a> {
    all: Vec<Cow<'a, str>>,
    ids: HashMap<Cow<'a, str>, TextId>,
}

impl<'a> Texts<'a> {
    /// The number of a text; equal texts have the same.
    pub fn id(&mut self, text: Cow<'a, str>) -> TextId {
        if let Some(id) = self.ids.get(&text) {
            return *id;
        }
        self.all.push(text.clone());
        self.ids.insert(text, self.all.len() - 1);
        self.all.len() - 1
    }

    /// A text by its number, as a value; null where it is none.
    pub fn value(&self, id: TextId) -> Json {
        self.all.get(id).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// A policy: the text of each of its [`SECTIONS`].
pub type Sections = [Option<TextId>; SECTIONS.len()];

/// One appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appliance {
    /// Its policy.
    pub sections: Sections,
    /// Its public key, if it has one yet.
    pub public_key: Option<String>,
    /// Its machine.
    pub system_type: Option<String>,
}

/// Appliances by site and name.
pub type Sites = BTreeMap<String, BTreeMap<String, Appliance>>;

/// What one side comes to.
#[derive(Default)]
pub struct Gathered {
    /// Its appliances.
    pub sites: Sites,
    /// Figures by baseline and id.
    pub figures: BTreeMap<String, BTreeMap<String, Json>>,
}

/// Reads what `-A report` printed.
pub fn read<'a>(documents: &'a [Vec<u8>], texts: &mut Texts<'a>) -> Outcome<Gathered> {
    let mut gathered = Gathered::default();
    for bytes in documents {
        let report: Report<'_> = serde_json::from_slice(bytes).map_err(|e| misfit(&e))?;
        for (name, baseline) in report.baselines {
            // What a figure is about, and where it stands, changes nothing.
            let value = |figure: Json| figure.get("value").cloned().unwrap_or(figure);
            let figures = baseline.figures.into_iter().map(|(id, figure)| (id, value(figure))).collect();
            gathered.figures.insert(name, figures);
        }
        for (site, said) in report.sites {
            let appliances = said.appliances.into_iter().filter_map(|(name, said)| {
                let sections = sections(said.policy?, texts);
                Some((name, Appliance { sections, public_key: said.public_key, system_type: said.system_type }))
            });
            gathered.sites.insert(site, appliances.collect());
        }
    }
    Ok(gathered)
}

fn misfit(error: &serde_json::Error) -> Failure {
    Failure::could_not("what modules/policy evaluates to is not what this version of writ reads").caused_by(error)
}

fn sections<'a>(policy: Policy<'a>, texts: &mut Texts<'a>) -> Sections {
    let older = policy.get("schema").is_some_and(|schema| schema.get().trim_matches('"') == SCHEMA_V1);
    if older {
        let whole = policy.into_iter().map(|(name, value)| (name, value.get().parse().unwrap_or_default())).collect();
        let newer = upgrade(Json::Object(whole));
        return SECTIONS.map(|name| newer.get(name).map(|value| texts.id(Cow::Owned(value.to_string()))));
    }
    SECTIONS.map(|name| policy.get(name).map(|value| texts.id(Cow::Borrowed(value.get()))))
}

type Policy<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    sites: BTreeMap<String, SiteSaid<'a>>,
    /// Older libraries say nothing of baselines.
    #[serde(default)]
    baselines: BTreeMap<String, BaselineSaid>,
}

#[derive(Deserialize)]
struct SiteSaid<'a> {
    #[serde(borrow)]
    appliances: BTreeMap<String, ApplianceSaid<'a>>,
}

#[derive(Deserialize)]
struct ApplianceSaid<'a> {
    #[serde(borrow)]
    policy: Option<Policy<'a>>,
    #[serde(default)]
    public_key: Option<String>,
    #[serde(default)]
    system_type: Option<String>,
}

#[derive(Deserialize)]
struct BaselineSaid {
    #[serde(default)]
    figures: BTreeMap<String, Json>,
}
