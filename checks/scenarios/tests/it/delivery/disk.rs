//! The depot on a disk that fills up while evidence comes in.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use writ_scenarios::run;

use super::world::World;

/// A small file system of its own; unmounted when dropped.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mount(at: PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "writ-test"]).arg(&at);
        run::checked(&mut mount).expect("mounting takes root");
        Self(at)
    }

    /// Leaves so many bytes.
    pub fn fill(&self, left: usize) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[b'x'; 4096]).is_ok() {}
        let full = filler.metadata().unwrap().len();
        filler.set_len(full - left as u64).unwrap();
    }

    pub fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }

    pub fn at(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run::any(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

#[test]
fn a_full_disk_is_answered_503_and_the_outbox_stays() {
    let mut world = World::new();
    let disk = Disk::mount(world.data());
    let depot = world.depot();
    world.publish();
    world.enrol_courier();
    world.say(20);
    world.carried();
    // What the database has room for already is taken; then nothing is.
    disk.fill(64 * 1024);
    world.say_long(40, &"a line of a log, and not the last one ".repeat(10));
    let courier = world.courier();
    let refused = |world: &World| {
        let status = world.status();
        status["jobs"]["delivery"]["problem"].as_str().is_some_and(|problem| problem.contains("503"))
    };
    world.wait_for("a 503", || refused(&world));
    let during = world.delivered();
    assert!((20..60).contains(&during), "{during}");
    let seen = world.seen(&world.origin).unwrap();
    // It keeps everything, also over a restart of either, and tries again.
    courier.stop();
    assert_eq!(world.carry().code, Some(1));
    assert_eq!(world.delivered(), during);
    let outbox = fs::read_dir(world.house.path("spool/outbox")).unwrap().count();
    assert_eq!(outbox, 2 * world.said.len());

    disk.free();
    let courier = world.courier();
    world.wait_for("every receipt", || world.delivered() == world.said.len());
    courier.stop();
    world.assert_delivered_once(&[seen]);
    world.assert_audited();
    depot.stop().unwrap();
    let depot = world.depot();
    world.assert_audited();
    depot.stop().unwrap();
    drop(disk);
}
