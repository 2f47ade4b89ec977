//! Running a rule's runbook, and the re-scan that decides whether it helped.

use std::time::Instant;

use tracing::{info, warn};
use writ_evidence::incident::{Action, ActionResult, RunbookRef, Verification};
use writ_evidence::scrub::scrub;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_policy::runbook::{self, Runbook, Step};
use writ_trust::digest::Digest;
use writ_trust::json;

use super::engine::{Engine, now};
use super::incident::{self, Circumstances, Event, Phase, Work};
use super::posture::Run;
use crate::crash_point;
use crate::steps::{self, StepContext, StepReport};

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

impl Engine {
    /// Runs a rule's runbook for a check, and re-scans.
    pub(super) fn attempt(&mut self, check: &str, rule: &str) -> Tried {
        self.counters.attempts += 1;
        crash_point!("attempt is durable, nothing done");
        let runbook = self.policy().and_then(|p| Some((p.rules.get(rule)?.run.clone()?, p)));
        let runbook = runbook.and_then(|(id, policy)| Some((id.clone(), policy.runbooks.get(&id)?.clone())));
        let work = match &runbook {
            Some((id, runbook)) => self.work(rule, id, runbook),
            None => {
                self.say_once(format!("rule {rule} names a runbook that the policy does not have"));
                Work::default()
            }
        };
        crash_point!("runbook done, not verified");
        let verify = runbook.map(|(_, runbook)| runbook.verify).unwrap_or_default();
        self.verify(check, &verify, work)
    }

    /// Re-scans what a runbook is to be judged by, and the check itself.
    fn verify(&mut self, check: &str, verify: &[String], work: Work) -> Tried {
        let mut verification: Vec<Verification> = Vec::new();
        let mut doubtful = Vec::new();
        let unseen = |at| Run { at, outcome: Outcome::NotAssessable, reasons: vec![], seen: Observation::new() };
        let mut own = (unseen(now()), Observation::new());
        let others = verify.iter().map(String::as_str).filter(|id| *id != check);
        for id in others.chain([check]) {
            let Some(scan) = self.scan(id) else {
                let reasons = ["the policy has no such check".to_owned()];
                let seen = Observation::new();
                verification.push(incident::verification(id, now(), Outcome::NotAssessable, &seen, &reasons));
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

    fn work(&mut self, rule: &str, id: &str, runbook: &Runbook) -> Work {
        let mut actions: Vec<Action> = Vec::new();
        let mut done: Vec<&Step> = Vec::new();
        let mut begun = 0;
        let mut failed = false;
        for step in &runbook.steps {
            let number = actions.len() as u64 + 1;
            if failed {
                actions.push(skipped(number, step));
                continue;
            }
            begun += 1;
            let action = runbook::Action {
                step: step.step.clone(),
                parameters: step.parameters.clone(),
                timeout: step.timeout.clone(),
            };
            let taken = self.take_action(number, &step.id, &action, Digest::of(&json::canonical(step)), false);
            failed = taken.result != ActionResult::Ok;
            actions.push(taken);
            if !failed {
                done.push(step);
            }
            crash_point!("runbook step done");
        }
        if failed {
            for step in done.into_iter().rev() {
                if let Some(undo) = &step.undo {
                    let number = actions.len() as u64 + 1;
                    actions.push(self.take_action(number, &step.id, undo, Digest::of(&json::canonical(undo)), true));
                }
            }
        }
        info!(rule, runbook = id, steps = begun, failed, "runbook run");
        let runbook = RunbookRef {
            runbook_id: id.to_owned(),
            runbook_version: runbook.version.clone(),
            runbook_hash: runbook.digest(),
            steps_total: runbook.steps.len() as u64,
            steps_executed: begun,
        };
        Work { runbook: Some(runbook), actions, interrupted: false }
    }

    fn take_action(
        &mut self,
        number: u64,
        id: &str,
        action: &runbook::Action,
        script_hash: Digest,
        undo: bool,
    ) -> Action {
        let timestamp = now();
        let began = Instant::now();
        self.notifier.busy(action.timeout.duration());
        let report = scrubbed(self.run_step(action));
        self.notifier.idle();
        if let Some(error) = &report.error {
            warn!(step = id, undo, "step failed: {error}");
        }
        Action {
            step: number,
            action: format!("{id}: {}", action.step),
            script_hash,
            result: if report.ok { ActionResult::Ok } else { ActionResult::Failed },
            exit_code: report.exit_code.map(i64::from),
            timestamp,
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            undo,
            stdout_excerpt: report.stdout,
            stderr_excerpt: report.stderr,
            error_message: report.error,
        }
    }

    fn run_step(&self, action: &runbook::Action) -> StepReport {
        let Some(running) = &self.running else { return StepReport::default() };
        let context = StepContext {
            programs: &running.programs,
            profile: &self.config.profile,
            expected_toplevel: running.generation.toplevel(),
            activation: &self.config.activation,
            timeout: action.timeout.duration(),
            now: now(),
        };
        steps::run(&action.step, &action.parameters, &context)
    }

    /// Ends the attempts that a restart found unfinished: each counts, and the re-scan says whether it helped.
    pub(super) fn resume_attempts(&mut self) {
        let interrupted: Vec<(String, String, String)> = self
            .state
            .incidents
            .iter()
            .filter_map(|(key, incident)| match &incident.phase {
                Phase::Attempting { rule, .. } => Some((key.clone(), incident.check.clone(), rule.clone())),
                _ => None,
            })
            .collect();
        for (key, check, rule) in interrupted {
            let policy = self.policy();
            let runbook = policy.and_then(|p| {
                let id = p.rules.get(&rule)?.run.as_ref()?;
                Some((id.clone(), p.runbooks.get(id)?.clone()))
            });
            let verify = runbook.as_ref().map(|(_, r)| r.verify.clone()).unwrap_or_default();
            let runbook = runbook.map(|(id, runbook)| RunbookRef {
                runbook_id: id,
                runbook_version: runbook.version.clone(),
                runbook_hash: runbook.digest(),
                steps_total: runbook.steps.len() as u64,
                steps_executed: 0,
            });
            info!(check, rule, "an attempt was interrupted: checked again");
            let tried = self.verify(&check, &verify, Work { runbook, actions: Vec::new(), interrupted: true });
            let (state, acts) = self.after_attempt(&key, &check, tried);
            self.carry_out(&key, &check, state, acts);
        }
    }

    /// Heals without a record, because neither disk nor memory can hold one more bundle: counted, and told later. The
    /// circuit breaker bounds it as it bounds everything.
    pub(super) fn heal_unrecorded(&mut self, check: &str, allowed: &Circumstances) {
        self.say_once(
            "disk and memory are full: incidents are healed and only counted until evidence can be written".into(),
        );
        let Some(rule) = allowed.unrecorded().map(str::to_owned) else { return };
        let id = self.state.next_incident_id(now());
        self.state.incident_number = id.number;
        self.state.incident_date = Some(id.date);
        if let Some(limit) = self.policy().map(|p| p.settings.circuit_breaker.clone()) {
            self.state.breaker.fired(&rule, id, now(), &limit);
        }
        self.attempt(check, &rule);
        self.state.unrecorded += 1;
    }
}

/// What a step printed is free text: it is scrubbed before it is logged or kept anywhere.
fn scrubbed(report: StepReport) -> StepReport {
    StepReport {
        stdout: scrub(&report.stdout).into_owned(),
        stderr: scrub(&report.stderr).into_owned(),
        error: report.error.map(|error| scrub(&error).into_owned()),
        ..report
    }
}

fn skipped(number: u64, step: &Step) -> Action {
    Action {
        step: number,
        action: format!("{}: {}", step.id, step.step),
        script_hash: Digest::of(&json::canonical(step)),
        result: ActionResult::Skipped,
        exit_code: None,
        timestamp: now(),
        duration_ms: 0,
        undo: false,
        stdout_excerpt: String::new(),
        stderr_excerpt: String::new(),
        error_message: None,
    }
}
