//! Proposals that wait, wherever they are.

use std::path::Path;

use serde::Serialize;
use writ_audit::proposals::{Ordered, Waiting};
use writ_evidence::{BundleId, IncidentId};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::escaped;
use writ_trust::time::Time;
use writ_wire::proposal::Proposal;

use super::answered::{self, Answered, Written};
use super::queue;
use crate::failure::Outcome;

/// Where a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// In an appliance's evidence, in this bundle.
    Evidence,
    /// In a folder of proposals, which nobody signed.
    Queue,
}

/// A proposal that waits.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub source: Source,
    /// The bundle that says so; null in a folder of proposals.
    pub bundle_id: Option<BundleId>,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident, where one is named.
    pub incident_id: Option<IncidentId>,
    /// The check that fails.
    pub check: String,
    /// The runbooks, in order.
    pub runbooks: Vec<String>,
    /// Who proposes it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Time,
    /// Why.
    pub reason: String,
    /// What the appliance told since of orders to run these runbooks.
    pub ordered: Vec<Ordered>,
    /// What people answered, where that is written down; left out where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Written>,
}

impl Kept {
    /// The same in words, one line per fact.
    pub fn lines(&self) -> Vec<String> {
        let whose = match (self.source, self.bundle_id) {
            (Source::Evidence, Some(bundle)) => format!("bundle {bundle}"),
            _ => "a proposal that nobody signed".to_owned(),
        };
        let incident = self.incident_id.map_or_else(|| "whichever is open".to_owned(), |id| id.to_string());
        let mut lines = vec![
            format!("proposal {}", escaped(&self.id)),
            format!("for      {}/{}, check {}, incident {incident}", self.site, self.appliance, escaped(&self.check)),
            format!("runbooks {}", escaped(self.runbooks.join(", then "))),
            format!("by       {} at {}, in {whose}", escaped(&self.proposed_by), self.proposed_at),
            format!("reason   {}", escaped(&self.reason)),
        ];
        lines.extend(self.ordered.iter().map(|told| {
            let Ordered { runbook, state, at, result } = told;
            format!("ordered  {}: {state} {at}: {}", escaped(runbook), escaped(result))
        }));
        lines.extend(self.answered.iter().map(|written| format!("answered {}", written.told())));
        lines
    }
}

/// All that waits, and what is in the way.
#[derive(Debug, Default, Serialize)]
pub struct Found {
    /// The proposals, those of evidence first.
    #[serde(rename = "proposals")]
    pub all: Vec<Kept>,
    /// Files of the folder of proposals that are none, and why.
    pub unusable: Vec<queue::Unusable>,
    /// How many plans of evidence are left out, because their ids are not of their incidents, or they are for no check.
    pub unusable_plans: usize,
}

impl Found {
    /// Takes in what planners propose, but for what was rejected by a file in that folder.
    pub fn take_evidence(&mut self, waiting: &Waiting, proposals: Option<&Path>) {
        for one in &waiting.proposals {
            let whose = (one.site.clone(), one.appliance.clone());
            let mut kept = Kept {
                id: one.id.clone(),
                source: Source::Evidence,
                bundle_id: Some(one.bundle_id),
                site: one.site.clone(),
                appliance: one.appliance.clone(),
                incident_id: Some(one.incident_id),
                check: one.check.clone(),
                runbooks: one.runbooks.clone(),
                proposed_by: one.planner.clone(),
                proposed_at: one.proposed_at,
                reason: one.reason.clone(),
                ordered: waiting.ordered(&whose, &one.check, &one.runbooks, one.proposed_at),
                answered: None,
            };
            kept.answered = proposals.and_then(|folder| answered::read(folder, &kept));
            if kept.answered.as_ref().is_none_or(|written| written.answer != Answered::Rejected) {
                self.all.push(kept);
            }
        }
    }

    /// Takes in what lies in a folder of proposals.
    pub fn take_queue(&mut self, folder: &Path, waiting: Option<&Waiting>) -> Outcome<()> {
        let (proposals, unusable) = queue::read(folder)?;
        self.unusable = unusable;
        for proposal in proposals {
            let Proposal { id, site, appliance, incident, check, runbooks, reason, proposed_by, proposed_at, .. } =
                proposal;
            let whose = (site.clone(), appliance.clone());
            let ordered = waiting.map(|waiting| waiting.ordered(&whose, &check, &runbooks, proposed_at));
            let mut kept = Kept {
                id,
                source: Source::Queue,
                bundle_id: None,
                site,
                appliance,
                incident_id: incident.and_then(|incident| incident.parse().ok()),
                check,
                runbooks,
                proposed_by,
                proposed_at,
                reason,
                ordered: ordered.unwrap_or_default(),
                answered: None,
            };
            kept.answered = answered::read(folder, &kept);
            self.all.push(kept);
        }
        Ok(())
    }
}
