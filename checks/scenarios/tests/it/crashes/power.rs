//! The power cut at every numbered point: what no program waited for is gone, and everything still is as if nothing had
//! happened.

use std::process::Command;

use writ_scenarios::run;

use super::points::{at_the_start_of_a_switch, driver, floor_is_published, points, recovered, shoot};
use crate::house::House;

/// Cuts the power at each point that a command passes, and looks whether the house comes to what it should be.
fn sweep(house: &House, command: impl Fn() -> Command, check: impl Fn(u64, &str)) -> usize {
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
        recovered(house, at, name);
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
    let cuts = sweep(
        &house,
        || once(&house),
        |_, _| assert!(super::floor(&house).is_none_or(|floor| floor.serial.get() == 5)),
    );
    assert!(cuts >= 20, "{cuts} points");
}

/// From the import to the commit, then from the end of the switch to its place in evidence.
#[test]
fn of_the_switch() {
    let house = at_the_start_of_a_switch(House::on_a_disk());
    let cuts = sweep(
        &house,
        || driver(&house),
        |at, name| {
            assert!(floor_is_published(&house), "at {at} ({name}): the floor is there before anything is activated")
        },
    );
    assert!(cuts >= 10, "{cuts} points");
    house.disk().restore().unwrap();
    let driven = run::any(&mut driver(&house)).unwrap();
    assert!(driven.status.success(), "{}", run::both(&driven));
    let cuts = sweep(&house, || once(&house), |_, _| assert!(house.profile().is_some(), "a committed system is lost"));
    assert!(cuts >= 10, "{cuts} points");
}
