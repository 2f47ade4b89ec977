//! What a kill cannot show: that the journal is on the disk before its arrow is taken.

use std::fs;
use std::process::{Command, Stdio};

use writ_agent::switch::State;

use super::world::{World, until};

/// A small disk, unmounted when dropped.
struct SmallDisk(std::path::PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_fills_up_during_probation_stops_neither_commit_nor_rollback() {
    for (broken, expected) in [(false, State::Committed), (true, State::RolledBack)] {
        let world = World::new();
        fs::create_dir_all(world.state_dir()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "none"])
            .arg(world.state_dir())
            .status()
            .unwrap();
        if !mounted.success() {
            eprintln!("skipped: it takes root to mount a small disk");
            return;
        }
        let _disk = SmallDisk(world.state_dir());
        if broken {
            world.write("break-two", "");
        }
        let mut policy = world.policy();
        policy["settings"]["probation"]["window"] = "500ms".into();
        world.ask(&policy);
        let mut driver = world.command("run").stderr(Stdio::null()).spawn().unwrap();
        until("probation", || world.journal().course.state == State::Probation);
        let full = fs::write(world.state_dir().join("filler"), vec![1; 2 << 20]);
        assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        driver.wait().unwrap();
        let journal = world.journal();
        assert!(journal.is_over(), "{journal:#?}");
        assert_eq!(journal.course.state, expected);
        if broken { world.assert_on_one() } else { world.assert_on_two() }
    }
}

#[test]
fn the_journal_and_its_directory_are_fsynced_before_every_activation() {
    let world = World::new();
    world.ask(&world.policy());
    let trace = world.path("trace");
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "400", "-e", "trace=fsync,rename,renameat,renameat2,execve,syncfs", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_writ-switch"))
        .args(["run", "--state-dir"])
        .arg(world.state_dir())
        .status()
        .expect("strace is needed");
    assert!(status.success());
    world.assert_on_two();
    let trace = fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let state_dir = world.state_dir().display().to_string();
    let mut activations = 0;
    for (at, _) in lines.iter().enumerate().filter(|(_, l)| is_activation(l)) {
        activations += 1;
        let before = &lines[..at];
        let renamed =
            before.iter().rposition(|l| l.contains("rename") && l.contains("/switch.json\"")).expect("a rename");
        let file_synced = before[..renamed].iter().rposition(|l| is_sync(l, ".switch.json.writ-tmp>")).expect("file");
        assert!(before[file_synced..renamed].iter().all(|l| !l.contains("rename")), "fsync, then rename");
        assert!(
            before[renamed..].iter().any(|l| is_sync(l, &format!("{state_dir}>"))),
            "the directory after the rename"
        );
    }
    assert_eq!(activations, 2, "test, boot");
    // What was imported is on the disk before it is activated.
    let first = lines.iter().position(|l| is_activation(l)).unwrap();
    assert!(lines[..first].iter().any(|l| l.contains("syncfs(") && l.contains("/nix/store>")));
}

fn is_activation(line: &str) -> bool {
    line.contains("execve(") && line.contains("/bin/switch-to-configuration\", [")
}

fn is_sync(line: &str, what: &str) -> bool {
    line.contains("fsync(") && line.contains(what)
}
