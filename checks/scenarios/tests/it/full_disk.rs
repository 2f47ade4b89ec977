//! State and outbox on a disk that fills up: said loudly, healing goes on, and nothing that was told is lost.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use writ_evidence::Kind;
use writ_scenarios::run;

use crate::house::House;

/// A small file system of its own; unmounted when dropped.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Puts state and outbox of a house on a small disk.
    fn under(house: &House) -> Self {
        let disk = Self { at: house.path("disk") };
        fs::create_dir(&disk.at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "writ-test"]).arg(&disk.at);
        run::checked(&mut mount).expect("mounting takes root");
        for folder in ["state", "outbox"] {
            fs::create_dir(disk.at.join(folder)).unwrap();
            std::os::unix::fs::symlink(disk.at.join(folder), house.path(folder)).unwrap();
        }
        disk
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    /// Takes the last byte.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while filler.write_all(&vec![b'x'; size]).is_ok() {}
        }
        assert!(fs::write(self.at.join("more"), [b'x'; 4096]).is_err(), "the disk is not full");
        fs::remove_file(self.at.join("more")).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run::any(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}

fn wait_for_snapshot(house: &House) {
    house.wait_for("the first snapshot", || house.chain().of(Kind::Posture).next().is_some());
}

#[test]
fn a_full_disk_is_said_loudly_and_loses_nothing() {
    let house = House::new();
    let disk = Disk::under(&house);
    house.furnish(4);
    house.publish(&house.release(5));
    let daemon = house.daemon();
    wait_for_snapshot(&house);
    let told = house.chain().bundles.len();
    disk.fill();

    for n in [0, 1, 2, 3, 0, 2] {
        house.break_file(n);
        house.wait_for("the file to be healed", || house.is_whole(n));
        house.wait_for("the event to pass", || house.is_whole(n));
    }
    house.wait_for("a loud word", || {
        daemon
            .said()
            .lines()
            .any(|l| l.contains("ERROR") && l.contains("cannot be written") && l.contains("free some space"))
    });
    assert_eq!(house.chain().bundles.len(), told, "nothing could be written");

    disk.free();
    house.wait_for("all evidence", || house.chain().of(Kind::IncidentClosed).count() >= 6);
    house.wait_for("a word that it is over", || daemon.said().contains("takes writes again"));
    assert!(daemon.stop().success());
    let chain = house.chain();
    assert!(chain.open_incidents().is_empty());
    let told = |kind| -> Vec<&str> { chain.of(kind).map(|b| b.incident.as_ref().unwrap().check.as_str()).collect() };
    let broken = ["file.0", "file.1", "file.2", "file.3", "file.0", "file.2"];
    assert_eq!(told(Kind::IncidentOpened), broken, "every one, in order");
    // One is whole before it was looked at again, and the next may be healed by then.
    let (mut healed, mut all) = (told(Kind::IncidentClosed), broken);
    healed.sort_unstable();
    all.sort_unstable();
    assert_eq!(healed, all, "and each is closed once");
    drop(disk);
}

/// What was only in memory when the power went is gone, but it was shown to nobody: the chain has no hole and no fork.
#[test]
fn a_power_cut_on_a_full_disk_leaves_a_whole_chain() {
    let house = House::new();
    let disk = Disk::under(&house);
    house.furnish(2);
    house.publish(&house.release(5));
    let daemon = house.daemon();
    wait_for_snapshot(&house);
    disk.fill();
    house.break_file(0);
    house.wait_for("the file to be healed", || house.is_whole(0));
    daemon.kill();
    house.break_file(1);
    let daemon = house.daemon();
    house.wait_for("the file to be healed after the cut", || house.is_whole(1));
    disk.free();
    house.wait_for("the evidence of it", || house.chain().of(Kind::IncidentClosed).count() >= 1);
    assert!(daemon.stop().success());
    assert!(house.chain().open_incidents().is_empty());
    drop(disk);
}
