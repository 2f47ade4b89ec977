//! A borg repository: backed up, looked at, locked, restored from, damaged.

use std::process::{Command, Stdio};

use serde_json::json;
use writ_policy::observation::Observation;

use super::{Desk, PASSWORD, Said, rot};
use crate::peers;
use crate::probes::int;

impl Desk {
    /// What borg needs of its environment; its Python modules are unpacked, not installed.
    fn borg_environment(&self, command: &mut Command) {
        command.env("PYTHONPATH", peers::folder("borg").join("usr/lib/python3/dist-packages"));
        command.env("BORG_BASE_DIR", self.path("borg"));
    }

    fn borg(&self) -> Command {
        let mut command = Command::new(peers::program("borg", "usr/bin/borg"));
        self.borg_environment(&mut command);
        command.env("BORG_REPO", self.path("repository")).env("BORG_PASSPHRASE", PASSWORD);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn borg_does(&self, arguments: &[&str]) {
        assert!(self.borg().args(arguments).status().unwrap().success(), "{arguments:?}");
    }

    fn borg_job(&self, job: &[&str], more: &[&str]) -> Said {
        let (repository, password) = (self.text("repository"), self.text("password"));
        let program = peers::program("borg", "usr/bin/borg").display().to_string();
        let mut arguments = job.to_vec();
        arguments.extend(["--repository", &repository, "--password-file", &password, "--program", &program]);
        arguments.extend(more);
        self.record(&arguments, |command| self.borg_environment(command))
    }

    fn borg_seen(&self) -> Observation {
        let passphrase = json!({ "secret": "backup" });
        let repository = self.text("repository");
        self.probed("borg", json!({ "repository": repository, "passphrase": passphrase, "prefix": "user" }))
    }
}

#[test]
fn a_repository_is_looked_at_locked_restored_from_and_damaged() {
    let desk = Desk::new();
    desk.borg_does(&["init", "--encryption", "repokey-blake2"]);
    desk.borg_does(&["create", "::user-1", &desk.text("live")]);
    desk.borg_does(&["create", "::system-1", &desk.text("live/few")]);
    let tags = ["--tag", "user"];
    let said = desk.borg_job(&["borg"], &tags);
    assert_eq!(said.code, 0, "{}", said.text);
    let seen = desk.borg_seen();
    assert_eq!((seen.get("reachable"), seen.get("locked")), (Some(&true.into()), Some(&false.into())));
    assert_eq!(int(&seen, "snapshot_count"), 1);
    assert!((0..300).contains(&int(&seen, "age_seconds")), "borg writes no time zone: {seen:?}");
    assert!(int(&seen, "size_bytes") > 100_000, "{seen:?}");

    // A backup that is killed leaves its lock behind; the repository can be looked at all the same.
    let mut held = desk.borg().args(["with-lock", "::", "sleep", "1000"]).spawn().unwrap();
    while !desk.path("repository/lock.roster").exists() {
        assert!(held.try_wait().unwrap().is_none(), "it ended without a lock");
        std::thread::yield_now();
    }
    assert_eq!(desk.borg_job(&["borg"], &tags).code, 0);
    assert_eq!(desk.borg_seen().get("locked"), Some(&false.into()), "whoever holds it is at work");
    // Its child with it: `sleep` is of the same session, and is found by its parent.
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", held.id())).unwrap();
    held.kill().unwrap();
    held.wait().unwrap();
    for child in
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    }
    assert_eq!(desk.borg_job(&["borg"], &tags).code, 0);
    assert_eq!(desk.borg_seen().get("locked"), Some(&true.into()));
    desk.borg_does(&["break-lock"]);

    let few = desk.text("live/few");
    let test = || desk.borg_job(&["restore-test", "records"], &["--with", "borg", "--tag", "user", "--path", &few]);
    let said = test();
    assert_eq!(said.code, 0, "{}", said.text);
    let seen = desk.probed("restore_test", json!({ "name": "records" }));
    assert_eq!((int(&seen, "compared_count"), int(&seen, "mismatch_count")), (4, 0));
    rot(&desk.path("live/few/2"), 3);
    assert_eq!(test().code, 1);
    assert_eq!(int(&desk.probed("restore_test", json!({ "name": "records" })), "mismatch_count"), 1);

    assert_eq!(desk.borg_job(&["borg-check"], &["--", "--verify-data"]).code, 0);
    assert_eq!(desk.borg_seen().get("check_ok"), Some(&true.into()));
    rot(&desk.path("repository/data/0/1"), 10);
    let said = desk.borg_job(&["borg-check"], &["--", "--verify-data"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(desk.borg_seen().get("check_ok"), Some(&false.into()));

    std::fs::write(desk.path("password"), "another\n").unwrap();
    assert_eq!(desk.borg_job(&["borg"], &tags).code, 1);
    assert_eq!(desk.borg_seen().get("reachable"), Some(&false.into()));
}
