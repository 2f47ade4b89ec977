//! The switch as a state machine: pure, so that every order of events can be tried.
//!
//! `fetched → verified → imported → testing → probation → committed | rolled_back`. The journal holds the state that is
//! being entered: it is written and fsynced first, then the actions of [`step`] are carried out, all of which may be
//! carried out twice. So whoever finds a journal knows what may have been done, and does it again.

use serde::{Deserialize, Serialize};

/// How often a switch that was interrupted is tried again before its serial is set aside.
pub const RETRIES: u32 = 2;
/// How long a switch rests after the first import that failed, in milliseconds; twice as long after each further one.
const SHORTEST_REST: i64 = 5_000;
/// How long it rests at most, in milliseconds: 10 minutes.
pub const LONGEST_REST: i64 = 600_000;

/// Where a switch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The release is there; nobody has judged it yet.
    Fetched,
    /// Its signatures and digests are right; its store paths are to be imported.
    Verified,
    /// Every path is in the store and is what the closure document says; the rollback timer is to be armed.
    Imported,
    /// The candidate is being activated.
    Testing,
    /// The candidate runs, on trial.
    Probation,
    /// The candidate is kept: profile and boot default become it.
    Committed,
    /// The candidate is refused: the recorded previous generation is made to run again.
    RolledBack,
    /// The previous generation could not be made to run again.
    RollbackFailed,
    /// Given up before anything was activated.
    SetAside,
}

impl State {
    /// The name as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Verified => "verified",
            Self::Imported => "imported",
            Self::Testing => "testing",
            Self::Probation => "probation",
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::RollbackFailed => "rollback_failed",
            Self::SetAside => "set_aside",
        }
    }
}

/// What the machine knows of one switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// Where it stands.
    pub state: State,
    /// Whether the actions of a last state have all been carried out: nothing is left to do.
    pub settled: bool,
    /// How often it was interrupted so far.
    pub interruptions: u32,
    /// Whether the candidate may have been activated: then giving up means rolling back.
    pub activated: bool,
    /// Whether no driver is at work by intent: not yet, or not after an import that failed and was counted. Otherwise
    /// who takes the switch up finds one that was interrupted.
    pub resting: bool,
    /// How many imports failed since the last one that did not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waits: u32,
    /// The system to switch to: a store path.
    pub candidate: String,
    /// The system that the profile named when the switch began; null when there was none.
    pub previous: Option<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The release was verified by the enforcer.
    Verified,
    /// A driver takes the switch up: for the first time, again, or in place of one that was killed.
    TakenUp,
    /// Every path was imported and compared.
    Imported,
    /// The import, or arming the timer, failed, which says nothing against the release.
    NotImported,
    /// The closure document cannot be right: no import can succeed.
    Unfit,
    /// A newer release is to be switched to.
    Superseded,
    /// The rollback timer is armed.
    Armed,
    /// The activation command ran to its end, with whatever exit code.
    Activated,
    /// The activation command could not be run, or did not end in time.
    NotActivated,
    /// Probation is over and all that had to hold holds.
    Passed,
    /// Probation is over and something does not hold.
    Failed,
    /// The candidate held, and the boot loader is told to boot it once.
    ReadyToBoot,
    /// The machine was started with the candidate, as it was told to be.
    Booted,
    /// The machine was to start with the candidate, and another system came up.
    NotBooted,
    /// The actions of a last state were carried out.
    Settled,
    /// The actions of a last state could not be carried out.
    NotSettled,
    /// The rollback timer ran out.
    TimerFired,
}

/// What is to be done, in this order. Every action may be carried out twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Import the closure and compare every path; answer with `Imported` or `NotImported`.
    Import,
    /// Observe what holds before anything changes, unless that is already recorded; answer with `NotImported` where the
    /// candidate needs a boot, and has to wait until that is allowed.
    ObserveBefore,
    /// Arm the rollback timer; answer with `Armed` or `NotImported`.
    ArmTimer,
    /// Run the candidate's activation with `test`; answer with `Activated` or `NotActivated`.
    Activate(String),
    /// Wait for the window and judge; answer with `Passed` or `Failed`, or with `ReadyToBoot` where only a boot shows whether
    /// the candidate holds.
    Judge,
    /// Boot the machine; answer with `Passed` if that is refused.
    Reboot,
    /// Run the activation of this system, which passed its probation, once more: the machine may have started since, into
    /// the system that the boot loader still named. Answer with `NotSettled` if it could not be run.
    ActivateAgain(String),
    /// Make this system the profile and the boot default; answer with `NotSettled` if that fails.
    Keep(String),
    /// Run this system's activation and make it the profile again; answer with `NotSettled` if that fails.
    Restore(String),
    /// There is no earlier system: remove the profile if it names the candidate; `NotSettled` if that fails.
    RemoveProfile,
    /// Disarm the rollback timer.
    Disarm,
    /// Let the garbage collector have the candidate, unless it was committed.
    ReleaseRoots,
    /// Nothing more is to be done; answer with `Settled`.
    Finish,
}

impl Course {
    /// A switch that begins: verified, nothing done.
    pub fn new(candidate: String, previous: Option<String>) -> Self {
        Self {
            state: State::Verified,
            settled: false,
            interruptions: 0,
            activated: false,
            resting: true,
            waits: 0,
            candidate,
            previous,
        }
    }

    /// Whether it waits for what an import lacked, with nothing activated.
    pub fn waits_for_import(&self) -> bool {
        self.resting && self.waits > 0 && !self.activated && !self.settled
    }

    /// How long it rests after the last import that failed, in milliseconds.
    pub fn rest_millis(&self) -> i64 {
        let doublings = self.waits.saturating_sub(1).min(16);
        (SHORTEST_REST << doublings).min(LONGEST_REST)
    }

    fn enter(mut self, state: State) -> (Self, Vec<Action>) {
        self.state = state;
        self.settled = false;
        self.resting = false;
        self.activated |= state == State::Testing;
        if state == State::Imported {
            self.waits = 0;
        }
        let actions = self.actions();
        (self, actions)
    }

    /// What entering (or entering again) the present state asks for.
    fn actions(&self) -> Vec<Action> {
        match self.state {
            State::Fetched => vec![],
            State::Verified => vec![Action::Import],
            State::Imported => vec![Action::ObserveBefore, Action::ArmTimer],
            State::Testing => vec![Action::Activate(self.candidate.clone())],
            State::Probation => vec![Action::Judge],
            State::Committed => {
                vec![Action::Keep(self.candidate.clone()), Action::Disarm, Action::ReleaseRoots, Action::Finish]
            }
            State::RolledBack => {
                let restore = self.previous.clone().map_or(Action::RemoveProfile, Action::Restore);
                vec![restore, Action::Disarm, Action::ReleaseRoots, Action::Finish]
            }
            State::RollbackFailed | State::SetAside => vec![Action::Disarm, Action::ReleaseRoots, Action::Finish],
        }
    }

    /// Carries out again what a state asks for: what was decided is done, however often it is interrupted.
    fn again(self) -> (Self, Vec<Action>) {
        let mut actions = self.actions();
        if self.state == State::Committed {
            actions.insert(0, Action::ActivateAgain(self.candidate.clone()));
        }
        (self, actions)
    }

    /// Gives up: back to the previous system if the candidate may have been activated, else nothing has changed.
    fn give_up(self) -> (Self, Vec<Action>) {
        let state = if self.activated { State::RolledBack } else { State::SetAside };
        self.enter(state)
    }

    fn taken_up(mut self) -> (Self, Vec<Action>) {
        if self.resting {
            return self.enter(State::Verified);
        }
        self.interruptions = self.interruptions.saturating_add(1);
        // Not from where it stood: after a power cut neither the store nor what runs is what the journal says.
        if self.interruptions > RETRIES { self.give_up() } else { self.enter(State::Verified) }
    }

    /// The import or the timer failed. That says nothing against the release (a cache half delivered, a full disk), so
    /// it is tried again for as long as it takes; but not while a candidate runs without a timer.
    fn not_imported(self) -> (Self, Vec<Action>) {
        if self.activated {
            return self.give_up();
        }
        // This driver ends here; whoever started it tries again when the rest is over.
        let waits = self.waits.saturating_add(1);
        (Self { state: State::Verified, resting: true, waits, ..self }, vec![])
    }
}

/// One step. An event that means nothing in a state changes nothing and asks for nothing.
pub fn step(course: Course, event: Event) -> (Course, Vec<Action>) {
    use {Event as E, State as S};
    if course.settled {
        return (course, vec![]);
    }
    match (course.state, event) {
        (S::Committed | S::RolledBack | S::RollbackFailed | S::SetAside, E::TakenUp | E::TimerFired) => course.again(),
        (S::Verified | S::Imported | S::Testing | S::Probation, E::TakenUp) => course.taken_up(),
        (S::Fetched, E::Verified) => course.enter(S::Verified),
        (S::Verified, E::Imported) => course.enter(S::Imported),
        (S::Verified | S::Imported, E::NotImported) => course.not_imported(),
        (S::Verified | S::Imported, E::Unfit) => course.give_up(),
        (S::Verified, E::Superseded) if course.waits_for_import() => course.enter(S::SetAside),
        (S::Imported, E::Armed) => course.enter(S::Testing),
        (S::Testing, E::Activated) => course.enter(S::Probation),
        (S::Testing, E::NotActivated) => course.enter(S::RolledBack),
        (S::Probation, E::ReadyToBoot) => (course, vec![Action::Reboot]),
        // From the beginning, as after a power cut; but this start was meant, and no interruption.
        (S::Verified | S::Imported | S::Testing | S::Probation, E::Booted) if course.activated => {
            course.enter(S::Verified)
        }
        (S::Verified | S::Imported | S::Testing | S::Probation, E::NotBooted) if course.activated => {
            course.enter(S::RolledBack)
        }
        (S::Probation, E::Passed) => course.enter(S::Committed),
        (S::Probation, E::Failed) => course.enter(S::RolledBack),
        (S::Committed, E::NotSettled) => course.enter(S::RolledBack),
        (S::RolledBack, E::NotSettled) => course.enter(S::RollbackFailed),
        (S::Committed | S::RolledBack | S::RollbackFailed | S::SetAside, E::Settled) => {
            (Course { settled: true, ..course }, vec![])
        }
        // The driver is gone, perhaps on its second try: what matters is whether the candidate may be running.
        (S::Verified | S::Imported | S::Testing | S::Probation, E::TimerFired) if course.activated => {
            course.enter(S::RolledBack)
        }
        _ => (course, vec![]),
    }
}

#[cfg(test)]
mod tests;
