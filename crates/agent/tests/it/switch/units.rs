//! Hosts with systemd: a container made of this host's /usr, with systemd as pid 1, in which the driver and the timer
//! are transient units.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use writ_agent::switch::journal::Timer;
use writ_agent::switch::{Journal, Launch, State};
use writ_nix::cache_key::CacheKey;
use writ_nix::closure::closure_of;
use writ_nix::profile::set_profile;
use writ_nix::publish::publish;
use writ_nix::tool::Nix;

use super::durability::SmallDisk;
use super::world::{World, until};

struct Container {
    nspawn: Child,
}

impl Container {
    fn boot(world: &World) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test boots a container: run the suite as root");
        let root = world.path("root");
        for dir in ["etc/systemd/system", "var", "run", "tmp", "proc", "sys", "dev", "root", "nix", "usr"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), root.join(link)).unwrap();
        }
        for file in ["passwd", "group", "nsswitch.conf", "os-release"] {
            fs::copy(Path::new("/etc").join(file), root.join("etc").join(file)).unwrap();
        }
        fs::write(root.join("etc/machine-id"), "").unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_writ-switch")).parent().unwrap();
        let bind = |option: &str, path: &Path| format!("{option}={0}:{0}", path.display());
        let nspawn = Command::new("systemd-nspawn")
            .args(["-q", "--register=no", "--keep-unit", "--private-network", "-b", "-D"])
            .arg(&root)
            .args(["-M", &format!("writ-test-{}", std::process::id()), "--bind-ro=/usr:/usr", "--bind=/nix:/nix"])
            .args([bind("--bind", world.dir.path()), bind("--bind-ro", programs)])
            // A tmpfs on the container's /tmp would hide the folder of the test.
            .env("SYSTEMD_NSPAWN_TMPFS_TMP", "0")
            .stdin(Stdio::null())
            .stdout(fs::File::create(world.path("console")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let container = Self { nspawn };
        until("the container is up", || {
            let state = container.inside(&["systemctl", "is-system-running"]);
            matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded")
        });
        container
    }

    /// The container's first process: a child of nspawn, which may be another one while it is being set up.
    fn leader(&self) -> String {
        let children = format!("/proc/{0}/task/{0}/children", self.nspawn.id());
        let children = fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().next().unwrap_or("none").to_owned()
    }

    fn inside(&self, command: &[&str]) -> Output {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["-t", &self.leader(), "-m", "-u", "-i", "-n", "-p", "--"]).args(command);
        nsenter.env_clear().env("PATH", "/usr/sbin:/usr/bin").stdin(Stdio::null()).output().unwrap()
    }

    fn units(&self) -> String {
        let out = self.inside(&["systemctl", "list-units", "--all", "--plain", "--no-legend", "writ-switch*"]);
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Container {
    fn assert_nothing_left(&self) {
        until("all units are gone", || self.units().is_empty());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.inside(&["systemctl", "poweroff", "--force", "--force"]);
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
    }
}

/// Asks for a switch and has a driver started in the container, as the enforcer does there.
fn launch(world: &World, container: &Container) {
    resume(world, container, world.ask(&world.policy()));
}

fn resume(world: &World, container: &Container, mut journal: Journal) {
    journal.request.launch = Launch::SystemdRun;
    journal.write().unwrap();
    let state_dir = world.state_dir().display().to_string();
    let out = container.inside(&[env!("CARGO_BIN_EXE_writ-switch"), "resume", "--state-dir", &state_dir]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Has timers fire after this many seconds, whatever time is asked for: the asked one, for which no test can wait, is
/// written down. It is the first `systemd-run` of those that are looked for.
fn hurry_timers(world: &World, container: &Container, seconds: u32) {
    let script = format!(
        r#"#!/bin/sh
        for word; do
            shift
            case "$word" in --on-active=*) echo "$word" >> {0}/asked; word=--on-active={seconds}s ;; esac
            set -- "$@" "$word"
        done
        exec /usr/bin/systemd-run "$@""#,
        world.dir.path().display()
    );
    let folder = "/run/current-system/sw/bin";
    let place =
        format!("mkdir -p {folder} && printf %s \"$1\" > {folder}/systemd-run && chmod +x {folder}/systemd-run");
    let out = container.inside(&["sh", "-c", &place, "sh", &script]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// How a switch in a container came out; it leaves nothing of it behind.
fn outcome(world: &World, container: &Container) -> Journal {
    until("it is over", || world.journal().is_over());
    container.assert_nothing_left();
    let journal = world.journal();
    assert_eq!(journal.timer, None);
    journal
}

#[test]
fn a_switch_on_a_real_profile_under_systemd_ends_well_or_where_it_began() {
    let world = World::new();
    let disk = SmallDisk::mounted(&world.state_dir(), "size=1m");
    let container = Container::boot(&world);

    launch(&world, &container);
    let journal = outcome(&world, &container);
    assert!(journal.is_committed(), "{journal:#?}");
    world.assert_on_two();

    fails_its_probation(&world, &container, &disk);
    cannot_go_back(&world, &container);
    lacks_a_path(&world, &container);
    hurry_timers(&world, &container, 3);
    hangs_and_the_timer_fires(&world, &container);
    dies_and_the_timer_fires(&world, &container);
}

/// Also where the disk is full by then.
fn fails_its_probation(world: &World, container: &Container, disk: &SmallDisk) {
    clear(world);
    world.write("break-two", "");
    world.write("wait-test-two", "");
    launch(world, container);
    until("it is being activated", || world.read("log") == "test two");
    disk.fill();
    fs::remove_file(world.path("wait-test-two")).unwrap();
    let journal = outcome(world, container);
    assert_eq!(journal.course.state, State::RolledBack, "{journal:#?}");
    assert!(journal.last_note().contains("state.ok"), "{}", journal.last_note());
    world.assert_on_one();
}

fn cannot_go_back(world: &World, container: &Container) {
    clear(world);
    for name in ["break-two", "break-one", "exit-switch-one"] {
        world.write(name, "");
    }
    launch(world, container);
    let journal = outcome(world, container);
    assert_eq!(journal.course.state, State::RollbackFailed, "{journal:#?}");
    assert!(journal.last_note().contains("exit code 7"), "{}", journal.last_note());
    assert_eq!(world.profile_target().as_ref(), Some(&world.one), "the next boot is into the old one all the same");
    assert!(world.path("roots/candidate").is_symlink(), "the candidate still runs: it is kept");
}

/// Neither the store nor the cache has it when the driver looks; then the cache has.
fn lacks_a_path(world: &World, container: &Container) {
    clear(world);
    let key = CacheKey::generate("writ-test-1", &[7; 32]).unwrap();
    let mut journal = world.ask(&world.policy());
    let closure = closure_of(&Nix::default(), Path::new(&world.two)).unwrap();
    publish(&Nix::default(), &closure, &journal.request.cache_dir, Some(&key)).unwrap();
    let away = world.path("cache-away");
    fs::rename(world.path("cache"), &away).unwrap();
    fs::remove_file(world.path("result-two")).unwrap();
    until("it is deleted", || {
        let _ = Nix::default().run("nix-store", &["--delete", "--ignore-liveness", &world.two]);
        !Path::new(&world.two).exists()
    });
    journal.request.cache_keys = vec![key.public_text()];
    resume(world, container, journal);
    until("it waits", || world.journal().course.waits_for_import());
    container.assert_nothing_left();
    assert!(world.journal().last_note().contains("not imported"), "{}", world.journal().last_note());
    assert_eq!(world.read("log"), "", "nothing was activated");
    fs::rename(away, world.path("cache")).unwrap();
    let mut journal = world.journal();
    // As after its rest.
    journal.not_before = None;
    resume(world, container, journal);
    let journal = outcome(world, container);
    assert!(journal.is_committed(), "{journal:#?}");
    world.assert_on_two();
}

/// The driver hangs, with an activation: the timer's unit ends the driver's with all that is in it.
fn hangs_and_the_timer_fires(world: &World, container: &Container) {
    clear(world);
    world.write("hang-test-two", "");
    launch(world, container);
    until("the activation hangs", || world.read("log") == "test two");
    assert_eq!(world.journal().timer, Some(Timer::Unit("writ-switch-rollback-2.timer".into())));
    gone_back_by_the_timer(world, container);
    // 20 s for the activation, 20 ms of probation, and ten minutes for all else.
    assert_eq!(world.read("asked"), "--on-active=620s");
}

/// The driver is killed while the candidate runs, on trial, and nobody is there to take it up.
fn dies_and_the_timer_fires(world: &World, container: &Container) {
    clear(world);
    let mut policy = world.policy();
    policy["settings"]["probation"]["window"] = "1h".into();
    resume(world, container, world.ask(&policy));
    until("probation", || world.journal().course.state == State::Probation);
    let out = container.inside(&["systemctl", "kill", "--signal=KILL", "writ-switch-2.service"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(world.read("running"), "two");
    gone_back_by_the_timer(world, container);
    assert_eq!(world.read("asked"), "--on-active=4220s");
}

fn gone_back_by_the_timer(world: &World, container: &Container) {
    let journal = outcome(world, container);
    assert_eq!(journal.course.state, State::RolledBack, "{journal:#?}");
    assert!(journal.last_note().contains("the rollback timer fired"), "{}", journal.last_note());
    assert_eq!(world.read("log"), "test two\nswitch one");
    world.assert_on_one();
}

/// Back to generation one, with the container still there.
fn clear(world: &World) {
    for entry in fs::read_dir(world.state_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    for name in ["log", "boot", "running", "asked", "break-one", "break-two", "exit-switch-one", "hang-test-two"] {
        let _ = fs::remove_file(world.path(name));
    }
    for folder in ["profiles", "roots"] {
        let _ = fs::remove_dir_all(world.path(folder));
    }
    world.write("state", "ok\n");
    set_profile(&Nix::default(), &world.profile(), &world.one).unwrap();
}
