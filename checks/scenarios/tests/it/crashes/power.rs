//! The power cut at every numbered point: what no program waited for is gone, and everything still is as if nothing had
//! happened.

use std::process::Command;

use writ_agent::switch::State;
use writ_evidence::Kind;
use writ_evidence::records::SwitchOutcome;
use writ_scenarios::run;

use super::points::{at_the_start_of_a_switch, driver, floor_is_published, points, recovered, shoot};
use crate::house::House;
use crate::house::systems::System;

/// Cuts the power at each point that a command passes, and looks whether the house comes to what it should be.
fn sweep(house: &House, command: impl Fn() -> Command, check: impl Fn(u64, &str)) -> usize {
    cuts(house, command, |at, name| {
        check(at, name);
        recovered(house, at, name);
    })
}

/// Cuts the power at each point that a command passes.
fn cuts(house: &House, command: impl Fn() -> Command, check: impl Fn(u64, &str)) -> usize {
    let disk = house.disk();
    disk.save().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let names = points(&mut command(), log.path());
    house.kill_all("writ-switch");
    for (at, name) in (1..).zip(&names) {
        disk.restore().unwrap();
        let shot = shoot(&mut command(), at);
        assert!(shot.killed, "point {at} ({name}) was not reached: {}", shot.said);
        house.kill_all("writ-switch");
        disk.cut().unwrap();
        check(at, name);
        house.kill_all("writ-switch");
    }
    println!("{} points", names.len());
    names.len()
}

fn once(house: &House) -> Command {
    let mut command = house.enforcer();
    command.arg("--once");
    command
}

/// From the first look at a release to the end of an incident, without a system.
#[test]
fn of_the_enforcer() {
    let house = House::on_a_disk();
    house.furnish(1);
    house.publish(&house.release(5));
    house.break_file(0);
    let tried = sweep(
        &house,
        || once(&house),
        |_, _| assert!(super::floor(&house).is_none_or(|floor| floor.serial.get() == 5)),
    );
    assert!(tried >= 20, "{tried} points");
}

/// From the import to the commit, then from the end of the switch to its place in evidence.
#[test]
fn of_the_switch() {
    let house = at_the_start_of_a_switch(House::on_a_disk());
    let tried = sweep(
        &house,
        || driver(&house),
        |at, name| {
            assert!(floor_is_published(&house), "at {at} ({name}): the floor is there before anything is activated")
        },
    );
    assert!(tried >= 10, "{tried} points");
    house.disk().restore().unwrap();
    let driven = run::any(&mut driver(&house)).unwrap();
    assert!(driven.status.success(), "{}", run::both(&driven));
    let tried = sweep(&house, || once(&house), |_, _| assert!(house.profile().is_some(), "a committed system is lost"));
    assert!(tried >= 10, "{tried} points");
}

/// A system that breaks what its own policy asks for, on a machine that has one to go back to.
#[test]
fn of_a_rollback() {
    let house = House::on_a_disk();
    house.furnish(1);
    house.publish(&house.release_with(4, System { name: "four", ..System::default() }));
    let ran = house.once();
    assert_eq!((ran.code, house.obeys().as_deref()), (Some(0), Some("1-4")), "{}{}", ran.stdout, ran.stderr);
    let four = house.profile().unwrap();
    let breaks = format!("chmod 0666 {}", house.file(0).display());
    house.publish(&house.release_with(5, System { name: "five", breaks: &breaks, ..System::default() }));
    house.disk().save().unwrap();
    let begun = (1..200).find(|at| {
        house.disk().restore().unwrap();
        shoot(&mut once(&house), *at);
        house.processes("writ-switch").is_empty() && serial(&house) == Some(5)
    });
    assert!(begun.is_some(), "no point after the beginning of a switch");
    let tried = cuts(
        &house,
        || driver(&house),
        |at, name| {
            let place = format!("cut at {at} ({name})");
            house.once();
            let journal = house.journal().unwrap();
            assert!(journal.is_over() && serial(&house) == Some(5), "{place}: {journal:#?}");
            assert_eq!(journal.course.state, State::RolledBack, "{place}");
            assert_eq!((house.profile().as_ref(), house.obeys().as_deref()), (Some(&four), Some("1-4")), "{place}");
            let chain = house.chain();
            let outcomes: Vec<_> = chain.of(Kind::Switch).map(|b| b.switch.as_ref().unwrap().outcome).collect();
            assert_eq!(outcomes, [SwitchOutcome::Committed, SwitchOutcome::RolledBack], "{place}");
            house.once();
            super::all_told_once(&house);
        },
    );
    assert!(tried >= 15, "{tried} points");
}

/// The serial that the journal of the switch is about.
fn serial(house: &House) -> Option<u64> {
    Some(house.journal()?.request.serial.get())
}
