//! Steps that take longer than they may, whatever they wait for.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use serde_json::json;
use writ_agent::steps;

use super::{World, done, script};
use crate::peers;
use crate::probes::chrony::Daemon;
use crate::support::until;

#[test]
fn a_step_that_hangs_is_ended_with_all_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("hang");
    script(&program, "sleep 1000 &\necho $!\nyes | head -c 20000\nwait");
    let world = World { timeout: Duration::from_secs(1), ..World::with_program("hang", &program) };
    let began = Instant::now();
    let report = world.run("exec", &json!({ "program": { "program": "hang" } }));
    assert!(!report.ok && report.exit_code.is_none());
    assert!(report.error.unwrap().contains("was killed"));
    assert!(report.stdout.len() <= steps::EXCERPT && began.elapsed() < Duration::from_secs(30));
    let child = format!("/proc/{}/stat", report.stdout.lines().next().unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    while fs::read_to_string(&child).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "the grandchild still runs");
    }
}

#[test]
fn a_step_that_is_told_to_end_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (program, runs) = (dir.path().join("slow"), dir.path().join("runs"));
    script(&program, &format!(": >{}; echo begun; exec sleep 1000", runs.display()));
    let world = World::with_program("slow", &program);
    let cancel = world.cancel.clone();
    let told = std::thread::spawn(move || {
        while !runs.exists() {
            std::thread::yield_now();
        }
        cancel.cancel();
    });
    let report =
        World { timeout: Duration::from_secs(3600), ..world }.run("exec", &json!({ "program": { "program": "slow" } }));
    told.join().unwrap();
    let error = report.error.unwrap();
    assert!(!report.ok && error.contains("told to end"), "{error}");
}

/// Puts stand-ins for programs of the system before all others, in this mount namespace.
pub fn programs_that_hang_are_killed_and_chronyd_is_told(dir: &Path) {
    let mount = Command::new("mount").args(["-t", "tmpfs", "scratch", "/run"]).status().unwrap();
    assert!(mount.success());
    let first = Path::new("/run/current-system/sw/bin");
    fs::create_dir_all(first).unwrap();
    let impatient = World { timeout: Duration::from_millis(50), ..World::default() };
    for (program, step, parameters) in [
        ("nft", "nftables.load", json!({ "file": dir.join("rules.nft") })),
        ("journalctl", "journal.vacuum", json!({ "keep": "1h" })),
        ("chronyc", "time.step", json!({})),
    ] {
        script(&first.join(program), "exec sleep 1000");
        let error = impatient.run(step, &parameters).error.unwrap();
        assert!(error.contains(&format!("{program} was killed: it had not finished within 50 ms")), "{step}: {error}");
    }
    let chronyc = peers::command("chrony", "usr/bin/chronyc");
    let (name, libraries) = chronyc.get_envs().next().unwrap();
    let (name, libraries) = (name.to_str().unwrap(), libraries.unwrap().to_str().unwrap());
    script(&first.join("chronyc"), &format!("{name}={libraries} exec {} \"$@\"", chronyc.get_program().display()));
    let report = World::default().run("time.step", &json!({}));
    assert!(!report.ok && report.stderr.contains("Could not open connection to daemon"), "{report:?}");
    let _daemon = Daemon::start(dir, "stepped", "local stratum 8\nport 0\ncmdport 0\n");
    until("chronyd answers", || Path::new("/run/chrony/chronyd.sock").exists().then_some(()));
    // It is started without the right to set this machine's clock, and says so; chronyc has told it to.
    let report = World::default().run("time.step", &json!({}));
    assert_eq!((report.ok, report.exit_code, report.stdout.as_str()), (false, Some(1), "500 Failure\n"));
    script(&first.join("chronyc"), "[ \"$*\" = makestep ] && echo 200 OK");
    assert_eq!(done("time.step", json!({})).stdout, "200 OK\n");
}

/// A file system whose server never answers; it is gone when dropped.
struct Unanswered {
    at: PathBuf,
    server: Option<OwnedFd>,
}

impl Unanswered {
    fn mount(at: &Path) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test mounts a file system: run the suite as root");
        fs::create_dir(at).unwrap();
        let server = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let server = server.expect("/dev/fuse is needed: modprobe fuse");
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0\0", server.as_raw_fd());
        let path = CString::new(at.as_os_str().as_encoded_bytes()).unwrap();
        let flags = libc::MS_NOSUID | libc::MS_NODEV;
        // SAFETY: all four texts end with a zero byte and outlive the call.
        let mounted =
            unsafe { libc::mount(c"none".as_ptr(), path.as_ptr(), c"fuse".as_ptr(), flags, options.as_ptr().cast()) };
        assert_eq!(mounted, 0, "{}", std::io::Error::last_os_error());
        Self { at: at.to_owned(), server: Some(server) }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.server = None;
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

#[test]
fn a_step_on_a_path_that_does_not_answer_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut dead = Unanswered::mount(&dir.path().join("dead"));
    let world = World { timeout: Duration::from_millis(50), ..World::default() };
    let calls = [
        ("file.restore", json!({ "path": dead.at.join("etc/motd"), "content": "hello" })),
        ("file.restore", json!({ "path": dead.at.join("motd"), "mode": "0644" })),
        ("disk.clean", json!({ "path": dead.at, "older_than": "7d" })),
    ];
    let world = &world;
    std::thread::scope(|scope| {
        for (step, parameters) in &calls {
            scope.spawn(move || {
                let error = world.run(step, parameters).error.unwrap();
                assert!(
                    error.starts_with(&format!("{step}: it has not come back within 50 ms: it was given up")),
                    "{error}"
                );
            });
        }
    });
    assert_eq!(world.given_up.names().len(), calls.len());
    let (step, parameters) = &calls[0];
    assert!(world.run(step, parameters).error.unwrap().contains("given up before"), "it is not begun again");
    let path = dir.path().join("motd");
    assert!(world.run("file.restore", &json!({ "path": path, "content": "hello" })).ok, "others go on");
    // The server ends, and with it every wait.
    dead.server = None;
    until("they come back", || world.given_up.names().is_empty().then_some(()));
    assert!(world.run(step, parameters).error.unwrap().contains("endpoint is not connected"));
}
