//! Probes and steps that talk to a real systemd: pid 1 of a container made from this machine's /usr.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;
use writ_agent::command;
use writ_agent::dbus::{self, UnitEvent};
use writ_agent::probes;
use writ_agent::steps::StepReport;
use writ_policy::observation::Observation;
use writ_policy::outcome::Probed;

use crate::probes::{call, context, int, seen};
use crate::steps::{World, done, refused, script};

const UNITS: [(&str, &str); 13] = [
    ("sleeper.service", "[Service]\nExecStart=/usr/bin/sleep infinity\n"),
    ("broken.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/false\n"),
    ("nightly.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/test -e /nightly-may\n"),
    ("nightly.timer", "[Timer]\nOnCalendar=*-*-* 03:00:00\n"),
    ("slow.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/sleep infinity\n"),
    ("writ-backup.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo backed up > /backed-up'\n"),
    ("writ-backup-database.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/false\n"),
    (
        "writ-scan-full.service",
        "[Service]\nTimeoutStopSec=1s\nExecStart=/bin/sh -c 'read line < /scan; echo $line > /scanned'\n",
    ),
    ("writ-scan-quick.service", "[Service]\nTimeoutStopSec=1s\nExecStart=/bin/sh -c 'exit 3'\n"),
    ("clamav-freshclam.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/true\n"),
    (
        "writ-restore-test@.service",
        "[Service]\nType=oneshot\nTimeoutStopSec=1s\n\
         ExecStart=/bin/sh -c 'echo %i > /restored; test %i = records || exec sleep infinity'\n",
    ),
    (
        "healer.service",
        // In a container with version 1 of cgroups, systemd does not hear that the last process of a unit has ended, and
        // waits its whole time for it.
        "[Service]\nTimeoutStopSec=1s\nExecStart=/it --exact systemd::inside_a_container_a_healer --ignored --nocapture\n\
         StandardOutput=append:/healer\nStandardError=append:/healer\n",
    ),
    (
        "inner.service",
        "[Unit]\nAfter=dbus.socket systemd-journald.service\nSuccessAction=exit-force\nFailureAction=exit-force\n\
         [Service]\nType=oneshot\nExecStart=/it --exact systemd::inside_a_container --ignored --nocapture\n\
         StandardOutput=file:/said\nStandardError=file:/complained\n",
    ),
];

/// An activation that restarts the unit that asked for it, as one does whose unit the release changes; then it has more to
/// do.
const SWITCH: &str = "test \"$1\" = switch || exit 1\n\
    /usr/bin/systemctl restart healer.service || exit 1\n\
    echo activated > /activated\n";

fn container(root: &Path) {
    for folder in
        ["etc/systemd/system/multi-user.target.wants", "var", "run", "tmp", "proc", "sys", "dev", "root", "usr"]
    {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), root.join(link)).unwrap();
    }
    for file in ["passwd", "group", "nsswitch.conf", "os-release"] {
        fs::copy(Path::new("/etc").join(file), root.join("etc").join(file)).unwrap();
    }
    fs::write(root.join("etc/machine-id"), "").unwrap();
    let units = root.join("etc/systemd/system");
    for (name, text) in UNITS {
        fs::write(units.join(name), text).unwrap();
    }
    for (system, text) in [("system", SWITCH), ("failing", "exit 7")] {
        fs::create_dir_all(root.join(system).join("bin")).unwrap();
        script(&root.join(system).join("bin/switch-to-configuration"), text);
    }
    symlink("../inner.service", units.join("multi-user.target.wants/inner.service")).unwrap();
    symlink("/usr/lib/systemd/system/multi-user.target", units.join("default.target")).unwrap();
    fs::copy(std::env::current_exe().unwrap(), root.join("it")).unwrap();
}

#[test]
fn units_in_a_container_with_systemd() {
    assert!(rustix::process::geteuid().is_root(), "this test boots a container: run the suite as root");
    let nspawn = command::find("systemd-nspawn").expect("systemd-nspawn, which `cargo xtask test` installs");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    container(&root);
    let machine = format!("--machine=writ-probes-{}", std::process::id());
    let directory = format!("--directory={}", root.display());
    let arguments = ["-q", &directory, &machine, "--register=no", "--keep-unit", "--bind-ro=/usr:/usr", "--boot"];
    let output = command::run(&nspawn, &arguments.map(AsRef::as_ref), Duration::from_secs(120), 1 << 20);
    let said = fs::read_to_string(root.join("said")).unwrap_or_default();
    let complained = fs::read_to_string(root.join("complained")).unwrap_or_default();
    let console = output.map(|o| format!("{}\n{}", o.status, String::from_utf8_lossy(&o.stdout)));
    assert!(said.contains("1 passed"), "{said}\n{complained}\n{console:?}");
}

fn unit(name: &str) -> Observation {
    seen("systemd_unit", json!({ "unit": name }))
}

fn active_state(name: &str) -> String {
    unit(name).get("active_state").unwrap().to_string()
}

/// A nightly job that fails twice in a row, and then does not.
fn timers_and_failed_units() {
    let mut context = context();
    let mut look = || {
        let Probed::Seen(seen) = probes::run(&call("systemd_timer", json!({ "unit": "nightly" })), &mut context) else {
            panic!()
        };
        crate::probes::check_schema("systemd_timer", &seen);
        seen
    };
    let failed = || int(&seen("boot", json!({})), "failed_unit_count");
    let never = look();
    assert_eq!((never.get("active_state"), never.get("last_result")), (Some(&"inactive".into()), None));
    assert_eq!((never.get("service"), int(&never, "consecutive_failure_count")), (Some(&"nightly.service".into()), 0));
    done("systemd.start", json!({ "unit": "nightly.timer" }));
    assert!((1..=86_400).contains(&int(&look(), "next_trigger_in_seconds")));
    let before = failed();
    for times in 1..=2 {
        refused("systemd.start", json!({ "unit": "nightly.service" }), "the job ended with \"failed\"");
        assert_eq!(int(&look(), "consecutive_failure_count"), times);
        assert_eq!(int(&look(), "consecutive_failure_count"), times, "one run counts once");
    }
    assert_eq!(look().get("last_result"), Some(&"exit-code".into()));
    assert_eq!(failed(), before + 1);
    fs::write("/nightly-may", "").unwrap();
    done("systemd.start", json!({ "unit": "nightly.service" }));
    let well = look();
    assert_eq!((int(&well, "consecutive_failure_count"), well.get("last_result")), (0, Some(&"success".into())));
    assert_eq!(failed(), before);
}

#[test]
#[ignore = "run by units_in_a_container_with_systemd as a unit of its own"]
fn inside_a_container() {
    let events = watched_units();
    assert_eq!(active_state("sleeper"), "\"inactive\"");
    assert_eq!(unit("no-such-unit").get("load_state"), Some(&"not-found".into()));
    done("systemd.start", json!({ "unit": "sleeper" }));
    let started = unit("sleeper.service");
    assert_eq!(started.get("active_state"), Some(&"active".into()));
    assert_eq!((started.get("sub_state"), started.get("enabled")), (Some(&"running".into()), Some(&"static".into())));
    wait_for(&events, "sleeper.service");
    done("systemd.restart", json!({ "unit": "sleeper" }));
    assert_ne!(int(&unit("sleeper"), "main_pid"), int(&started, "main_pid"));
    done("systemd.stop", json!({ "unit": "sleeper" }));
    assert_eq!((active_state("sleeper").as_str(), int(&unit("sleeper"), "main_pid")), ("\"inactive\"", 0));

    refused("systemd.start", json!({ "unit": "broken" }), "the job ended with \"failed\"");
    assert_eq!(active_state("broken"), "\"failed\"");
    done("systemd.reset_failed", json!({ "unit": "broken" }));
    // systemd knows none of this name: nothing of it has failed.
    done("systemd.reset_failed", json!({ "unit": "forgotten" }));
    assert_eq!(active_state("broken"), "\"inactive\"");
    refused("systemd.start", json!({ "unit": "no-such-unit" }), "not found");

    timers_and_failed_units();

    let impatient = World { timeout: Duration::from_millis(300), ..World::default() };
    let report = impatient.run("systemd.start", &json!({ "unit": "slow" }));
    assert!(report.error.unwrap().contains("had not ended within 300 ms"));
    done("systemd.stop", json!({ "unit": "slow" }));

    what_needs_more_than_the_enforcer_has_is_run_in_its_unit_to_its_end();
    an_activation_outlives_the_unit_that_asked_for_it();
    one_connection_survives_a_restart_of_the_bus(&events);
    journal();
}

fn what_needs_more_than_the_enforcer_has_is_run_in_its_unit_to_its_end() {
    done("backup.run", json!({}));
    assert_eq!(fs::read_to_string("/backed-up").unwrap(), "backed up\n");
    refused("backup.run", json!({ "backup": "database" }), "the job ended with \"failed\"");
    refused(
        "backup.run",
        json!({ "backup": "offsite" }),
        "this machine has no writ-backup-offsite.service (not-found)",
    );
    done("signatures.update", json!({}));
    assert_eq!(unit("clamav-freshclam").get("sub_state"), Some(&"exited".into()));

    // A service that counts as started at once is waited for until it has ended.
    rustix::fs::mkfifoat(rustix::fs::CWD, "/scan", rustix::fs::Mode::RWXU).unwrap();
    let feeder = std::thread::spawn(|| fs::write("/scan", "all of it\n"));
    done("scan.run", json!({ "scan": "full" }));
    assert_eq!(fs::read_to_string("/scanned").unwrap(), "all of it\n");
    feeder.join().unwrap().unwrap();
    refused("scan.run", json!({ "scan": "quick" }), "writ-scan-quick.service ended with exit-code");

    done("restore.test", json!({ "name": "records" }));
    assert_eq!(fs::read_to_string("/restored").unwrap(), "records\n");
    let impatient = World { timeout: Duration::from_millis(300), ..World::default() };
    let report = impatient.run("restore.test", &json!({ "name": "hangs" }));
    assert!(report.error.as_ref().unwrap().contains("had not ended within 300 ms"), "{report:?}");
    assert_eq!(active_state("writ-restore-test@hangs"), "\"activating\"", "it is not cut off");
    done("systemd.stop", json!({ "unit": "writ-restore-test@hangs" }));
}

/// What the unit `healer` runs: once, it restores the generation, and nothing of it may come after that.
#[test]
#[ignore = "run by inside_a_container as a unit of its own"]
fn inside_a_container_a_healer() {
    if fs::create_dir("/healed").is_ok() {
        panic!("it outlived the restart: {:?}", restored("/system"));
    }
}

fn restored(system: &str) -> StepReport {
    let world = World { profile: system.into(), expected: Some(system.to_owned()), ..World::default() };
    world.run("generation.restore", &json!({}))
}

/// The activation ends the daemon that waits for it, and does not end with it.
fn an_activation_outlives_the_unit_that_asked_for_it() {
    let pipe = Path::new("/activated");
    rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RWXU).unwrap();
    let (sender, activated) = mpsc::channel();
    std::thread::spawn(move || sender.send(fs::read_to_string(pipe)));
    done("systemd.start", json!({ "unit": "healer" }));
    let said = activated.recv_timeout(Duration::from_secs(60));
    let log = fs::read_to_string("/healer").unwrap_or_default();
    assert_eq!(said.map(Result::unwrap).as_deref(), Ok("activated\n"), "{log}");
    assert!(!log.contains("outlived"), "{log}");
    // One who is not restarted hears how it ended.
    let report = restored("/failing");
    assert!(
        report.exit_code == Some(7) && report.stdout.contains("journalctl -u writ-generation-restore.service"),
        "{report:?}"
    );
}

fn watched_units() -> mpsc::Receiver<UnitEvent> {
    let (sender, events) = mpsc::channel();
    dbus::watch_units(move |event| sender.send(event).is_ok()).unwrap();
    // The bus may not have come up yet.
    while events.recv_timeout(Duration::from_secs(30)).unwrap() != UnitEvent::Began {}
    events
}

fn wait_for(events: &mpsc::Receiver<UnitEvent>, unit: &str) {
    let mut before = Vec::new();
    loop {
        match events.recv_timeout(Duration::from_secs(30)) {
            Ok(UnitEvent::Changed(changed)) if changed == unit => return,
            // The bus or systemd came up anew, as they may while a machine boots: what changed meanwhile was not announced.
            Ok(UnitEvent::Began) => drop(done("systemd.restart", json!({ "unit": unit }))),
            Ok(other) => before.push(other),
            Err(e) => panic!("{unit}: {e}, after {before:?}"),
        }
    }
}

fn one_connection_survives_a_restart_of_the_bus(events: &mpsc::Receiver<UnitEvent>) {
    let mut context = context();
    let probe = call("systemd_unit", json!({ "unit": "sleeper" }));
    assert!(matches!(probes::run(&probe, &mut context), Probed::Seen(_)));
    // Through systemd itself, not through the bus that is to end.
    let restart = command::run(
        Path::new("/usr/bin/systemctl"),
        &["restart".as_ref(), "dbus.service".as_ref()],
        Duration::from_secs(30),
        4096,
    );
    assert!(restart.unwrap().status.success());
    while events.recv_timeout(Duration::from_secs(30)).unwrap() != UnitEvent::Began {}
    let after = probes::run(&probe, &mut context);
    assert!(matches!(after, Probed::Seen(_)), "{after:?}");
}

fn journal() {
    let before = seen("journald", json!({}));
    assert_eq!(before.get("storage"), Some(&"auto".into()));
    let drop_in = "/etc/systemd/journald.conf.d/50-retention.conf";
    let content = "[Journal]\nStorage=persistent\nMaxRetentionSec=365d\n";
    done("file.restore", json!({ "path": drop_in, "content": content, "mode": "0644" }));
    done("systemd.restart", json!({ "unit": "systemd-journald" }));
    let after = seen("journald", json!({}));
    assert_eq!((after.get("persistent"), int(&after, "max_retention_seconds")), (Some(&true.into()), 365 * 86_400));
    let report = done("journal.vacuum", json!({ "keep": "365d" }));
    assert!(report.stderr.contains("Vacuuming done"), "{report:?}");
}
