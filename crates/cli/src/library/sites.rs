//! What sites ask of their appliances, from what evaluation says once of all that they share: a thousand appliances of a
//! few kinds hold each item once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use writ_policy::check::Check;
use writ_policy::control::Control;
use writ_policy::delta::{self, Delta, Merged, NixFinding, Overlay, Override};
use writ_policy::duty::Duty;
use writ_policy::exception::Exception;
use writ_policy::rule::Rule;
use writ_policy::runbook::Runbook;
use writ_policy::settings::Settings;
use writ_policy::validate::Level;

/// Items by id, each shared with whoever has the same.
pub type Items<T> = BTreeMap<String, Arc<T>>;

/// What one appliance must obey, as far as explanations need it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Controls by id.
    pub controls: Items<Control>,
    /// Checks by id.
    pub checks: Items<Check>,
    /// Rules by id.
    pub rules: Items<Rule>,
    /// Runbooks by id.
    pub runbooks: Items<Runbook>,
    /// Duties by id.
    pub duties: Items<Duty>,
    /// Exceptions by id.
    pub exceptions: Items<Exception>,
    /// The settings of its site, or its own.
    pub settings: Arc<Settings>,
}

/// One appliance.
#[derive(Debug)]
pub struct Appliance {
    /// What it must obey; none where mistakes left nothing to compose.
    pub policy: Option<Policy>,
    /// Values that it changed.
    pub overrides: Vec<Override>,
}

/// One site.
#[derive(Debug)]
pub struct Site {
    /// What merging its baselines decided.
    pub merged: Arc<Vec<Merged>>,
    /// Values that it changed for all its appliances.
    pub overrides: Vec<Override>,
    /// Its appliances by name.
    pub appliances: BTreeMap<String, Appliance>,
}

/// An appliance by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    /// Its site.
    pub site: String,
    /// Itself.
    pub appliance: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.site, self.appliance)
    }
}

/// The items of a section without what shares them.
pub fn each<T>(items: &Items<T>) -> impl Iterator<Item = (&String, &T)> {
    items.iter().map(|(id, item)| (id, item.as_ref()))
}

/// The sites that were evaluated, and whether there is a mistake in them or in what they are made from.
#[derive(Debug, Default)]
pub struct Sites {
    /// By name.
    pub by_name: BTreeMap<String, Site>,
    /// Whether `writ check` has more to say.
    pub mistaken: bool,
}

/// A base, parsed once for all who share it.
struct Base {
    controls: Items<Control>,
    checks: Items<Check>,
    rules: Items<Rule>,
    runbooks: Items<Runbook>,
    duties: Items<Duty>,
    merged: Arc<Vec<Merged>>,
}

impl Sites {
    /// What one evaluation says. A policy that is no valid one counts as none.
    pub fn of(delta: &Delta) -> Self {
        let mut sites = Self { by_name: BTreeMap::new(), mistaken: wrong(&delta.findings) };
        let bases: BTreeMap<&str, Option<Base>> =
            delta.bases.iter().map(|(key, said)| (key.as_str(), base(said))).collect();
        for (name, said) in &delta.sites {
            sites.mistaken |= wrong(&said.findings);
            let settings = said.settings.as_deref().and_then(|text| parsed(text).map(Arc::new));
            let exceptions: Option<Items<Exception>> = parsed(&said.exceptions).and_then(items);
            let mut site =
                Site { merged: Arc::default(), overrides: said.overrides.clone(), appliances: BTreeMap::new() };
            for (appliance, own) in &said.appliances {
                let base = own.base.as_deref().and_then(|key| bases.get(key)?.as_ref());
                if let Some(base) = base {
                    site.merged = Arc::clone(&base.merged);
                }
                let policy = base.zip(settings.as_ref()).zip(exceptions.as_ref());
                let policy =
                    policy.and_then(|((base, settings), exceptions)| policy_of(base, settings, exceptions, own));
                sites.mistaken |= wrong(&own.findings) || policy.is_none();
                site.appliances.insert(appliance.clone(), Appliance { policy, overrides: own.overrides.clone() });
            }
            sites.by_name.insert(name.clone(), site);
        }
        sites
    }

    /// Takes in another evaluation of the same tree.
    pub fn add(&mut self, other: Self) {
        self.mistaken |= other.mistaken;
        self.by_name.extend(other.by_name);
    }
}

fn wrong(findings: &[NixFinding]) -> bool {
    findings.iter().any(|finding| finding.severity == Level::Error)
}

fn parsed<T: DeserializeOwned>(text: &RawValue) -> Option<T> {
    serde_json::from_str(text.get()).ok()
}

fn items<T: DeserializeOwned>(raw: BTreeMap<String, Json>) -> Option<Items<T>> {
    raw.into_iter().map(|(id, item)| Some((id, Arc::new(serde_json::from_value(item).ok()?)))).collect()
}

fn section<T: DeserializeOwned>(text: &RawValue) -> Option<Items<T>> {
    items(parsed(text)?)
}

fn base(said: &delta::Base) -> Option<Base> {
    Some(Base {
        controls: section(&said.controls)?,
        checks: section(&said.checks)?,
        rules: section(&said.rules)?,
        runbooks: section(&said.runbooks)?,
        duties: section(&said.duties)?,
        merged: Arc::new(said.merged.clone()),
    })
}

/// What one appliance makes of its base, its site's exceptions and settings.
fn policy_of(
    base: &Base,
    settings: &Arc<Settings>,
    exceptions: &Items<Exception>,
    appliance: &delta::Appliance,
) -> Option<Policy> {
    let own = appliance.policy.as_ref()?;
    let overlay = own.overlay().ok()?;
    let settings = match &own.settings {
        Some(text) => Arc::new(parsed(text)?),
        None => Arc::clone(settings),
    };
    Some(Policy {
        controls: over(&overlay, "controls", &base.controls)?,
        checks: over(&overlay, "checks", &base.checks)?,
        rules: over(&overlay, "rules", &base.rules)?,
        runbooks: over(&overlay, "runbooks", &base.runbooks)?,
        duties: over(&overlay, "duties", &base.duties)?,
        exceptions: over(&overlay, "exceptions", exceptions)?,
        settings,
    })
}

/// A section as an overlay leaves it.
fn over<T: DeserializeOwned>(overlay: &Overlay, section: &str, below: &Items<T>) -> Option<Items<T>> {
    let mut all = below.clone();
    // With nothing below, what is set is all that comes out.
    for id in overlay.drop.get(section).into_iter().flatten() {
        all.remove(id);
    }
    let set = overlay.over(section, &Map::new());
    all.extend(items::<T>(set.into_iter().collect())?);
    Some(all)
}
