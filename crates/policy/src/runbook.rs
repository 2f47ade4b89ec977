//! Runbooks: typed steps with timeouts, and the checks that decide whether they helped.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::time::Span;

use crate::declared::DeclaredAt;

/// One action: a step type by name with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The step type, for instance `file.restore`.
    pub step: String,
    /// Its parameters, judged by the step's schema.
    pub parameters: Map<String, Json>,
    /// How long it may take.
    pub timeout: Span,
}

/// One step of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name within the runbook.
    pub id: String,
    /// The step type, for instance `file.restore`.
    pub step: String,
    /// Its parameters, judged by the step's schema.
    pub parameters: Map<String, Json>,
    /// How long it may take.
    pub timeout: Span,
    /// What takes it back when a later step fails.
    pub undo: Option<Action>,
}

/// One runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// What it does, in words.
    pub title: String,
    /// Its version, as people write it.
    pub version: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The checks whose next run decides whether it helped.
    pub verify: Vec<String>,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}

impl Runbook {
    /// The digest of its RFC 8785 form: what evidence names as `runbook_hash`.
    pub fn digest(&self) -> Digest {
        Digest::of(&json::canonical(self))
    }
}
