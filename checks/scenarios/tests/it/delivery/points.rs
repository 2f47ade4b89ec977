//! The numbered points of a delivery, one after the other: the courier's, then the depot's.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use writ_scenarios::depot::Depot;
use writ_scenarios::run;

use super::world::World;

fn copy(world: &World, from: &str, to: &str) {
    run::checked(Command::new("cp").arg("-a").arg(world.house.path(from)).arg(world.house.path(to))).unwrap();
}

#[test]
fn the_courier_at_every_point() {
    let (mut world, _depot) = World::running();
    world.enrol_courier();
    world.say(4);
    copy(&world, "sync", "saved");
    let reset = || {
        for folder in ["sync", "spool/inbox"] {
            fs::remove_dir_all(world.house.path(folder)).unwrap();
        }
        copy(&world, "saved", "sync");
    };
    let log = world.house.path("points");
    // Later runs find a depot that has the bundles already: as many points for each, then.
    world.carried();
    reset();
    run::checked(world.courier_command().arg("--once").env("WRIT_CRASH_LOG", &log)).unwrap();
    let names = fs::read_to_string(log).unwrap();
    for wanted in ["sync-submit", "sync-receipt", "sync-delivered", "sync-checkpoint", "sync-tiles", "sync-head"] {
        assert!(names.contains(wanted), "{names}");
    }
    for (at, name) in (1..).zip(names.lines()) {
        reset();
        let killed = run::any(world.courier_command().arg("--once").env("WRIT_CRASH_AT", at.to_string())).unwrap();
        assert_eq!(killed.status.signal(), Some(9), "point {name}: {}", run::both(&killed));
        world.carried();
        world.assert_delivered_once(&[]);
    }
    println!("{} points", names.lines().count());
}

#[test]
fn the_depot_at_every_point_of_a_delivery() {
    let (mut world, depot) = World::running();
    world.enrol_courier();
    depot.kill().unwrap();
    let mut seen = Vec::new();
    let mut killed = 0;
    for at in 1.. {
        world.say(3);
        let started = Depot::spawn(world.depot_command().env("WRIT_CRASH_AT", at.to_string()), &world.data());
        let survived = started.is_ok_and(|mut depot| {
            let carried = world.carry().code == Some(0);
            assert_eq!(carried, depot.lives(), "at {at}: what was not killed answers");
            carried
        });
        seen.extend(world.seen(&world.origin));
        if survived {
            break;
        }
        killed += 1;
        let depot = world.depot();
        world.carried();
        depot.kill().unwrap();
    }
    assert!(killed >= 8, "{killed} points");
    println!("{killed} points");
    let _depot = world.depot();
    world.assert_delivered_once(&seen);
    world.assert_audited();
}
