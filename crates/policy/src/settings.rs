//! A site's settings as they reach an appliance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::time::Span;

use crate::declared::Severity;

/// When to hand an incident to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How many L1 attempts may fail before escalation, by severity.
    pub l1_failures: BTreeMap<Severity, u32>,
    /// Whom a ticket names.
    pub contacts: Vec<String>,
}

/// When a rule that keeps firing is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircuitBreaker {
    /// How many incidents of one check a rule may answer …
    pub fires: u32,
    /// … within this long.
    pub within: Span,
}

/// How often the outcomes of checks become evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posture {
    /// The compact vector.
    pub vector: Span,
    /// The full snapshot.
    pub snapshot: Span,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Evidence.
    pub evidence: Span,
    /// Logs.
    pub logs: Span,
}

/// How a new generation proves itself before it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probation {
    /// How long it is watched.
    pub window: Span,
    /// The checks that must hold at its end; null means all that apply.
    pub checks: Option<Vec<String>>,
}

/// A site's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The site's name in words.
    pub title: String,
    /// IANA time zone, for windows and business hours.
    pub time_zone: String,
    /// Who may approve exceptions.
    pub approvers: Vec<String>,
    /// Target time to resolve, by severity.
    pub sla: BTreeMap<Severity, Span>,
    /// When to hand an incident to people.
    pub escalation: Escalation,
    /// When a rule that keeps firing is stopped.
    pub circuit_breaker: CircuitBreaker,
    /// How often the outcomes of checks become evidence.
    pub posture: Posture,
    /// How long things are kept.
    pub retention: Retention,
    /// How a new generation proves itself.
    pub probation: Probation,
    /// Disk budget for evidence on the appliance, in MB.
    pub evidence_budget_mb: u32,
}
