//! A notice (`writ.notice.v1`): what an appliance wants somebody to be told, and whom.
//!
//! Signed by the appliance as its heartbeat is. Whoever tells people (mail, a pager) verifies it first, and tells each
//! number once.

use serde::{Deserialize, Serialize};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::{PublicKey, SecretKey, SignError};
use writ_trust::time::Time;

use crate::shape::{document, nullable};
use crate::signed::Signed;
use crate::statement::StatementError;

/// The largest notice, in bytes.
pub const MAX_NOTICE: usize = 64 * 1024;

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeEvent {
    /// An incident opened.
    Opened,
    /// People have it: the first contact is called.
    Escalated,
    /// Nobody answered in time: the next contact is called.
    Unanswered,
    /// Somebody at the appliance said that they have seen it: nobody else is called.
    Acknowledged,
    /// Those who were called hear how it stands.
    Update,
    /// An incident ended.
    Closed,
    /// Healing was suspended by people, or goes on.
    Paused,
}

/// What somebody is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Always `writ.notice.v1`.
    pub schema: NoticeSchema,
    /// Its site.
    pub site: SiteId,
    /// The appliance that says it.
    pub appliance: ApplianceId,
    /// Its own key, which signs this.
    pub public_key: PublicKey,
    /// Its number: one more than that of the notice before.
    pub number: u64,
    /// When it happened, by the appliance's clock.
    pub at: Time,
    /// What.
    pub event: NoticeEvent,
    /// The incident, as evidence names it; null when it is about none.
    #[serde(deserialize_with = "nullable")]
    pub incident_id: Option<String>,
    /// The check.
    #[serde(deserialize_with = "nullable")]
    pub check: Option<String>,
    /// What it is about, in words of the policy.
    pub title: String,
    /// `critical`, `high`, `medium` or `low`.
    #[serde(deserialize_with = "nullable")]
    pub severity: Option<String>,
    /// The machine.
    pub target: String,
    /// The controls that it touches.
    pub controls: Vec<String>,
    /// Who is to be told, one line each.
    pub route: Vec<String>,
    /// When the site wants it resolved.
    #[serde(deserialize_with = "nullable")]
    pub due_at: Option<Time>,
    /// When the next contact is called unless somebody answers.
    #[serde(deserialize_with = "nullable")]
    pub answer_by: Option<Time>,
    /// Why, in words.
    pub reasons: Vec<String>,
}

document!(Notice, NoticeSchema, NOTICE_SCHEMA, "writ.notice.v1", MAX_NOTICE);

impl Notice {
    /// Signs a notice with the appliance's own key. The same notice always comes to the same bytes.
    pub fn sign(&self, key: &SecretKey) -> Result<Signed, SignError> {
        let comment = format!("notice site={} appliance={} number={}", self.site, self.appliance, self.number);
        Signed::by(self.canonical(), key, &comment)
    }

    /// Judges a notice under the appliance's key: signature first, then shape and key.
    pub fn verify(signed: &Signed, key: &PublicKey) -> Result<Self, StatementError> {
        signed.verify_single(key)?;
        let notice = Self::parse(&signed.document.0)?;
        if notice.public_key.ed25519() != key.ed25519() {
            return Err(StatementError::OtherKey);
        }
        Ok(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_counts_only_under_the_key_it_names_and_always_comes_to_the_same_bytes() {
        let (key, other) = (SecretKey::generate(&[1; 40]), SecretKey::generate(&[2; 40]));
        let mut notice = Notice {
            schema: NoticeSchema::V1,
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            public_key: key.public_key(),
            number: 3,
            at: "2026-11-23T12:00:00Z".parse().unwrap(),
            event: NoticeEvent::Unanswered,
            incident_id: Some("INC-20261123-0007".into()),
            check: Some("access.firewall".into()),
            title: "The firewall is loaded".into(),
            severity: Some("critical".into()),
            target: "self".into(),
            controls: vec!["164.312(e)(1)".into()],
            route: vec!["secondary stand-in: Kim Lee".into()],
            due_at: None,
            answer_by: Some("2026-11-23T12:30:00Z".parse().unwrap()),
            reasons: vec!["ruleset_loaded eq true, seen false".into()],
        };
        let signed = notice.sign(&key).unwrap();
        assert_eq!(Notice::verify(&signed, &key.public_key()).unwrap(), notice);
        assert_eq!(notice.sign(&key).unwrap(), signed);
        assert!(matches!(Notice::verify(&signed, &other.public_key()), Err(StatementError::Signed(_))));
        notice.public_key = other.public_key();
        assert!(matches!(
            Notice::verify(&notice.sign(&key).unwrap(), &key.public_key()),
            Err(StatementError::OtherKey)
        ));
        let text = String::from_utf8(notice.canonical()).unwrap();
        for (from, to) in
            [("\"unanswered\"", "\"shouted\""), ("\"due_at\":null,", ""), ("\"number\":3", "\"number\":-3")]
        {
            assert!(text.contains(from) && Notice::parse(text.replace(from, to).as_bytes()).is_err(), "{from}");
        }
        assert!(Notice::parse(&vec![b' '; MAX_NOTICE + 1]).is_err());
    }
}
