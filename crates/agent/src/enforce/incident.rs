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
//!                 Escalated (L2 is not in this release; L3 ticket) ─ holds again ─▶ Quiet (healed by people)
//! ```
//!
//! One of a check that flaps ([`super::flap`]) goes these ways too, but back to Quiet only when it has held for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_evidence::id::{BundleId, IncidentId};
use writ_evidence::incident::{Action, Escalation, ResolutionStatus, ResolutionType, RunbookRef, Tier, Verification};
use writ_policy::declared::Severity;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::escalation::People;
use super::flap::{Flap, Flapping};

/// What the record of every escalation says of the tier between rules and people.
pub const NO_L2: &str = "L2: not in this release, so it goes to people (L3)";

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
        for at in waits.into_iter().chain(holds).chain(self.rests.values_mut()) {
            *at = at.plus_millis(millis);
        }
        if let Some(people) = &mut self.people {
            people.shift(millis);
        }
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

/// Why nothing may be healed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// An exception is in force: the check does not count, and opens no incident.
    Exception(String),
    /// A new generation is on trial: its own probation judges, and opens no incident here.
    Switch,
    /// People suspended healing of the check.
    Pause,
    /// Others run that the rule has to wait for.
    InLine,
}

/// A rule that matches the failing check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub rule: String,
    /// How often it may be tried for one incident.
    pub attempts: u32,
    /// How long it rests after it failed, in milliseconds.
    pub cooldown_ms: i64,
    /// Why it may not run, and people have to look: the circuit breaker stopped it, or its turn never came.
    pub tripped: Option<String>,
    /// Why it hands the incident to people; none when it runs a runbook.
    pub escalate: Option<String>,
    /// The maintenance window that its runbook has to wait for: when it opens, where it ever does, and that in words.
    pub window: Option<(Option<Time>, String)>,
}

/// What the signed policy and the moment allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Why nothing may be healed now, if so.
    pub hold: Option<Hold>,
    /// The rules that match, the highest priority first.
    pub rules: Vec<Candidate>,
    /// After how many failed attempts an incident of this severity is escalated.
    pub l1_failures: u32,
    /// That the check flaps, if it fails now.
    pub flap: Option<Flap>,
}

impl Circumstances {
    /// The rule that may run when nothing can be recorded and so nothing is counted: the highest that the breaker has not
    /// stopped, unless one above it leaves the check to people.
    pub fn unrecorded(&self) -> Option<&str> {
        if self.hold.is_some() {
            return None;
        }
        let mut rules = self.rules.iter().take_while(|c| c.escalate.is_none());
        rules.find(|c| c.tripped.is_none() && c.window.is_none()).map(|c| c.rule.as_str())
    }
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
    /// Run this rule's runbook, re-scan, and come back with [`Event::Tried`].
    Attempt(String),
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
            let acts = if waits { decide(&mut incident, at, allowed) } else { None };
            (State::Open(incident), acts.into_iter().collect())
        }
        Event::Holds(verification, after) if !attempting => {
            if !is_steady(&mut incident, at, false) {
                return (State::Open(incident), Vec::new());
            }
            let (resolution, tier) = by_others(&incident);
            close(incident, at, resolution, tier, vec![verification], after)
        }
        Event::Gone(verification) if !attempting => {
            close(incident, at, ResolutionType::Manual, None, vec![verification], Observation::new())
        }
        Event::Tried { work, verification, after } if attempting => {
            tried(incident, work, verification, after, at, allowed)
        }
        Event::Unknown if !attempting => {
            incident.flapping.iter_mut().for_each(Flapping::is_unknown);
            (State::Open(incident), Vec::new())
        }
        Event::PolicyChanged if !attempting => {
            incident.phase = Phase::Waiting(None);
            incident.failures.clear();
            incident.rests.clear();
            (State::Open(incident), Vec::new())
        }
        _ => (State::Open(incident), Vec::new()),
    }
}

/// Notes that a check which holds, as far as is known, fails again. What a rule did has not lasted: it has failed.
fn failed_again(incident: &mut Incident) {
    if let Some(flapping) = &mut incident.flapping
        && flapping.fails()
        && let Some(rule) = &incident.rule
    {
        *incident.failures.entry(rule.clone()).or_default() += 1;
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
        (Phase::Waiting(_), _) if by_rule => (ResolutionType::Auto, Some(Tier::L1)),
        (Phase::Escalated, _) => (ResolutionType::Manual, Some(Tier::L3)),
        (_, 0) => (ResolutionType::Manual, None),
        _ => (ResolutionType::Partial, Some(Tier::L1)),
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
    if ResolutionStatus::of(&verification) == ResolutionStatus::Success {
        if !is_steady(&mut incident, at, true) {
            return (State::Open(incident), Vec::new());
        }
        return close(incident, at, ResolutionType::Auto, Some(Tier::L1), verification, after);
    }
    let rest = allowed.rules.iter().find(|c| c.rule == rule).map_or(0, |c| c.cooldown_ms);
    *incident.failures.entry(rule.clone()).or_default() += 1;
    // An attempt that was interrupted counts, but was not made in vain: it may be made again at once.
    if !interrupted {
        incident.rests.insert(rule, at.plus_millis(rest));
    }
    let acts = decide(&mut incident, at, allowed).into_iter().collect();
    (State::Open(incident), acts)
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

/// What to do about a failing check that waits: try a rule, rest, or hand it to people.
fn decide(incident: &mut Incident, at: Time, allowed: &Circumstances) -> Option<Act> {
    if allowed.hold.is_some() {
        incident.phase = Phase::Waiting(None);
        return None;
    }
    let failed: u32 = incident.failures.values().sum();
    if failed > 0 && failed >= allowed.l1_failures {
        let reason = format!("{failed} attempts of L1 failed, as many as {} severity allows", incident.severity);
        return Some(escalate(incident, at, reason));
    }
    if allowed.rules.is_empty() {
        return Some(escalate(incident, at, "no rule answers it".to_owned()));
    }
    let failures = |c: &Candidate| incident.failures.get(&c.rule).copied().unwrap_or(0);
    let left = |c: &&Candidate| c.escalate.is_some() || failures(c) < c.attempts;
    let Some(candidate) = allowed.rules.iter().find(left) else {
        let reason = format!("{failed} attempts of L1 failed, as many as its rules allow");
        return Some(escalate(incident, at, reason));
    };
    // Before the breaker, which stops what runs too often: this runs nothing.
    if let Some(why) = &candidate.escalate {
        let reason = format!("rule {}: {why}", candidate.rule);
        return Some(escalate(incident, at, reason));
    }
    if let Some(why) = &candidate.tripped {
        return Some(escalate(incident, at, why.clone()));
    }
    if let Some((opens, _)) = &candidate.window {
        // Then it is looked at, however rarely its check runs.
        incident.phase = Phase::Waiting(*opens);
        return None;
    }
    if let Some(until) = incident.rests.get(&candidate.rule).filter(|until| **until > at) {
        incident.phase = Phase::Waiting(Some(*until));
        return None;
    }
    incident.attempts += 1;
    incident.worked_since.get_or_insert(at);
    incident.rule = Some(candidate.rule.clone());
    incident.phase = Phase::Attempting { rule: candidate.rule.clone(), since: at };
    Some(Act::Attempt(candidate.rule.clone()))
}

fn escalate(incident: &mut Incident, at: Time, reason: String) -> Act {
    incident.phase = Phase::Escalated;
    tell(incident, at, format!("{reason}; {NO_L2}"))
}

/// Nobody is notified but by the ticket, which names whom to call: the record must not claim that somebody was told.
fn tell(incident: &mut Incident, at: Time, reason: String) -> Act {
    incident.escalations.push(Escalation { to: Tier::L3, at, reason: reason.clone(), notified: Vec::new() });
    Act::Ticket(reason)
}

/// The verification that one run of a check makes.
pub fn verification(check: &str, at: Time, outcome: Outcome, seen: &Observation, reasons: &[String]) -> Verification {
    let observation = (seen.iter().next().is_some()).then(|| seen.digest());
    Verification { check: check.to_owned(), at, outcome, observation, reasons: reasons.to_vec() }
}

#[cfg(test)]
mod tests;
