//! The numbered points, one after the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use writ_evidence::Kind;
use writ_scenarios::run;
use writ_trust::digest::Digest;

use super::{all_told_once, floor};
use crate::house::systems::System;
use crate::house::{House, program};

/// What a story leaves behind and a new one must not find.
const TRACES: [&str; 5] = ["state", "outbox", "profile", "activations", "saved"];

/// Puts aside, or back, all that an appliance remembers.
fn copy(from: &Path, to: &Path) {
    run::checked(Command::new("cp").arg("-a").arg(from).arg(to)).unwrap();
}

/// How a run of a program ended that was to be killed at a point.
pub(super) struct Shot {
    pub killed: bool,
    pub said: String,
}

pub(super) fn shoot(command: &mut Command, at: u64) -> Shot {
    use std::os::unix::process::ExitStatusExt;
    let output = run::any(command.env("WRIT_CRASH_AT", at.to_string())).unwrap();
    Shot { killed: output.status.signal() == Some(9), said: run::both(&output) }
}

/// Runs a command once unharmed and gives the names of the points it passed.
pub(super) fn points(command: &mut Command, log: &Path) -> Vec<String> {
    let _ = fs::remove_file(log);
    let output = run::any(command.env("WRIT_CRASH_LOG", log)).unwrap();
    let text = fs::read_to_string(log).unwrap_or_else(|e| panic!("no points ({e}): {}", run::both(&output)));
    text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

/// After the shot and a run that is left alone, everything is as if nothing had happened.
pub(super) fn recovered(house: &House, at: u64, name: &str) {
    let place = format!("killed at point {at} ({name})");
    let digest = Digest::of(&house.release(5).canonical());
    let ran = house.once();
    assert_eq!(ran.code, Some(0), "{place}: {}{}", ran.stdout, ran.stderr);
    assert_eq!(house.obeys().as_deref(), Some("1-5"), "{place}");
    assert_eq!(floor(house).unwrap().digest, published(house), "{place}: {digest}");
    all_told_once(house);
    let chain = house.chain();
    assert_eq!(chain.of(Kind::IncidentOpened).count(), 1, "{place}: one thing broke");
    assert_eq!(chain.of(Kind::IncidentClosed).count(), 1, "{place}: one thing was healed");
    assert_eq!(chain.of(Kind::Switch).count(), 1, "{place}: one generation was adopted");
}

/// Whether the floor names the release of these stories.
pub(super) fn floor_is_published(house: &House) -> bool {
    floor(house).is_some_and(|floor| floor.digest == published(house))
}

fn published(house: &House) -> Digest {
    Digest::of(&fs::read(house.place("1-5").join("release.json")).unwrap())
}

fn reset(house: &House) {
    for trace in TRACES {
        let path = house.path(trace);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
    house.break_file(0);
}

/// From the first look at a release to the end of an incident, without a system.
#[test]
fn the_enforcer_at_every_point() {
    let house = House::new();
    house.furnish(1);
    house.publish(&house.release(5));
    house.break_file(0);
    let names = points(house.enforcer().arg("--once"), &house.path("points"));
    let kinds: BTreeSet<&String> = names.iter().collect();
    assert!(kinds.len() >= 10, "few kinds of points: {kinds:?}");
    for (at, name) in (1..).zip(&names) {
        reset(&house);
        let shot = shoot(house.enforcer().arg("--once"), at);
        assert!(shot.killed, "point {at} ({name}) was not reached: {}", shot.said);
        floor(&house);
        recovered(&house, at, name);
    }
    println!("{} points of {} kinds", names.len(), kinds.len());
}

/// A house whose switch to a system has begun: the journal stands, nobody drives yet. Saved in `saved/`.
pub(super) fn at_the_start_of_a_switch(house: House) -> House {
    house.furnish(1);
    house.publish(&house.release_with(5, System { name: "five", ..System::default() }));
    house.break_file(0);
    let begun = (1..200).find(|at| {
        reset(&house);
        let killed = shoot(house.enforcer().arg("--once"), *at).killed;
        killed && house.journal().is_some()
    });
    assert!(begun.is_some(), "no point after the beginning of a switch");
    assert!(house.activations().is_empty() && house.processes("writ-switch").is_empty(), "a driver is at work");
    save(&house);
    house
}

fn save(house: &House) {
    fs::create_dir(house.path("saved")).unwrap();
    for trace in &TRACES[..4] {
        if house.path(trace).symlink_metadata().is_ok() {
            copy(&house.path(trace), &house.path("saved"));
        }
    }
}

pub(super) fn restore(house: &House) {
    for trace in &TRACES[..4] {
        let path = house.path(trace);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        let saved = house.path("saved").join(trace);
        if saved.symlink_metadata().is_ok() {
            copy(&saved, &house.path(""));
        }
    }
    house.break_file(0);
}

pub(super) fn driver(house: &House) -> Command {
    let mut driver = program("writ-switch");
    driver.arg("run").arg("--state-dir").arg(house.path("state"));
    driver
}

/// From the import to the commit.
#[test]
fn the_switch_at_every_point() {
    let house = at_the_start_of_a_switch(House::new());
    let names = points(&mut driver(&house), &house.path("points"));
    assert!(names.len() >= 10, "{names:?}");
    for (at, name) in (1..).zip(&names) {
        restore(&house);
        let shot = shoot(&mut driver(&house), at);
        assert!(shot.killed, "point {at} ({name}) was not reached: {}", shot.said);
        assert!(floor_is_published(&house), "the floor is there before anything is activated");
        recovered(&house, at, name);
        let last = house.activations().pop().unwrap_or_default();
        assert!(last == "boot five" || last == "test five", "killed at point {at} ({name}): {last}");
        house.kill_all("writ-switch");
    }
    println!("{} points", names.len());
}

/// From the end of a switch to its place in evidence.
#[test]
fn the_enforcer_at_every_point_after_a_switch() {
    let house = at_the_start_of_a_switch(House::new());
    let driven = run::any(&mut driver(&house)).unwrap();
    assert!(driven.status.success(), "{}", run::both(&driven));
    fs::remove_dir_all(house.path("saved")).unwrap();
    save(&house);
    let names = points(house.enforcer().arg("--once"), &house.path("points"));
    assert!(names.iter().any(|n| n.contains("told")), "{names:?}");
    for (at, name) in (1..).zip(&names) {
        restore(&house);
        let shot = shoot(house.enforcer().arg("--once"), at);
        assert!(shot.killed, "point {at} ({name}) was not reached: {}", shot.said);
        recovered(&house, at, name);
    }
    println!("{} points", names.len());
}
