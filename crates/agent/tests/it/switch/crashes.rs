//! A driver killed at every crash point, and at many in a row: the machine always ends in one of its two generations,
//! the right one.

use writ_agent::switch::State;

use super::world::World;

/// Kills at passage 1, 2, … of a crash point until there are no more; after each the switch is taken up to its end.
fn sweep(broken: bool, check: impl Fn(&World, State)) -> u64 {
    let world = World::new();
    for passage in 1.. {
        world.reset();
        if broken {
            world.write("break-two", "");
        }
        world.ask(&world.policy());
        if !world.run_killed_at(passage) {
            return passage - 1;
        }
        let journal = if world.journal().is_over() { world.journal() } else { world.run() };
        assert!(journal.is_over(), "killed at {passage}: {journal:#?}");
        check(&world, journal.course.state);
        assert_eq!(journal.timer, None);
    }
    unreachable!("the loop ends when nothing is killed any more")
}

#[test]
fn a_good_switch_killed_anywhere_is_completed() {
    let points = sweep(false, |world, state| {
        assert_eq!(state, State::Committed);
        world.assert_on_two();
    });
    assert!(points >= 15, "{points} crash points");
}

#[test]
fn a_bad_switch_killed_anywhere_is_rolled_back() {
    let points = sweep(true, |world, state| {
        assert_eq!(state, State::RolledBack);
        world.assert_on_one();
    });
    assert!(points >= 15, "{points} crash points");
}

#[test]
fn kills_in_a_row_set_the_serial_aside_and_never_leave_the_candidate_unjudged() {
    let world = World::new();
    // A small generator of its own: the same kills in every run.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for round in 0..30 {
        world.reset();
        let broken = next(2) == 0;
        if broken {
            world.write("break-two", "");
        }
        world.ask(&world.policy());
        let mut kills = 0;
        while !world.journal().is_over() && kills < next(7) {
            kills += u64::from(world.run_killed_at(1 + next(16)));
        }
        let journal = if world.journal().is_over() { world.journal() } else { world.run() };
        let state = journal.course.state;
        match state {
            State::Committed => {
                assert!(!broken, "round {round}");
                world.assert_on_two();
            }
            State::RolledBack | State::SetAside => {
                assert!(broken || journal.course.interruptions > 2, "round {round}: {journal:#?}");
                world.assert_on_one();
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
}
