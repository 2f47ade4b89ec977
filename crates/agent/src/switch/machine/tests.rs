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

#[test]
fn a_boot_that_was_meant_is_no_interruption_and_one_that_was_missed_goes_back() {
    let (trial, _) = after(begun(Some(PREVIOUS)), &[Event::Imported, Event::Armed, Event::Activated]);
    assert_eq!(step(trial.clone(), Event::ReadyToBoot), (trial.clone(), vec![Action::Reboot]));
    let (booted, actions) = step(trial.clone(), Event::Booted);
    assert_eq!((booted.state, booted.interruptions, actions), (State::Verified, 0, vec![Action::Import]));
    let (gone, actions) = step(trial, Event::NotBooted);
    assert_eq!((gone.state, &actions[0]), (State::RolledBack, &Action::Restore(PREVIOUS.into())));
    // What was never activated was never to be booted.
    for event in [Event::ReadyToBoot, Event::Booted, Event::NotBooted] {
        assert_eq!(step(begun(Some(PREVIOUS)), event), (begun(Some(PREVIOUS)), vec![]));
    }
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
        Event::ReadyToBoot,
        Event::Booted,
        Event::NotBooted,
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
