//! What the evidence says: drafts of every kind the enforcer writes. Pure.

use std::collections::BTreeMap;

use writ_evidence::bundle::{Clock, ReleaseRef};
use writ_evidence::incident::{Affected, Change, Drift, Execution, Incident as IncidentPart, Outputs, Tier};
use writ_evidence::posture::{OutcomeChange, Posture, Snapshot, Summary, Vector};
use writ_evidence::records::{
    ClockStep, LogExtract, OrderRecord, Pause as PausePart, PausePhase, PlanRecord, Refused as RefusedPart,
    RestoreTest, Started, Switch, Thinned,
};
use writ_evidence::{Draft, Kind};
use writ_policy::observation::Value;
use writ_policy::policy::Policy;
use writ_trust::acceptance::Identity;
use writ_trust::json::MAX_INTEGER;

use super::incident::{Closing, Incident, Ran, Told};
use super::pause::Pause;
use super::refused::Refused;

/// Who does what the enforcer does, as evidence names it.
pub const OPERATOR: &str = "service:writ-enforce";
/// The planner that a `plan` bundle names which tells that people have it.
const NO_PLANNER: &str = "none";
/// The planner that it names where nobody knows who planned.
const UNKNOWN_PLANNER: &str = "unknown";

/// Who speaks, and under which release.
#[derive(Debug, Clone)]
pub struct Teller {
    /// The appliance.
    pub identity: Identity,
    /// The name of this host.
    pub hostname: String,
    /// The release that is obeyed.
    pub release: Option<ReleaseRef>,
    /// What is known of the clock.
    pub clock: Clock,
    /// The newest checkpoint of the site's log that was verified here: its exact note.
    pub checkpoint: Option<String>,
}

impl Teller {
    fn draft(&self, kind: Kind) -> Draft {
        let mut draft = Draft::new(kind, &self.identity.site, &self.identity.appliance);
        draft.release = self.release;
        draft.clock.clone_from(&self.clock);
        draft.last_checkpoint.clone_from(&self.checkpoint);
        draft
    }

    /// That an incident opened.
    pub fn opened(&self, incident: &Incident, policy: &Policy) -> Draft {
        let mut draft = self.draft(Kind::IncidentOpened);
        draft.target.clone_from(&incident.target);
        draft.incident = Some(self.incident(incident, policy));
        draft.affected = self.affected(incident);
        draft.drift = Some(Drift { before: Some(incident.before.clone()), after: None });
        draft
    }

    /// That an incident closed.
    pub fn closed(&self, closing: &Closing, policy: &Policy) -> Draft {
        let incident = &closing.incident;
        let mut draft = self.draft(Kind::IncidentClosed);
        draft.target.clone_from(&incident.target);
        let mut part = self.incident(incident, policy);
        part.opened_by = incident.opened_by;
        draft.incident = Some(part);
        draft.affected = self.affected(incident);
        let after = closing.after.iter().next().is_some().then(|| closing.after.clone());
        draft.drift = Some(Drift { before: Some(incident.before.clone()), after });
        draft.change = Some(if incident.intended { Change::Intended } else { Change::Corrective });
        draft.runbook.clone_from(&incident.runbook);
        draft.actions_taken.clone_from(&incident.actions);
        draft.verification.clone_from(&closing.verification);
        draft.outputs = Some(Outputs { resolution_status: closing.status() });
        draft.execution = Some(execution(closing, policy));
        draft
    }

    fn incident(&self, incident: &Incident, policy: &Policy) -> IncidentPart {
        let mut details = BTreeMap::new();
        details.insert("reasons".to_owned(), Value::List(incident.reasons.clone()));
        if incident.interrupted > 0 {
            details.insert("interrupted_attempts".to_owned(), integer(incident.interrupted));
        }
        if incident.is_with_people() {
            details.insert("ticket".to_owned(), Value::Text(incident.id.to_string()));
        }
        if let Some(plan) = incident.plan.as_ref().filter(|plan| plan.number > 0) {
            details.insert("plans_asked_for".to_owned(), Value::Int(plan.number.into()));
            if let Some(planner) = &plan.planner {
                details.insert("planner".to_owned(), Value::Text(planner.clone()));
            }
            let came_to: Vec<String> = plan.accounts.iter().flat_map(|plan| &plan.ran).map(Ran::in_words).collect();
            if !came_to.is_empty() {
                details.insert("planned".to_owned(), Value::List(came_to));
            }
            if plan.calls > 0 {
                details.insert("model_calls".to_owned(), integer(plan.calls));
                details.insert("model_microdollars".to_owned(), integer(plan.cost_microdollars));
            }
        }
        if let Some(flapping) = &incident.flapping {
            details.insert("failed_again".to_owned(), integer(flapping.again));
        }
        if let Some(people) = &incident.people {
            details.insert("contacts_called".to_owned(), Value::Int(people.called.into()));
            if let Some(acknowledged) = &people.acknowledged {
                details.insert("acknowledged_at".to_owned(), Value::Text(acknowledged.at.to_string()));
                details.insert("acknowledged_by".to_owned(), Value::Text(acknowledged.by.clone()));
            }
        }
        IncidentPart {
            incident_id: incident.id,
            event_type: policy
                .checks
                .get(&incident.check)
                .map_or_else(|| "unknown".to_owned(), |c| c.probe.name.clone()),
            severity: incident.severity,
            detected_at: incident.detected_at,
            hostname: self.hostname.clone(),
            check: incident.check.clone(),
            details,
            hipaa_controls: policy.controls_of(&incident.check).into_iter().map(str::to_owned).collect(),
            opened_by: None,
        }
    }

    fn affected(&self, incident: &Incident) -> Affected {
        let system = if incident.target == "self" { &self.hostname } else { &incident.target };
        Affected { systems: vec![system.clone()], users: Vec::new() }
    }

    /// What came of a plan: the verdict on it, or what became of it once it was carried out.
    pub fn planned(&self, incident: &Incident, told: &Told) -> Draft {
        let mut draft = self.draft(Kind::Plan);
        draft.target.clone_from(&incident.target);
        let digests = [("request", told.request), ("plan", told.plan)];
        let digests = digests.into_iter().filter_map(|(name, digest)| Some((name.to_owned(), digest?)));
        draft.artifacts.checksums.extend(digests);
        let said = [
            ("check", Some(incident.check.clone())),
            ("request", Some(format!("{}-{}", incident.id, told.number))),
            ("offered", (!told.offered.is_empty()).then(|| told.offered.join(", "))),
            ("rule", told.rule.map(str::to_owned)),
            ("result", told.result.map(|result| result.as_str().to_owned())),
            ("came_to", came_to(told)),
        ];
        let said = said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
        draft.artifacts.outputs.extend(said);
        draft.plan = Some(PlanRecord {
            transcript: told.transcript.as_deref().cloned(),
            incident_id: incident.id,
            planner: told.planner.clone().unwrap_or_else(|| UNKNOWN_PLANNER.to_owned()),
            runbooks: told.runbooks.clone(),
            allowed: told.allowed,
            reason: told.message.clone(),
        });
        draft
    }

    /// That an incident goes to people, and why.
    pub fn escalated(&self, incident: &Incident, reason: &str) -> Draft {
        let mut draft = self.draft(Kind::Plan);
        draft.target.clone_from(&incident.target);
        draft.plan = Some(PlanRecord {
            transcript: None,
            incident_id: incident.id,
            planner: NO_PLANNER.to_owned(),
            runbooks: Vec::new(),
            allowed: false,
            reason: format!("{reason}; ticket {}", incident.id),
        });
        draft
    }

    /// That the outcome of a check changed.
    pub fn changed(&self, change: OutcomeChange, target: &str) -> Draft {
        let mut draft = self.draft(Kind::Posture);
        target.clone_into(&mut draft.target);
        draft.posture = Some(Posture::Change(change));
        draft
    }

    /// All runs since the last vector.
    pub fn vector(&self, vector: Vector) -> Draft {
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Vector(vector));
        draft
    }

    /// What differs from what was told.
    pub fn summary(&self, summary: Summary) -> Draft {
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Summary(summary));
        draft
    }

    /// Everything that was last seen.
    pub fn snapshot(&self, snapshot: Snapshot) -> Draft {
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Snapshot(snapshot));
        draft
    }

    /// That the clock was set.
    pub fn clock_step(&self, step: ClockStep) -> Draft {
        let mut draft = self.draft(Kind::Clock);
        draft.clock_step = Some(step);
        draft
    }

    /// That the enforcer started.
    pub fn started(&self, started: Started) -> Draft {
        let mut draft = self.draft(Kind::Started);
        draft.started = Some(started);
        draft
    }

    /// That something was refused.
    pub fn refused(&self, refused: &Refused, count: u64) -> Draft {
        let mut draft = self.draft(Kind::Refused);
        let Refused { what, rule, message, digest, .. } = refused.clone();
        draft.refused = Some(RefusedPart { rule, message, what, digest, count });
        draft
    }

    /// That bundles are removed to stay within the budget.
    pub fn thinned(&self, thinned: Thinned) -> Draft {
        let mut draft = self.draft(Kind::Thinned);
        draft.thinned = Some(thinned);
        draft
    }

    /// That a switch is over, or a generation was adopted without one.
    pub fn switched(&self, switch: Switch) -> Draft {
        let mut draft = self.draft(Kind::Switch);
        draft.change = Some(Change::Intended);
        draft.switch = Some(switch);
        draft
    }

    /// That a restore was tried.
    pub fn restore_tested(&self, test: RestoreTest) -> Draft {
        let mut draft = self.draft(Kind::RestoreTest);
        draft.restore_test = Some(test);
        draft
    }

    /// Where the chain of a source of logs ends.
    pub fn logs(&self, extract: LogExtract) -> Draft {
        let mut draft = self.draft(Kind::Logs);
        draft.logs = Some(extract);
        draft
    }

    /// That people suspended healing, or that it goes on.
    pub fn paused(&self, pause: &Pause, phase: PausePhase) -> Draft {
        let mut draft = self.draft(Kind::Pause);
        let Pause { checks, from, until, means, reference, by, reason } = pause.clone();
        draft.pause = Some(PausePart { phase, means, reference, by, reason, checks, from, until });
        draft
    }

    /// That an order was taken, or is over.
    pub fn ordered(&self, record: OrderRecord) -> Draft {
        let mut draft = self.draft(Kind::Order);
        draft.order = Some(record);
        draft
    }
}

/// What each runbook of a plan came to, in order: `RB-A: failed, RB-B: helped, RB-C: not-run`. Of a plan of which nothing ran there is
/// nothing to say.
fn came_to(told: &Told) -> Option<String> {
    if told.ran.is_empty() {
        return None;
    }
    let ran = told.ran.iter().map(|ran| format!("{}: {}", ran.runbook, ran.result.as_str()));
    let rest = told.runbooks.iter().skip(told.ran.len()).map(|runbook| format!("{runbook}: not-run"));
    Some(ran.chain(rest).collect::<Vec<String>>().join(", "))
}

/// A number as evidence has it.
fn integer(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(MAX_INTEGER).min(MAX_INTEGER))
}

fn execution(closing: &Closing, policy: &Policy) -> Execution {
    let incident = &closing.incident;
    let mttr_seconds = Execution::mttr(incident.detected_at, closing.at);
    let target = policy.settings.sla.get(&incident.severity).map_or(0, |span| span.seconds());
    let sla_target_seconds = u64::try_from(target).unwrap_or(0);
    // A plan names a runbook and no rule.
    let by_rule = incident.last_tier() == Tier::L1 && (closing.tier == Some(Tier::L1) || incident.attempts > 0);
    Execution {
        timestamp_start: incident.worked_since.unwrap_or(incident.detected_at),
        timestamp_end: closing.at,
        operator: OPERATOR.to_owned(),
        mttr_seconds,
        sla_target_seconds,
        sla_met: mttr_seconds <= sla_target_seconds,
        resolution_type: closing.resolution,
        tier: closing.tier,
        rule: if by_rule { incident.rule.clone() } else { None },
        attempts: incident.attempts,
        escalations: incident.escalations.clone(),
    }
}
