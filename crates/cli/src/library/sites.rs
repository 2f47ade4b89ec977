//! What sites ask of their appliances: the part of `report` that explains and references need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use writ_policy::policy::Policy;

use crate::check::report::Position;

/// A disagreement of two baselines that merging decided: the stricter holds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Merged {
    /// Keys from the policy's root.
    pub path: Vec<String>,
    /// What holds.
    pub kept: Json,
    /// What gave way.
    pub dropped: Json,
    /// Where the one stands.
    pub kept_at: Option<Position>,
    /// Where the other stands.
    pub dropped_at: Option<Position>,
}

/// A value that a site or an appliance changed knowingly.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Override {
    /// Keys from the policy's root.
    pub path: Vec<String>,
    /// What holds.
    pub value: Json,
    /// What it was before.
    pub replaced: Json,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub declared_at: Option<Position>,
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
    pub merged: Vec<Merged>,
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

#[derive(Deserialize)]
struct RawReport {
    sites: BTreeMap<String, RawSite>,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct RawSite {
    merged: Vec<Merged>,
    overrides: Vec<Override>,
    findings: Vec<Finding>,
    appliances: BTreeMap<String, RawAppliance>,
}

#[derive(Deserialize)]
struct RawAppliance {
    policy: Option<Json>,
    overrides: Vec<Override>,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    severity: writ_policy::validate::Level,
}

/// The sites of one report, and whether Nix found a mistake in them.
#[derive(Debug, Default)]
pub struct Sites {
    /// By name.
    pub by_name: BTreeMap<String, Site>,
    /// Whether `writ check` has more to say.
    pub mistaken: bool,
}

impl Sites {
    /// Takes in one report. A policy that is no valid one counts as none.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), serde_json::Error> {
        let raw: RawReport = serde_json::from_slice(bytes)?;
        let wrong = |findings: &[Finding]| findings.iter().any(|f| f.severity == writ_policy::validate::Level::Error);
        self.mistaken |= wrong(&raw.findings);
        for (name, site) in raw.sites {
            self.mistaken |= wrong(&site.findings);
            let mut appliances = BTreeMap::new();
            for (appliance, said) in site.appliances {
                let policy = said.policy.and_then(|policy| serde_json::from_value(policy).ok());
                self.mistaken |= wrong(&said.findings) || policy.is_none();
                appliances.insert(appliance, Appliance { policy, overrides: said.overrides });
            }
            self.by_name.insert(name, Site { merged: site.merged, overrides: site.overrides, appliances });
        }
        Ok(())
    }
}
