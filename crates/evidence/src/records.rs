//! What the other kinds tell: switches, pauses, starts, refusals, thinning, and what people and orders did.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::minisign::{KeyId, PublicKey};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::order::OrderId;
use writ_trust::store_path::StorePath;
use writ_trust::time::Time;

use crate::bundle::ReleaseRef;
use crate::id::IncidentId;
use crate::incident::Verification;
use crate::posture::Range;

/// One generation of an appliance: an entry of a release with the system it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationRef {
    /// Epoch of its release.
    pub epoch: Epoch,
    /// Serial of its release.
    pub serial: Serial,
    /// Store path of its system; null when the release gives none.
    pub toplevel: Option<StorePath>,
}

/// A state of the journaled switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchState {
    /// The documents and the closure are here.
    Fetched,
    /// Signatures and digests are right.
    Verified,
    /// The closure is in the store, every path compared.
    Imported,
    /// The system is activated, not yet kept.
    Testing,
    /// The checks of the probation run.
    Probation,
    /// The new generation is kept.
    Committed,
    /// The old generation runs again.
    RolledBack,
}

impl SwitchState {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Verified => "verified",
            Self::Imported => "imported",
            Self::Testing => "testing",
            Self::Probation => "probation",
            Self::Committed => "committed",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// When a state was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateAt {
    /// The state.
    pub state: SwitchState,
    /// When it was entered.
    pub at: Time,
}

/// What a switch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchOutcome {
    /// The new generation runs and is kept.
    Committed,
    /// The old generation runs again.
    RolledBack,
    /// Going back failed: neither generation is known to run whole.
    RollbackFailed,
    /// It was interrupted too often, or refused, and will not be tried again.
    SetAside,
    /// The release names no system: its policy was adopted, nothing was activated.
    AdoptedWithoutClosure,
}

impl SwitchOutcome {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::SetAside => "set-aside",
            Self::AdoptedWithoutClosure => "adopted-without-closure",
        }
    }

    /// Whether the new generation is the one that is obeyed from now on.
    pub fn adopted(self) -> bool {
        matches!(self, Self::Committed | Self::AdoptedWithoutClosure)
    }
}

/// A switch from one generation to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The generation that ran before; null for the first.
    pub from: Option<GenerationRef>,
    /// The generation that was to run.
    pub to: GenerationRef,
    /// The release that asked for it.
    pub release: ReleaseRef,
    /// Every state that was entered, in order.
    pub states: Vec<StateAt>,
    /// What it came to.
    pub outcome: SwitchOutcome,
    /// Why it was not committed; null when it was.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: u64,
    /// What the checks came to at the end of probation.
    pub probation: Vec<Verification>,
}

/// Who suspended healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseMeans {
    /// A signed order.
    Order,
    /// A local break-glass code.
    BreakGlass,
}

/// Whether healing stopped or went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PausePhase {
    /// Healing of the checks is suspended.
    Begun,
    /// The time was up, and healing goes on.
    Expired,
    /// Somebody ended it before its time.
    Ended,
}

/// Healing of named checks was suspended or resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Whether it began or ended.
    pub phase: PausePhase,
    /// By what means.
    pub means: PauseMeans,
    /// What vouches for it: the digest of the order, or which break-glass code was used (never the code).
    pub reference: String,
    /// Who asked, as far as known: a keyed hash or a role.
    pub by: String,
    /// Why, scrubbed.
    pub reason: String,
    /// The checks that are not healed; every check when empty.
    pub checks: Vec<String>,
    /// From when.
    pub from: Time,
    /// Until when: it always ends.
    pub until: Time,
}

/// Why the enforcer started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartReason {
    /// The first start with this key.
    FirstStart,
    /// The machine booted.
    Boot,
    /// The enforcer was restarted in an orderly way.
    Restart,
    /// It was started for one scan.
    Once,
    /// It came up again after it was killed or the power was cut.
    Recovery,
}

impl StartReason {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstStart => "first-start",
            Self::Boot => "boot",
            Self::Restart => "restart",
            Self::Once => "once",
            Self::Recovery => "recovery",
        }
    }
}

/// The end of the chain of an earlier key of this appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEnd {
    /// The earlier key.
    pub public_key: PublicKey,
    /// The last sequence it wrote.
    pub sequence: u64,
    /// Digest of that bundle.
    pub digest: Digest,
}

/// The enforcer started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// Why.
    pub why: StartReason,
    /// Where the chain of an earlier key ended, if that is known.
    pub previous_chain: Option<ChainEnd>,
    /// Whether the machine was installed anew: its floor starts from the newest release it can see.
    pub reimaged: bool,
    /// What it enforces; null when nothing was accepted yet.
    pub enforcing: Option<ReleaseRef>,
    /// Version of the enforcer.
    pub agent_version: String,
    /// What it found to be unfinished and did about it, one line each.
    pub recovered: Vec<String>,
}

/// A document was refused; the running generation is untouched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Name of the rule that it breaks.
    pub rule: String,
    /// The one line that was logged, scrubbed.
    pub message: String,
    /// What was refused, such as `release`, `trust-root`, `policy`, `closure`.
    pub what: String,
    /// Digest of its exact bytes; null when it was too large or could not be read.
    pub digest: Option<Digest>,
    /// How often the same thing was refused for the same reason until now.
    pub count: u64,
}

/// A run of bundles that was removed, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinnedRange {
    /// First sequence that was removed.
    pub first: u64,
    /// Last sequence that was removed.
    pub last: u64,
    /// Digest of the last bundle that was removed, so that the chain can be followed across.
    pub digest: Digest,
}

/// Old bundles were removed to stay within the disk budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thinned {
    /// Why.
    pub reason: String,
    /// What was removed, in order.
    pub ranges: Vec<ThinnedRange>,
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderPhase {
    /// It was taken, and nothing is done yet.
    Acknowledged,
    /// It is over.
    Completed,
}

impl OrderPhase {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Completed => "completed",
        }
    }
}

/// A signed order was taken, and then carried out or declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRecord {
    /// Digest of the order's exact bytes.
    pub digest: Digest,
    /// What it asked for.
    pub action: String,
    /// Whether it was carried out; never where it was only taken.
    pub carried_out: bool,
    /// What came of it, or why it was declined, scrubbed.
    pub result: String,
    /// How far it has come. Who wrote none tells of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<OrderPhase>,
    /// The order's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<OrderId>,
    /// Why it was made, scrubbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The order keys that signed it and counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<KeyId>,
}

/// A backup was restored to see whether it can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreTest {
    /// The check that asked for it.
    pub check: String,
    /// When it began.
    pub started_at: Time,
    /// When it ended.
    pub ended_at: Time,
    /// When the backup that was restored had been made.
    pub backup_at: Option<Time>,
    /// How many files were restored and compared.
    pub files_compared: u64,
    /// How many of them differed or were missing.
    pub files_wrong: u64,
    /// Whether the restore is fit to be relied on.
    pub succeeded: bool,
    /// What went wrong, scrubbed.
    pub problems: Vec<String>,
}

/// The clock was set, or its sources disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockStep {
    /// What the clock said before.
    pub before: Time,
    /// What it says now.
    pub after: Time,
    /// What moved it.
    pub cause: String,
    /// Offsets that its sources reported, in milliseconds.
    pub offsets_ms: Option<Range>,
}

/// The end of a source's chain of log batches, which names every batch before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogExtract {
    /// The source.
    pub source: String,
    /// Where the bundle of the source before this one ended; for the first, where the chain begins.
    pub from: Time,
    /// Where the last batch ends.
    pub to: Time,
    /// How many lines are in all batches between the two.
    pub lines: u64,
    /// Digest of the last batch's exact bytes (`writ.log-batch.v1`).
    pub digest: Digest,
}

/// A remediation plan was made, allowed or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRecord {
    /// The incident it is for.
    pub incident_id: IncidentId,
    /// The planner that made it.
    pub planner: String,
    /// Runbooks it names, in order.
    pub runbooks: Vec<String>,
    /// Whether the signed policy allows it.
    pub allowed: bool,
    /// Why, scrubbed.
    pub reason: String,
    /// What a language model was asked for it, as the planner tells it; left out where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
}

/// One call of a language model. The planner tells of it, and nobody vouches for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// The model, as the endpoint was asked for it.
    pub model: String,
    /// The digest of the exact bytes that were sent.
    pub prompt: Digest,
    /// What was asked, scrubbed.
    pub asked: String,
    /// What was answered, scrubbed; empty where nothing was.
    pub answered: String,
    /// What came of it: `chosen`, or the name of what was wrong, for instance `timeout`.
    pub outcome: String,
    /// Tokens of what was asked, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens of what was answered, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What it cost, by the price in the policy, in millionths of a US dollar.
    pub cost_microdollars: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A statement by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The control it is about.
    pub control: String,
    /// Who states it.
    pub by: String,
    /// What is stated.
    pub statement: String,
    /// From when it holds.
    pub from: Time,
    /// Until when it holds.
    pub until: Time,
    /// Digests of what is attached.
    pub attachments: Vec<Digest>,
}
