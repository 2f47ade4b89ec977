//! What was asked of language models, and what plans came to, out of all evidence of a site.

use std::collections::BTreeSet;

use serde::Serialize;
use writ_evidence::IncidentId;
use writ_evidence::incident::{ResolutionStatus, Tier};
use writ_trust::ids::ApplianceId;
use writ_trust::time::Time;

use super::Evidence;
use super::model::Link;
use crate::costs::Calls;
use crate::story;

/// One call of a language model, as the planner told it and an appliance signed that it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident that it was for.
    pub incident_id: IncidentId,
    /// When the bundle that tells of it was written.
    pub at: Time,
    /// The model, as the endpoint was asked for it.
    pub model: String,
    /// This one call, as sums have it.
    pub calls: Calls,
    /// How long it took, in milliseconds.
    pub took_millis: u64,
    /// The bundle.
    pub link: Link,
}

/// An incident that the planner's choice resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident.
    pub incident_id: IncidentId,
    /// The check that had failed.
    pub check: String,
    /// The runbook after which it passed.
    pub runbook: String,
    /// When it ended.
    pub ended_at: Time,
    /// Milliseconds from detection to the end.
    pub took_millis: u64,
    /// The bundle that closed it.
    pub link: Link,
}

impl Evidence<'_> {
    /// Every call of a language model that verified evidence tells of, oldest first. Several bundles tell of one plan: a call is
    /// counted once, by the first of them; and one that was not made is not counted.
    pub fn asked(&self) -> Vec<Asked> {
        let mut told = BTreeSet::new();
        let of_all = self.timelines.iter().flat_map(|(appliance, timeline)| {
            timeline.events.iter().filter_map(move |(bundle, link)| {
                let plan = bundle.plan.as_ref()?;
                let transcript = plan.transcript.as_ref()?;
                let calls = Calls::told(transcript)?;
                let call = (appliance, plan.incident_id, Calls::key(bundle, transcript));
                let asked = Asked {
                    appliance: appliance.clone(),
                    incident_id: plan.incident_id,
                    at: bundle.generated_at,
                    model: transcript.model.clone(),
                    calls,
                    took_millis: transcript.took_ms,
                    link: timeline.links.get(*link)?.clone(),
                };
                Some((call, asked))
            })
        });
        let mut all: Vec<Asked> = of_all.filter(|(call, _)| told.insert(*call)).map(|(_, asked)| asked).collect();
        all.sort_by(|a, b| (a.at, &a.appliance, &a.link).cmp(&(b.at, &b.appliance, &b.link)));
        all
    }

    /// Every incident that the planner's choice resolved, the first to end first.
    pub fn planned(&self) -> Vec<Planned> {
        let of_all = self.timelines.iter().flat_map(|(appliance, timeline)| {
            timeline.incidents.values().filter_map(move |(_, closed)| {
                let (bundle, link) = closed.as_ref()?;
                let (incident, execution) = bundle.incident.as_ref().zip(bundle.execution.as_ref())?;
                let resolved = bundle.outputs.is_some_and(|o| o.resolution_status == ResolutionStatus::Success);
                let by_planner = resolved && execution.tier == Some(Tier::L2);
                let runbook = bundle.runbook.as_ref().filter(|_| by_planner)?;
                Some(Planned {
                    appliance: appliance.clone(),
                    incident_id: incident.incident_id,
                    check: incident.check.clone(),
                    runbook: runbook.runbook_id.clone(),
                    ended_at: execution.timestamp_end,
                    took_millis: story::took_millis(incident, execution),
                    link: timeline.links.get(*link)?.clone(),
                })
            })
        });
        let mut all: Vec<Planned> = of_all.collect();
        all.sort_by(|a, b| (a.ended_at, &a.appliance, &a.link).cmp(&(b.ended_at, &b.appliance, &b.link)));
        all
    }
}
