//! A site's settings as they reach an appliance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::time::Span;

use crate::declared::Severity;

mod contact;
mod endpoint;
pub mod maintenance;
mod notify;
pub mod planner;
mod quiet;

pub use contact::{Contact, Role};
pub use endpoint::{Endpoint, Place};
pub use maintenance::{Day, Maintenance, Window, Work};
pub use notify::{Channel, ChannelKind, NotifyEvent};
pub use planner::{Model, ModelBudget, ModelPrice, Planner, Review};
pub use quiet::QuietHours;

/// How often people are told of an open incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Updates {
    /// While a critical one is open.
    pub critical: Span,
    /// While one of high severity is open.
    pub high: Span,
}

/// The service that a site bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceTier {
    /// 30 days of evidence at hand.
    Essential,
    /// 90 days of evidence at hand.
    Professional,
    /// Two years of evidence at hand.
    Enterprise,
}

/// When to hand an incident to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How many L1 attempts may fail before escalation, by severity.
    pub l1_failures: BTreeMap<Severity, u32>,
    /// How many choices of a planner may fail before escalation.
    pub l2_failures: u32,
    /// How long one contact has to answer before the next is called.
    pub no_answer: Span,
    /// How soon somebody confirms that they have seen it.
    pub acknowledge: Span,
    /// How often people are told of an open incident.
    pub updates: Updates,
    /// How soon after its end the report on an escalated incident is due.
    pub report: Span,
    /// Whom an incident of each severity reaches, by name of contact; empty means everybody in order of role.
    pub route: BTreeMap<Severity, Vec<String>>,
    /// Whom a ticket names, one line each, made of the site's contacts.
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
    /// Security logs.
    pub logs: Span,
    /// Logs of applications.
    pub application_logs: Option<Span>,
    /// Audit logs.
    pub audit_logs: Option<Span>,
    /// Former configurations.
    pub configuration: Option<Span>,
    /// Reports.
    pub reports: Option<Span>,
    /// Evidence that is at hand without asking for the archive.
    pub online: Option<Span>,
}

impl Retention {
    /// How long any log is kept, in milliseconds: the longest of what is said for security logs, audit logs and those of
    /// applications. No policy says of which sort a source is.
    pub fn longest_of_logs(&self) -> i64 {
        let others = self.audit_logs.iter().chain(&self.application_logs);
        others.chain([&self.logs]).map(Span::millis).max().unwrap_or(i64::MAX)
    }
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
    /// The service that the site bought.
    pub tier: Option<ServiceTier>,
    /// Who may approve exceptions.
    pub approvers: Vec<String>,
    /// People by name.
    pub contacts: BTreeMap<String, Contact>,
    /// Target time to resolve, by severity.
    pub sla: BTreeMap<Severity, Span>,
    /// When to hand an incident to people.
    pub escalation: Escalation,
    /// Where notifications go, by name.
    pub notify: BTreeMap<String, Channel>,
    /// When what disturbs people may happen.
    pub maintenance: Maintenance,
    /// When people are left to sleep; [`QuietHours::usual`] where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Whether something that is no rule may choose among signed runbooks.
    pub planner: Planner,
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
