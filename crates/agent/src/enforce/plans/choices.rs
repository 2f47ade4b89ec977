//! Which runbooks a planner may choose among. Pure.

use writ_evidence::id::IncidentId;
use writ_policy::check::Check;
use writ_policy::policy::Policy;
use writ_policy::rule::Rule;
use writ_policy::runbook::Runbook;
use writ_policy::settings::Review;
use writ_trust::time::Time;

use crate::enforce::breaker::Breaker;
use crate::enforce::incident::{By, Choice, Incident, L2, NO_PLANNER, Plans};
use crate::enforce::windows::waits;
use crate::probes;
use crate::zone::Zone;

/// The runbooks of a policy that are judged by a check: those that name it in `verify`. No others may be chosen for it, for
/// nobody could see that they helped.
pub fn judged_by<'p>(policy: &'p Policy, check: &str) -> impl Iterator<Item = (&'p String, &'p Runbook)> {
    policy.runbooks.iter().filter(move |(_, runbook)| runbook.verify.iter().any(|id| id == check))
}

/// The runbooks that rules had run for an incident in vain.
pub fn tried_by_rules<'p>(policy: &'p Policy, incident: &'p Incident) -> impl Iterator<Item = &'p String> {
    incident.failures.keys().filter_map(|rule| policy.rules.get(rule)?.run.as_ref())
}

/// The rules that run a runbook.
fn rules_of(policy: &Policy, runbook: &str) -> Vec<String> {
    let runs = |rule: &Rule| rule.run.as_deref() == Some(runbook);
    policy.rules.iter().filter(|(_, rule)| runs(rule)).map(|(id, _)| id.clone()).collect()
}

/// Why nobody may choose for a check, whatever is there to choose; none when a planner may.
pub fn is_off(policy: &Policy, check: &Check) -> Option<String> {
    if !policy.settings.planner.enabled {
        return Some(NO_PLANNER.to_owned());
    }
    // Whoever can forge an answer there must not be able to have anything run here.
    probes::is_network(&check.probe.name).then(|| "it was seen over the network only".to_owned())
}

/// What bears on the choice besides the policy.
pub(in crate::enforce) struct Moment<'a> {
    /// The incident, if one is open.
    pub incident: Option<IncidentId>,
    /// What was run lately.
    pub breaker: &'a Breaker,
    /// The site's time.
    pub zone: &'a Zone,
    /// Now.
    pub at: Time,
    /// How long an answer is waited for, in milliseconds.
    pub within_ms: i64,
}

/// What a planner may do about a failing check.
pub(in crate::enforce) fn l2(policy: &Policy, id: &str, check: &Check, moment: &Moment<'_>) -> L2 {
    if let Some(why) = is_off(policy, check) {
        return L2::Off(why);
    }
    let limit = &policy.settings.circuit_breaker;
    let incident = moment.incident;
    let choices: Vec<Choice> = judged_by(policy, id)
        .map(|(name, runbook)| Choice {
            runbook: name.clone(),
            rules: rules_of(policy, name),
            tripped: moment.breaker.tripped(&By::Plan(name.clone()).name(), incident, moment.at, limit),
            window: waits(policy, runbook, moment.zone, moment.at),
        })
        .collect();
    if choices.is_empty() {
        return L2::Off("no runbook is judged by this check".to_owned());
    }
    L2::On(Plans {
        l2_failures: policy.settings.escalation.l2_failures,
        within_ms: moment.within_ms,
        review_first: policy.settings.planner.review == Review::Before,
        choices,
    })
}
