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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANDIDATE: &str = "/nix/store/candidate";
    const PREVIOUS: &str = "/nix/store/previous";

    fn begun(previous: Option<&str>) -> Course {
        step(Course::new(CANDIDATE.into(), previous.map(str::to_owned)), Event::TakenUp).0
    }

    fn after(course: Course, events: &[Event]) -> (Course, Vec<Action>) {
        events.iter().fold((course, vec![]), |(course, _), event| step(course, *event))
    }

    #[test]
    fn the_good_way_ends_committed() {
        let way = [Event::Imported, Event::Armed, Event::Activated, Event::Passed];
        let (course, actions) = after(begun(Some(PREVIOUS)), &way);
        assert_eq!(course.state, State::Committed);
        assert_eq!(actions[0], Action::Keep(CANDIDATE.into()));
        let (course, actions) = step(course, Event::Settled);
        assert!(course.settled && actions.is_empty());
    }

    #[test]
    fn what_was_kept_is_made_to_run_again_by_who_takes_it_up() {
        let way = [Event::Imported, Event::Armed, Event::Activated, Event::Passed];
        let (course, _) = after(begun(Some(PREVIOUS)), &way);
        let (course, actions) = step(course, Event::TakenUp);
        assert_eq!(actions[..2], [Action::ActivateAgain(CANDIDATE.into()), Action::Keep(CANDIDATE.into())]);
        assert_eq!(step(course, Event::NotSettled).0.state, State::RolledBack);
    }

    #[test]
    fn a_failed_probation_goes_back_to_the_recorded_previous() {
        let way = [Event::Imported, Event::Armed, Event::Activated, Event::Failed];
        let (course, actions) = after(begun(Some(PREVIOUS)), &way);
        assert_eq!((course.state, &actions[0]), (State::RolledBack, &Action::Restore(PREVIOUS.into())));
        assert_eq!(step(course, Event::NotSettled).0.state, State::RollbackFailed);
        let (_, actions) = after(begun(None), &way);
        assert_eq!(actions[0], Action::RemoveProfile);
    }

    #[test]
    fn an_interruption_is_tried_again_twice() {
        let testing = [Event::Imported, Event::Armed];
        let (mut course, _) = after(begun(Some(PREVIOUS)), &testing);
        for _ in 0..RETRIES {
            let (again, actions) = step(course, Event::TakenUp);
            assert_eq!((again.state, &actions[..]), (State::Verified, &[Action::Import][..]));
            course = after(again, &testing).0;
        }
        assert_eq!(step(course, Event::TakenUp).0.state, State::RolledBack);
        // Before anything was activated there is nothing to go back from.
        let (course, _) = after(begun(Some(PREVIOUS)), &[Event::TakenUp, Event::TakenUp, Event::TakenUp]);
        assert_eq!(course.state, State::SetAside);
    }

    #[test]
    fn failed_imports_rest_ever_longer_and_set_nothing_aside() {
        let mut course = begun(None);
        let mut rests = Vec::new();
        for wait in 1..=100 {
            let (resting, actions) = step(course, Event::NotImported);
            assert!(resting.waits_for_import() && actions.is_empty());
            assert_eq!((resting.state, resting.waits, resting.interruptions), (State::Verified, wait, 0));
            rests.push(resting.rest_millis() / 1000);
            let (again, actions) = step(resting, Event::TakenUp);
            assert_eq!(actions, [Action::Import]);
            course = again;
        }
        assert_eq!(rests[..9], [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(rests[99], 600);
        assert_eq!(step(course, Event::Imported).0.waits, 0);
        // With the candidate running without a timer there is no time to wait.
        let (course, _) = after(begun(Some(PREVIOUS)), &[Event::Imported, Event::Armed, Event::TakenUp]);
        assert_eq!(step(course, Event::NotImported).0.state, State::RolledBack);
    }

    #[test]
    fn a_closure_document_at_fault_is_set_aside_at_once() {
        assert_eq!(step(begun(None), Event::Unfit).0.state, State::SetAside);
        let (course, _) = after(begun(Some(PREVIOUS)), &[Event::Imported, Event::Armed, Event::TakenUp]);
        assert_eq!(step(course, Event::Unfit).0.state, State::RolledBack);
    }

    #[test]
    fn a_newer_release_takes_the_place_of_one_that_waits_and_of_no_other() {
        let waiting = step(begun(None), Event::NotImported).0;
        assert_eq!(step(waiting.clone(), Event::Superseded).0.state, State::SetAside);
        for other in [begun(None), Course::new(CANDIDATE.into(), None), step(waiting, Event::TakenUp).0] {
            assert_eq!(step(other.clone(), Event::Superseded), (other, vec![]));
        }
    }

    #[test]
    fn the_timer_counts_only_while_the_candidate_may_run_undecided() {
        assert_eq!(step(begun(Some(PREVIOUS)), Event::TimerFired).0.state, State::Verified);
        let (testing, _) = after(begun(Some(PREVIOUS)), &[Event::Imported, Event::Armed]);
        assert_eq!(step(testing.clone(), Event::TimerFired).0.state, State::RolledBack);
        let (again, _) = step(testing, Event::TakenUp);
        assert_eq!(step(again, Event::TimerFired).0.state, State::RolledBack);
    }

    fn event() -> impl Strategy<Value = Event> {
        prop::sample::select(vec![
            Event::Verified,
            Event::TakenUp,
            Event::Imported,
            Event::NotImported,
            Event::Unfit,
            Event::Superseded,
            Event::Armed,
            Event::Activated,
            Event::NotActivated,
            Event::Passed,
            Event::Failed,
            Event::Settled,
            Event::NotSettled,
            Event::TimerFired,
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_order_of_events_breaks_the_promises(
            events in prop::collection::vec(event(), 0..40),
            has_previous in any::<bool>(),
        ) {
            let previous = has_previous.then(|| PREVIOUS.to_owned());
            let mut course = Course::new(CANDIDATE.into(), previous.clone());
            let mut armed = false;
            for event in events {
                let before = course.clone();
                let (next, actions) = step(course, event);
                armed = match event { Event::Armed => true, Event::TakenUp => false, _ => armed };
                // Committed only straight out of probation, by having passed it.
                if next.state == State::Committed && before.state != State::Committed {
                    prop_assert_eq!((before.state, event), (State::Probation, Event::Passed));
                }
                // What must be gone back to is never anything but what was recorded.
                prop_assert_eq!((&next.candidate, &next.previous), (&before.candidate, &before.previous));
                for action in &actions {
                    match action {
                        Action::Restore(system) => prop_assert_eq!(Some(system), previous.as_ref()),
                        Action::RemoveProfile => prop_assert!(previous.is_none()),
                        Action::Keep(system) | Action::ActivateAgain(system) => {
                            prop_assert_eq!(system, CANDIDATE);
                            prop_assert_eq!(next.state, State::Committed);
                        }
                        Action::Activate(system) => {
                            prop_assert_eq!(system, CANDIDATE);
                            // Never without a timer, and the journal says that it may have happened.
                            prop_assert!(armed && next.activated);
                        }
                        _ => {}
                    }
                }
                // Giving up never leaves a candidate that may run.
                if next.state == State::SetAside {
                    prop_assert!(!next.activated);
                }
                // What is over stays over.
                if before.settled {
                    prop_assert!(next == before && actions.is_empty());
                }
                // Whoever takes up a switch that is not over is always told what to do.
                if event == Event::TakenUp && !before.settled {
                    prop_assert!(!actions.is_empty());
                }
                course = next;
            }
        }

        #[test]
        fn kills_alone_always_come_to_an_end(kills in prop::collection::vec(any::<bool>(), 64)) {
            // A driver that is killed now and then, in a world where everything else goes well.
            let mut course = Course::new(CANDIDATE.into(), Some(PREVIOUS.into()));
            let mut event = Event::TakenUp;
            let mut steps = 0;
            for kill in kills.into_iter().chain(std::iter::repeat(false)) {
                steps += 1;
                prop_assert!(steps < 200);
                course = step(course, event).0;
                if course.settled {
                    break;
                }
                event = match course.state {
                    _ if kill => Event::TakenUp,
                    State::Verified => Event::Imported,
                    State::Imported => Event::Armed,
                    State::Testing => Event::Activated,
                    State::Probation => Event::Passed,
                    _ => Event::Settled,
                };
            }
            prop_assert!(matches!(course.state, State::Committed | State::RolledBack | State::SetAside));
        }
    }
}
