//! L1 rules: which runbook answers which failing check.

use serde::{Deserialize, Serialize};
use writ_trust::time::Span;

use crate::declared::DeclaredAt;
use crate::predicate::Predicate;

/// What a rule answers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The check that fails.
    pub check: String,
    /// Narrows the match to observations for which this holds.
    pub observation: Option<Predicate>,
}

/// One L1 rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it does, in words.
    pub title: String,
    /// What it answers to.
    pub when: When,
    /// The runbook it runs.
    pub run: String,
    /// Of several rules that match, the highest runs.
    pub priority: i64,
    /// How often it may be tried for one incident.
    pub attempts: u32,
    /// How long it rests after it was tried in vain for one incident.
    pub cooldown: Span,
    /// The controls it serves.
    pub controls: Vec<String>,
    /// Where it is declared.
    pub declared_at: DeclaredAt,
}
