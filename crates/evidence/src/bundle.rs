//! The evidence bundle (`writ.bundle.v1`, and `writ.bundle.v2` where it holds a summary of posture): what every kind has in common, and where each kind keeps its own part.
//!
//! A bundle is immutable: what comes later (a log's receipt, where copies are stored, further signatures) lives in a
//! sidecar `.receipt.json`. Every field is always present; what a kind does not use is null or empty, and
//! [`Bundle::validate`](crate::validate) says which kind needs which.

use std::fmt;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

use crate::id::BundleId;
use crate::incident::{
    Action, Affected, Artifacts, Change, Drift, Execution, Incident, Outputs, RunbookRef, Verification,
};
use crate::posture::Posture;
use crate::records::{
    Attestation, ClockStep, LogExtract, OrderRecord, Pause, PlanRecord, Refused, RestoreTest, Started, Switch, Thinned,
};

/// The schema tag of a bundle.
pub const SCHEMA: &str = "writ.bundle.v1";
/// The schema tag of a bundle with a summary of posture, which a reader of the first version cannot tell; otherwise the
/// same.
pub const SCHEMA_V2: &str = "writ.bundle.v2";
/// Every schema tag of a bundle that this version reads.
pub const SCHEMAS: &[&str] = &[SCHEMA, SCHEMA_V2];
/// The value of `bundle_version`.
pub const BUNDLE_VERSION: &str = "1.0";
/// The largest bundle, in bytes (1 MiB).
pub const MAX_BUNDLE: usize = 1024 * 1024;

/// What a bundle tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A check began to fail.
    IncidentOpened,
    /// An incident ended: healed, healed by people, or gone.
    IncidentClosed,
    /// What the checks came to: a change, the hourly vector, or the daily snapshot.
    Posture,
    /// A generation was switched to, rolled back from, or set aside.
    Switch,
    /// A signed order was carried out or declined.
    Order,
    /// A backup was restored to see whether it can be.
    RestoreTest,
    /// The clock was set, or its sources disagree.
    Clock,
    /// Healing of named checks was suspended or resumed.
    Pause,
    /// The enforcer started.
    Started,
    /// A document was refused.
    Refused,
    /// Old bundles were removed to stay within the disk budget.
    Thinned,
    /// A digest of logs that were kept or sent.
    Logs,
    /// A remediation plan was made, allowed or refused.
    Plan,
    /// A statement by a person, signed by that person.
    Attestation,
}

impl Kind {
    /// All kinds, in the order in which they are declared.
    pub const ALL: [Self; 14] = [
        Self::IncidentOpened,
        Self::IncidentClosed,
        Self::Posture,
        Self::Switch,
        Self::Order,
        Self::RestoreTest,
        Self::Clock,
        Self::Pause,
        Self::Started,
        Self::Refused,
        Self::Thinned,
        Self::Logs,
        Self::Plan,
        Self::Attestation,
    ];

    /// The kind as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IncidentOpened => "incident-opened",
            Self::IncidentClosed => "incident-closed",
            Self::Posture => "posture",
            Self::Switch => "switch",
            Self::Order => "order",
            Self::RestoreTest => "restore-test",
            Self::Clock => "clock",
            Self::Pause => "pause",
            Self::Started => "started",
            Self::Refused => "refused",
            Self::Thinned => "thinned",
            Self::Logs => "logs",
            Self::Plan => "plan",
            Self::Attestation => "attestation",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which release an appliance was obeying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRef {
    /// Epoch of the release.
    pub epoch: Epoch,
    /// Serial of the release within its epoch.
    pub serial: Serial,
    /// Digest of the exact bytes of `release.json`.
    pub digest: Digest,
}

/// A bundle's place in its appliance key's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// 1 for a key's first bundle, one more for each.
    pub sequence: u64,
    /// Digest of the exact bytes of the bundle before; null for the first.
    pub previous: Option<Digest>,
}

/// What the appliance knew of the time when it wrote the bundle. No sources means that nobody vouched for the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Where the time came from.
    pub sources: Vec<String>,
    /// How far the clock was off, in milliseconds; null when not measured.
    pub offset_ms: Option<i64>,
    /// Whether enough sources agreed.
    pub quorum: bool,
}

/// From where something was observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// By the enforcer, on the machine itself.
    #[default]
    Host,
    /// Over the network, by the unprivileged probe.
    Network,
}

/// One signed statement of one appliance, `writ.bundle.v1` or `writ.bundle.v2`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`SCHEMA`] or [`SCHEMA_V2`]; see [`schema_of`].
    pub schema: String,
    /// `EB-YYYYMMDD-NNNN`; its number is `chain.sequence`.
    pub bundle_id: BundleId,
    /// [`BUNDLE_VERSION`].
    pub bundle_version: String,
    /// What this bundle tells.
    pub kind: Kind,
    /// The site.
    pub client_id: SiteId,
    /// The appliance that speaks.
    pub appliance: ApplianceId,
    /// The key it says it signs with. Verification takes the key from the verified release, never from here.
    pub public_key: PublicKey,
    /// When the bundle was written, by the appliance's clock.
    pub generated_at: Time,
    /// The machine it is about: `self`, or a name such as `windows:dc-1`.
    pub target: String,
    /// From where it was observed.
    pub vantage: Vantage,
    /// The release that was being obeyed; null before the first was accepted.
    pub release: Option<ReleaseRef>,
    /// Place in the chain.
    pub chain: Link,
    /// The last log checkpoint that this appliance verified (a signed note); null where there is no log.
    pub last_checkpoint: Option<String>,
    /// What was known of the time.
    pub clock: Clock,
    /// Whether what happened was meant (`intended`) or undid drift (`corrective`).
    pub change: Option<Change>,
    /// The incident, for `incident-opened` and `incident-closed`.
    pub incident: Option<Incident>,
    /// Who and what the incident touches.
    pub affected: Affected,
    /// What was seen before and after.
    pub drift: Option<Drift>,
    /// The runbook that was run.
    pub runbook: Option<RunbookRef>,
    /// When, by whom and how fast it was resolved.
    pub execution: Option<Execution>,
    /// Each step that was run.
    pub actions_taken: Vec<Action>,
    /// The re-scan that decides whether it worked.
    pub verification: Vec<Verification>,
    /// Excerpts and digests that support the rest.
    pub artifacts: Artifacts,
    /// What the incident came to.
    pub outputs: Option<Outputs>,
    /// For `posture`.
    pub posture: Option<Posture>,
    /// For `switch`.
    pub switch: Option<Switch>,
    /// For `pause`.
    pub pause: Option<Pause>,
    /// For `started`.
    pub started: Option<Started>,
    /// For `refused`.
    pub refused: Option<Refused>,
    /// For `thinned`.
    pub thinned: Option<Thinned>,
    /// For `order`.
    pub order: Option<OrderRecord>,
    /// For `restore-test`.
    pub restore_test: Option<RestoreTest>,
    /// For `clock`.
    pub clock_step: Option<ClockStep>,
    /// For `logs`.
    pub logs: Option<LogExtract>,
    /// For `plan`.
    pub plan: Option<PlanRecord>,
    /// For `attestation`.
    pub attestation: Option<Attestation>,
}

/// The schema of a bundle with this part: the oldest that has it, so that whatever can be is read by old readers too.
pub fn schema_of(posture: Option<&Posture>) -> &'static str {
    if matches!(posture, Some(Posture::Summary(_))) { SCHEMA_V2 } else { SCHEMA }
}
