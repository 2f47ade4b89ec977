//! One incident per check and target: from the first failing run until the check holds again.
//!
//! Pure. `step` takes what happened and what the signed policy allows at that moment, and gives the next state with what
//! is to be done. The driver makes both durable before it does anything, so an incident is opened by exactly one bundle
//! (the step from [`State::Quiet`] to [`State::Open`]) and closed by exactly one (the step back), whatever is killed when.
//!
//! ```text
//! Quiet ─ fails ─▶ Waiting ⇄ Attempting ─ every check of the verification holds ─▶ Quiet (healed by L1)
//!                     │ failed too often, no rule, a rule that says so, breaker
//!                     ▼
//!                 a planner is asked ([`planning`]; still Waiting and Attempting) ─ as above ─▶ Quiet (healed by L2)
//!                     │ none may be, or its plans failed too often
//!                     ▼
//!                 Escalated (L3 ticket) ─ holds again ─▶ Quiet (healed by people)
//! ```
//!
//! One of a check that flaps ([`super::flap`]) goes these ways too, but back to Quiet only when it has held for a while.

mod allowed;
mod decide;
mod planned;
mod planning;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_evidence::id::{BundleId, IncidentId};
use writ_evidence::incident::{Action, Escalation, ResolutionStatus, ResolutionType, RunbookRef, Tier, Verification};
use writ_policy::declared::Severity;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;
use writ_wire::plan_verdict::PlanResult;

pub use self::allowed::{Candidate, Choice, Circumstances, Hold, L2, NO_PLANNER, NOT_FOR_PLANNERS, Plans};
pub use self::decide::next_rule;
use self::decide::{decide, escalate, tell, withdraw};
pub use self::planned::{Account, Chosen, Ran, Told};
pub use self::planning::{Answer, By, Open, Planning, bounded};
use super::escalation::People;
use super::flap::Flapping;

/// Between why the rules were of no use and why no planner was asked, or asked no more.
pub const L2_SAYS: &str = "; L2: ";
/// After both.
pub const TO_PEOPLE: &str = ", so it goes to people (L3)";

/// Whether there is an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// The check is not known to fail.
    #[default]
    Quiet,
    /// The check fails.
    Open(Box<Incident>),
}

/// An open incident, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id, the same in both bundles.
    pub id: IncidentId,
    /// The check that fails.
    pub check: String,
    /// The machine it fails on.
    pub target: String,
    /// The check's severity when it opened.
    pub severity: Severity,
    /// The failing run that opened it.
    pub detected_at: Time,
    /// The bundle that opened it; set when that bundle is sealed, in the same write.
    pub opened_by: Option<BundleId>,
    /// What was seen then, in the form that evidence may hold.
    pub before: Observation,
    /// Why the check failed then.
    pub reasons: Vec<String>,
    /// What is being done.
    pub phase: Phase,
    /// Runs of runbooks begun for it.
    pub attempts: u64,
    /// Of those, how many a restart or a trial interrupted.
    #[serde(default)]
    pub interrupted: u64,
    /// Of those, how many failed, by rule.
    pub failures: BTreeMap<String, u32>,
    /// Until when a rule rests after it failed.
    pub rests: BTreeMap<String, Time>,
    /// When work on it began.
    pub worked_since: Option<Time>,
    /// The rule that ran last.
    pub rule: Option<String>,
    /// The runbook that ran last.
    pub runbook: Option<RunbookRef>,
    /// Every step that was run.
    pub actions: Vec<Action>,
    /// Every time it went up a tier.
    pub escalations: Vec<Escalation>,
    /// How far it has come with people, once they have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
    /// How far it has come with planners, once one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Planning>,
    /// That its check flaps, and what has become of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
    /// Whether people had suspended healing of its check when it failed: then they are who changed something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub intended: bool,
}

impl Incident {
    /// Moves what was planned for it along with a clock that was set by so many milliseconds. When it was detected and what
    /// was done stays as it was written down.
    pub fn shift(&mut self, millis: i64) {
        let waits = match &mut self.phase {
            Phase::Waiting(until) => until.as_mut(),
            _ => None,
        };
        let holds = self.flapping.as_mut().and_then(|flapping| flapping.holds_since.as_mut());
        let asked = self.plan.as_mut().and_then(|plan| plan.open.as_mut()).map(|open| &mut open.until);
        for at in waits.into_iter().chain(holds).chain(asked).chain(self.rests.values_mut()) {
            *at = at.plus_millis(millis);
        }
        if let Some(people) = &mut self.people {
            people.shift(millis);
        }
    }

    /// Whether people have it, or were told of it: then there is a ticket.
    pub fn is_with_people(&self) -> bool {
        self.escalations.iter().any(|escalation| escalation.to == Tier::L3)
    }

    /// The tier whose runbook ran last.
    pub fn last_tier(&self) -> Tier {
        if self.plan.as_ref().is_some_and(|plan| plan.ran) { Tier::L2 } else { Tier::L1 }
    }
}

/// What is being done about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing until the next run of the check, or until this time when a rule rests.
    Waiting(Option<Time>),
    /// A rule's runbook runs since then. Found so after a restart, it was interrupted.
    Attempting {
        /// The rule.
        rule: String,
        /// When it began.
        since: Time,
    },
    /// People have it.
    Escalated,
}

/// A failing run, with what a new incident is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The check.
    pub check: String,
    /// The machine.
    pub target: String,
    /// The check's severity.
    pub severity: Severity,
    /// What was seen, in the form that evidence may hold.
    pub seen: Observation,
    /// Why it fails.
    pub reasons: Vec<String>,
    /// The id for a new incident.
    pub next_id: IncidentId,
}

/// What a runbook did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The runbook; none when the policy no longer has it.
    pub runbook: Option<RunbookRef>,
    /// Its steps, numbered from 1; none when a restart interrupted it, for then nobody knows.
    pub actions: Vec<Action>,
    /// Whether a restart or a trial interrupted it.
    pub interrupted: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The check was run and fails.
    Fails(Failing),
    /// The check was run and holds.
    Holds(Verification, Observation),
    /// A runbook has run, or was interrupted, and the re-scan was made.
    Tried {
        /// What it did.
        work: Work,
        /// The re-scan: the runbook's checks and the incident's own.
        verification: Vec<Verification>,
        /// What the re-scan of the incident's check saw.
        after: Observation,
    },
    /// The check no longer applies, or is no longer asked for.
    Gone(Verification),
    /// Nobody knows whether the check holds.
    Unknown,
    /// A new policy is in force: what was out of rules may have one.
    PolicyChanged,
    /// This came of the request that a planner has.
    Planned(Answer),
    /// What a planner was asked and what it chose counts no more, by this rule, for this reason.
    Withdrawn(&'static str, String),
}

/// How an incident ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The incident as it was.
    pub incident: Box<Incident>,
    /// When.
    pub at: Time,
    /// Who resolved it.
    pub resolution: ResolutionType,
    /// The tier that resolved it; none when it went away by itself.
    pub tier: Option<Tier>,
    /// The re-scan that decides.
    pub verification: Vec<Verification>,
    /// What was seen then.
    pub after: Observation,
}

impl Closing {
    /// What the re-scan comes to.
    pub fn status(&self) -> ResolutionStatus {
        ResolutionStatus::of(&self.verification)
    }
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Say that the incident opened.
    Opened,
    /// Tell people, with this reason; the incident's escalations hold the rest.
    Ticket(String),
    /// Run this runbook, re-scan, and come back with [`Event::Tried`].
    Attempt(By),
    /// Write the request that is open, and come back with [`Event::Planned`].
    Ask,
    /// Say what came of a plan.
    Plan(Told),
    /// Say that the incident closed.
    Closed(Closing),
}

/// The next state, and what is to be done once it is durable.
pub fn step(state: State, event: Event, at: Time, allowed: &Circumstances) -> (State, Vec<Act>) {
    match (state, event) {
        (State::Quiet, Event::Fails(failing)) => open(failing, at, allowed),
        (State::Quiet, _) => (State::Quiet, Vec::new()),
        (State::Open(incident), event) => proceed(incident, event, at, allowed),
    }
}

fn open(failing: Failing, at: Time, allowed: &Circumstances) -> (State, Vec<Act>) {
    if matches!(allowed.hold, Some(Hold::Exception(_) | Hold::Switch)) {
        return (State::Quiet, Vec::new());
    }
    let mut incident = Box::new(Incident {
        id: failing.next_id,
        check: failing.check,
        target: failing.target,
        severity: failing.severity,
        detected_at: at,
        opened_by: None,
        before: failing.seen,
        reasons: failing.reasons,
        phase: Phase::Waiting(None),
        attempts: 0,
        interrupted: 0,
        failures: BTreeMap::new(),
        rests: BTreeMap::new(),
        worked_since: None,
        rule: None,
        runbook: None,
        actions: Vec::new(),
        escalations: Vec::new(),
        people: None,
        plan: None,
        flapping: None,
        intended: allowed.hold == Some(Hold::Pause),
    });
    let mut acts = vec![Act::Opened];
    if let Some(flap) = &allowed.flap {
        incident.flapping = Some(Flapping { steady_ms: flap.steady_ms, again: 0, holds_since: None, by_rule: false });
        acts.push(tell(&mut incident, at, flap.reason()));
    }
    if incident.severity == Severity::Critical {
        let reason = "critical: people are told at once, healing goes on meanwhile".to_owned();
        acts.push(tell(&mut incident, at, reason));
    }
    acts.extend(decide(&mut incident, at, allowed));
    (State::Open(incident), acts)
}

fn proceed(mut incident: Box<Incident>, event: Event, at: Time, allowed: &Circumstances) -> (State, Vec<Act>) {
    let attempting = matches!(incident.phase, Phase::Attempting { .. });
    match event {
        Event::Fails(_) if !attempting => {
            failed_again(&mut incident);
            let waits = matches!(incident.phase, Phase::Waiting(_));
            let acts = if waits { decide(&mut incident, at, allowed) } else { Vec::new() };
            (State::Open(incident), acts)
        }
        Event::Holds(verification, after) if !attempting => {
            if !is_steady(&mut incident, at, false) {
                return (State::Open(incident), Vec::new());
            }
            let moot = withdraw(&mut incident, "plan-moot", "its check holds again");
            let (resolution, tier) = by_others(&incident);
            preceded(moot, close(incident, at, resolution, tier, vec![verification], after))
        }
        Event::Gone(verification) if !attempting => {
            let moot = withdraw(&mut incident, "plan-moot", "its check does not count any more");
            let closed = close(incident, at, ResolutionType::Manual, None, vec![verification], Observation::new());
            preceded(moot, closed)
        }
        Event::Tried { work, verification, after } if attempting => {
            tried(incident, work, verification, after, at, allowed)
        }
        Event::Unknown if !attempting => {
            incident.flapping.iter_mut().for_each(Flapping::is_unknown);
            (State::Open(incident), Vec::new())
        }
        Event::PolicyChanged if !attempting => {
            let told = withdraw(&mut incident, "plan-policy", "another policy is in force");
            incident.phase = Phase::Waiting(None);
            incident.failures.clear();
            incident.rests.clear();
            if let Some(plan) = &mut incident.plan {
                (plan.failures, plan.last) = (0, None);
                plan.tried.clear();
            }
            (State::Open(incident), told)
        }
        Event::Planned(answer) if !attempting => {
            let acts = planned(&mut incident, answer, at);
            (State::Open(incident), acts)
        }
        Event::Withdrawn(rule, why) if !attempting => {
            let acts = withdraw(&mut incident, rule, &why);
            (State::Open(incident), acts)
        }
        _ => (State::Open(incident), Vec::new()),
    }
}

/// Takes in what came of the request that a planner has. What follows is decided by a look at the check.
fn planned(incident: &mut Incident, answer: Answer, at: Time) -> Vec<Act> {
    let Some((told, proposal)) = incident.plan.as_mut().and_then(|plan| planning::answered(plan, answer, at)) else {
        return Vec::new();
    };
    let mut acts = vec![Act::Plan(told)];
    if let Some(proposal) = proposal {
        acts.push(escalate(incident, at, format!("rules did not help{L2_SAYS}{proposal}{TO_PEOPLE}")));
    }
    acts
}

/// Notes that a check which holds, as far as is known, fails again. What a runbook did has not lasted: it has failed.
fn failed_again(incident: &mut Incident) {
    if !incident.flapping.as_mut().is_some_and(Flapping::fails) {
        return;
    }
    match (&mut incident.plan, &incident.runbook, &incident.rule) {
        (Some(plan), Some(runbook), _) if plan.ran => {
            plan.was_in_vain(&runbook.runbook_id, "helped for a while only");
        }
        (_, _, Some(rule)) => *incident.failures.entry(rule.clone()).or_default() += 1,
        _ => {}
    }
}

/// Whether a check that holds now has held for long enough. Only one that flaps has to.
fn is_steady(incident: &mut Incident, at: Time, by_rule: bool) -> bool {
    let Some(flapping) = &mut incident.flapping else { return true };
    match flapping.ends() {
        Some(ends) => at >= ends,
        None => {
            flapping.holds_since = Some(at);
            flapping.by_rule |= by_rule;
            if !matches!(incident.phase, Phase::Escalated) {
                incident.phase = Phase::Waiting(None);
            }
            false
        }
    }
}

/// Who resolved an incident whose check holds again although no runbook was seen to do it just now.
fn by_others(incident: &Incident) -> (ResolutionType, Option<Tier>) {
    let by_rule = incident.flapping.as_ref().is_some_and(|flapping| flapping.by_rule);
    match (&incident.phase, incident.attempts) {
        (Phase::Waiting(_), _) if by_rule => (ResolutionType::Auto, Some(incident.last_tier())),
        (Phase::Escalated, _) => (ResolutionType::Manual, Some(Tier::L3)),
        (_, 0) => (ResolutionType::Manual, None),
        _ => (ResolutionType::Partial, Some(incident.last_tier())),
    }
}

fn tried(
    mut incident: Box<Incident>,
    work: Work,
    verification: Vec<Verification>,
    after: Observation,
    at: Time,
    allowed: &Circumstances,
) -> (State, Vec<Act>) {
    let Phase::Attempting { rule, .. } = std::mem::replace(&mut incident.phase, Phase::Waiting(None)) else {
        return (State::Open(incident), Vec::new());
    };
    let done = incident.actions.len() as u64;
    incident.actions.extend(work.actions.into_iter().map(|a| Action { step: done + a.step, ..a }));
    incident.runbook = work.runbook.or(incident.runbook);
    let interrupted = work.interrupted;
    incident.interrupted += u64::from(interrupted);
    let (by, helped) = (By::of(&rule), ResolutionStatus::of(&verification) == ResolutionStatus::Success);
    let mut acts = if by.tier() == Tier::L2 { plan_tried(&mut incident, &by, helped, interrupted) } else { Vec::new() };
    if helped {
        if !is_steady(&mut incident, at, true) {
            return (State::Open(incident), acts);
        }
        return preceded(acts, close(incident, at, ResolutionType::Auto, Some(by.tier()), verification, after));
    }
    if let By::Rule(rule) = by {
        let rest = allowed.rules.iter().find(|c| c.rule == rule).map_or(0, |c| c.cooldown_ms);
        *incident.failures.entry(rule.clone()).or_default() += 1;
        // An attempt that was interrupted counts, but was not made in vain: it may be made again at once.
        if !interrupted {
            incident.rests.insert(rule, at.plus_millis(rest));
        }
    }
    acts.extend(decide(&mut incident, at, allowed));
    (State::Open(incident), acts)
}

/// Notes what a plan that was carried out came to.
fn plan_tried(incident: &mut Incident, by: &By, helped: bool, interrupted: bool) -> Vec<Act> {
    let result = match (helped, interrupted) {
        (true, _) => PlanResult::Helped,
        (false, true) => PlanResult::Interrupted,
        (false, false) => PlanResult::Failed,
    };
    let plan = incident.plan.get_or_insert_default();
    // A version that knew of no plans may have been here in between.
    if let (None, By::Plan(runbook), false) = (&plan.chosen, by, helped) {
        plan.was_in_vain(runbook, "did not help");
    }
    planning::carried_out(plan, result).map(Act::Plan).into_iter().collect()
}

fn close(
    incident: Box<Incident>,
    at: Time,
    resolution: ResolutionType,
    tier: Option<Tier>,
    verification: Vec<Verification>,
    after: Observation,
) -> (State, Vec<Act>) {
    (State::Quiet, vec![Act::Closed(Closing { incident, at, resolution, tier, verification, after })])
}

/// The same step, in which something else comes first.
fn preceded(mut acts: Vec<Act>, (state, closed): (State, Vec<Act>)) -> (State, Vec<Act>) {
    acts.extend(closed);
    (state, acts)
}

/// The verification that one run of a check makes.
pub fn verification(check: &str, at: Time, outcome: Outcome, seen: &Observation, reasons: &[String]) -> Verification {
    let observation = (seen.iter().next().is_some()).then(|| seen.digest());
    Verification { check: check.to_owned(), at, outcome, observation, reasons: reasons.to_vec() }
}

#[cfg(test)]
mod planning_tests;
#[cfg(test)]
mod several_tests;
#[cfg(test)]
mod tests;
