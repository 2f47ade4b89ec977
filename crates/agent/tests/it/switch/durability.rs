//! What a kill cannot show: that the journal is on the disk before its arrow is taken, and what a switch does on disks that
//! are full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use writ_agent::switch::{Journal, State, SwitchError, start};
use writ_nix::cache_key::CacheKey;
use writ_nix::closure::closure_of;
use writ_nix::profile::set_profile;
use writ_nix::publish::publish;
use writ_nix::tool::Nix;

use super::world::{World, now, until};

/// A small disk, unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one over a folder, which is made; `options` are those of tmpfs(5).
    pub fn mounted(at: &Path, options: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        run("mount", &["-t", "tmpfs", "-o", options, "none"], at);
        Self(at.to_owned())
    }

    /// Takes the last byte.
    pub fn fill(&self) {
        let full = fs::write(self.filler(), vec![1; 2 << 20]);
        assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }

    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves room for so many more names.
    fn leave_names(&self, left: u64) {
        let disk = rustix::fs::statvfs(&self.0).unwrap();
        run("mount", &["-o", &format!("remount,nr_inodes={}", disk.f_files - disk.f_ffree + left)], &self.0);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn run(program: &str, arguments: &[&str], at: &Path) {
    let out = Command::new(program).args(arguments).arg(at).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{program} takes root: {}", String::from_utf8_lossy(&out.stderr));
}

/// The numbers of the points that a driver passes, from the beginning of the switch to its end, with their names.
fn points(world: &World) -> Vec<(u64, String)> {
    let log = world.path("points");
    assert!(world.command("run").env("WRIT_CRASH_LOG", &log).status().unwrap().code().is_some_and(|code| code < 2));
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(|line| line.split_once(' ').unwrap()).map(|(n, name)| (n.parse().unwrap(), name.into())).collect()
}

/// A driver that has stopped itself at a point.
fn stopped_at(world: &World, point: u64) -> Child {
    let mut command = world.command("run");
    let child = command.env("WRIT_STOP_AT", point.to_string()).stderr(Stdio::null()).spawn().unwrap();
    // Stopped by a signal is state `T` (proc_pid_stat(5)).
    let stat = || fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    until("the driver has stopped", || {
        let stat = stat();
        let state = stat.rsplit(") ").next().unwrap_or_default().chars().next();
        assert!(!matches!(state, Some('Z') | None), "point {point} is not reached");
        state == Some('T')
    });
    child
}

/// A machine that was just asked for a switch, with a small disk for its state.
fn asked(world: &World, broken: bool) -> SmallDisk {
    world.reset();
    if broken {
        world.write("break-two", "");
    }
    let disk = SmallDisk::mounted(&world.state_dir(), "size=1m");
    world.ask(&world.policy());
    disk
}

/// Full when the driver stands at a point, and from there on.
fn full_from(world: &World, broken: bool, point: u64) -> Journal {
    let disk = asked(world, broken);
    let mut driver = stopped_at(world, point);
    disk.fill();
    kill_process(Pid::from_child(&driver), Signal::CONT).unwrap();
    driver.wait().unwrap();
    world.journal()
}

/// Whether every point is tried, and not only the first of each state.
fn all_points() -> bool {
    std::env::var_os("WRIT_ALL_KILLS").is_some()
}

#[test]
fn a_state_disk_that_fills_up_in_any_state_stops_neither_commit_nor_rollback() {
    let world = World::new();
    for broken in [false, true] {
        let points = {
            let _disk = asked(&world, broken);
            points(&world)
        };
        // Up to probation a switch that will be rolled back is like any other.
        let same = if broken && !all_points() { 3 } else { 0 };
        let begins_a_state = |(_, name): &&(u64, String)| all_points() || name == "switch.after-journal";
        let tried: Vec<_> = points.iter().filter(begins_a_state).skip(same).collect();
        assert!(tried.len() >= 3, "{points:?}");
        for (point, name) in tried {
            let journal = full_from(&world, broken, *point);
            assert!(journal.is_over(), "full from point {point} ({name}): {journal:#?}");
            assert_eq!(journal.timer, None);
            if broken {
                assert_eq!(journal.course.state, State::RolledBack, "full from point {point} ({name})");
                world.assert_on_one();
            } else {
                assert!(journal.is_committed(), "full from point {point} ({name}): {journal:#?}");
                world.assert_on_two();
            }
        }
    }
}

#[test]
fn the_timer_goes_back_on_a_full_disk_too_when_the_driver_is_gone() {
    let world = World::new();
    let disk = asked(&world, false);
    let mut policy = world.policy();
    policy["settings"]["probation"]["window"] = "1h".into();
    world.ask(&policy);
    let mut driver = world.command("run").stderr(Stdio::null()).spawn().unwrap();
    until("probation", || world.journal().course.state == State::Probation);
    disk.fill();
    driver.kill().unwrap();
    driver.wait().unwrap();
    let out = world.command("rollback").output().unwrap();
    let journal = world.journal();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(journal.is_over() && journal.course.state == State::RolledBack, "{said}{journal:#?}");
    world.assert_on_one();
}

#[test]
fn on_a_state_disk_that_is_full_already_nothing_begins() {
    let world = World::new();
    let disk = asked(&world, false);
    // A driver that finds no room for its lock, or for what it may have to write.
    let before = world.journal();
    for lacks in ["switch.lock", "switch.reserve"] {
        disk.fill();
        let out = world.command("run").output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && said.contains(lacks) && said.contains("No space left"), "{said}");
        assert_eq!((world.journal(), world.read("log").as_str()), (before.clone(), ""));
        disk.free();
        fs::write(world.state_dir().join("switch.lock"), "of an earlier driver\n").unwrap();
    }
    // Nor is a switch asked for.
    let request = world.journal().request;
    fs::remove_file(world.state_dir().join("switch.json")).unwrap();
    disk.fill();
    let refused = start(&request, now());
    assert!(matches!(refused, Err(SwitchError::Journal(_))), "{refused:?}");
    assert!(!world.state_dir().join("switch.json").exists() && world.read("log").is_empty());
    disk.free();
    start(&request, now()).unwrap();
    until("committed", || world.journal().is_committed());
    world.assert_on_two();
}

#[test]
fn a_profile_that_cannot_be_set_for_want_of_room_is_gone_back_from() {
    let world = World::new();
    // A new generation of a profile takes some names: Nix's lock, the generation's, that of the link to it.
    let failed = (0..10).take_while(|left| !is_kept(&world, *left)).count();
    assert!(failed >= 2, "{failed}");
}

/// A switch with room for so many more names where the profile is. Either it is kept, or gone back from.
fn is_kept(world: &World, names: u64) -> bool {
    world.reset();
    let disk = SmallDisk::mounted(&world.path("profiles"), "size=1m,nr_inodes=100");
    set_profile(&Nix::default(), &world.profile(), &world.one).unwrap();
    world.ask(&world.policy());
    disk.leave_names(names);
    let journal = world.run();
    if journal.is_committed() {
        world.assert_on_two();
        return true;
    }
    assert_eq!(journal.course.state, State::RolledBack, "{names} names left: {journal:#?}");
    assert!(journal.last_note().contains("No space left"), "{}", journal.last_note());
    assert_eq!(world.read("log"), "test two\nswitch one");
    world.assert_on_one();
    false
}

/// The driver on a machine with a store of its own, which is small: in a mount namespace, where this machine's is hidden.
/// It runs while there is no room for another name, leaves its journal as `full.json`, and runs again when there is.
const IN_A_SMALL_STORE: &str = r#"
    mount -t tmpfs -o size=64m,nr_inodes=10000 none /nix
    nix-store --init
    used=$(( $(stat -f -c %c /nix) - $(stat -f -c %d /nix) ))
    mount -o remount,nr_inodes=$((used + 8)) /nix
    "$1" run --state-dir "$2" || [ $? = 1 ]
    cp "$2/switch.json" "$2/full.json"
    mount -o remount,nr_inodes=10000 /nix
    exec "$1" run --state-dir "$2"
"#;

#[test]
fn an_import_into_a_store_that_is_full_waits_until_there_is_room() {
    let world = World::new();
    let closure = closure_of(&Nix::default(), Path::new(&world.two)).unwrap();
    let key = CacheKey::generate("writ-test-1", &[7; 32]).unwrap();
    let mut journal = world.ask(&world.policy());
    publish(&Nix::default(), &closure, &journal.request.cache_dir, Some(&key)).unwrap();
    journal.request.cache_keys = vec![key.public_text()];
    journal.write().unwrap();
    let mut machine = Command::new("unshare");
    machine.args(["--mount", "--propagation", "private", "sh", "-euc", IN_A_SMALL_STORE, "sh"]);
    machine.arg(env!("CARGO_BIN_EXE_writ-switch")).arg(world.state_dir()).stdin(Stdio::null());
    let out = machine.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    let full: serde_json::Value =
        serde_json::from_slice(&fs::read(world.state_dir().join("full.json")).expect(&said)).unwrap();
    assert_eq!((&full["course"]["state"], &full["course"]["waits"]), (&"verified".into(), &1.into()), "{full:#}");
    assert_eq!(full["course"]["activated"], false);
    assert!(full["history"].to_string().contains("No space left"), "{}", full["history"]);
    assert!(out.status.success(), "{said}");
    let journal = world.journal();
    assert!(journal.is_committed(), "{journal:#?}");
    assert!(journal.history.iter().any(|step| step.note.contains("2 paths compared")), "{journal:#?}");
    assert_eq!(world.read("log"), "test two\nboot two", "nothing was activated before everything was there");
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
