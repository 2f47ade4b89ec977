//! What happened within the time that was judged: incidents, switches, other events, changes of baseline.

use std::collections::BTreeMap;

use serde::Serialize;
use writ_evidence::IncidentId;
use writ_evidence::records::SwitchOutcome;
use writ_policy::declared::{DeclaredAt, Severity};
use writ_policy::diff::Effect;
use writ_trust::ids::ApplianceId;
use writ_trust::time::Time;

use super::Link;

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentStatus {
    /// Nobody has closed it.
    Open,
    /// Closed, and the re-scan passed.
    Resolved,
    /// Closed, and the re-scan passed only in part.
    PartlyResolved,
    /// Closed without success.
    Unresolved,
}

impl IncidentStatus {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "still open",
            Self::Resolved => "resolved",
            Self::PartlyResolved => "partly resolved",
            Self::Unresolved => "not resolved",
        }
    }
}

/// One incident from its opening to its closing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentFinding {
    /// Its id.
    pub incident_id: IncidentId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The check that failed.
    pub check: String,
    /// What sort of event.
    pub event_type: String,
    /// The controls it touches.
    pub controls: Vec<String>,
    /// How bad.
    pub severity: Severity,
    /// When it was detected.
    pub detected_at: Time,
    /// When it was closed.
    pub closed_at: Option<Time>,
    /// How it stands.
    pub status: IncidentStatus,
    /// Milliseconds from detection to the end.
    pub took_millis: Option<u64>,
    /// Seconds from detection to the end, rounded up, as the bundle says.
    pub mttr_seconds: Option<u64>,
    /// How many the site allows itself.
    pub sla_target_seconds: Option<u64>,
    /// Whether that was kept; an open incident that is older misses it.
    pub sla_met: Option<bool>,
    /// Who resolved it: `auto`, `manual`, `partial`.
    pub resolution: Option<&'static str>,
    /// The tier that did.
    pub tier: Option<&'static str>,
    /// The rule that chose the runbook.
    pub rule: Option<String>,
    /// The runbook that ran.
    pub runbook: Option<String>,
    /// How often.
    pub attempts: u64,
    /// Its story, sentence by sentence.
    pub story: Vec<String>,
    /// Where the check was asked for.
    pub check_declared_at: Option<DeclaredAt>,
    /// Where the rule was asked for.
    pub rule_declared_at: Option<DeclaredAt>,
    /// The bundles: opened, closed.
    pub evidence: Vec<Link>,
}

/// Incidents in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IncidentSummary {
    /// How many were detected in the period.
    pub detected: u64,
    /// How many were resolved.
    pub resolved: u64,
    /// How many are open.
    pub open: u64,
    /// How many missed the time the site allows itself.
    pub sla_missed: u64,
    /// Mean milliseconds from detection to resolution.
    pub mean_millis: Option<u64>,
    /// Longest milliseconds from detection to resolution.
    pub longest_millis: Option<u64>,
    /// How many were resolved by whom: `L1`, `L2`, `L3` or `nobody`.
    pub healed_by: BTreeMap<&'static str, u64>,
}

/// A switch to another generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SwitchFinding {
    /// The appliance.
    pub appliance: ApplianceId,
    /// When it ended.
    pub at: Time,
    /// The release before, as `epoch-serial`.
    pub from: Option<String>,
    /// The release that was to run.
    pub to: String,
    /// What it came to.
    pub outcome: SwitchOutcome,
    /// Its story.
    pub story: Vec<String>,
    /// The bundle.
    pub link: Link,
}

/// Something else that an auditor should see: a pause, a refusal, a start, a clock that was set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventFinding {
    /// The appliance.
    pub appliance: ApplianceId,
    /// When.
    pub at: Time,
    /// The kind of bundle.
    pub kind: &'static str,
    /// What happened.
    pub story: Vec<String>,
    /// The bundle.
    pub link: Link,
}

/// A key of the trust root that signed, and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// Its name in the trust root.
    pub name: String,
    /// Its minisign key id.
    pub key_id: String,
}

/// One thing that a change of baseline changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeEntry {
    /// What, in words: where in the policy, and what stands there now and stood there before.
    pub what: String,
    /// Whether it weakens protection.
    pub weakens: bool,
    /// What it does to protection; `unclear` where the two policies do not tell.
    pub effect: Effect,
}

/// An appliance obeyed another release than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaselineChange {
    /// The appliance.
    pub appliance: ApplianceId,
    /// When its first bundle under the new release was written; where that names it no longer, when it was issued.
    pub at: Time,
    /// The release that it obeyed before, as `epoch-serial`; null where it obeyed none.
    pub from: Option<String>,
    /// The release that it obeyed from then on, or that names it no longer.
    pub to: String,
    /// Whose signatures count for that release.
    pub signed_by: Vec<Signer>,
    /// Whether anything in it weakens protection.
    pub weakens: bool,
    /// What changed in the appliance's policy, what weakens protection first; empty where nothing did.
    pub entries: Vec<ChangeEntry>,
}
