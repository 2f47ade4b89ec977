//! What a power cut leaves behind of files that were being written.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::Command;

use writ_scenarios::run;

use super::world::World;

/// The files of the log that were written last: those of the right edge.
fn last_files(world: &World) -> Vec<PathBuf> {
    let log = world.data().join(format!("log/{}/1", world.site));
    let found = run::checked(Command::new("find").arg(log).args(["-type", "f", "-name", "[0-9]*", "-path", "*.p/*"]));
    found.unwrap().lines().map(PathBuf::from).collect()
}

/// A depot that was killed and whose last files are spoilt derives them anew from its database: to the byte, so that nobody
/// who had seen them notices.
/// What is done to a file, and how.
type Spoiled = (&'static str, fn(&PathBuf));

#[test]
fn torn_tiles_and_checkpoints_are_made_again() {
    let (mut world, depot) = World::running();
    world.enrol_courier();
    world.say(300);
    world.carried();
    let mut depot = Some(depot);
    let spoil: [Spoiled; 4] = [
        ("cut short", |file| {
            let half = fs::metadata(file).unwrap().len() / 2;
            OpenOptions::new().write(true).open(file).unwrap().set_len(half).unwrap();
        }),
        ("empty", |file| fs::write(file, b"").unwrap()),
        ("garbled", |file| {
            let bytes: Vec<u8> = fs::read(file).unwrap().iter().map(|byte| byte ^ 0x55).collect();
            fs::write(file, bytes).unwrap();
        }),
        ("gone", |file| fs::remove_file(file).unwrap()),
    ];
    for (how, spoil) in spoil {
        depot.take().unwrap().kill().unwrap();
        let tiles = last_files(&world);
        assert!(tiles.len() >= 3, "{tiles:?}");
        let before: Vec<Vec<u8>> = tiles.iter().map(|file| fs::read(file).unwrap()).collect();
        let seen = world.seen(&world.origin).unwrap();
        tiles.iter().for_each(spoil);
        spoil(&world.data().join(format!("log/{}/1/checkpoint", world.site)));
        depot = Some(world.depot());
        for (file, before) in tiles.iter().zip(before) {
            assert!(fs::read(file).unwrap() == before, "{how}: {}", file.display());
        }
        world.assert_delivered_once(&[seen]);
        world.say(5);
        world.carried();
    }
    world.assert_delivered_once(&[]);
    world.assert_audited();
}

#[test]
fn a_second_depot_on_one_directory_is_refused_and_the_first_is_unharmed() {
    let (mut world, mut depot) = World::running();
    world.enrol_courier();
    world.say(600);
    let courier = world.courier();
    for _ in 0..3 {
        let seen = world.delivered();
        let mut second = world.depot_command_at("127.0.0.1:0");
        second.args(["--address-file", "/dev/null"]);
        let refused = run::any(&mut second).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{}", run::both(&refused));
        let said = run::both(&refused);
        assert!(said.contains("another writ-depot is running on this data directory"), "{said}");
        assert!(depot.lives());
        world.wait_for("the delivery to go on", || world.delivered() > seen || world.delivered() == 600);
    }
    world.wait_for("every receipt", || world.delivered() == 600);
    courier.stop();
    depot.stop().unwrap();
    let _depot = world.depot();
    world.assert_delivered_once(&[]);
    world.assert_audited();
}
