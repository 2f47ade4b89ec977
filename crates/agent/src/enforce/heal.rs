//! Running a rule's runbook, and the re-scan that decides whether it helped.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::info;
use writ_evidence::incident::{RunbookRef, Verification};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_policy::runbook::Runbook;

use super::attempts::Room;
use super::engine::Engine;
use super::incident::{self, Act, By, Circumstances, Event, Hold, Phase, State as IncidentState, Work};
use super::lanes::{self, Job};
use super::looking::Scans;
use super::orders;
use super::posture::Run;
use super::refused::Refused;
use super::state::Point;
use super::work::{self, Finished, Order};
use crate::crash_point;

/// What an attempt came to.
pub(super) struct Tried {
    /// What the incident hears.
    pub event: Event,
    /// The re-scan of the incident's own check.
    pub run: Run,
    /// What it saw, for predicates of rules; empty when nothing.
    pub seen: Observation,
    /// Other checks whose outcome differs from what was known.
    pub doubtful: Vec<String>,
}

/// The runbook that runs by this name, see [`By::name`].
pub(super) fn runbook_of<'p>(policy: &'p Policy, name: &str) -> Option<(&'p String, &'p Runbook)> {
    if let Some(ordered) = orders::runbook_of(name) {
        return policy.runbooks.get_key_value(ordered);
    }
    match By::of(name) {
        By::Rule(rule) => policy.runbooks.get_key_value(policy.rules.get(&rule)?.run.as_ref()?),
        By::Plan(runbook) => policy.runbooks.get_key_value(&runbook),
    }
}

impl Engine {
    /// Persists, then acts, until there is nothing left to do about this incident for now.
    pub(super) fn carry_out(&mut self, key: &str, check: &str, state: IncidentState, acts: Vec<Act>) {
        let (mut state, mut acts) = (state, acts);
        while let Some(by) = self.record(key, state, &acts) {
            let Some(finished) = self.begin(self.job(key, check, &by.name()), true) else { return };
            let Some(finished) = self.look_after(finished) else { return };
            (state, acts) = self.after_attempt(finished, Scans::new());
        }
    }

    /// Begins to run a rule's runbook, which has its place in the lanes. Gives its end when it has come to it at once.
    pub(super) fn begin(&mut self, job: Job, recorded: bool) -> Option<Finished> {
        self.counters.attempts += 1;
        crash_point!("attempt is durable, nothing done");
        let order = match self.order(job, recorded) {
            Ok(order) => order,
            Err(finished) => {
                let rule = &finished.job.rule;
                self.say_once(format!("{} names a runbook that the policy does not have", By::of(rule)));
                return Some(*finished);
            }
        };
        match &mut self.attempts.workers {
            Some(workers) => {
                let ended = workers.start(order).err().map(|finished| *finished);
                // Done meanwhile: it may take an hour until there is more to tell.
                self.writer.lay_out(&mut self.state);
                ended
            }
            None => Some(work::here(&order)),
        }
    }

    pub(super) fn policy_point(&self) -> Option<Point> {
        Some(self.running.as_ref()?.policy.as_ref()?.0)
    }

    fn order(&self, job: Job, recorded: bool) -> Result<Order, Box<Finished>> {
        let policy = self.policy_point();
        let known = self.running.as_ref().and_then(|running| {
            let asked = &running.policy.as_ref()?.1;
            Some((running, asked, runbook_of(asked, &job.rule)?))
        });
        let Some((running, asked, (id, runbook))) = known else {
            return Err(Box::new(Finished { job, recorded, policy, verify: Vec::new(), work: Work::default() }));
        };
        let named = runbook.steps.iter().flat_map(|step| step.parameters.get("checks")?.as_array());
        let named = named.flatten().filter_map(|id| id.as_str());
        let checks: BTreeMap<_, _> =
            named.filter_map(|id| Some((id.to_owned(), asked.checks.get(id)?.clone()))).collect();
        Ok(Order {
            state_dir: self.config.state_dir.clone(),
            clock: self.clock.clone(),
            job,
            recorded,
            policy,
            id: id.clone(),
            runbook: runbook.clone(),
            programs: Arc::new(running.programs.clone()),
            profile: self.config.profile.clone(),
            activation: self.config.activation.clone(),
            expected_toplevel: running.generation.toplevel().map(str::to_owned),
            checks: Arc::new(checks),
            given_up: self.attempts.given_up.clone(),
            place: self.place(),
        })
    }

    /// Takes up a runbook that has come to its end.
    pub(super) fn finish(&mut self, finished: Finished) {
        if let Some(finished) = self.look_after(finished) {
            self.judge(finished, Scans::new());
        }
    }

    /// Judges a runbook that has come to its end by what was looked at since, and looks at the rest.
    pub(super) fn judge(&mut self, finished: Finished, scans: Scans) {
        if let Some(order) = orders::order_of(&finished.job.key) {
            return self.order_tried(&order, finished, scans);
        }
        let Job { key, check, .. } = finished.job.clone();
        if !finished.recorded {
            return self.finish_unrecorded(finished, scans);
        }
        let begun_under = finished.policy;
        let (state, acts) = self.after_attempt(finished, scans);
        self.carry_out(&key, &check, state, acts);
        if begun_under != self.policy_point() {
            // It was not told while the attempt ran.
            self.policy_changed_for(&key, &check);
            self.again.push_back(check);
        }
    }

    /// What follows from an attempt, not yet durable.
    fn after_attempt(&mut self, finished: Finished, scans: Scans) -> (IncidentState, Vec<Act>) {
        let Finished { job: Job { key, check, .. }, policy, verify, work, .. } = finished;
        self.attempts.note(lanes::Event::Ended(key.clone()));
        let tried = self.verify(&check, &verify, work, scans);
        if let Event::Tried { work, verification, .. } = &tried.event {
            self.note_run(&check, work, verification);
        }
        let at = tried.run.at;
        // A check that the policy no longer has cannot be healed, and what another policy asked for ends here.
        let held = || Circumstances { hold: Some(Hold::Pause), ..Circumstances::default() };
        let known = self.policy().filter(|_| policy == self.policy_point());
        let known = known.and_then(|policy| Some((policy, policy.checks.get(&check)?)));
        let allowed =
            known.map_or_else(held, |(policy, known)| self.circumstances(policy, &check, known, at, &tried.seen));
        self.state.outcomes.insert(check.clone(), tried.run.outcome);
        self.again.extend(tried.doubtful);
        self.next_step(&key, &check, tried.event, at, &allowed)
    }

    /// Re-scans what a runbook is to be judged by, and the check itself, but for what was looked at already.
    pub(super) fn verify(&mut self, check: &str, verify: &[String], work: Work, mut scans: Scans) -> Tried {
        let mut verification: Vec<Verification> = Vec::new();
        let mut doubtful = Vec::new();
        let unseen = |at| Run { at, outcome: Outcome::NotAssessable, reasons: vec![], seen: Observation::new() };
        let mut own = (unseen(self.clock.now()), Observation::new());
        let others = verify.iter().map(String::as_str).filter(|id| *id != check);
        for id in others.chain([check]) {
            let Some(scan) = scans.remove(id).or_else(|| self.scan(id)) else {
                let reasons = ["the policy has no such check".to_owned()];
                let seen = Observation::new();
                verification.push(incident::verification(
                    id,
                    self.clock.now(),
                    Outcome::NotAssessable,
                    &seen,
                    &reasons,
                ));
                continue;
            };
            let Run { at, outcome, reasons, seen } = &scan.run;
            verification.push(incident::verification(id, *at, *outcome, seen, reasons));
            self.book.take(id, &scan.run);
            if id == check {
                own = (scan.run, scan.judgement.observation);
            } else if self.state.outcomes.get(id) != Some(&scan.run.outcome) {
                doubtful.push(id.to_owned());
            }
        }
        let (run, seen) = own;
        let event = Event::Tried { work, verification, after: run.seen.clone() };
        Tried { event, run, seen, doubtful }
    }

    /// Ends the attempts that a restart found unfinished: each counts, and the re-scan says whether it helped. During a
    /// trial they have to wait for its end.
    pub(super) fn resume_attempts(&mut self) {
        if self.on_trial {
            return;
        }
        let attempting = self.state.incidents.iter().filter_map(|(key, incident)| match &incident.phase {
            Phase::Attempting { rule, .. } if !self.attempts.is_running(key) && !self.looking.judges(key) => {
                Some(self.job(key, &incident.check, rule))
            }
            _ => None,
        });
        for job in attempting.collect::<Vec<Job>>() {
            let runbook = self.policy().and_then(|policy| runbook_of(policy, &job.rule));
            let verify = runbook.map(|(_, runbook)| runbook.verify.clone()).unwrap_or_default();
            let runbook = runbook.map(|(id, runbook)| RunbookRef {
                runbook_id: id.clone(),
                runbook_version: runbook.version.clone(),
                runbook_hash: runbook.digest(),
                steps_total: runbook.steps.len() as u64,
                steps_executed: 0,
            });
            info!(check = job.check, rule = job.rule, "an attempt was interrupted: checked again");
            let work = Work { runbook, actions: Vec::new(), interrupted: true };
            self.finish(Finished { job, recorded: true, policy: self.policy_point(), verify, work });
        }
    }

    /// Heals without a record, because neither disk nor memory can hold one more bundle: counted, and told later. The
    /// circuit breaker bounds it as it bounds everything.
    pub(super) fn heal_unrecorded(&mut self, key: &str, check: &str, allowed: &Circumstances) {
        self.say_once(
            "disk and memory are full: incidents are healed and only counted until evidence can be written".into(),
        );
        let Some(rule) = allowed.unrecorded().map(str::to_owned) else { return };
        let job = self.job(key, check, &rule);
        if !matches!(self.admit(job.clone()), Room::Now) {
            return;
        }
        let id = self.state.next_incident_id(self.clock.now());
        self.state.incident_number = id.number;
        self.state.incident_date = Some(id.date);
        if let Some(limit) = self.policy().map(|p| p.settings.circuit_breaker.clone()) {
            self.state.breaker.fired(&rule, id, self.clock.now(), &limit);
        }
        if let Some(finished) = self.begin(job, false) {
            self.finish(finished);
        }
    }

    fn finish_unrecorded(&mut self, finished: Finished, scans: Scans) {
        let Finished { job: Job { key, check, .. }, verify, work, .. } = finished;
        self.attempts.note(lanes::Event::Ended(key));
        self.verify(&check, &verify, work, scans);
        self.state.unrecorded += 1;
        // There was room again before it ended, and what was seen of the check meanwhile waited for it.
        if !self.is_full() {
            self.again.push_back(check);
        }
    }

    /// Tells what was healed without a record, as soon as there is room to.
    pub(super) fn tell_unrecorded(&mut self) {
        let healed = self.state.unrecorded;
        if healed == 0 {
            return;
        }
        let message = format!("{healed} incidents were healed without a record each, while disk and memory were full");
        let told = Refused::new("evidence", "unrecorded", message, None).keyed();
        let draft = self.teller().refused(&told, healed);
        if self.seal_posture(draft) {
            self.state.unrecorded = 0;
            self.commit();
        }
    }

    /// Tells an incident that another policy is in force: whether its check is still asked for.
    pub(super) fn policy_changed_for(&mut self, key: &str, check: &str) {
        let at = self.clock.now();
        let known = self.policy().is_some_and(|policy| policy.checks.contains_key(check));
        let event = if known {
            Event::PolicyChanged
        } else {
            let reasons = ["the policy no longer has this check".to_owned()];
            Event::Gone(incident::verification(check, at, Outcome::NotApplicable, &Observation::new(), &reasons))
        };
        let before = self.take_incident(key);
        let (state, acts) = incident::step(before, event, at, &Circumstances::default());
        self.record(key, state, &acts);
    }
}
