//! `state.json`: all that must not be told twice or forgotten, in one file that is replaced whole.
//!
//! The one rename of this file commits a change *and* the bundles that tell of it: [`State::tail`] holds sealed bundles,
//! bytes and signature, until they are known to be in the outbox. After a kill or a power cut the tail is put there
//! again, which changes nothing if it already is.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use writ_evidence::chain::ChainState;
use writ_evidence::id::{Date, IncidentId};
use writ_evidence::posture::TellingRef;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::json::{self, JsonError};
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

use super::breaker::Breaker;
use super::flap::Flaps;
use super::incident::Incident;
use super::logs::LogChain;
use super::orders::Orders;
use super::outbox::Proven;
use super::pause::Pauses;
use super::plans::request::PastRuns;
use super::refused::{Quotas, Source};

/// The schema of [`State`].
pub const SCHEMA: &str = "writ.enforcer-state.v1";
/// Its file in the state directory.
pub const FILE: &str = "state.json";
/// The largest state file, in bytes: the tail is bounded, the rest is small.
const MAX_STATE: usize = 64 * 1024 * 1024;
/// How many refusals of each source are remembered, so that each becomes evidence once.
const REMEMBERED_REFUSALS: usize = 256;

/// What the enforcer knows across restarts.
///
/// Unknown fields are ignored and missing ones have defaults: after a rollback an older version must read what a newer
/// one wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The key whose chain it is.
    #[serde(default)]
    pub public_key: Option<PublicKey>,
    /// Where the evidence chain stands.
    pub chain: ChainState,
    /// Bundles that are sealed and not yet known to be in the outbox, in order.
    #[serde(default)]
    pub tail: VecDeque<Pending>,
    /// Open incidents by check and target (see [`incident_key`]).
    #[serde(default)]
    pub incidents: BTreeMap<String, Incident>,
    /// How many incidents were opened so far.
    #[serde(default)]
    pub incident_number: u64,
    /// The date in the last incident's id; an id's date never goes back.
    #[serde(default)]
    pub incident_date: Option<Date>,
    /// The last outcome of each check.
    #[serde(default)]
    pub outcomes: BTreeMap<String, Outcome>,
    /// Which incidents each rule answered lately.
    #[serde(default)]
    pub breaker: Breaker,
    /// What runbooks came to, for whoever chooses among them.
    #[serde(default, skip_serializing_if = "PastRuns::is_empty")]
    pub past_runs: PastRuns,
    /// When incidents of each check opened lately.
    #[serde(default, skip_serializing_if = "Flaps::is_empty")]
    pub flaps: Flaps,
    /// Notices that are not laid out yet, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub notices: VecDeque<PendingNotice>,
    /// How many notices there were so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub notice_number: u64,
    /// Healing that people suspended.
    #[serde(default)]
    pub pauses: Pauses,
    /// What is known of orders; nothing before the first start of a version that takes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Orders>,
    /// Documents that were refused, oldest first.
    #[serde(default)]
    pub refusals: VecDeque<RefusalCount>,
    /// How many documents were refused so far.
    #[serde(default)]
    pub refused_total: u64,
    /// How many refusals became evidence lately.
    #[serde(default, skip_serializing_if = "Quotas::is_unused")]
    pub refusal_quotas: Quotas,
    /// Whether the site's log was last told of as not heard of lately.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_stale: bool,
    /// When that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_told_at: Option<Time>,
    /// When the site's log last said, and was believed, what its head is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_heard_at: Option<Time>,
    /// Since when a trust root names a log for the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_since: Option<Time>,
    /// When this was last written: a start at an earlier time is one by a clock that is, or was, wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Time>,
    /// The bundle that last told of posture in a way that the next account can build on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posture_told: Option<TellingRef>,
    /// Bundles that were found delivered and are still in the outbox.
    #[serde(default, skip_serializing_if = "Proven::is_empty")]
    pub proven: Proven,
    /// Bundles that the chain tells of as thinned, by the names of their files, until they are gone from the outbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thinning: Vec<String>,
    /// What is obeyed.
    #[serde(default)]
    pub running: Option<RunningRef>,
    /// The last finished switch that is in evidence.
    #[serde(default)]
    pub told_switch: Option<ToldSwitch>,
    /// The records of restores that are in evidence, by the name of the test.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_restore_tests: BTreeMap<String, Digest>,
    /// How far the chain of each source of logs was followed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_chains: BTreeMap<LogSourceId, LogChain>,
    /// End of the time that the last posture vector sums up.
    #[serde(default)]
    pub vector_to: Option<Time>,
    /// When the last snapshot was made, and of which release's policy.
    #[serde(default)]
    pub snapshot: Option<SnapshotMark>,
    /// The boot in which this was written.
    #[serde(default)]
    pub boot_id: String,
    /// Whether the enforcer that wrote this ended in an orderly way.
    #[serde(default)]
    pub stopped: bool,
    /// Incidents that were healed without a record, because neither disk nor memory could hold one more bundle.
    #[serde(default)]
    pub unrecorded: u64,
    /// Requests of people that were answered, newest last, so that none is answered twice.
    #[serde(default)]
    pub answered: VecDeque<String>,
    /// What had to be repaired when this was read, for the next `started` bundle.
    #[serde(skip)]
    pub recovered: Vec<String>,
}

/// A sealed bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its file name.
    pub name: String,
    /// Its exact bytes, which are UTF-8.
    pub bundle: String,
    /// Its signature file.
    pub signature: String,
    /// How far it has come. One that is read back was committed.
    #[serde(skip)]
    pub standing: Standing,
}

/// A notice that is not laid out yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingNotice {
    /// Its number.
    pub number: u64,
    /// Its exact bytes, which are UTF-8. What is signed is deterministic, so the same file comes of it again after a crash.
    pub document: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How far a sealed bundle has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// It exists in memory only.
    Sealed,
    /// The state that holds it is durable.
    #[default]
    Committed,
    /// It is in the outbox, not known to be on the disk there.
    Placed,
}

/// A point among releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    /// The epoch.
    pub epoch: Epoch,
    /// The serial.
    pub serial: Serial,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch, self.serial)
    }
}

/// What is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningRef {
    /// The release.
    pub release: Point,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// The release whose policy is enforced: an earlier one while this version cannot read the new policy's schema.
    pub policy: Option<Point>,
}

/// A switch that is in evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldSwitch {
    /// The release.
    pub release: Point,
    /// When it began.
    pub began_at: Time,
}

/// A document that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount {
    /// Its digest; none when it could not be read.
    pub digest: Option<Digest>,
    /// What it is or claims to be, with its place.
    pub what: String,
    /// The rule.
    pub rule: String,
    /// How often it was looked at and refused.
    pub count: u64,
    /// Who could make it.
    #[serde(default = "anybody", skip_serializing_if = "Source::is_anybody")]
    pub source: Source,
    /// Whether there was no room for it in evidence yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
}

fn anybody() -> Source {
    Source::Anybody
}

/// What came of counting a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How often it was counted, this time included.
    pub count: u64,
    /// Whether it is in evidence.
    pub told: bool,
}

/// When a snapshot was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMark {
    /// When.
    pub at: Time,
    /// The release whose policy was looked at.
    pub policy: Point,
}

/// The name of an incident's place: one per check and target.
pub fn incident_key(check: &str, target: &str) -> String {
    format!("{check}@{target}")
}

/// Why there is no state to continue from.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a state.
    #[error("{}: damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: JsonError,
    },
    /// The file follows another schema.
    #[error("{}: schema {found:?} is not {SCHEMA:?}", path.display())]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
}

impl State {
    /// The state of an enforcer whose chain stands here and that knows nothing else.
    pub fn new(chain: ChainState) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            public_key: None,
            chain,
            tail: VecDeque::new(),
            incidents: BTreeMap::new(),
            incident_number: 0,
            incident_date: None,
            outcomes: BTreeMap::new(),
            breaker: Breaker::default(),
            past_runs: PastRuns::new(),
            flaps: Flaps::default(),
            notices: VecDeque::new(),
            notice_number: 0,
            pauses: Pauses::default(),
            orders: None,
            refusals: VecDeque::new(),
            refused_total: 0,
            refusal_quotas: Quotas::default(),
            log_stale: false,
            log_told_at: None,
            log_heard_at: None,
            log_since: None,
            proven: Proven::default(),
            thinning: Vec::new(),
            running: None,
            told_switch: None,
            told_restore_tests: BTreeMap::new(),
            log_chains: BTreeMap::new(),
            vector_to: None,
            posture_told: None,
            written_at: None,
            snapshot: None,
            boot_id: String::new(),
            stopped: false,
            unrecorded: 0,
            answered: VecDeque::new(),
            recovered: Vec::new(),
        }
    }

    /// Reads the state of a state directory; none when there is none.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, StateError> {
        let path = state_dir.join(FILE);
        let bytes = match writ_durable::read_bounded(&path, MAX_STATE) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::Unreadable { path, source }),
        };
        let state: Self =
            json::parse(&bytes, MAX_STATE).map_err(|source| StateError::Damaged { path: path.clone(), source })?;
        if state.schema != SCHEMA {
            return Err(StateError::OtherSchema { path, found: state.schema });
        }
        Ok(Some(state))
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a state has string keys")
    }

    /// How many bundles are not in the outbox yet.
    pub fn waiting(&self) -> usize {
        self.tail.iter().filter(|pending| pending.standing != Standing::Placed).count()
    }

    /// The id that the next incident gets.
    pub fn next_incident_id(&self, now: Time) -> IncidentId {
        let date = self.incident_date.map_or(Date::of(now), |last| last.max(Date::of(now)));
        IncidentId { date, number: self.incident_number + 1 }
    }

    fn refusal(&mut self, digest: Option<Digest>, what: &str, rule: &str) -> Option<&mut RefusalCount> {
        self.refusals.iter_mut().find(|r| r.digest == digest && r.what == what && r.rule == rule)
    }

    /// Whether a refusal became evidence, as far as that is remembered.
    pub fn is_refusal_told(&self, digest: Option<Digest>, what: &str, rule: &str) -> bool {
        self.refusals.iter().any(|r| r.digest == digest && r.what == what && r.rule == rule && !r.untold)
    }

    /// Counts a refusal of this document by this rule.
    pub fn count_refusal(&mut self, digest: Option<Digest>, what: &str, rule: &str, source: Source) -> Counted {
        self.refused_total += 1;
        if let Some(known) = self.refusal(digest, what, rule) {
            known.count += 1;
            return Counted { count: known.count, told: !known.untold };
        }
        // Each source has room of its own: what anybody can make must not push out what they cannot.
        if self.refusals.iter().filter(|r| r.source == source).count() >= REMEMBERED_REFUSALS
            && let Some(oldest) = self.refusals.iter().position(|r| r.source == source)
        {
            self.refusals.remove(oldest);
        }
        let (what, rule) = (what.to_owned(), rule.to_owned());
        self.refusals.push_back(RefusalCount { digest, what, rule, count: 1, source, untold: false });
        Counted { count: 1, told: false }
    }

    /// Remembers whether a refusal that was counted became evidence.
    pub fn refusal_told(&mut self, digest: Option<Digest>, what: &str, rule: &str, told: bool) {
        if let Some(known) = self.refusal(digest, what, rule) {
            known.untold = !told;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_what_it_wrote_and_what_another_version_wrote() {
        let dir = tempfile::tempdir().unwrap();
        assert!(State::load(dir.path()).unwrap().is_none());
        let mut state = State::new(ChainState::new());
        state.tail.push_back(Pending {
            name: "1-x".into(),
            bundle: "{\"é\":1}".into(),
            signature: "s\n".into(),
            standing: Standing::Committed,
        });
        assert!(!state.count_refusal(None, "release 1-9", "size", Source::Anybody).told);
        assert!(state.count_refusal(None, "release 1-9", "size", Source::Anybody).told);
        std::fs::write(dir.path().join(FILE), state.to_bytes()).unwrap();
        assert_eq!(State::load(dir.path()).unwrap().unwrap(), state);
        let newer = r#"{"schema":"writ.enforcer-state.v1","chain":{"next_sequence":1,"previous":null,"last_date":null},"novelty":1}"#;
        std::fs::write(dir.path().join(FILE), newer).unwrap();
        assert!(State::load(dir.path()).unwrap().is_some());
        for (text, says) in [("", "damaged"), ("{}", "damaged"), (&newer.replace(".v1", ".v9"), "schema")] {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            assert!(State::load(dir.path()).unwrap_err().to_string().contains(says), "{text}");
        }
    }
    #[test]
    fn a_refusal_is_told_when_it_was_sealed_and_no_flood_makes_it_forgotten() {
        let mut state = State::new(ChainState::new());
        let expired = |state: &mut State| state.count_refusal(None, "running-release", "expiry", Source::Keyed);
        assert_eq!(expired(&mut state), Counted { count: 1, told: false });
        state.refusal_told(None, "running-release", "expiry", false);
        assert_eq!(expired(&mut state), Counted { count: 2, told: false });
        state.refusal_told(None, "running-release", "expiry", true);
        for n in 0..1000_u64 {
            let digest = Some(Digest::of(&n.to_be_bytes()));
            assert!(!state.count_refusal(digest, "release", "size", Source::Anybody).told);
        }
        assert_eq!(expired(&mut state), Counted { count: 3, told: true });
        assert_eq!(state.refusals.len(), REMEMBERED_REFUSALS + 1);
    }
}
