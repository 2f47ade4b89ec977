//! Hosts with systemd: a container made of this host's /usr, with systemd as pid 1, in which the driver and the timer
//! are transient units.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use writ_agent::switch::journal::Timer;
use writ_agent::switch::{Launch, State};

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
    let mut journal = world.ask(&world.policy());
    journal.request.launch = Launch::SystemdRun;
    journal.write().unwrap();
    let state_dir = world.state_dir().display().to_string();
    let out = container.inside(&[env!("CARGO_BIN_EXE_writ-switch"), "resume", "--state-dir", &state_dir]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn driver_and_timer_are_transient_units_that_leave_nothing_behind() {
    let world = World::new();
    let container = Container::boot(&world);

    launch(&world, &container);
    until("committed", || world.journal().is_over());
    assert_eq!(world.journal().course.state, State::Committed, "{:#?}", world.journal());
    world.assert_on_two();
    container.assert_nothing_left();

    // One that hangs: the timer's own unit is started early, and ends the driver's unit with all that is in it.
    clear(&world);
    world.write("hang-test-two", "");
    launch(&world, &container);
    until("the activation hangs", || world.read("log") == "test two");
    assert_eq!(world.journal().timer, Some(Timer::Unit("writ-switch-rollback-2.timer".into())));
    let units = container.units();
    assert!(units.contains("writ-switch-2.service") && units.contains("writ-switch-rollback-2.timer"), "{units}");
    container.inside(&["systemctl", "start", "--no-block", "writ-switch-rollback-2.service"]);
    until("rolled back", || world.journal().is_over());
    assert_eq!(world.journal().course.state, State::RolledBack);
    world.assert_on_one();
    container.assert_nothing_left();
}

/// Back to generation one, with the container still there.
fn clear(world: &World) {
    for name in ["log", "boot", "running", "state"] {
        let _ = fs::remove_file(world.path(name));
    }
    fs::remove_dir_all(world.state_dir()).unwrap();
    fs::remove_dir_all(world.path("profiles")).unwrap();
    world.write("state", "ok\n");
    writ_nix::profile::set_profile(&writ_nix::tool::Nix::default(), &world.profile(), &world.one).unwrap();
}
