//! Controls: what a safeguard of a rule or standard asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::declared::{DeclaredAt, Severity};

/// How far a machine can show that a control holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    /// Its checks show all of it.
    Automated,
    /// Its checks show a part; `not_assessed` says what they leave out.
    Partial,
    /// People do it; a procedure says how.
    Procedural,
    /// Somebody else provides it (a data centre, the clinic's landlord).
    Inherited,
}

/// How a rule book puts a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// A standard, which its specifications spell out.
    Standard,
    /// A specification that must be met as it is written.
    Required,
    /// A specification that may be met in another way, with the reason on record.
    Addressable,
}

/// One control of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Title as the rule has it.
    pub title: String,
    /// How far a machine can show it.
    pub coverage: Coverage,
    /// How the rule book puts it; none where its demands are not graded.
    pub requirement: Option<Requirement>,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// Identifiers in other frameworks, by framework (`soc2`, `nist-800-53`).
    pub maps: BTreeMap<String, Vec<String>>,
    /// The checks that support it.
    pub checks: Vec<String>,
    /// What people do for it: ids of duties.
    pub duties: Vec<String>,
    /// For procedural controls: what people do, how often, and what evidence they attach.
    pub procedure: Option<String>,
    /// For partial controls: what the checks leave out.
    pub not_assessed: Option<String>,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}
