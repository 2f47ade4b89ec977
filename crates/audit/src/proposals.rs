//! What planners propose to people, and which incidents are open, out of verified evidence.
//!
//! Where the signed policy wants people to look first (`review = "before"`), a plan runs nothing: its bundle of kind `plan` names the
//! rule `plan-review`. It waits for as long as its incident is open and no other plan was made for that.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_evidence::records::OrderPhase;
use writ_evidence::{Bundle, BundleId, IncidentId, Kind};
use writ_policy::declared::Severity;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::order::{OrderAction, RunbookOrder};
use writ_trust::time::Time;
use writ_wire::plan_request::file_name;

use crate::archive::Archive;
use crate::verify::VerifyReport;

/// The rule by which a plan is a proposal.
const REVIEW: &str = "plan-review";
/// The planner that a bundle names which tells that people have an incident.
const NO_PLANNER: &str = "none";

/// One appliance of one site.
pub type Whose = (SiteId, ApplianceId);

/// A plan that waits for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposed {
    /// The name of the request that it answers, `INC-20261123-0007-1`. Of several appliances one may have the same.
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident.
    pub incident_id: IncidentId,
    /// The check that fails.
    pub check: String,
    /// The runbooks that are proposed, in order.
    pub runbooks: Vec<String>,
    /// Who proposes them.
    pub planner: String,
    /// Why, in the enforcer's words and the planner's.
    pub reason: String,
    /// When it was proposed.
    pub proposed_at: Time,
    /// The bundle that says so.
    pub bundle_id: BundleId,
}

/// An incident that is open by the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenIncident {
    /// Its id.
    pub incident_id: IncidentId,
    /// The check that fails.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// Since when.
    pub detected_at: Time,
}

/// An order to run a runbook, as the appliance told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ordered {
    /// The runbook.
    pub runbook: String,
    /// `acknowledged`, `carried-out` or `declined`.
    pub state: &'static str,
    /// When that was told.
    pub at: Time,
    /// What came of it.
    pub result: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The plans that wait, by site, appliance and time.
    pub proposals: Vec<Proposed>,
    /// The incidents that are open, by appliance and id.
    pub open: BTreeMap<Whose, BTreeMap<IncidentId, OpenIncident>>,
    /// When each appliance was heard of last.
    pub heard: BTreeMap<Whose, Time>,
    /// How many plans that would wait for people are left out, because their ids are not of their incidents, or they are for no check.
    pub unusable: BTreeMap<Whose, usize>,
    orders: BTreeMap<Whose, Vec<(String, Ordered)>>,
}

impl Waiting {
    /// What an appliance told since a time of orders to run these runbooks for a check, in order of time.
    pub fn ordered(&self, whose: &Whose, check: &str, runbooks: &[String], since: Time) -> Vec<Ordered> {
        let told = self.orders.get(whose).into_iter().flatten();
        let wanted = |action: &String| {
            runbooks.iter().find(|runbook| {
                let order = RunbookOrder { runbook: (*runbook).clone(), check: check.to_owned() };
                OrderAction::RunRunbook(order).to_string() == *action
            })
        };
        let of = |(action, told): &(String, Ordered)| {
            let runbook = wanted(action).filter(|_| told.at >= since)?;
            Some(Ordered { runbook: runbook.clone(), ..told.clone() })
        };
        let mut ordered: Vec<Ordered> = told.filter_map(of).collect();
        ordered.sort_by_key(|told| told.at);
        ordered
    }
}

/// Everything that waits, by the evidence that verified.
pub fn gather(archive: &Archive) -> (Waiting, VerifyReport) {
    let mut found = Found::default();
    let report = archive.walk(&mut |stored| found.take(&stored.bundle));
    (found.waiting(), report)
}

/// What is known so far: keys of one appliance may come in any order.
#[derive(Debug, Default)]
struct Found {
    waiting: Waiting,
    closed: BTreeSet<(Whose, IncidentId)>,
    /// The newest plan of each incident, and whether it is a proposal.
    plans: BTreeMap<(Whose, IncidentId), (Time, Newest)>,
}

/// A proposal that nobody could be told of by a name of its own.
#[derive(Debug)]
struct Unusable;

/// What a plan proposes; none where it proposes nothing to people.
type Newest = Result<Option<Proposed>, Unusable>;

impl Found {
    fn take(&mut self, bundle: &Bundle) {
        let (whose, at) = ((bundle.client_id.clone(), bundle.appliance.clone()), bundle.generated_at);
        let heard = self.waiting.heard.entry(whose.clone()).or_insert(at);
        *heard = at.max(*heard);
        if let Some(incident) = &bundle.incident {
            let id = incident.incident_id;
            if bundle.kind == Kind::IncidentClosed {
                self.closed.insert((whose, id));
            } else {
                let (check, severity, detected_at) = (incident.check.clone(), incident.severity, incident.detected_at);
                let open = OpenIncident { incident_id: id, check, severity, detected_at };
                self.waiting.open.entry(whose).or_default().insert(id, open);
            }
        } else if let Some(plan) = bundle.plan.as_ref().filter(|plan| plan.planner != NO_PLANNER) {
            let newest = self.plans.entry((whose, plan.incident_id)).or_insert((at, Ok(None)));
            if at >= newest.0 {
                *newest = (at, proposed(bundle));
            }
        } else if let Some(order) = &bundle.order {
            let state = match (order.phase, order.carried_out) {
                (Some(OrderPhase::Acknowledged), _) => "acknowledged",
                (_, true) => "carried-out",
                (_, false) => "declined",
            };
            let told = Ordered { runbook: String::new(), state, at, result: order.result.clone() };
            self.waiting.orders.entry(whose).or_default().push((order.action.clone(), told));
        }
    }

    fn waiting(self) -> Waiting {
        let Self { mut waiting, closed, plans } = self;
        for (whose, id) in &closed {
            if let Some(open) = waiting.open.get_mut(whose) {
                open.remove(id);
            }
        }
        for ((whose, _), (_, newest)) in plans.into_iter().filter(|(key, _)| !closed.contains(key)) {
            match newest {
                Ok(proposed) => waiting.proposals.extend(proposed),
                Err(Unusable) => *waiting.unusable.entry(whose).or_default() += 1,
            }
        }
        waiting.proposals.sort_by(|a, b| {
            let key = |one: &Proposed| (one.site.clone(), one.appliance.clone(), one.proposed_at, one.incident_id);
            key(a).cmp(&key(b))
        });
        waiting
    }
}

/// What a bundle proposes to people; none where it tells of something else.
fn proposed(bundle: &Bundle) -> Newest {
    let said = |name: &str| bundle.artifacts.outputs.get(name);
    let is_review = said("rule").map(String::as_str) == Some(REVIEW);
    let Some(plan) = bundle.plan.as_ref().filter(|plan| is_review && !plan.runbooks.is_empty()) else {
        return Ok(None);
    };
    let id = said("request").filter(|id| is_request_of(id, plan.incident_id)).ok_or(Unusable)?;
    Ok(Some(Proposed {
        id: id.clone(),
        site: bundle.client_id.clone(),
        appliance: bundle.appliance.clone(),
        incident_id: plan.incident_id,
        check: said("check").ok_or(Unusable)?.clone(),
        runbooks: plan.runbooks.clone(),
        planner: plan.planner.clone(),
        reason: plan.reason.clone(),
        proposed_at: bundle.generated_at,
        bundle_id: bundle.bundle_id,
    }))
}

/// Whether this is the name of a request for an incident: its id, a hyphen and a number. An appliance that somebody else has taken over
/// signs whatever they like, and this becomes part of the name of a file, and of a command line that people copy.
fn is_request_of(id: &str, incident: IncidentId) -> bool {
    let number = id.strip_prefix(&incident.to_string()).and_then(|rest| rest.strip_prefix('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    number.is_some_and(is_number) && file_name(id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_incident_and_a_number_is_the_name_of_a_request() {
        let incident: IncidentId = "INC-20261123-0007".parse().unwrap();
        for good in ["INC-20261123-0007-1", "INC-20261123-0007-4294967295"] {
            assert!(is_request_of(good, incident), "{good}");
        }
        let long = format!("INC-20261123-0007-{}", "1".repeat(64));
        for odd in [
            "",
            "INC-20261123-0007",
            "INC-20261123-0007-",
            "INC-20261123-0007-1x",
            "INC-20261123-0007--1",
            "INC-20261123-0007-+1",
            "INC-20261123-0007-\u{661}",
            "INC-20261123-0007-1/../../x",
            "INC-20261123-0007-1\u{1b}[2J",
            "INC-20261123-0007-1\n",
            "INC-20261123-0008-1",
            "INC-20261123-00071",
            "x/../../../releases/trust/2",
            "/etc/passwd",
            &long,
        ] {
            assert!(!is_request_of(odd, incident), "{odd:?}");
        }
    }
}
