//! `component-definition`: the appliance, and the controls that its checks show, with each check as a rule.
//!
//! Rules stand as properties of the component, one set for each check, by the names that tools around OSCAL look for
//! (`Rule_Id`, `Rule_Description`, `Check_Id`, `Check_Description`), which name the rules of each requirement.

use std::collections::BTreeMap;

use serde::Serialize;
use writ_policy::check::Check;
use writ_policy::control::Coverage;
use writ_trust::time::Time;

use super::Model;
use super::catalog::{self, Baseline, versions};
use super::common::{Metadata, Property};
use super::text::{line, markup, paragraphs, token};
use super::uuid::Uuid;

/// `component-definition`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComponentDefinition {
    /// Its UUID.
    pub uuid: Uuid,
    /// About it.
    pub metadata: Metadata,
    /// The appliance.
    pub components: [Component; 1],
}

/// `defined-component`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Component {
    /// Its UUID.
    pub uuid: Uuid,
    /// What sort.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name, as markup.
    pub title: &'static str,
    /// What it is, as markup.
    pub description: &'static str,
    /// The rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub props: Vec<Property>,
    /// What it does for each baseline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub control_implementations: Vec<ControlImplementation>,
}

/// `control-implementation`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ControlImplementation {
    /// Its UUID.
    pub uuid: Uuid,
    /// The catalogue's file.
    pub source: &'static str,
    /// What it is, as markup.
    pub description: String,
    /// The controls that a check supports.
    pub implemented_requirements: Vec<ImplementedRequirement>,
}

/// `implemented-requirement`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImplementedRequirement {
    /// Its UUID.
    pub uuid: Uuid,
    /// The token of the control's id.
    pub control_id: String,
    /// How, as markup.
    pub description: String,
    /// The rules.
    pub props: Vec<Property>,
}

/// The appliance as some baselines have it.
pub fn component_definition(baselines: &[Baseline<'_>], now: Time) -> ComponentDefinition {
    let version = versions(baselines.iter().map(|b| (b.name, b.version)));
    let checks: BTreeMap<&str, &Check> = baselines.iter().rev().flat_map(|b| b.checks.clone()).collect();
    let implementations = baselines.iter().filter_map(implementation).collect();
    let component = Component {
        uuid: Uuid::of("component", &["appliance"]),
        kind: "software",
        title: "Writ appliance",
        description: "A NixOS appliance that obeys one signed policy: it looks at what its checks name, heals what does not hold, \
                      and signs evidence of both.",
        props: checks.iter().enumerate().flat_map(|(n, (id, check))| rule(n, id, check)).collect(),
        control_implementations: implementations,
    };
    ComponentDefinition {
        uuid: Uuid::default(),
        metadata: Metadata::new("Writ appliance", &version, now),
        components: [component],
    }
}

/// A check as a rule.
fn rule(n: usize, id: &str, check: &Check) -> [Property; 4] {
    let set = format!("rule_set_{n:03}");
    let every = &check.every;
    [
        Property::ours("Rule_Id", id),
        Property::ours("Rule_Description", &check.title),
        Property::ours("Check_Id", id),
        Property::ours("Check_Description", format!("probe {}: {}; every {every}", check.probe.name, check.expect)),
    ]
    .map(|property| Property { remarks: Some(line(&set)), ..property })
}

fn implementation(baseline: &Baseline<'_>) -> Option<ControlImplementation> {
    let requirements: Vec<ImplementedRequirement> = baseline
        .controls
        .iter()
        .filter(|(_, control)| !control.checks.is_empty())
        .map(|(id, control)| {
            let checks = control.checks.iter().map(|check| Property::ours("Rule_Id", check));
            let state = if control.coverage == Coverage::Automated { "implemented" } else { "partial" };
            let shown = format!("Shown by {}.", markup(control.checks.join(", ")));
            let left = control.not_assessed.as_deref().map(|text| format!("Left out by the checks: {}", markup(text)));
            ImplementedRequirement {
                uuid: Uuid::of("implemented-requirement", &[baseline.name, id]),
                control_id: token(id),
                description: paragraphs(std::iter::once(shown).chain(left)),
                props: std::iter::once(Property::oscal("implementation-status", state)).chain(checks).collect(),
            }
        })
        .collect();
    let others = baseline.controls.len() - requirements.len();
    (!requirements.is_empty()).then(|| ControlImplementation {
        uuid: Uuid::of("control-implementation", &[baseline.name]),
        source: catalog::Catalog::FILE,
        description: format!(
            "What the appliance does for {}. The other {others} controls of it are people's, or somebody else's.",
            markup(baseline.title)
        ),
        implemented_requirements: requirements,
    })
}
