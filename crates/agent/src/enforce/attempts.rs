//! Giving attempts their turn: what asks the lanes, and what is done about their answers.
//!
//! An attempt that waits in line is none yet: its incident waits too, nothing of it is written down, and a restart or
//! a trial forgets it without a trace. When its turn comes the check is looked at again, because what others did
//! meanwhile may have helped.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use tracing::{info, warn};
use writ_trust::time::Time;

use super::engine::Engine;
use super::heal::runbook_of;
use super::incident::{self, Act, Circumstances, Event, Hold, State as IncidentState};
use super::lanes::{self, Job, Lane, Lanes};
use super::orders;
use super::work::{Finished, Workers};
use crate::clock::Clock;
use crate::steps::{self, GivenUp};
use crate::switch::trial;

/// How long workers are given to end when the enforcer does: well within the 90 s that systemd gives a unit by default.
const STOP_AT_MOST: Duration = Duration::from_secs(10);

/// The attempts that run, and those that wait.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    clock: Clock,
    lanes: Lanes,
    /// Those who run runbooks; without them, for a single scan, they run on this thread.
    pub workers: Option<Workers>,
    /// Steps that were given up.
    pub given_up: GivenUp,
    turns: VecDeque<Turn>,
    /// Those whose check is being looked at, which takes long.
    looking: Vec<Turn>,
    /// The turn that is being taken.
    taken: Option<Turn>,
    /// A switch is to start as soon as what is not long has ended.
    switch_waits: bool,
}

/// What has become of who waited in line.
#[derive(Debug)]
enum Turn {
    /// It has its place.
    Place(Job),
    /// It will get none, for this reason.
    GivenUp(Job, String),
}

impl Turn {
    fn job(&self) -> &Job {
        match self {
            Self::Place(job) | Self::GivenUp(job, _) => job,
        }
    }
}

impl From<lanes::Act> for Turn {
    fn from(act: lanes::Act) -> Self {
        match act {
            lanes::Act::Start(job) => Self::Place(job),
            lanes::Act::HandOver(job, why) => Self::GivenUp(job, why),
        }
    }
}

/// Whether an attempt may be made.
pub(super) enum Room {
    /// Now.
    Now,
    /// It waits in line.
    Later,
    /// No, for this reason.
    Never(String),
}

impl Attempts {
    /// None yet, timed by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    fn step(&mut self, event: lanes::Event) -> Vec<lanes::Act> {
        let (lanes, acts) = lanes::step(std::mem::take(&mut self.lanes), event, self.clock.instant());
        self.lanes = lanes;
        acts
    }

    /// Takes note of what happened; whose turn it is now is seen to by [`Engine::take_turns`].
    pub fn note(&mut self, event: lanes::Event) {
        let acts = self.step(event);
        self.turns.extend(acts.into_iter().map(Turn::from));
    }

    /// Whether a runbook has a place for this check.
    pub fn is_running(&self, key: &str) -> bool {
        self.lanes.running().any(|job| job.key == key)
    }

    /// Whether a runbook runs for this check, whose end says what has become of it.
    pub fn is_busy(&self, key: &str) -> bool {
        self.is_running(key) && self.taken.as_ref().is_none_or(|turn| turn.job().key != key)
    }

    /// Whether a runbook for this runs, waits, or is about to have its turn.
    pub fn knows(&self, key: &str) -> bool {
        let turns = self.turns.iter().chain(&self.looking).chain(&self.taken);
        self.is_running(key) || self.waits(key) || turns.map(Turn::job).any(|job| job.key == key)
    }

    /// Takes the turn of a check that was looked at for it; false when it was not.
    pub fn take_turn_of(&mut self, check: &str) -> bool {
        let Some(at) = self.looking.iter().position(|turn| turn.job().check == check) else { return false };
        self.taken = Some(self.looking.swap_remove(at));
        true
    }

    /// The turn that was taken is over. Who does not need it gives the place back.
    pub fn give_back(&mut self) {
        if let Some(Turn::Place(job)) = self.taken.take() {
            self.note(lanes::Event::Ended(job.key));
        }
    }

    /// Those whose check is being looked at have it looked at anew.
    pub fn look_again(&mut self) {
        self.turns.extend(self.looking.drain(..));
    }

    /// Whether a switch had better wait for what runs.
    fn ends_soon(&self) -> bool {
        self.lanes.running().any(|job| job.lane != Lane::Long)
    }

    /// The status file's account.
    pub fn status(&self) -> serde_json::Value {
        let account = |job: &Job| json!({ "check": job.check, "rule": job.rule });
        let running: Vec<_> = self.lanes.running().map(account).collect();
        let waiting: Vec<_> = self.lanes.waiting().map(account).collect();
        let (within_hour, held) = (self.lanes.ran(self.clock.instant()), self.lanes.is_held());
        let given_up = self.given_up.names();
        json!({ "running": running, "waiting": waiting, "within_hour": within_hour, "held": held, "given_up": given_up })
    }

    /// Whether an attempt for this check waits in line.
    pub fn waits(&self, key: &str) -> bool {
        self.lanes.waiting().any(|job| job.key == key)
    }

    /// How many run and how many wait.
    pub fn count(&self) -> (usize, usize) {
        (self.lanes.running().count(), self.lanes.waiting().count())
    }
}

impl Engine {
    /// The next state of an incident. An attempt begins only where it has a place now: else the incident waits with it.
    pub(super) fn next_step(
        &mut self,
        key: &str,
        check: &str,
        event: Event,
        at: Time,
        allowed: &Circumstances,
    ) -> (IncidentState, Vec<Act>) {
        let before = self.take_incident(key);
        if !matches!(event, Event::Fails(_) | Event::Tried { .. }) {
            return incident::step(before, event, at, allowed);
        }
        let (state, acts) = incident::step(before.clone(), event.clone(), at, allowed);
        let attempt = acts.iter().find_map(|act| if let Act::Attempt(by) = act { Some(by) } else { None });
        let Some(by) = attempt else { return (state, acts) };
        match self.admit(self.job(key, check, &by.name())) {
            Room::Now => (state, acts),
            Room::Later => {
                let allowed = Circumstances { hold: Some(Hold::InLine), ..allowed.clone() };
                incident::step(before, event, at, &allowed)
            }
            Room::Never(why) => {
                let allowed = allowed.clone().without(by, &why);
                incident::step(before, event, at, &allowed)
            }
        }
    }

    /// Whether a job may run now. If so it has its place, until [`lanes::Event::Ended`].
    pub(super) fn admit(&mut self, job: Job) -> Room {
        if self.trial_has_begun() {
            return Room::Later;
        }
        match self.attempts.taken.take_if(|turn| turn.job().key == job.key) {
            Some(Turn::GivenUp(_, why)) => return Room::Never(why),
            Some(Turn::Place(held)) if held == job => return Room::Now,
            // Another rule answers by now: it asks like everybody else.
            Some(Turn::Place(held)) => self.attempts.note(lanes::Event::Ended(held.key)),
            None => {}
        }
        let (key, mut room) = (job.key.clone(), Room::Later);
        for act in self.attempts.step(lanes::Event::Asked(job)) {
            match act {
                lanes::Act::Start(job) if job.key == key => room = Room::Now,
                lanes::Act::HandOver(job, why) if job.key == key => room = Room::Never(why),
                other => self.attempts.turns.push_back(other.into()),
            }
        }
        room
    }

    /// Whether a candidate may be running, whatever was heard of it. Nothing is taken up here: that is for
    /// [`Engine::follow_switch`].
    pub(super) fn trial_has_begun(&self) -> bool {
        self.on_trial || trial::may_be_on(&self.config.state_dir)
    }

    /// The job that a rule makes of a failing check.
    pub(super) fn job(&self, key: &str, check: &str, rule: &str) -> Job {
        let runbook = self.policy().and_then(|policy| runbook_of(policy, rule)).map(|(_, runbook)| runbook);
        let (mut touches, mut at_most) = (Vec::new(), Duration::ZERO);
        for step in runbook.iter().flat_map(|runbook| &runbook.steps) {
            touches.extend(steps::touches(&step.step, &step.parameters));
            at_most += step.timeout.duration();
            if let Some(undo) = &step.undo {
                touches.extend(steps::touches(&undo.step, &undo.parameters));
                at_most += undo.timeout.duration();
            }
        }
        let (key, check, rule) = (key.to_owned(), check.to_owned(), rule.to_owned());
        Job { key, check, rule, lane: Lane::of(at_most), touches }
    }

    /// Takes up every runbook that has come to its end. During a trial they are left where they are: what they did is
    /// judged by a look at what has become of it.
    pub fn take_finished(&mut self) {
        while let Some(finished) = self.next_finished() {
            self.finish(finished);
            self.take_turns();
        }
        if self.attempts.switch_waits && !self.attempts.ends_soon() {
            self.poll_wanted = true;
        }
    }

    fn next_finished(&mut self) -> Option<Finished> {
        if self.on_trial {
            return None;
        }
        self.looking.held().or_else(|| self.attempts.workers.as_ref()?.finished())
    }

    /// Has everybody look again whose turn has come.
    pub(super) fn take_turns(&mut self) {
        self.take_up_calls();
        while let Some(turn) = self.attempts.turns.pop_front() {
            if orders::order_of(&turn.job().key).is_some() {
                let (job, given_up) = match turn {
                    Turn::Place(job) => (job, None),
                    Turn::GivenUp(job, why) => (job, Some(why)),
                };
                self.take_turn_of_order(job, given_up);
                continue;
            }
            let check = turn.job().check.clone();
            if self.takes_long(&check) {
                self.attempts.looking.push(turn);
                self.check_afresh(&check);
            } else {
                self.attempts.taken = Some(turn);
                self.check_afresh(&check);
                self.attempts.give_back();
            }
        }
    }

    /// A generation is on trial from now on, or no more. While it is nothing begins, what runs is ended, and who waits
    /// in line is forgotten: the end of the trial looks at everything again.
    pub(super) fn trial_changed(&mut self) {
        self.doubt();
        self.looking.hold();
        self.attempts.look_again();
        if self.on_trial {
            self.attempts.note(lanes::Event::Dropped);
            if let Some(workers) = &self.attempts.workers {
                workers.cancel();
            }
        }
        self.hold_lanes();
        if self.on_trial {
            for turn in std::mem::take(&mut self.attempts.turns) {
                self.attempts.note(lanes::Event::Ended(turn.job().key.clone()));
            }
            self.withdraw_plans("plan-held", "a generation is on trial");
        }
    }

    /// Whether a switch has to wait, because its trial would cut off what runs. A long runbook it does not wait for: that
    /// one is cut off.
    pub(super) fn switch_has_to_wait(&self) -> bool {
        self.attempts.ends_soon()
    }

    /// A switch waits for what runs, or does no more. While it waits nothing new begins.
    pub(super) fn let_switch_wait(&mut self, waits: bool) {
        if self.attempts.switch_waits != waits {
            if waits {
                info!("a switch waits until the runbooks under way have ended");
            }
            self.attempts.switch_waits = waits;
            self.hold_lanes();
        }
    }

    fn hold_lanes(&mut self) {
        let held = self.on_trial || self.attempts.switch_waits;
        self.attempts.note(lanes::Event::Held(held));
    }

    /// Ends what runs, because the enforcer ends. It stays an attempt that was interrupted, and the next start says so.
    pub(super) fn stop_attempts(&mut self) {
        let left = self.attempts.workers.as_mut().map_or(0, |workers| workers.stop(STOP_AT_MOST));
        if left > 0 {
            warn!(left, "runbooks did not end within {} s", STOP_AT_MOST.as_secs());
        }
    }
}
