//! What `modules/policy/evaluate.nix` says of a tree: the shape of its `delta`, which says once what policies share.
//!
//! The sections of policies are kept as text: many are equal word for word, and equal text is parsed and judged once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::rings::Rings;
use crate::validate::Level;

/// A place in the Nix source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Override {
    /// What it changed, for instance `["checks", "disk.root", "expect", "available_percent", "ge"]`.
    pub path: Vec<String>,
    /// What holds.
    #[serde(default)]
    pub value: Json,
    /// What would hold without it.
    #[serde(default)]
    pub replaced: Json,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Where it stands.
    pub declared_at: Option<Position>,
}

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

/// Ids of items that were left out because of a finding, by section.
pub type Broken = BTreeMap<String, Vec<String>>;

/// What the policies of many appliances have in common.
#[derive(Debug, Clone, Deserialize)]
pub struct Base {
    /// The schema of the policies.
    pub schema: String,
    /// The baselines with their versions: an object.
    pub baselines: Box<RawValue>,
    /// The section of this name: an object of items by id, as are the next four.
    pub controls: Box<RawValue>,
    /// See `controls`.
    pub checks: Box<RawValue>,
    /// See `controls`.
    pub rules: Box<RawValue>,
    /// See `controls`.
    pub runbooks: Box<RawValue>,
    /// See `controls`.
    pub duties: Box<RawValue>,
    /// What merging the baselines decided.
    #[serde(default)]
    pub merged: Vec<Merged>,
}

/// What one policy has for itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Own {
    /// By section: an object of the items that its base does not have, or has otherwise.
    pub set: BTreeMap<String, Box<RawValue>>,
    /// By section: a list of the ids of its base that it does not have.
    pub drop: BTreeMap<String, Box<RawValue>>,
    /// Its settings, where they are not the site's.
    pub settings: Option<Box<RawValue>>,
    /// Its programs: a list.
    pub programs: Box<RawValue>,
    /// The secrets that it brings, encrypted: an object; none where it brings none.
    #[serde(default)]
    pub sealed: Option<Box<RawValue>>,
    /// The digest of its rules and runbooks: a string.
    pub rules_version: Box<RawValue>,
}

/// One appliance.
#[derive(Debug, Clone, Deserialize)]
pub struct Appliance {
    /// Its public key, if it has one yet.
    pub public_key: Option<String>,
    /// Its machine.
    #[serde(default)]
    pub system_type: Option<String>,
    /// Its own findings.
    pub findings: Vec<NixFinding>,
    /// Values that it changed.
    pub overrides: Vec<Override>,
    /// Items left out because of a finding.
    pub broken: Broken,
    /// What its policy is an overlay of; none where findings left nothing to compose.
    pub base: Option<String>,
    /// What its policy has for itself; none exactly where `base` is.
    pub policy: Option<Own>,
    /// The whole policy document, where the tree's library is too old to say it otherwise.
    #[serde(skip)]
    pub whole: Option<Box<RawValue>>,
}

/// One site.
#[derive(Debug, Clone, Deserialize)]
pub struct Site {
    /// Its name in words.
    pub title: Option<String>,
    /// Its site.nix.
    pub file: String,
    /// Its own findings.
    pub findings: Vec<NixFinding>,
    /// Values that it changed for all its appliances.
    pub overrides: Vec<Override>,
    /// The rule families that it or one of its appliances chooses; none where the tree does not say.
    #[serde(default)]
    pub families: Option<Vec<String>>,
    /// Its rings; none where it has none, or where the tree's library is too old to say.
    #[serde(default)]
    pub rings: Rings,
    /// Items left out because of a finding.
    pub broken: Broken,
    /// The settings of its appliances, unless they have their own; none where nothing could be composed.
    pub settings: Option<Box<RawValue>>,
    /// The names of the secrets that it keeps: a list.
    pub secrets: Box<RawValue>,
    /// The exceptions of its appliances, unless they drop some: an object.
    pub exceptions: Box<RawValue>,
    /// Its appliances by name.
    pub appliances: BTreeMap<String, Appliance>,
}

/// What is said of a baseline, whoever uses it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Baseline {
    /// The version that sites name; none of one that cannot be used.
    #[serde(default)]
    pub version: Option<String>,
    /// Its figures by id, each with its value and what it is about.
    #[serde(default)]
    pub figures: BTreeMap<String, Json>,
}

/// Names that are valid somewhere in the tree.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Known {
    /// All runbooks, whether or not a rule runs them.
    #[serde(default)]
    pub runbooks: Vec<String>,
    /// All rule families.
    #[serde(default)]
    pub families: Vec<String>,
}

/// A whole tree, or the sites of it that were asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct Delta {
    /// What policies have in common, by key. The keys of two evaluations have nothing to do with one another.
    pub bases: BTreeMap<String, Base>,
    /// The sites by name.
    pub sites: BTreeMap<String, Site>,
    /// The findings that belong to no site.
    pub findings: Vec<NixFinding>,
    /// Items left out because of a finding.
    pub broken: Broken,
    /// The baselines by name.
    #[serde(default)]
    pub baselines: BTreeMap<String, Baseline>,
    /// Valid names.
    #[serde(default)]
    pub known: Known,
    /// The files of baselines and rules that evaluation read, relative to the root; none where the tree does not say.
    #[serde(default)]
    pub reads: Option<Vec<String>>,
}
