//! What baselines and rules declare, used by a site or not: the shape of `catalogue` of `modules/policy/evaluate.nix`.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use writ_policy::check::Check;
use writ_policy::control::Control;
use writ_policy::declared::{DeclaredAt, Severity};
use writ_policy::duty::Duty;
use writ_policy::rule::Rule;
use writ_policy::runbook::Runbook;

/// A check as its baseline declares it.
#[derive(Debug, Clone)]
pub struct DeclaredCheck {
    /// The check; where it leaves its severity to its controls, with the worst of this baseline's, or else of all that
    /// name it.
    pub check: Check,
    /// Whether it leaves its severity to its controls.
    pub of_controls: bool,
}

/// A number or term that checks, rules, duties and settings are made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The figure itself: a string, an integer or a boolean.
    pub value: Json,
    /// What it counts.
    pub unit: String,
    /// What it is a figure of.
    pub about: String,
    /// Where it comes from.
    pub source: Vec<String>,
    /// Whether no source gives it.
    pub ours: bool,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}

/// One baseline.
#[derive(Debug)]
pub struct Baseline {
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Controls by id.
    pub controls: BTreeMap<String, Control>,
    /// Checks by id.
    pub checks: BTreeMap<String, DeclaredCheck>,
    /// Duties by id.
    pub duties: BTreeMap<String, Duty>,
    /// Figures by id.
    pub figures: BTreeMap<String, Figure>,
}

/// The rules of one incident family.
#[derive(Debug)]
pub struct Family {
    /// Its file, relative to the root of the tree.
    pub file: String,
    /// Rules by id.
    pub rules: BTreeMap<String, Rule>,
}

/// Everything that is declared.
#[derive(Debug)]
pub struct Catalogue {
    /// Baselines by name.
    pub baselines: BTreeMap<String, Baseline>,
    /// Rule families by name.
    pub families: BTreeMap<String, Family>,
    /// Runbooks by id.
    pub runbooks: BTreeMap<String, Runbook>,
    /// Items that are no valid ones, each with why: `writ check` says more of them.
    pub unreadable: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    baselines: BTreeMap<String, RawBaseline>,
    families: BTreeMap<String, RawFamily>,
    runbooks: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBaseline {
    title: Option<String>,
    version: Option<String>,
    #[serde(rename = "file")]
    _file: String,
    controls: BTreeMap<String, Json>,
    checks: BTreeMap<String, Json>,
    duties: BTreeMap<String, Json>,
    figures: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFamily {
    file: String,
    rules: BTreeMap<String, Json>,
}

impl Catalogue {
    /// Reads what Nix evaluated. An item that is wrong hides no other.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let raw: Raw = serde_json::from_slice(bytes)?;
        let mut bad = Vec::new();
        let mut controls: BTreeMap<String, BTreeMap<String, Control>> = BTreeMap::new();
        let mut rest = raw.baselines;
        for (name, raw) in &mut rest {
            controls.insert(name.clone(), items("controls", std::mem::take(&mut raw.controls), &mut bad));
        }
        let of = |(name, raw): (String, RawBaseline)| (name.clone(), baseline(&name, raw, &controls, &mut bad));
        let baselines = rest.into_iter().map(of).collect();
        let families = raw
            .families
            .into_iter()
            .map(|(name, f)| (name, Family { file: f.file, rules: items("rules", f.rules, &mut bad) }))
            .collect();
        let runbooks = items("runbooks", raw.runbooks, &mut bad);
        Ok(Self { baselines, families, runbooks, unreadable: bad })
    }

    /// Every rule with the name of its family.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &str, &Rule)> {
        self.families
            .iter()
            .flat_map(|(family, f)| f.rules.iter().map(move |(id, rule)| (family.as_str(), id.as_str(), rule)))
    }
}

/// Whether a runbook has a step of this type, also to take another one back.
pub fn takes_step(runbook: &Runbook, step: &str) -> bool {
    runbook.steps.iter().any(|one| one.step == step || one.undo.as_ref().is_some_and(|undo| undo.step == step))
}

fn items<T: DeserializeOwned>(
    section: &str,
    raw: BTreeMap<String, Json>,
    bad: &mut Vec<String>,
) -> BTreeMap<String, T> {
    let mut read = |(id, item): (String, Json)| match serde_json::from_value(item) {
        Ok(item) => Some((id, item)),
        Err(e) => {
            bad.push(format!("{section}.{id:?}: {e}"));
            None
        }
    };
    raw.into_iter().filter_map(&mut read).collect()
}

/// One baseline; `all` are the controls of each.
fn baseline(
    name: &str,
    raw: RawBaseline,
    all: &BTreeMap<String, BTreeMap<String, Control>>,
    bad: &mut Vec<String>,
) -> Baseline {
    let controls = all.get(name).cloned().unwrap_or_default();
    let mut left = BTreeSet::new();
    let mut declared = raw.checks;
    for (id, check) in &mut declared {
        if check.get("severity").is_some_and(Json::is_null) {
            let own = severity_of(id, controls.values());
            let severity = own.or_else(|| severity_of(id, all.values().flat_map(BTreeMap::values)));
            check["severity"] = severity.unwrap_or(Severity::Medium).as_str().into();
            left.insert(id.clone());
        }
    }
    let checks = items("checks", declared, bad)
        .into_iter()
        .map(|(id, check)| (id.clone(), DeclaredCheck { check, of_controls: left.contains(&id) }))
        .collect();
    Baseline {
        title: raw.title.unwrap_or_default(),
        version: raw.version.unwrap_or_default(),
        controls,
        checks,
        duties: items("duties", raw.duties, bad),
        figures: items("figures", raw.figures, bad),
    }
}

/// The worst severity of those controls that name a check.
fn severity_of<'c>(check: &str, controls: impl Iterator<Item = &'c Control>) -> Option<Severity> {
    controls.filter(|control| control.checks.iter().any(|id| id == check)).map(|control| control.severity).max()
}
