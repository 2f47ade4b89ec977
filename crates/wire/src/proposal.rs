//! What somebody proposes to have run (`writ.proposal.v1`): one file for each, `<id>.json`, in a folder of proposals.
//!
//! Whoever writes it has no authority and no key, and nothing of it runs by itself: people look at it, and what they want is a signed
//! order (`writ plan approve`). It can name runbooks and nothing else: no parameter, no step, no program.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use crate::plan::{MAX_NAME, MAX_REASON, MAX_RUNBOOKS, is_name, repeated};
use crate::plan_request::file_name;
use crate::shape::document;

/// The largest such document, in bytes.
pub const MAX_PROPOSAL: usize = 16 * 1024;
/// The longest word on who proposes, in bytes.
pub const MAX_PROPOSED_BY: usize = MAX_NAME;

/// Runbooks that somebody would have run for a check that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Always `writ.proposal.v1`.
    pub schema: ProposalSchema,
    /// Its name, and with `.json` behind it that of its file: see [`Proposal::id_of`].
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident that it is for, `INC-20261123-0007`; left out where it is for whichever is open for the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The check that fails.
    pub check: String,
    /// The runbooks, in the order in which they are to be tried: 1 to [`MAX_RUNBOOKS`], none of them twice.
    pub runbooks: Vec<String>,
    /// Why these, for people: at most [`MAX_REASON`] bytes.
    pub reason: String,
    /// Who proposes it, in the words of whoever wrote the file.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Time,
}

document!(Proposal, ProposalSchema, PROPOSAL_SCHEMA, "writ.proposal.v1", MAX_PROPOSAL);

impl Proposal {
    /// The id of what is proposed: `P-` and the first 32 hexadecimal digits of the digest of the same without its id, who
    /// proposes and when. Who proposes the same twice has proposed it once, and what somebody has read cannot become something else
    /// under the same name: nobody finds two that share half of a digest.
    pub fn id_of(&self) -> String {
        let (id, proposed_by) = (String::new(), String::new());
        let said = Self { id, proposed_by, proposed_at: Time::from_unix_millis(0), ..self.clone() };
        format!("P-{}", &Digest::of(&said.canonical()).hex()[..32])
    }

    /// What in it is longer than it may be, no plain text, or not what it says; none when all is well.
    pub fn excess(&self) -> Option<&'static str> {
        let by = &self.proposed_by;
        let many = (1..=MAX_RUNBOOKS).contains(&self.runbooks.len());
        let named = self.runbooks.iter().all(|runbook| is_name(runbook));
        match self {
            _ if !many || !named || repeated(&self.runbooks).is_some() => Some("runbooks"),
            Self { incident: Some(incident), .. } if file_name(incident).is_none() => Some("incident"),
            Self { check, .. } if !is_name(check) => Some("check"),
            Self { reason, .. } if reason.trim().is_empty() || reason.len() > MAX_REASON => Some("reason"),
            _ if by.trim().is_empty() || by.len() > MAX_PROPOSED_BY || by.chars().any(char::is_control) => {
                Some("proposed_by")
            }
            Self { id, .. } if *id != self.id_of() => Some("id"),
            _ => None,
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("{}.json", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal() -> Proposal {
        let proposal = Proposal {
            schema: ProposalSchema::V1,
            id: String::new(),
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            incident: Some("INC-20261123-0007".into()),
            check: "service.ehr".into(),
            runbooks: vec!["RB-A".into(), "RB-B".into()],
            reason: "it helped elsewhere".into(),
            proposed_by: "an assistant of Kim's".into(),
            proposed_at: "2026-11-23T12:00:00Z".parse().unwrap(),
        };
        named(proposal)
    }

    fn named(proposal: Proposal) -> Proposal {
        Proposal { id: proposal.id_of(), ..proposal }
    }

    #[test]
    fn it_names_runbooks_and_can_say_nothing_else() {
        let text = String::from_utf8(proposal().canonical()).unwrap();
        assert_eq!(Proposal::parse(text.as_bytes()).unwrap(), proposal());
        assert_eq!(named(Proposal { incident: None, ..proposal() }).excess(), None);
        for (from, to) in [
            ("\"reason\":", "\"parameters\":{\"path\":\"/etc/shadow\"},\"reason\":"),
            ("\"reason\":", "\"reason\":\"twice\",\"reason\":"),
            ("[\"RB-A\",\"RB-B\"]", "\"RB-A\""),
            ("writ.proposal.v1", "writ.plan.v1"),
            ("\"check\":\"service.ehr\",", ""),
            ("front-desk", "../front-desk"),
            ("2026-11-23T12:00:00Z", "yesterday"),
        ] {
            assert!(text.contains(from) && Proposal::parse(text.replace(from, to).as_bytes()).is_err(), "{from}");
        }
        assert!(Proposal::parse(&vec![b' '; MAX_PROPOSAL + 1]).is_err());
    }

    #[test]
    fn what_is_too_long_or_no_name_is_named() {
        assert_eq!(proposal().excess(), None);
        let runbooks = |runbooks: &[&str]| Proposal {
            runbooks: runbooks.iter().map(|&runbook| runbook.to_owned()).collect(),
            ..proposal()
        };
        for (odd, what) in [
            (Proposal { incident: Some("../INC 7".into()), ..proposal() }, "incident"),
            (Proposal { check: "a b".into(), ..proposal() }, "check"),
            (runbooks(&[]), "runbooks"),
            (runbooks(&["RB-A", "RB-A"]), "runbooks"),
            (runbooks(&["1", "2", "3", "4", "5", "6"]), "runbooks"),
            (runbooks(&["RB\u{1b}[2J"]), "runbooks"),
            (Proposal { reason: " ".into(), ..proposal() }, "reason"),
            (Proposal { reason: "x".repeat(MAX_REASON + 1), ..proposal() }, "reason"),
            (Proposal { proposed_by: "a\nb".into(), ..proposal() }, "proposed_by"),
            (Proposal { proposed_by: "x".repeat(129), ..proposal() }, "proposed_by"),
        ] {
            assert_eq!(named(odd).excess(), Some(what));
        }
        for id in ["", "../x", "P-0000000000000000", "P-00000000000000000000000000000000"] {
            assert_eq!(Proposal { id: id.into(), ..proposal() }.excess(), Some("id"));
        }
    }

    #[test]
    fn who_proposes_the_same_twice_has_proposed_it_once() {
        let later = Proposal { proposed_at: Time::from_unix_millis(1), proposed_by: "else".into(), ..proposal() };
        assert_eq!(later.id_of(), proposal().id);
        assert_eq!(proposal().file_name().len(), "P-0123456789abcdef0123456789abcdef.json".len());
        assert_ne!(Proposal { reason: "another".into(), ..proposal() }.id_of(), proposal().id);
    }
}
