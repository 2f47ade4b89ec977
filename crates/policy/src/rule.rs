//! L1 rules: what answers a failing check, a runbook or people.

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

/// Who answers an incident that no rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// A planner that chooses among signed runbooks.
    L2,
    /// People.
    L3,
}

/// Who is called instead of running anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// Who is called.
    pub to: Tier,
    /// Why no runbook can help: what people are told.
    pub why: String,
}

/// One L1 rule. It names a runbook or escalates, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it does, in words.
    pub title: String,
    /// What it answers to.
    pub when: When,
    /// The runbook it runs.
    pub run: Option<String>,
    /// Who is called instead.
    pub escalate: Option<Escalate>,
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
