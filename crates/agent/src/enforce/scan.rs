//! Running checks, and what follows from their outcomes.

use std::path::Path;

use tracing::{debug, info, warn};
use writ_evidence::identifier::Salt;
use writ_evidence::incident::ResolutionType;
use writ_evidence::observed::{for_evidence, reasons_for_evidence};
use writ_evidence::posture::OutcomeChange;
use writ_policy::check::Check;
use writ_policy::observation::Observation;
use writ_policy::outcome::{Judgement, Outcome, Probed, judge};
use writ_policy::policy::Policy;
use writ_policy::predicate::Truth;
use writ_policy::rule::{Rule, Tier};
use writ_policy::schema::ProbeSchema;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::engine::Engine;
use super::incident::{self, Act, By, Candidate, Circumstances, Event, Failing, Hold, State as IncidentState};
use super::posture::Run;
use super::state::{Standing, incident_key};
use super::windows::runbook_waits;
use crate::evidence_writer::{MANY_WAITING, MOST_WAITING};
use crate::network;
use crate::probes;

/// One run of a check: as it was judged, and as evidence may hold it.
#[derive(Debug, Clone)]
pub struct Scan {
    /// What was seen and judged. Never leaves this process.
    pub judgement: Judgement,
    /// The same in the form that evidence may hold.
    pub run: Run,
}

/// What an observation becomes that no schema describes: nothing of it leaves in the clear.
const UNKNOWN: ProbeSchema = ProbeSchema { name: "", about: "", parameters: &[], observation: &[] };

/// Judges what a probe came to, and brings it into the form that evidence may hold.
fn judged(check: &Check, probed: Probed, at: Time, salt: &Salt) -> Scan {
    let schema = probes::schema_of(&check.probe.name).copied().unwrap_or(UNKNOWN);
    let judgement = judge(check, probed);
    let reasons = reasons_for_evidence(&judgement, &schema, salt);
    let seen = for_evidence(&judgement.observation, &schema, salt);
    Scan { run: Run { at, outcome: judgement.outcome, reasons, seen }, judgement }
}

/// Looks with a check's probe, at the machine that the check is about. What is looked at over the network is read from
/// `looks`, where `writ-probe` lays it.
pub fn look(id: &str, check: &Check, looks: &Path, context: &mut probes::ProbeContext) -> Probed {
    if probes::is_network(&check.probe.name) {
        network::seen::seen(looks, id, check, context.now)
    } else if check.target == "self" {
        probes::run(&check.probe, context)
    } else {
        Probed::Failed(format!("{} is another machine, which this version does not look at", check.target))
    }
}

/// The exception that lifts a check at an instant: one that names it, or one for every control that it supports.
pub fn exception(policy: &Policy, check: &str, now: Time) -> Option<String> {
    if let Some((id, _)) = policy.exception_for_check(check, now) {
        return Some(id.to_owned());
    }
    let lifted = |control: &str| {
        let of = |e: &&writ_policy::exception::Exception| e.in_force(now) && e.control.as_deref() == Some(control);
        policy.exceptions.iter().find(|(_, e)| of(e)).map(|(id, _)| id.clone())
    };
    let ids: Vec<Option<String>> = policy.controls_of(check).into_iter().map(lifted).collect();
    if ids.iter().all(Option::is_some) { ids.into_iter().flatten().next() } else { None }
}

/// Why a failing check is left to people although a rule answers it: the rule says so, or nothing but the network says that it
/// fails, and whoever can forge an answer there must not be able to have anything run here. None when its runbook may run.
pub fn left_to_people(check: &Check, rule: &Rule) -> Option<String> {
    match &rule.escalate {
        Some(escalate) => Some(escaped(&escalate.why)),
        None => probes::is_network(&check.probe.name)
            .then(|| "it was seen over the network only, and nothing is run because of that".to_owned()),
    }
}

/// The rules that answer a failing check, the highest priority first.
pub fn matching<'p>(policy: &'p Policy, check: &str, seen: &Observation) -> Vec<(&'p str, &'p Rule)> {
    let narrowed = |predicate: &writ_policy::predicate::Predicate| predicate.evaluate(seen) == Truth::True;
    let mut rules: Vec<_> = policy
        .rules
        .iter()
        .filter(|(_, rule)| rule.when.check == check && rule.when.observation.as_ref().is_none_or(narrowed))
        .map(|(id, rule)| (id.as_str(), rule))
        .collect();
    rules.sort_by_key(|(_, rule)| std::cmp::Reverse(rule.priority));
    rules
}

impl Engine {
    /// Looks with one check, on this thread. None when the policy does not have it.
    pub(super) fn scan(&mut self, id: &str) -> Option<Scan> {
        let name = self.policy()?.checks.get(id)?.probe.name.clone();
        self.set_context(&name);
        let check = self.running.as_ref()?.policy.as_ref()?.1.checks.get(id)?;
        let probed = look(id, check, &self.config.looks_dir(), &mut self.context);
        if name == network::ntp::SCHEMA.name {
            self.known_clock = network::ntp::clock(&check.probe, &probed);
        }
        self.judged(id, probed, self.context.now)
    }

    /// Has the probe of this name know what it may ask for.
    pub(super) fn set_context(&mut self, probe: &str) {
        self.context.now = self.clock.now();
        self.context.monotonic = self.clock.instant();
        if probe == probes::ITSELF {
            self.context.writ = Some(self.facts());
        }
        if probe == probes::log_forwarding::NAME {
            self.context.logs_dropped = self.logs_dropped();
        }
    }

    /// Judges what a check's probe came to. None when the policy does not have the check.
    pub(super) fn judged(&mut self, id: &str, probed: Probed, at: Time) -> Option<Scan> {
        self.counters.scans += 1;
        Some(judged(self.policy()?.checks.get(id)?, probed, at, &self.salt))
    }

    /// Runs checks that were put off, but not without end: what is left waits for the next call.
    pub fn check_again(&mut self) {
        for _ in 0..64 {
            let Some(id) = self.again.pop_front() else { return };
            self.check_afresh(&id);
        }
    }

    /// Takes in one run of a check: posture, incident, and what is to be done about it.
    pub(super) fn observe(&mut self, id: &str, scan: &Scan) {
        self.book.take(id, &scan.run);
        let Some((check, policy)) = self.policy().and_then(|p| Some((p.checks.get(id)?, p))) else { return };
        let key = incident_key(id, &check.target);
        let target = check.target.clone();
        // As of now: people may have paused it since the look, or a window have closed.
        let allowed = self.circumstances(policy, id, check, self.clock.now(), &scan.judgement.observation);
        let event = self.event(id, check, scan);
        if self.on_trial || self.attempts.is_busy(&key) || self.looking.judges(&key) {
            return;
        }
        let Some(event) = event else {
            self.note_outcome(id, &target, scan, &allowed);
            return;
        };
        if matches!(event, Event::Fails(_)) && !self.state.incidents.contains_key(&key) && self.is_full() {
            self.unrecorded.insert(id.to_owned());
            self.heal_unrecorded(&key, id, &allowed);
            return;
        }
        let (state, acts) = self.next_step(&key, id, event, scan.run.at, &allowed);
        let told = acts.iter().any(|act| matches!(act, Act::Opened | Act::Closed(_)));
        if told {
            self.state.outcomes.insert(id.to_owned(), scan.run.outcome);
        } else {
            // An incident that stays open must not be missing from what is written now.
            if let IncidentState::Open(incident) = &state {
                self.state.incidents.insert(key.clone(), (**incident).clone());
            }
            self.note_outcome(id, &target, scan, &allowed);
        }
        self.carry_out(&key, id, state, acts);
    }

    pub(super) fn is_full(&self) -> bool {
        self.state.tail.len() >= MOST_WAITING
    }

    pub(super) fn take_incident(&mut self, key: &str) -> IncidentState {
        self.state.incidents.remove(key).map_or(IncidentState::Quiet, |i| IncidentState::Open(Box::new(i)))
    }

    pub(super) fn event(&self, id: &str, check: &Check, scan: &Scan) -> Option<Event> {
        let Run { at, outcome, reasons, seen } = &scan.run;
        let verification = || incident::verification(id, *at, *outcome, seen, reasons);
        match outcome {
            Outcome::Fail => Some(Event::Fails(Failing {
                check: id.to_owned(),
                target: check.target.clone(),
                severity: check.severity,
                seen: seen.clone(),
                reasons: reasons.clone(),
                next_id: self.state.next_incident_id(*at),
            })),
            Outcome::Pass | Outcome::Warn => Some(Event::Holds(verification(), seen.clone())),
            Outcome::NotApplicable => Some(Event::Gone(verification())),
            Outcome::NotAssessable => {
                self.state.incidents.contains_key(&incident_key(id, &check.target)).then_some(Event::Unknown)
            }
        }
    }

    pub(super) fn circumstances(
        &self,
        policy: &Policy,
        id: &str,
        check: &Check,
        at: Time,
        seen: &Observation,
    ) -> Circumstances {
        let hold = if self.on_trial {
            Some(Hold::Switch)
        } else if let Some(exception) = exception(policy, id, at) {
            Some(Hold::Exception(exception))
        } else if self.state.pauses.covers(id, at) {
            Some(Hold::Pause)
        } else {
            None
        };
        let incident = self.state.incidents.get(&incident_key(id, &check.target)).map(|i| i.id);
        let limit = &policy.settings.circuit_breaker;
        let rules = matching(policy, id, seen).into_iter().map(|(rule_id, rule)| Candidate {
            rule: rule_id.to_owned(),
            attempts: rule.attempts,
            cooldown_ms: rule.cooldown.millis(),
            tripped: self.state.breaker.tripped(rule_id, incident, at, limit),
            escalate: left_to_people(check, rule),
            planner_may: rule.escalate.as_ref().is_some_and(|escalate| escalate.to == Tier::L2),
            window: runbook_waits(policy, rule_id, &self.zone, at),
        });
        let l1_failures = policy.settings.escalation.l1_failures.get(&check.severity).copied().unwrap_or(3);
        let flap = if incident.is_none() { self.state.flaps.flap(id, at, limit) } else { None };
        Circumstances { hold, rules: rules.collect(), l1_failures, l2: self.l2(policy, id, check, at), flap }
    }

    /// Remembers an outcome, and tells of a change that no incident tells of.
    fn note_outcome(&mut self, id: &str, target: &str, scan: &Scan, allowed: &Circumstances) {
        let Run { at, outcome, reasons, seen } = &scan.run;
        let before = self.state.outcomes.insert(id.to_owned(), *outcome);
        if before == Some(*outcome) {
            return;
        }
        debug!(check = id, outcome = outcome.as_str(), "outcome");
        // The first run of all checks is told by the snapshot that follows it.
        let Some(from) = before else { return };
        let mut reasons = reasons.clone();
        if let Some(Hold::Exception(exception)) = &allowed.hold {
            reasons.push(format!("excepted by {exception}: not healed"));
        }
        info!(check = id, from = from.as_str(), to = outcome.as_str(), "outcome changed");
        let change = OutcomeChange {
            check: id.to_owned(),
            from: Some(from),
            to: *outcome,
            at: *at,
            reasons,
            observation: seen.clone(),
        };
        let draft = self.seen_from(id, self.teller().changed(change, target));
        if self.seal_posture(draft) {
            self.commit();
        }
    }

    /// Puts a step of an incident into the state with the bundles that tell of it, and makes it durable. Gives what is to be
    /// run now.
    pub(super) fn record(&mut self, key: &str, state: IncidentState, acts: &[Act]) -> Option<By> {
        let mut incident = match state {
            IncidentState::Quiet => None,
            IncidentState::Open(incident) => Some(*incident),
        };
        // What an attempt came to is durable, also when nothing follows from it.
        let attempted =
            self.state.incidents.get(key).is_some_and(|i| matches!(i.phase, incident::Phase::Attempting { .. }));
        let unchanged = acts.is_empty() && !attempted;
        let ended = acts.iter().find_map(|act| if let Act::Closed(closing) = act { Some(closing) } else { None });
        let mut attempt = None;
        for act in acts {
            match (act, &mut incident) {
                (Act::Opened, Some(incident)) => self.record_opened(incident),
                (Act::Ticket(reason), Some(incident)) => {
                    warn!(incident = %incident.id, check = %incident.check, "ticket for people: {reason}");
                    self.begin_with_people(incident);
                    let draft = self.seen_from(&incident.check, self.teller().escalated(incident, reason));
                    self.seal(draft);
                }
                (Act::Attempt(by), Some(incident)) => {
                    let limit = self.policy().map(|p| p.settings.circuit_breaker.clone());
                    if let Some(limit) = limit {
                        self.state.breaker.fired(&by.name(), incident.id, self.clock.now(), &limit);
                    }
                    attempt = Some(by.clone());
                }
                (Act::Ask, Some(incident)) => self.record_ask(incident),
                (Act::Plan(told), Some(incident)) => self.record_plan(incident, told),
                (Act::Plan(told), None) => {
                    if let Some(closing) = ended {
                        self.record_plan(&closing.incident, told);
                    }
                }
                (Act::Closed(closing), _) => self.record_closed(closing),
                (Act::Opened | Act::Ticket(_) | Act::Attempt(_) | Act::Ask, None) => {}
            }
        }
        let told = incident.clone().or_else(|| Some((*ended?.incident).clone()));
        if let Some(incident) = incident {
            self.state.incidents.insert(key.to_owned(), incident);
        }
        if !unchanged && attempt.is_some() {
            // What is to be done is done at once; others see the bundle a moment later.
            self.writer.commit_silently(&mut self.state);
        } else if !unchanged {
            self.commit();
        }
        if let Some(incident) = told {
            self.after_record(&incident, acts);
        }
        attempt
    }

    /// Says elsewhere what is durable now: tickets, and the spool of planners.
    fn after_record(&mut self, incident: &incident::Incident, acts: &[Act]) {
        for act in acts {
            match act {
                Act::Ticket(_) => self.write_ticket(incident),
                Act::Plan(told) => self.lay_verdict(incident, told),
                Act::Closed(closing) if incident.is_with_people() => self.close_ticket(closing),
                Act::Opened | Act::Attempt(_) | Act::Ask | Act::Closed(_) => {}
            }
        }
        self.lay_requests();
    }

    fn record_opened(&mut self, incident: &mut incident::Incident) {
        self.state.incident_number = incident.id.number;
        self.state.incident_date = Some(incident.id.date);
        self.counters.opened += 1;
        warn!(incident = %incident.id, check = %incident.check, severity = %incident.severity, reasons = ?incident.reasons, "incident opened");
        if let Some(limit) = self.policy().map(|policy| policy.settings.circuit_breaker.clone()) {
            self.state.flaps.opened(&incident.check, incident.detected_at, &limit);
        }
        let draft = self.policy().map(|policy| self.seen_from(&incident.check, self.teller().opened(incident, policy)));
        incident.opened_by = draft.and_then(|draft| self.seal(draft));
        self.notice_opened(incident);
    }

    fn record_closed(&mut self, closing: &incident::Closing) {
        self.counters.closed += 1;
        let incident = &closing.incident;
        if closing.resolution == ResolutionType::Auto {
            self.healed.push_back((incident.check.clone(), incident.id));
            if self.healed.len() > 256 {
                self.healed.pop_front();
            }
        }
        let took_ms = closing.at.millis_since(incident.detected_at);
        info!(incident = %incident.id, check = %incident.check, by = closing.resolution.as_str(), took_ms, "incident closed");
        let draft = self.policy().map(|policy| self.seen_from(&incident.check, self.teller().closed(closing, policy)));
        if let Some(draft) = draft {
            self.seal(draft);
        }
        self.notice_closed(incident, closing.resolution.as_str());
    }

    /// Seals a draft. A draft that cannot be sealed is a defect of ours: said loudly, and enforcement goes on.
    pub(super) fn seal(&mut self, draft: writ_evidence::Draft) -> Option<writ_evidence::BundleId> {
        let kind = draft.kind;
        match self.writer.seal(&mut self.state, draft, self.clock.now()) {
            Ok(id) => Some(id),
            Err(e) => {
                self.say_once(format!("evidence of kind {kind} could not be sealed: {e}"));
                None
            }
        }
    }

    /// Seals posture unless the disk takes nothing and much is waiting already.
    pub(super) fn seal_posture(&mut self, draft: writ_evidence::Draft) -> bool {
        if self.state.waiting() >= MANY_WAITING {
            self.say_once(
                "the disk is full and much evidence waits: posture is not recorded until it is written".to_owned(),
            );
            return false;
        }
        self.seal(draft).is_some()
    }

    /// Makes the state durable, with all bundles sealed since.
    pub(super) fn commit(&mut self) {
        self.state.written_at = Some(self.clock.now());
        self.writer.commit(&mut self.state);
    }

    /// The same where somebody is told so, or there is no later: tried also where the disk took nothing a moment ago.
    pub(super) fn commit_now(&mut self) {
        self.writer.rest_no_longer();
        self.commit();
    }

    /// Whether bundles wait for [`Engine::settle`].
    pub fn unsettled(&self) -> bool {
        self.state.tail.iter().any(|pending| pending.standing == Standing::Placed)
    }

    /// Has the outbox fsynced, when there is time.
    pub fn settle(&mut self) {
        self.writer.settle(&mut self.state);
    }

    /// Fsyncs the outbox before anything else is done.
    pub(super) fn settle_now(&mut self) {
        self.writer.settle_now(&mut self.state);
    }

    /// Takes in what was fsynced meanwhile.
    pub(super) fn take_settled(&mut self) {
        self.writer.take_settled(&mut self.state);
    }

    /// Tries again to write what a full disk did not take.
    pub fn retry_commit(&mut self) {
        if self.writer.wants_retry(&self.state) {
            self.commit();
        }
    }
}
