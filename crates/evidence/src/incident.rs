//! The incident part of a bundle: what drifted, what was done about it, and what it came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_policy::declared::Severity;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_policy::runbook::{self, Step};
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::time::Time;

use crate::id::{BundleId, IncidentId};

/// A check that failed on one target, from detection until it passed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// `INC-YYYYMMDD-NNNN`; the opened and the closed bundle carry the same.
    pub incident_id: IncidentId,
    /// What sort of event, such as `cert_expiry`, or the check's probe when its rule names none.
    pub event_type: String,
    /// How bad: the severity of the check.
    pub severity: Severity,
    /// When the failure was first seen.
    pub detected_at: Time,
    /// The host it was seen on.
    pub hostname: String,
    /// The check that failed.
    pub check: String,
    /// What else a reader should know, such as `reasons`.
    pub details: BTreeMap<String, Value>,
    /// The controls this touches, in the spelling of the baseline.
    pub hipaa_controls: Vec<String>,
    /// In a closing bundle: the bundle that opened the incident.
    pub opened_by: Option<BundleId>,
}

/// Who and what is touched. Users are keyed hashes, never names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// Names of systems.
    pub systems: Vec<String>,
    /// Keyed hashes of users ([`crate::identifier`]).
    pub users: Vec<String>,
}

/// What was observed when the drift was found, and after it was undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The failing observation.
    pub before: Option<Observation>,
    /// The observation that passed again.
    pub after: Option<Observation>,
}

/// Which runbook ran. `runbook_hash` must equal the digest of that runbook in the signed policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookRef {
    /// Name of the runbook, such as `RB-BACKUP-001`.
    pub runbook_id: String,
    /// Its version.
    pub runbook_version: String,
    /// Digest of its RFC 8785 form in the signed policy.
    pub runbook_hash: Digest,
    /// How many steps it has.
    pub steps_total: u64,
    /// How many were begun, undo steps not counted.
    pub steps_executed: u64,
}

/// Who resolved an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResolutionType {
    /// The appliance alone.
    Auto,
    /// People, or something else that the appliance did not do.
    Manual,
    /// Both, or not wholly.
    Partial,
}

impl ResolutionType {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
            Self::Partial => "partial",
        }
    }
}

/// A tier of resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// A signed rule and its runbook.
    L1,
    /// A plan made of signed runbooks.
    L2,
    /// People.
    L3,
}

impl Tier {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
        }
    }
}

/// That an incident went up a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// The tier it went to.
    pub to: Tier,
    /// When.
    pub at: Time,
    /// Why, in words for an auditor.
    pub reason: String,
    /// Who was told; empty when nobody could be.
    pub notified: Vec<String>,
}

/// When, by whom and how fast an incident was resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// When work on it began.
    pub timestamp_start: Time,
    /// When the re-scan passed, or the incident was given up.
    pub timestamp_end: Time,
    /// Who worked, such as `service:writ-enforce`.
    pub operator: String,
    /// Seconds from `detected_at` to `timestamp_end`, rounded up to whole seconds.
    pub mttr_seconds: u64,
    /// How many seconds the site's SLA allows for this severity.
    pub sla_target_seconds: u64,
    /// Whether `mttr_seconds` is within it.
    pub sla_met: bool,
    /// Who resolved it.
    pub resolution_type: ResolutionType,
    /// The tier that resolved it; null when it went away by itself.
    pub tier: Option<Tier>,
    /// The rule that chose the runbook.
    pub rule: Option<String>,
    /// How many times a runbook was run for it.
    pub attempts: u64,
    /// Every time it went up a tier.
    pub escalations: Vec<Escalation>,
}

/// What [`Action::script_hash`] holds for a step of a runbook.
pub fn step_hash(step: &Step) -> Digest {
    Digest::of(&json::canonical(step))
}

/// What [`Action::script_hash`] holds for the undoing of a step.
pub fn undo_hash(undo: &runbook::Action) -> Digest {
    Digest::of(&json::canonical(undo))
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionResult {
    /// It did what it is for, as far as it can tell.
    Ok,
    /// It did not.
    Failed,
    /// It was not run.
    Skipped,
}

/// One step of a runbook as it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Position in the order of execution over all attempts, from 1.
    pub step: u64,
    /// What was done: the step's id in the runbook and its sort, as in `restore: file.restore`.
    pub action: String,
    /// [`step_hash`] or [`undo_hash`] of the step in the signed policy.
    pub script_hash: Digest,
    /// What it came to.
    pub result: ActionResult,
    /// Exit code, where a program was run.
    pub exit_code: Option<i64>,
    /// When it began.
    pub timestamp: Time,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether this undid an earlier step.
    pub undo: bool,
    /// The beginning of what it printed, scrubbed.
    pub stdout_excerpt: String,
    /// The beginning of what it complained of, scrubbed.
    pub stderr_excerpt: String,
    /// Why it failed, scrubbed.
    pub error_message: Option<String>,
}

/// The re-scan of one check after a runbook, or in the probation of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The check.
    pub check: String,
    /// When it was run.
    pub at: Time,
    /// What it came to.
    pub outcome: Outcome,
    /// Digest of the observation; null when there was none.
    pub observation: Option<Digest>,
    /// Why it did not pass, one line for each expectation that did not hold, or the probe's reason.
    pub reasons: Vec<String>,
}

/// Excerpts and digests that support the rest of the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// Lines of logs, scrubbed.
    pub log_excerpts: Vec<String>,
    /// Digests of files and other things, by name.
    pub checksums: BTreeMap<String, Digest>,
    /// Configuration texts by name, scrubbed.
    pub configurations: BTreeMap<String, String>,
    /// Other texts by name, scrubbed.
    pub outputs: BTreeMap<String, String>,
}

/// Whether something was meant to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// A signed document asked for it.
    Intended,
    /// It undid drift.
    Corrective,
}

/// Whether the re-scan passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResolutionStatus {
    /// Every check of the verification passed.
    Success,
    /// Some did.
    Partial,
    /// None did.
    Failed,
}

impl ResolutionStatus {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }

    /// What these re-scan results come to: exit codes decide nothing. A check that could not be assessed did not pass.
    pub fn of(verification: &[Verification]) -> Self {
        let held = verification.iter().filter(|v| v.outcome.holds()).count();
        match held {
            0 => Self::Failed,
            n if n == verification.len() => Self::Success,
            _ => Self::Partial,
        }
    }
}

/// What an incident came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Decided by `verification`, never by exit codes.
    pub resolution_status: ResolutionStatus,
}
