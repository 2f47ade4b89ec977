//! What a planner is asked. Pure.

use std::collections::BTreeMap;

use writ_evidence::posture::Seen as LastSeen;
use writ_policy::observation::{Observation, Value};
use writ_policy::policy::Policy;
use writ_policy::settings;
use writ_trust::acceptance::Identity;
use writ_wire::looks::Fact;
use writ_wire::plan_request::{
    Allowed, Model, ModelBudget, ModelPrice, Past, PlanRequest, PlanRequestSchema, Seen, Tried,
};
use writ_wire::releases::ReleaseRef;

use super::choices::tried_by_rules;
use crate::enforce::incident::Incident;

/// The most entries of a list, fields of an observation, and reasons.
const MOST: usize = 100;
/// The longest text, in characters.
const LONGEST: usize = 500;

/// How often each runbook helped a check, and how often it did not, by check and runbook.
pub type PastRuns = BTreeMap<String, BTreeMap<String, Past>>;

/// The name of a request.
pub fn id(incident: &Incident, number: u32) -> String {
    format!("{}-{number}", incident.id)
}

/// The request that is open for an incident; none when none is, or the policy has no such check.
pub fn request(
    incident: &Incident,
    policy: &Policy,
    from: (&Identity, Option<ReleaseRef>),
    last: Option<&LastSeen>,
    past: &PastRuns,
) -> Option<PlanRequest> {
    let planning = incident.plan.as_ref()?;
    let open = planning.open.as_ref()?;
    let check = policy.checks.get(&incident.check)?;
    let (observation, reasons) =
        last.map_or((&incident.before, &incident.reasons), |last| (&last.observation, &last.reasons));
    let by = |tier: &'static str| {
        move |runbook: &String| Tried { runbook: runbook.clone(), tier: tier.to_owned(), outcome: "failed".to_owned() }
    };
    let past = past.get(&incident.check);
    let allowed = open.allowed.iter().filter_map(|id| {
        let runbook = policy.runbooks.get(id)?;
        Some(Allowed {
            runbook: id.clone(),
            title: cut(&runbook.title),
            steps: runbook.steps.iter().map(|step| step.step.clone()).collect(),
            verify: runbook.verify.clone(),
            past: past.and_then(|past| past.get(id)).copied(),
        })
    });
    let (identity, release) = from;
    Some(PlanRequest {
        schema: PlanRequestSchema::V1,
        id: id(incident, planning.number),
        site: identity.site.clone(),
        appliance: identity.appliance.clone(),
        release,
        asked_at: open.asked_at,
        expires_at: open.until,
        check: incident.check.clone(),
        title: cut(&check.title),
        severity: incident.severity.to_string(),
        target: incident.target.clone(),
        probe: check.probe.name.clone(),
        seen: Seen {
            observation: facts(observation),
            reasons: reasons.iter().take(MOST).map(|why| cut(why)).collect(),
        },
        tried: tried_by_rules(policy, incident).map(by("L1")).chain(planning.tried.iter().map(by("L2"))).collect(),
        allowed: allowed.collect(),
        model: policy.settings.planner.model.as_ref().map(model),
    })
}

/// The model of a policy as a request names it.
fn model(of: &settings::Model) -> Model {
    let settings::Model { url, name, key, insecure, deadline, most_runbooks, budget, price } = of;
    Model {
        url: url.clone(),
        name: name.clone(),
        key: key.clone(),
        insecure: *insecure,
        deadline: deadline.clone(),
        most_runbooks: *most_runbooks,
        budget: ModelBudget {
            calls_per_hour: budget.calls_per_hour,
            calls_per_day: budget.calls_per_day,
            microdollars_per_day: budget.microdollars_per_day,
        },
        price: ModelPrice {
            input_microdollars_per_1000_tokens: price.input_microdollars_per_1000_tokens,
            output_microdollars_per_1000_tokens: price.output_microdollars_per_1000_tokens,
        },
    }
}

fn facts(observation: &Observation) -> BTreeMap<String, Fact> {
    let fact = |value: &Value| match value {
        Value::Bool(value) => Fact::Bool(*value),
        Value::Int(value) => Fact::Int(*value),
        Value::Text(value) => Fact::Text(cut(value)),
        Value::List(value) => Fact::List(value.iter().take(MOST).map(|entry| cut(entry)).collect()),
    };
    observation.iter().take(MOST).map(|(name, value)| (name.to_owned(), fact(value))).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
