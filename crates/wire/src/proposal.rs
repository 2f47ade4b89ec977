//! What somebody without any authority proposes to run (`writ.proposal.v1`), in a folder where people look for it.
//!
//! A proposal runs nothing. It names runbooks of the signed policy and nothing else: no parameter, no step, no program. A person
//! reads it, and what they approve becomes an order that they sign.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use crate::plan::{MAX_NAME, MAX_REASON, MAX_RUNBOOKS};
use crate::shape::document;

/// The largest such document, in bytes.
pub const MAX_PROPOSAL: usize = 64 * 1024;

/// Runbooks that somebody proposes to run for a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Always `writ.proposal.v1`.
    pub schema: ProposalSchema,
    /// `P-` and the first twelve hexadecimal digits of a digest of what is proposed: [`Proposal::id_of`].
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident that it is about; left out where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The check that fails.
    pub check: String,
    /// The runbooks, in order, each for as long as the check fails.
    pub runbooks: Vec<String>,
    /// Why these, for people.
    pub reason: String,
    /// Who proposes, as they call themselves: nobody vouches for it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Time,
}

document!(Proposal, ProposalSchema, PROPOSAL_SCHEMA, "writ.proposal.v1", MAX_PROPOSAL);

impl Proposal {
    /// The id of what is proposed, whoever proposes it and whenever: who asks twice has asked once.
    pub fn id_of(&self) -> String {
        let said = Self {
            id: String::new(),
            proposed_by: String::new(),
            proposed_at: Time::from_unix_millis(0),
            ..self.clone()
        };
        format!("P-{}", &Digest::of(&said.canonical()).hex()[..12])
    }

    /// What in it is longer than it may be, no plain text, or not what it says; none when all is well.
    pub fn excess(&self) -> Option<&'static str> {
        let plain =
            |text: &str| !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_graphic());
        let runbooks = (1..=MAX_RUNBOOKS).contains(&self.runbooks.len()) && self.runbooks.iter().all(|one| plain(one));
        match self {
            proposal if proposal.id != proposal.id_of() => Some("id"),
            proposal if !plain(&proposal.check) => Some("check"),
            proposal if proposal.incident.as_deref().is_some_and(|incident| !plain(incident)) => Some("incident"),
            _ if !runbooks => Some("runbooks"),
            proposal if !plain(&proposal.proposed_by) => Some("proposed_by"),
            proposal if proposal.reason.trim().is_empty() || proposal.reason.len() > MAX_REASON => Some("reason"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal() -> Proposal {
        let mut proposal = Proposal {
            schema: ProposalSchema::V1,
            id: String::new(),
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            incident: None,
            check: "backup.job".into(),
            runbooks: vec!["RB-BACKUP-001".into()],
            reason: "it helped before".into(),
            proposed_by: "somebody/1.0".into(),
            proposed_at: "2026-11-23T12:00:00Z".parse().unwrap(),
        };
        proposal.id = proposal.id_of();
        proposal
    }

    #[test]
    fn it_names_runbooks_and_can_say_nothing_else() {
        let text = String::from_utf8(proposal().canonical()).unwrap();
        assert_eq!(Proposal::parse(text.as_bytes()).unwrap(), proposal());
        for (from, to) in [
            ("\"reason\":", "\"parameters\":{\"path\":\"/etc/shadow\"},\"reason\":"),
            ("\"runbooks\":[\"RB-BACKUP-001\"]", "\"runbooks\":\"RB-BACKUP-001\""),
            ("proposal.v1", "proposal.v2"),
        ] {
            assert!(text.contains(from) && Proposal::parse(text.replace(from, to).as_bytes()).is_err(), "{from}");
        }
    }

    #[test]
    fn what_is_too_long_or_no_name_is_named() {
        let with = |change: fn(&mut Proposal)| {
            let mut changed = proposal();
            change(&mut changed);
            changed.id = changed.id_of();
            changed.excess()
        };
        assert_eq!(proposal().excess(), None);
        assert_eq!(with(|p| p.check = "a b".into()), Some("check"));
        assert_eq!(with(|p| p.incident = Some("../x\n".into())), Some("incident"));
        assert_eq!(with(|p| p.runbooks.clear()), Some("runbooks"));
        assert_eq!(with(|p| p.runbooks = vec!["RB".into(); 6]), Some("runbooks"));
        assert_eq!(with(|p| p.reason = " ".into()), Some("reason"));
        assert_eq!(with(|p| p.reason = "x".repeat(MAX_REASON + 1)), Some("reason"));
        assert_eq!(Proposal { check: "another".into(), ..proposal() }.excess(), Some("id"));
    }

    #[test]
    fn who_asks_twice_has_asked_once() {
        let later = Proposal { proposed_at: Time::from_unix_millis(1), proposed_by: "else/2".into(), ..proposal() };
        assert_eq!(later.id_of(), proposal().id);
        assert_eq!(proposal().id.len(), 14);
        assert_ne!(Proposal { reason: "another".into(), ..proposal() }.id_of(), proposal().id);
    }
}
