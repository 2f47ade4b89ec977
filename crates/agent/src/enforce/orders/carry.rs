//! Carrying out what orders ask for, by the ways that there are.

use tracing::info;
use writ_evidence::incident::ActionResult;
use writ_evidence::records::{PauseMeans, PausePhase};
use writ_evidence::scrub::scrub;
use writ_policy::outcome::Outcome;
use writ_trust::order::{OrderAction, OrderId, PauseOrder, RunbookOrder};
use writ_trust::text::one_line;

use super::{Done, Engine, PREFIX, Standing, key_of, order_of};
use crate::enforce::attempts::Room;
use crate::enforce::heal::Tried;
use crate::enforce::incident::Event;
use crate::enforce::lanes::{self, Job};
use crate::enforce::looking::Scans;
use crate::enforce::pause::{LONGEST_MILLIS, Pause};
use crate::enforce::windows;
use crate::enforce::work::Finished;

/// How many pauses may be in force at once.
const MOST_PAUSES: usize = 64;

impl Engine {
    pub(super) fn act_on(&mut self, id: &OrderId, action: OrderAction) {
        match action {
            // Over when every check has been looked at.
            OrderAction::Rescan | OrderAction::Collect => self.full_scan_wanted = true,
            OrderAction::Pause(pause) => {
                let done = self.pause_by_order(id, pause).map_or_else(Done::declined, Done::well);
                self.complete(id, done);
            }
            OrderAction::RunRunbook(run) => self.run_by_order(id, &run),
        }
    }

    /// Every check was looked at since this was last asked for.
    pub fn full_scan_done(&mut self) {
        let scans = |action: &OrderAction| matches!(action, OrderAction::Rescan | OrderAction::Collect);
        for id in self.orders_that(|order| order.standing == Standing::Acting && scans(&order.action)) {
            let collects = self.orders().open.get(&id).is_some_and(|order| order.action == OrderAction::Collect);
            let mut result = self.outcomes_in_words();
            if collects {
                let first = self.state.chain.next_sequence;
                if !self.tell_snapshot_now() {
                    self.complete(&id, Done::declined("the disk takes no more evidence: order it again later"));
                    continue;
                }
                let last = self.state.chain.next_sequence.saturating_sub(1);
                result = format!("bundles {first} to {last} hold what every check saw; {result}");
            }
            self.complete(&id, Done::well(result));
        }
    }

    fn outcomes_in_words(&self) -> String {
        let outcomes = &self.state.outcomes;
        let known = self.policy().map_or(0, |policy| policy.checks.len());
        let count = |outcome: Outcome| outcomes.values().filter(|one| **one == outcome).count();
        let (failing, unknown) = (count(Outcome::Fail), count(Outcome::NotAssessable));
        let (open, pauses) = (self.state.incidents.len(), self.state.pauses.active.len());
        format!(
            "{known} checks were looked at: {failing} fail, {unknown} cannot be judged; {open} incidents are open, {pauses} \
             pauses in force"
        )
    }

    fn pause_by_order(&mut self, id: &OrderId, pause: PauseOrder) -> Result<String, String> {
        let at = self.clock.now();
        let known = |check: &&String| self.policy().is_some_and(|policy| policy.checks.contains_key(*check));
        if let Some(unknown) = pause.checks.iter().find(|check| !known(check)) {
            return Err(format!("the policy has no check {}", one_line(format!("{unknown:?}"))));
        }
        if !(1_000..=LONGEST_MILLIS).contains(&pause.length.millis()) {
            return Err(format!("a pause lasts from 1s to 8h, not {}", pause.length));
        }
        if self.state.pauses.active.len() >= MOST_PAUSES {
            return Err(format!("{MOST_PAUSES} pauses are in force already"));
        }
        let Some(order) = self.orders().open.get(id) else { return Err("it is over".to_owned()) };
        let signers: Vec<String> = order.signers.iter().map(ToString::to_string).collect();
        let pause = Pause {
            checks: pause.checks,
            from: at,
            until: at.plus(&pause.length),
            means: PauseMeans::Order,
            reference: order.digest.to_string(),
            by: format!("order keys {}", signers.join(", ")),
            reason: scrub(&order.reason).into_owned(),
        };
        let draft = self.teller().paused(&pause, PausePhase::Begun);
        if self.seal(draft).is_none() {
            return Err("that it begins cannot be told in evidence".to_owned());
        }
        info!(checks = ?pause.checks, until = %pause.until, "healing is suspended by an order");
        let result = format!("healing of {} is suspended until {}", pause.checks.join(", "), pause.until);
        self.notice_pause(&pause.checks, format!("until {}: {}", pause.until, pause.reason));
        self.state.pauses.active.push(pause);
        Ok(result)
    }

    fn run_by_order(&mut self, id: &OrderId, run: &RunbookOrder) {
        let rule = format!("{PREFIX}{}", run.runbook);
        if let Some(why) = self.why_not_run(&rule, run) {
            return self.complete(id, Done::declined(why));
        }
        match self.admit(self.job(&key_of(id), &run.check, &rule)) {
            Room::Now => self.begin_ordered(self.job(&key_of(id), &run.check, &rule)),
            Room::Later => info!(order = %id, "its runbook waits for others"),
            Room::Never(why) => self.complete(id, Done::declined(why)),
        }
    }

    /// What keeps an order from running a runbook: what keeps a rule from it, but for exceptions. These say that a check may fail
    /// and is not healed for that; an order is people's own wish. A pause is theirs too, and holds what heals a paused check
    /// whichever check the order names.
    fn why_not_run(&self, rule: &str, RunbookOrder { runbook, check }: &RunbookOrder) -> Option<String> {
        let now = self.clock.now();
        let Some(policy) = self.policy() else { return Some("no signed policy is obeyed".to_owned()) };
        let Some(known) = policy.runbooks.get(runbook) else {
            return Some(format!("the signed policy has no runbook {}", one_line(runbook)));
        };
        if !policy.checks.contains_key(check) {
            return Some(format!("the signed policy has no check {}", one_line(check)));
        }
        let answered = policy.rules.values().filter(|rule| rule.run.as_deref() == Some(runbook.as_str()));
        let healed = known.verify.iter().chain(answered.map(|rule| &rule.when.check));
        if let Some(check) = std::iter::once(check).chain(healed).find(|check| self.state.pauses.covers(check, now)) {
            return Some(format!("people have paused healing of {check}: order it again when the pause is over"));
        }
        if let Some((_, opens)) = windows::waits(policy, known, &self.zone, now) {
            return Some(format!("it may run in a maintenance window only: {opens}; order it again then"));
        }
        self.state.breaker.tripped(rule, None, now, &policy.settings.circuit_breaker)
    }

    /// Begins to run a runbook that has its place in the lanes.
    fn begin_ordered(&mut self, job: Job) {
        // The circuit breaker counts by incidents: each order is one of its own.
        let (now, id) = (self.clock.now(), self.state.next_incident_id(self.clock.now()));
        self.state.incident_number = id.number;
        self.state.incident_date = Some(id.date);
        if let Some(limit) = self.policy().map(|policy| policy.settings.circuit_breaker.clone()) {
            self.state.breaker.fired(&job.rule, id, now, &limit);
        }
        self.commit();
        if let Some(finished) = self.begin(job, true) {
            self.finish(finished);
        }
    }

    /// The turn of a runbook has come that waited in line, or none will, for this reason. What kept it from running then may do
    /// so by now.
    pub(in crate::enforce) fn take_turn_of_order(&mut self, job: Job, given_up: Option<String>) {
        let Some(id) = order_of(&job.key) else { return };
        let action = self.orders().open.get(&id).map(|order| order.action.clone());
        let why = match action {
            Some(OrderAction::RunRunbook(run)) => given_up.or_else(|| self.why_not_run(&job.rule, &run)),
            _ => return self.attempts.note(lanes::Event::Ended(job.key)),
        };
        match why {
            None => self.begin_ordered(job),
            Some(why) => {
                self.attempts.note(lanes::Event::Ended(job.key));
                self.complete(&id, Done::declined(why));
            }
        }
    }

    /// A runbook that an order asked for has come to its end: the re-scan says whether it helped.
    pub(in crate::enforce) fn order_tried(&mut self, id: &OrderId, finished: Finished, scans: Scans) {
        let Finished { job: Job { key, check, .. }, verify, work, .. } = finished;
        self.attempts.note(lanes::Event::Ended(key));
        let Tried { event, run, doubtful, .. } = self.verify(&check, &verify, work, scans);
        self.again.extend(doubtful);
        let outcome = run.outcome;
        // Its incident, if there is one, hears of it by a look of its own.
        self.again.push_back(check.clone());
        let Event::Tried { work, verification, .. } = event else { return };
        let whole = work.runbook.as_ref().is_some_and(|runbook| runbook.steps_executed == runbook.steps_total);
        let failed = work.actions.iter().find(|action| action.result != ActionResult::Ok);
        let carried_out = whole && failed.is_none() && !work.interrupted;
        let ran = match (&work.runbook, failed) {
            (None, _) => "the policy has its runbook no more".to_owned(),
            (Some(_), _) if work.interrupted => "its runbook was cut off".to_owned(),
            (Some(runbook), Some(failed)) => {
                format!("{} failed at step {} ({})", runbook.runbook_id, failed.step, failed.action)
            }
            (Some(runbook), None) => {
                format!("{} ran {} of {} steps", runbook.runbook_id, runbook.steps_executed, runbook.steps_total)
            }
        };
        let result = format!("{ran}; then {check}: {}", outcome.as_str());
        self.complete(id, Done { carried_out, result, runbook: work.runbook, actions: work.actions, verification });
    }
}
