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
    let log = world.house.path("points");
    let mut killed = 0;
    for at in 1.. {
        for folder in ["sync", "spool/inbox"] {
            fs::remove_dir_all(world.house.path(folder)).unwrap();
        }
        copy(&world, "saved", "sync");
        // New ones each time, besides those that the depot has: they go another way there.
        world.say(1);
        let mut command = world.courier_command();
        command.arg("--once").env("WRIT_CRASH_AT", at.to_string()).env("WRIT_CRASH_LOG", &log);
        let ran = run::any(&mut command).unwrap();
        if ran.status.signal() != Some(9) {
            assert!(ran.status.success(), "at {at}: {}", run::both(&ran));
            break;
        }
        killed += 1;
        world.carried();
        world.assert_delivered_once(&[]);
    }
    let names = fs::read_to_string(log).unwrap();
    for wanted in ["sync-submit", "sync-receipt", "sync-delivered", "sync-checkpoint", "sync-tiles", "sync-head"] {
        assert!(names.contains(wanted), "{names}");
    }
    println!("{killed} points");
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
        let survived = started.is_ok_and(|depot| {
            if world.carry().code == Some(0) {
                // Some points come after the answer, when nobody waits any more.
                return depot.stop().is_ok();
            }
            depot.ended().unwrap_or_else(|e| panic!("at {at}: what was not killed answers: {e}"));
            false
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
