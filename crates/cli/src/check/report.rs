//! What `modules/policy/evaluate.nix` says of a tree: the shape of its `report`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use writ_policy::validate::Level;

/// A place in the Nix source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Relative to the root of the tree.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// Another place that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NixRelated {
    /// Where.
    pub at: Position,
    /// Keys from the top.
    pub path: Vec<String>,
    /// What stands there.
    pub label: String,
}

/// A finding of the Nix constructors.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NixFinding {
    /// Stable name of the kind of mistake.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Whether it stands in the way of a release.
    pub severity: Level,
    /// What would be right.
    pub expected: Option<String>,
    /// The wrong name or value.
    pub given: Option<String>,
    /// Valid names.
    pub known: Vec<String>,
    /// Where.
    pub at: Option<Position>,
    /// Keys from the top.
    pub path: Vec<String>,
    /// Other places that explain it.
    #[serde(default)]
    pub related: Vec<NixRelated>,
}

/// A value that a site or an appliance changed knowingly.
#[derive(Debug, Clone, Deserialize)]
pub struct Override {
    /// What it changed, for instance `["checks", "disk.root", "expect", "available_percent", "ge"]`.
    pub path: Vec<String>,
    /// Where it stands.
    pub declared_at: Option<Position>,
}

/// One appliance.
#[derive(Debug, Deserialize)]
pub struct ApplianceReport<'a> {
    /// Its policy document, or null when its findings left nothing to compose.
    #[serde(borrow)]
    pub policy: Option<Sections<'a>>,
    /// Its public key, if it has one yet.
    pub public_key: Option<String>,
    /// Its own findings.
    pub findings: Vec<NixFinding>,
    /// Values that it changed.
    pub overrides: Vec<Override>,
    /// Items left out because of a finding, by section.
    pub broken: BTreeMap<String, Vec<String>>,
}

/// One site.
#[derive(Debug, Deserialize)]
pub struct SiteReport<'a> {
    /// Its name in words.
    pub title: Option<String>,
    /// Its site.nix.
    pub file: String,
    /// Its own findings.
    pub findings: Vec<NixFinding>,
    /// Values that it changed.
    pub overrides: Vec<Override>,
    /// Items left out because of a finding, by section.
    pub broken: BTreeMap<String, Vec<String>>,
    /// Its appliances by name.
    #[serde(borrow)]
    pub appliances: BTreeMap<String, ApplianceReport<'a>>,
}

/// The whole tree, or the sites of it that were asked for.
#[derive(Debug, Deserialize)]
pub struct Report<'a> {
    /// The sites by name.
    #[serde(borrow)]
    pub sites: BTreeMap<String, SiteReport<'a>>,
    /// The findings that belong to no site.
    pub findings: Vec<NixFinding>,
    /// Items left out because of a finding, by section.
    pub broken: BTreeMap<String, Vec<String>>,
    /// Valid names.
    #[serde(default)]
    pub known: Known,
}

/// Names that are valid somewhere in the tree.
#[derive(Debug, Default, Deserialize)]
pub struct Known {
    /// All runbooks, whether or not a rule runs them.
    #[serde(default)]
    pub runbooks: Vec<String>,
}

/// The sections of a policy document that people write, not parsed further: sites share most of them, and equal text is
/// judged once. The rest of the document is the library's own.
#[derive(Debug, Deserialize)]
pub struct Sections<'a> {
    /// `controls`.
    #[serde(borrow)]
    pub controls: &'a RawValue,
    /// `checks`.
    #[serde(borrow)]
    pub checks: &'a RawValue,
    /// `rules`.
    #[serde(borrow)]
    pub rules: &'a RawValue,
    /// `runbooks`.
    #[serde(borrow)]
    pub runbooks: &'a RawValue,
    /// `duties`.
    #[serde(borrow)]
    pub duties: &'a RawValue,
    /// `programs`.
    #[serde(borrow)]
    pub programs: &'a RawValue,
    /// `secrets`.
    #[serde(borrow)]
    pub secrets: &'a RawValue,
    /// `exceptions`.
    #[serde(borrow)]
    pub exceptions: &'a RawValue,
    /// `settings`.
    #[serde(borrow)]
    pub settings: &'a RawValue,
    /// `rules_version`.
    #[serde(borrow)]
    pub rules_version: &'a RawValue,
}
