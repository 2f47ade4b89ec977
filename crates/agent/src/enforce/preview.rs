//! What the daemon would do now about a failing check, for `--plan`: it is decided by the same functions, and none of it is kept.
//!
//! What only the daemon's memory has (which runbooks run, who waits for a turn, how many ran within the hour) is read from its
//! status file, as long as it is at work.

use serde::{Deserialize, Serialize};
use writ_policy::outcome::Outcome;
use writ_policy::rule::{Rule, Tier};
use writ_policy::runbook::{Action, Step};
use writ_policy::settings::Review;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use super::engine::Engine;
use super::heal::runbook_of;
use super::incident::{
    self, Act, By, Circumstances, Event, Hold, Incident, L2, Phase, State as IncidentState, TO_PEOPLE, next_rule,
};
use super::lanes::{self, Ran};
use super::scan::{Scan, matching};
use super::state::incident_key;
use crate::steps;
use crate::switch::{enforcer, trial};

/// The largest status file that is read, in bytes.
const MAX_STATUS: usize = 4 * 1024 * 1024;

/// Why nothing is done during a trial.
const ON_TRIAL: &str = "a new generation is on trial, and nothing is healed until it is decided (`writ-switch status`)";

/// What would be done about one failing check.
#[derive(Debug, Default, Serialize)]
pub struct Foreseen {
    /// The runbook that would run, now or in its window, and its steps.
    pub would_run: Option<Planned>,
    /// That it would go to people, and why.
    pub would_escalate: Option<ToPeople>,
    /// What a planner would choose among: now, or if the runbook does not help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_plan: Option<Choices>,
    /// What people would be told at once, whatever else is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_tell: Vec<String>,
    /// Why nothing would be done now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// What a planner could choose among.
#[derive(Debug, Serialize)]
pub struct Choices {
    /// The runbooks.
    pub runbooks: Vec<String>,
    /// When people look at what it chose.
    pub review: Review,
}

/// What would be run.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The rule; `plan:` and the runbook for a planner's choice.
    pub rule: String,
    /// The runbook.
    pub runbook: String,
    /// The steps with their parameters and what takes them back, one line each.
    pub steps: Vec<String>,
    /// Programs that the steps name and the closure does not: such a step fails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The maintenance window that it would wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// What would be left to people.
#[derive(Debug, Serialize)]
pub struct ToPeople {
    /// The rule that says so, or that was stopped; none where no rule answers, or all were tried.
    pub rule: Option<String>,
    /// Why nothing is run, one line.
    pub why: String,
}

/// Why nothing would be done now.
#[derive(Debug, Serialize)]
pub struct Held {
    /// Why, one line.
    pub why: String,
    /// When that ends, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// What `status.json` says of the lanes.
#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    runbooks: Lanes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lanes {
    running: Vec<Asked>,
    waiting: Vec<Asked>,
    within_hour: Ran,
    held: bool,
}

#[derive(Debug, Deserialize)]
struct Asked {
    check: String,
    rule: String,
}

impl Engine {
    /// Takes up, in memory, what the daemon knows and does not write down in its state. Before anything is foreseen.
    pub(super) fn recall_daemon(&mut self, adopts: bool) {
        self.take_up_settings();
        self.on_trial = trial::may_be_on(&self.config.state_dir);
        if adopts {
            self.foresee_policy();
        }
        if enforcer::at_work(&self.config.state_dir).is_none() {
            return;
        }
        let bytes = writ_durable::read_bounded(&self.config.state_dir.join("status.json"), MAX_STATUS);
        let status: Option<Status> = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(Status { runbooks }) = status else { return };
        let job = |asked: Asked| {
            let target = &self.policy()?.checks.get(&asked.check)?.target;
            Some(self.job(&incident_key(&asked.check, target), &asked.check, &asked.rule))
        };
        let running = runbooks.running.into_iter().filter_map(job).collect();
        let waiting = runbooks.waiting.into_iter().filter_map(job).collect();
        // First that nothing starts: else who waits there for that reason would start here.
        self.attempts.note(lanes::Event::Held(runbooks.held));
        self.attempts.note(lanes::Event::Recalled { running, waiting, ran: runbooks.within_hour });
    }

    /// What is open when another policy has come: what was tried under the one before no longer counts.
    fn foresee_policy(&mut self) {
        let at = self.clock.now();
        for incident in self.state.incidents.values_mut() {
            let before = IncidentState::Open(Box::new(incident.clone()));
            if let (IncidentState::Open(after), _) =
                incident::step(before, Event::PolicyChanged, at, &Circumstances::default())
            {
                *incident = *after;
            }
        }
    }

    /// What the daemon would do now about what a look has found; nothing where the check does not fail, or an exception lifts it.
    pub(super) fn foresee(&mut self, id: &str, scan: &Scan) -> Foreseen {
        let Some((policy, check)) = self.policy().and_then(|policy| Some((policy, policy.checks.get(id)?))) else {
            return Foreseen::default();
        };
        let (key, at) = (incident_key(id, &check.target), self.clock.now());
        let allowed = self.circumstances(policy, id, check, at, &scan.judgement.observation);
        let event = self.event(id, check, scan);
        if scan.run.outcome != Outcome::Fail || matches!(allowed.hold, Some(Hold::Exception(_))) {
            return Foreseen::default();
        }
        let before = self.state.incidents.get(&key).cloned();
        let busy = before.as_ref().and_then(|incident| self.is_in_hand(incident));
        let on_trial = (allowed.hold == Some(Hold::Switch)).then(|| Held { why: ON_TRIAL.to_owned(), until: None });
        if let Some(held) = on_trial.or(busy) {
            return Foreseen { held: Some(held), ..Foreseen::default() };
        }
        let Some(event) = event else { return Foreseen::default() };
        let (state, acts) = self.next_step(&key, id, event, at, &allowed);
        let in_line = self.attempts.waits(&key);
        self.attempts.note(lanes::Event::Ended(key.clone()));
        self.state.incidents.extend(before.map(|incident| (key, incident)));
        let IncidentState::Open(incident) = state else { return Foreseen::default() };
        let mut foreseen = Foreseen::default();
        for act in &acts {
            match act {
                Act::Attempt(by) => foreseen.would_run = self.would_be_run(by, None),
                Act::Ask => foreseen.would_plan = self.would_choose(&incident),
                Act::Ticket(reason) if incident.phase == Phase::Escalated && is_last(&acts, act) => {
                    foreseen.would_escalate = Some(to_people(reason, &incident, &allowed));
                }
                Act::Ticket(reason) => foreseen.would_tell.push(one_line(reason)),
                Act::Opened | Act::Plan(_) | Act::Closed(_) => {}
            }
        }
        if foreseen.would_run.is_some() {
            foreseen.would_plan = self.could_choose(id, scan, &incident, &allowed);
        } else if allowed.hold == Some(Hold::Pause) {
            foreseen.held = self.paused(id, at);
        } else if foreseen.would_escalate.is_none() && foreseen.would_plan.is_none() {
            self.waits(&incident, &allowed, in_line, &mut foreseen);
        }
        foreseen
    }

    /// The pause that keeps a check from being healed.
    fn paused(&self, id: &str, at: Time) -> Option<Held> {
        let pause = self.state.pauses.active.iter().filter(|pause| pause.in_force(at) && pause.covers(id));
        let pause = pause.max_by_key(|pause| pause.until)?;
        let why = format!("people have paused healing of it: {}", one_line(&pause.reason));
        Some(Held { why, until: Some(pause.until) })
    }

    /// Why an incident is not for rules any more, or not just now.
    fn is_in_hand(&self, incident: &Incident) -> Option<Held> {
        let id = incident.id;
        let why = match &incident.phase {
            Phase::Waiting(_) => return None,
            Phase::Escalated => {
                let reason = incident.escalations.last().map(|escalation| escalation.reason.as_str());
                let reason = reason.map(|reason| reason.strip_suffix(TO_PEOPLE).unwrap_or(reason)).unwrap_or_default();
                format!("people have it ({id}): {}", one_line(reason))
            }
            Phase::Attempting { rule, since } if enforcer::at_work(&self.config.state_dir).is_some() => {
                format!("{} works on it since {since} ({id})", By::of(rule))
            }
            Phase::Attempting { rule, .. } => {
                format!("{} was interrupted ({id}): the next start counts the attempt and looks again", By::of(rule))
            }
        };
        Some(Held { why, until: None })
    }

    /// Says what an incident waits for.
    fn waits(&self, incident: &Incident, allowed: &Circumstances, in_line: bool, foreseen: &mut Foreseen) {
        let held = |why: String, until| Some(Held { why, until });
        if in_line {
            let others = self.attempts.count().0;
            foreseen.held =
                held(format!("it waits for its turn: {others} runbooks run, or a switch is about to"), None);
            return;
        }
        if let Some(planning) = incident.plan.as_ref() {
            if let Some(open) = &planning.open {
                foreseen.held = held("a planner is asked which runbook to run".to_owned(), Some(open.until));
                return;
            }
            if let (Some(chosen), L2::On(plans)) = (&planning.chosen, &allowed.l2) {
                let choice = plans.choices.iter().find(|choice| choice.runbook == chosen.runbook);
                let window = choice.and_then(|choice| choice.window.clone()).map(|(_, opens)| opens);
                foreseen.would_run = self.would_be_run(&By::Plan(chosen.runbook.clone()), window);
                return;
            }
        }
        let Some(candidate) = next_rule(incident, allowed) else { return };
        if let Some((_, opens)) = &candidate.window {
            foreseen.would_run = self.would_be_run(&By::Rule(candidate.rule.clone()), Some(opens.clone()));
            return;
        }
        let until = incident.rests.get(&candidate.rule).copied();
        let why = format!("rule {} did not help and rests before its next attempt", candidate.rule);
        foreseen.held = held(why, until);
    }

    fn would_be_run(&self, by: &By, window: Option<String>) -> Option<Planned> {
        let (name, runbook) = runbook_of(self.policy()?, &by.name())?;
        let known = self.running.as_ref().map(|running| &running.programs);
        let mut lacks: Vec<String> = runbook
            .steps
            .iter()
            .flat_map(|step| {
                let undo = step.undo.as_ref().map(|undo| steps::programs(&undo.step, &undo.parameters));
                steps::programs(&step.step, &step.parameters).into_iter().chain(undo.unwrap_or_default())
            })
            .filter(|symbol| known.is_none_or(|known| !known.contains_key(*symbol)))
            .map(one_line)
            .collect();
        lacks.sort();
        lacks.dedup();
        let steps = runbook.steps.iter().map(line).collect();
        Some(Planned { rule: by.name(), runbook: name.clone(), steps, lacks, window })
    }

    /// What a planner that is asked now is offered.
    fn would_choose(&self, incident: &Incident) -> Option<Choices> {
        let runbooks = incident.plan.as_ref()?.open.as_ref()?.allowed.clone();
        Some(Choices { runbooks, review: self.policy()?.settings.planner.review })
    }

    /// What a planner could choose among once rules were of no use for a failing check.
    fn could_choose(&self, check: &str, scan: &Scan, incident: &Incident, allowed: &Circumstances) -> Option<Choices> {
        let policy = self.policy()?;
        let rules = matching(policy, check, &scan.judgement.observation);
        let to = |(_, rule): &(&str, &Rule)| rule.escalate.as_ref().map(|escalate| escalate.to);
        let L2::On(plans) = &allowed.l2 else { return None };
        if rules.first().and_then(to) == Some(Tier::L3) {
            return None;
        }
        let by_rules: Vec<&String> = rules.iter().filter_map(|(_, rule)| rule.run.as_ref()).collect();
        let tried = |runbook: &String| incident.plan.as_ref().is_some_and(|plan| plan.tried.contains(runbook));
        let free = plans.choices.iter().filter(|choice| choice.is_free() && !by_rules.contains(&&choice.runbook));
        let runbooks = free.map(|choice| choice.runbook.clone()).filter(|runbook| !tried(runbook));
        let runbooks: Vec<String> = runbooks.collect();
        (!runbooks.is_empty()).then_some(Choices { runbooks, review: policy.settings.planner.review })
    }
}

/// Whether no ticket follows this one: the last is what the incident went to people for.
fn is_last(acts: &[Act], act: &Act) -> bool {
    acts.iter().rfind(|act| matches!(act, Act::Ticket(_))).is_some_and(|last| std::ptr::eq(last, act))
}

fn to_people(reason: &str, incident: &Incident, allowed: &Circumstances) -> ToPeople {
    let why = one_line(reason.strip_suffix(TO_PEOPLE).unwrap_or(reason));
    let named = next_rule(incident, allowed).map(|candidate| candidate.rule.clone());
    let rule = named.filter(|rule| why.starts_with(&format!("rule {rule}")));
    ToPeople { rule, why }
}

/// One step in one line.
fn line(step: &Step) -> String {
    let action = |name: &str, parameters: &serde_json::Map<String, serde_json::Value>| {
        format!("{name} {}", serde_json::Value::Object(parameters.clone()))
    };
    let undo = |undo: &Action| {
        format!(
            "; taken back, if a later one fails, by {}, at most {}",
            action(&undo.step, &undo.parameters),
            undo.timeout
        )
    };
    let back = step.undo.as_ref().map(undo).unwrap_or_default();
    one_line(format!("{}: {}, at most {}{back}", step.id, action(&step.step, &step.parameters), step.timeout))
}
