//! A depot that is backed up while couriers deliver, lost, and restored; archives of its days; a disk without room for either.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use writ_scenarios::run;

use super::clocks::Clock;
use super::disk::Disk;
use super::restored::restart_log;
use super::world::{Log, World};
use crate::house::*;

/// A command of the depot's program on a world's data directory.
pub fn upkeep(world: &World, what: &str) -> Command {
    let mut command = program("writ-depot");
    command.arg(what).arg("--json").arg("--data").arg(world.data());
    command
}

/// What a command told, which ended so.
#[track_caller]
pub fn told(command: &mut Command, code: i32) -> Value {
    let ran = ran(command);
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_depot_that_is_lost_comes_back_from_its_backup_and_is_refilled() {
    const ROUNDS: usize = 4;
    const EACH: usize = 120;
    let mut world = World::new();
    let depot = world.depot();
    world.publish();
    world.enrol_courier();
    let to = world.house.path("backup");
    // Each while a courier delivers; the last of them is what is left.
    let mut sizes = Vec::new();
    for _ in 0..ROUNDS {
        world.say(EACH);
        let courier = world.courier();
        let done = told(upkeep(&world, "backup").arg("--to").arg(&to), 0);
        sizes.push(done["logs"][0]["size"].as_u64().unwrap());
        assert_eq!(told(&mut upkeep(&world, "fsck"), 0)["served"], true);
        world.wait_for("the round", || world.delivered() == world.said.len());
        courier.stop();
    }
    assert!(sizes.is_sorted(), "{sizes:?}");
    world.say(EACH);
    world.carried();
    world.assert_audited();
    let lost = world.seen(&world.origin).unwrap();
    depot.kill().unwrap();
    fs::remove_dir_all(world.data()).unwrap();

    let restored = told(upkeep(&world, "restore").arg("--from").arg(&to), 0);
    assert_eq!((&restored["fsck"]["ok"], &restored["logs"][0]["size"]), (&true.into(), &sizes[ROUNDS - 1].into()));
    let head = Log::read(&world, 1).head;
    assert!(head.size == sizes[ROUNDS - 1] && head.size < lost.size, "{} {}", head.size, lost.size);
    let _depot = world.depot();
    assert_eq!(told(&mut upkeep(&world, "fsck"), 0)["problems"]["list"], Value::Array(vec![]));
    // The courier had seen more: nothing counts until the trust keys begin the log anew; then what is missing comes again.
    let refused = world.carry();
    assert!(refused.code == Some(1) && refused.stderr.contains("rule log-consistency"), "{}", refused.stderr);
    restart_log(&world);
    world.carried();
    let report = world.audit(0);
    assert_eq!(report["bundles"], world.said.len() as u64, "{report}");
    assert_eq!(told(&mut upkeep(&world, "fsck"), 0)["checked"]["bundles"], world.said.len() as u64);
}

#[test]
fn the_archive_of_a_day_is_an_audit_folder() {
    let (mut world, depot) = World::running();
    world.enrol_courier();
    world.say(300);
    world.carried();
    let clock = Clock::make(&world);
    clock.set(86_400);
    let archive = |to: &Path| told(clock.of(upkeep(&world, "archive").arg("--to").arg(to)), 0);
    let [served, stopped] = ["archives", "again"].map(|name| world.house.path(name));
    let made = archive(&served);
    let names: Vec<&str> = made["made"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!((1..=2).contains(&names.len()), "midnight may have passed: {names:?}");
    assert_eq!((&archive(&served)["made"], &archive(&served)["there"]), (&Value::Array(vec![]), &names.len().into()));
    // Of the same contents the same bytes.
    depot.stop().unwrap();
    archive(&stopped);
    let unpacked = world.house.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    for name in &names {
        assert_eq!(fs::read(served.join(name)).unwrap(), fs::read(stopped.join(name)).unwrap());
        let manifest = fs::read(served.join(name.replace(".tar.gz", ".json"))).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let digest = writ_trust::digest::Digest::of(&fs::read(served.join(name)).unwrap());
        assert_eq!(manifest["digest"], digest.to_string());
        run::checked(Command::new("tar").arg("xzf").arg(served.join(name)).arg("-C").arg(&unpacked)).unwrap();
        for (path, digest) in manifest["files"].as_object().unwrap() {
            let bytes = fs::read(unpacked.join(path)).unwrap();
            assert_eq!(*digest, writ_trust::digest::Digest::of(&bytes).to_string(), "{path}");
        }
    }
    let mut verify = program("writ");
    verify.args(["audit", "verify", "--json"]).arg(&unpacked).arg("--trust").arg(world.house.path("etc/trust.json"));
    let report = told(&mut verify, 0);
    assert_eq!((&report["bundles"], &report["log"]), (&300.into(), &"verified".into()), "{report}");
    assert_eq!((&report["receipts"], &report["logs"][0]["unlogged"]), (&300.into(), &0.into()), "{report}");
}

#[test]
fn a_disk_without_room_leaves_the_backup_that_was_there() {
    let (mut world, _depot) = World::running();
    world.enrol_courier();
    world.say(20);
    world.carried();
    let disk = Disk::mount(world.house.path("small"));
    let to = disk.at().join("backup");
    let backup = |world: &World| ran(upkeep(world, "backup").arg("--to").arg(&to));
    assert_eq!(backup(&world).code, Some(0));
    let before = fs::read(to.join("backup.json")).unwrap();
    disk.fill(64 * 1024);
    world.say_long(100, &"a line of a log, and not the last one ".repeat(10));
    world.carried();
    let full = backup(&world);
    assert_eq!(full.code, Some(2), "{}{}", full.stdout, full.stderr);
    assert!(full.stderr.contains("No space left") || full.stderr.contains("full"), "{}", full.stderr);
    assert_eq!(fs::read(to.join("backup.json")).unwrap(), before);
    let mut restore = program("writ-depot");
    restore.args(["restore", "--json", "--from"]).arg(&to).arg("--data").arg(world.house.path("restored"));
    assert_eq!(told(&mut restore, 0)["fsck"]["checked"]["bundles"], 20);
    disk.free();
    assert_eq!(backup(&world).code, Some(0));
    assert!(walk(&to.join("objects")).iter().all(|name| !name.ends_with(".writ-tmp")), "nothing is left over");
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}
