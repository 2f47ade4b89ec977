//! The heartbeat (`writ.heartbeat.v1`): what an appliance says of itself every minute, so that its silence is noticed.

use serde::{Deserialize, Serialize};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::minisign::{PublicKey, SecretKey, SignError};
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::time::Time;

use crate::releases::ReleaseRef;
use crate::shape::{document, nullable};
use crate::signed::Signed;
use crate::statement::StatementError;

/// How often an appliance says it, in milliseconds.
pub const INTERVAL_MILLIS: i64 = 60_000;

/// What an appliance says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Always `writ.heartbeat.v1`.
    pub schema: HeartbeatSchema,
    /// Its site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Its own key, which signs this.
    pub public_key: PublicKey,
    /// When it was said, by the appliance's clock.
    pub at: Time,
    /// The release it enforces; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub release: Option<ReleaseRef>,
    /// The newest trust root that it has accepted.
    pub trust_version: TrustVersion,
    /// The sequence of the last bundle that it sealed; 0 before the first.
    pub sequence: u64,
    /// How many incidents are open.
    pub open_incidents: u64,
    /// How many documents it has refused since it was started.
    pub refused: u64,
    /// The newest checkpoint of the site's log that it has verified; null where there is none.
    #[serde(deserialize_with = "nullable")]
    pub log: Option<LogPosition>,
    /// The newest time that the log key has signed for a checkpoint; null where there is none.
    #[serde(deserialize_with = "nullable")]
    pub log_fresh_at: Option<Time>,
    /// The version of the program that says this.
    pub agent_version: String,
    /// The newest release that it knows of and does not enforce; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
}

document!(Heartbeat, HeartbeatSchema, HEARTBEAT_SCHEMA, "writ.heartbeat.v1", MAX_DOCUMENT);

/// How it stands with a release that is newer than the one enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial.
    pub serial: Serial,
    /// How it stands.
    pub state: NextState,
    /// What waits: until when. A switch: when it began, or ended. Left out where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// What is refused: by which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// How it stands with a release that is not enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextState {
    /// Its time has not come.
    NotBefore,
    /// It waits for a maintenance window.
    Window,
    /// Something that it names has not come.
    Incomplete,
    /// It breaks a rule.
    Refused,
    /// It is being switched to.
    Switching,
    /// It was switched to, did not pass, and what ran before runs again.
    RolledBack,
    /// It was switched to, did not pass, and going back failed.
    RollbackFailed,
    /// It is not tried any more.
    SetAside,
}

/// How far into a site's log somebody has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPosition {
    /// Which of the site's logs, from 1.
    pub number: u64,
    /// The log's origin.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
}

impl Heartbeat {
    /// Signs a heartbeat with the appliance's own key.
    pub fn sign(&self, key: &SecretKey) -> Result<Signed, SignError> {
        let comment = format!("heartbeat site={} appliance={} at={}", self.site, self.appliance, self.at);
        Signed::by(self.canonical(), key, &comment)
    }

    /// Whether the appliance's key signed this document; its signature file's trusted comment is not looked at, for nothing is
    /// decided by it. Enough for who only keeps the newest one: whoever goes by what it says uses [`Heartbeat::verify`].
    pub fn verify_document(signed: &Signed, key: &PublicKey) -> Result<(), StatementError> {
        Ok(signed.verify_document(key)?)
    }

    /// Judges a heartbeat under the appliance's key: signature first, then shape and key. Its age is for whoever asks. The
    /// trusted comment may be anybody's, as for whoever keeps it: else whoever carries a heartbeat could have it taken and make
    /// it look broken to those who read it.
    pub fn verify(signed: &Signed, key: &PublicKey) -> Result<Self, StatementError> {
        Self::verify_document(signed, key)?;
        let heartbeat = Self::parse(&signed.document.0)?;
        if heartbeat.public_key.ed25519() != key.ed25519() {
            return Err(StatementError::OtherKey);
        }
        Ok(heartbeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_counts_only_under_the_key_it_names() {
        let (key, other) = (SecretKey::generate(&[1; 40]), SecretKey::generate(&[2; 40]));
        let mut heartbeat = Heartbeat {
            schema: HeartbeatSchema::V1,
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            public_key: key.public_key(),
            at: "2026-11-23T12:00:00Z".parse().unwrap(),
            release: None,
            trust_version: TrustVersion::FIRST,
            sequence: 7,
            open_incidents: 1,
            refused: 0,
            log: Some(LogPosition { number: 1, origin: "log.example/clinic-001".into(), size: 9 }),
            log_fresh_at: None,
            agent_version: "0.1.0".into(),
            next: None,
        };
        let signed = heartbeat.sign(&key).unwrap();
        assert_eq!(Heartbeat::verify(&signed, &key.public_key()).unwrap(), heartbeat);
        assert!(matches!(Heartbeat::verify(&signed, &other.public_key()), Err(StatementError::Signed(_))));
        let comment = String::from_utf8(signed.signatures[0].0.clone()).unwrap().replace("site=clinic-001", "site=x");
        let carried = Signed { signatures: vec![crate::Blob(comment.into_bytes())], ..signed.clone() };
        assert_ne!(carried, signed);
        assert_eq!(Heartbeat::verify(&carried, &key.public_key()).unwrap(), heartbeat, "its comment is nobody's word");
        heartbeat.public_key = other.public_key();
        let foreign = heartbeat.sign(&key).unwrap();
        assert!(matches!(Heartbeat::verify(&foreign, &key.public_key()), Err(StatementError::OtherKey)));
        let before = String::from_utf8(heartbeat.canonical()).unwrap();
        assert!(!before.contains("next"), "as programs before it wrote it");
        let (epoch, serial) = (Epoch::FIRST, Serial::FIRST);
        let next = Next { epoch, serial, state: NextState::RolledBack, at: Some(heartbeat.at), rule: None };
        heartbeat.next = Some(next);
        assert_eq!(Heartbeat::parse(&heartbeat.canonical()).unwrap(), heartbeat);
        // A depot answers for a site of some thousand appliances at once.
        let heartbeats = vec![heartbeat.sign(&key).unwrap(); 4000];
        let all =
            crate::heartbeats::Heartbeats { schema: crate::heartbeats::HeartbeatsSchema::V1, heartbeats }.canonical();
        assert!(all.len() < crate::MAX_ENVELOPE, "{}", all.len());
        let missing = String::from_utf8(heartbeat.canonical()).unwrap().replace("\"log_fresh_at\":null,", "");
        assert!(Heartbeat::parse(missing.as_bytes()).is_err(), "a member that may be null must be there");
    }
}
