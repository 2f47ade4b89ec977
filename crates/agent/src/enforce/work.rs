//! Running a runbook away from the main thread: its steps, what takes them back, and the account of both.
//!
//! A worker shares nothing with the main thread. It gets an [`Order`], does what is in it, and lays the end into a
//! queue; [`Message::Ran`] then wakes the main thread, which alone scans, judges and writes evidence.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};
use writ_evidence::incident::{Action, ActionResult, RunbookRef};
use writ_evidence::scrub::scrub;
use writ_policy::check::Check;
use writ_policy::runbook::{self, Runbook, Step};
use writ_trust::digest::Digest;
use writ_trust::json;

use super::incident::Work;
use super::lanes::Job;
use super::state::Point;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::crash_point;
use crate::looks::place::Place;
use crate::steps::{self, GivenUp, StepContext, StepReport};
use crate::switch::trial::{self, Share};
use crate::watch::Message;

/// A worker's stack, in bytes; what is not used of it costs nothing.
const STACK: usize = 1024 * 1024;

/// All that a worker has to know.
#[derive(Debug)]
pub(super) struct Order {
    /// The enforcer's folder of state, where a switch says that it is under way.
    pub state_dir: PathBuf,
    /// By which it is timed.
    pub clock: Clock,
    /// What has a place in the lanes until it is over.
    pub job: Job,
    /// Whether an incident tells of it. None does where neither disk nor memory can hold one more bundle.
    pub recorded: bool,
    /// The release whose policy asks for it.
    pub policy: Option<Point>,
    /// The runbook's id.
    pub id: String,
    /// The runbook.
    pub runbook: Runbook,
    /// Programs that it may name.
    pub programs: Arc<BTreeMap<String, PathBuf>>,
    /// The agent's system profile.
    pub profile: PathBuf,
    /// The activation program, relative to a system.
    pub activation: PathBuf,
    /// The system that the accepted release names for this appliance.
    pub expected_toplevel: Option<String>,
    /// The checks that its steps name.
    pub checks: Arc<BTreeMap<String, Check>>,
    /// Steps that were given up before.
    pub given_up: GivenUp,
    /// Where its steps look.
    pub place: Place,
}

/// What an order came to, before anybody has looked whether it helped.
#[derive(Debug)]
pub(super) struct Finished {
    /// What had a place in the lanes.
    pub job: Job,
    /// As in [`Order`].
    pub recorded: bool,
    /// As in [`Order`].
    pub policy: Option<Point>,
    /// The checks that the runbook is to be judged by.
    pub verify: Vec<String>,
    /// What was done.
    pub work: Work,
}

impl Finished {
    fn of(order: &Order, work: Work) -> Self {
        Self {
            job: order.job.clone(),
            recorded: order.recorded,
            policy: order.policy,
            verify: order.runbook.verify.clone(),
            work,
        }
    }

    /// An order of which nothing was done.
    fn undone(order: &Order, why: &dyn std::fmt::Display) -> Self {
        error!(rule = order.job.rule, runbook = order.id, "the runbook could not be run: {why}");
        Self::of(order, Work { runbook: Some(reference(order, 0)), ..Work::default() })
    }
}

/// Carries out an order on this thread.
pub(super) fn here(order: &Order) -> Finished {
    match Cancel::new() {
        Ok(cancel) => Finished::of(order, carry_out(order, &cancel)),
        Err(e) => Finished::undone(order, &e),
    }
}

/// The threads that carry out orders. How many there are at once, the lanes bound.
#[derive(Debug)]
pub(super) struct Workers {
    wake: Sender<Message>,
    results: Sender<Finished>,
    finished: Receiver<Finished>,
    running: Vec<(Cancel, JoinHandle<()>)>,
}

impl Workers {
    /// Workers that wake the main thread by this channel.
    pub fn new(wake: Sender<Message>) -> Self {
        let (results, finished) = channel();
        Self { wake, results, finished, running: Vec::new() }
    }

    /// Has an order carried out.
    ///
    /// # Errors
    /// The end of an order for which there is no thread or descriptor left.
    pub fn start(&mut self, order: Order) -> Result<(), Box<Finished>> {
        self.running.retain(|(_, thread)| !thread.is_finished());
        let cancel = Cancel::new().map_err(|e| Box::new(Finished::undone(&order, &e)))?;
        let (results, wake, told) = (self.results.clone(), self.wake.clone(), cancel.clone());
        let without = Finished::of(&order, Work { runbook: Some(reference(&order, 0)), ..Work::default() });
        let work = move || {
            let done = catch_unwind(AssertUnwindSafe(|| Finished::of(&order, carry_out(&order, &told))));
            let finished = done.unwrap_or_else(|_| Finished::undone(&order, &"a step panicked"));
            // Nobody hears it where the daemon is about to end.
            if results.send(finished).is_ok() {
                let _ = wake.send(Message::Ran);
            }
        };
        match thread::Builder::new().name("runbook".to_owned()).stack_size(STACK).spawn(work) {
            Ok(thread) => {
                self.running.push((cancel, thread));
                Ok(())
            }
            Err(e) => {
                error!(rule = without.job.rule, "no thread could be started for a runbook: {e}");
                Err(Box::new(without))
            }
        }
    }

    /// The end of an order, if one has come to it.
    pub fn finished(&self) -> Option<Finished> {
        self.finished.try_recv().ok()
    }

    /// Tells everybody to end: the process groups of their programs are killed, and nothing is taken back.
    pub fn cancel(&self) {
        for (cancel, _) in &self.running {
            cancel.cancel();
        }
    }

    /// Tells everybody to end and waits for them, at most this long; how many have not.
    pub fn stop(&mut self, at_most: Duration) -> usize {
        self.cancel();
        let deadline = Instant::now() + at_most;
        loop {
            self.running.retain(|(_, thread)| !thread.is_finished());
            let left = deadline.saturating_duration_since(Instant::now());
            if self.running.is_empty() || left.is_zero() {
                return self.running.len();
            }
            // A thread ends a moment after it has sent its result.
            let _ = self.finished.recv_timeout(left.min(Duration::from_millis(10)));
        }
    }
}

fn reference(order: &Order, steps_executed: u64) -> RunbookRef {
    RunbookRef {
        runbook_id: order.id.clone(),
        runbook_version: order.runbook.version.clone(),
        runbook_hash: order.runbook.digest(),
        steps_total: order.runbook.steps.len() as u64,
        steps_executed,
    }
}

/// Runs the steps, and where one fails takes back those before it. Told to end, it leaves everything as it is.
fn carry_out(order: &Order, cancel: &Cancel) -> Work {
    let (mut actions, mut done): (Vec<Action>, Vec<&Step>) = (Vec::new(), Vec::new());
    let (mut begun, mut failed) = (0, false);
    for step in &order.runbook.steps {
        let number = actions.len() as u64 + 1;
        let share = if failed { None } else { may_run(order, cancel) };
        let Some(share) = share.filter(|_| !cancel.is_cancelled()) else {
            failed = true;
            actions.push(skipped(order, number, step));
            continue;
        };
        begun += 1;
        let action = runbook::Action {
            step: step.step.clone(),
            parameters: step.parameters.clone(),
            timeout: step.timeout.clone(),
        };
        let hash = Digest::of(&json::canonical(step));
        let which = Numbered { number, id: &step.id, hash, undo: false };
        let taken = take(order, cancel, share, which, &action);
        failed = taken.result != ActionResult::Ok;
        actions.push(taken);
        if !failed {
            done.push(step);
        }
        crash_point!("runbook step done");
    }
    if failed && !cancel.is_cancelled() {
        for (step, undo) in done.into_iter().rev().filter_map(|step| Some((step, step.undo.as_ref()?))) {
            let Some(share) = may_run(order, cancel) else { break };
            let number = actions.len() as u64 + 1;
            let hash = Digest::of(&json::canonical(undo));
            actions.push(take(order, cancel, share, Numbered { number, id: &step.id, hash, undo: true }, undo));
        }
    }
    let interrupted = failed && cancel.is_cancelled();
    info!(rule = order.job.rule, runbook = order.id, steps = begun, failed, interrupted, "runbook run");
    crash_point!("runbook done, not verified");
    Work { runbook: Some(reference(order, begun)), actions, interrupted }
}

/// The right to run a step, with the lock that says so to a switch. None when a generation is on trial, of which this thread
/// was not told yet: then it is told so; nor when nobody can tell. On a disk that takes no lock steps are run without.
fn may_run(order: &Order, cancel: &Cancel) -> Option<Option<Share>> {
    match trial::share(&order.state_dir) {
        Ok(Some(share)) => Some(Some(share)),
        Ok(None) => {
            cancel.cancel();
            None
        }
        Err(e) => {
            let no_lock = trial::takes_no_lock(&e);
            warn!(
                rule = order.job.rule,
                no_lock,
                "{}: a switch cannot be told of this step: {e}",
                order.state_dir.display()
            );
            if !no_lock {
                cancel.cancel();
            }
            no_lock.then_some(None)
        }
    }
}

/// Which action it is.
struct Numbered<'a> {
    number: u64,
    id: &'a str,
    hash: Digest,
    undo: bool,
}

fn take(order: &Order, cancel: &Cancel, share: Option<Share>, which: Numbered<'_>, action: &runbook::Action) -> Action {
    let (timestamp, began) = (order.clock.now(), order.clock.instant());
    let context = StepContext {
        programs: Arc::clone(&order.programs),
        profile: order.profile.clone(),
        expected_toplevel: order.expected_toplevel.clone(),
        activation: order.activation.clone(),
        state_dir: order.state_dir.clone(),
        timeout: action.timeout.duration(),
        now: timestamp,
        checks: Arc::clone(&order.checks),
        cancel: cancel.clone(),
        share: share.map(Arc::new),
        given_up: order.given_up.clone(),
        place: order.place.clone(),
    };
    let report = scrubbed(steps::run(&action.step, &action.parameters, &context));
    if let Some(error) = &report.error {
        warn!(step = which.id, undo = which.undo, "step failed: {error}");
    }
    Action {
        step: which.number,
        action: format!("{}: {}", which.id, action.step),
        script_hash: which.hash,
        result: if report.ok { ActionResult::Ok } else { ActionResult::Failed },
        exit_code: report.exit_code.map(i64::from),
        timestamp,
        duration_ms: u64::try_from(order.clock.since(began).as_millis()).unwrap_or(u64::MAX),
        undo: which.undo,
        stdout_excerpt: report.stdout,
        stderr_excerpt: report.stderr,
        error_message: report.error,
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

fn skipped(order: &Order, number: u64, step: &Step) -> Action {
    Action {
        step: number,
        action: format!("{}: {}", step.id, step.step),
        script_hash: Digest::of(&json::canonical(step)),
        result: ActionResult::Skipped,
        exit_code: None,
        timestamp: order.clock.now(),
        duration_ms: 0,
        undo: false,
        stdout_excerpt: String::new(),
        stderr_excerpt: String::new(),
        error_message: None,
    }
}
