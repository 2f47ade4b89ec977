//! A restic repository: backed up, looked at, locked, restored from, damaged.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Desk, PASSWORD, Said, largest, rot};
use crate::peers;
use crate::probes::int;

impl Desk {
    fn restic(&self) -> Command {
        let mut command = Command::new(peers::program("restic", "usr/bin/restic"));
        command.env("RESTIC_REPOSITORY", self.path("repository")).env("RESTIC_PASSWORD_FILE", self.path("password"));
        command.env("RESTIC_CACHE_DIR", self.path("cache")).stdout(Stdio::null());
        command
    }

    fn restic_does(&self, arguments: &[&str]) {
        assert!(self.restic().args(arguments).status().unwrap().success(), "{arguments:?}");
    }

    /// Runs a job of `writ-record` on the repository.
    fn restic_job(&self, job: &[&str], more: &[&str]) -> Said {
        let (repository, password) = (self.text("repository"), self.text("password"));
        let program = peers::program("restic", "usr/bin/restic").display().to_string();
        let mut arguments = job.to_vec();
        arguments.extend(["--repository", &repository, "--password-file", &password, "--program", &program]);
        arguments.extend(more);
        self.record(&arguments, |command| {
            command.env("RESTIC_CACHE_DIR", self.path("cache"));
        })
    }

    fn restic_seen(&self, tag: Option<&str>) -> writ_policy::observation::Observation {
        let mut parameters = json!({ "repository": self.text("repository"), "password": { "secret": "backup" } });
        if let Some(tag) = tag {
            parameters["tag"] = tag.into();
        }
        self.probed("restic", parameters)
    }
}

/// A desk with one backup of 200 files, and a sample in it of what they are.
fn backed_up() -> Desk {
    let desk = Desk::new();
    let sample = desk.text("live/sample/files.json");
    let said = desk.record(&["sample", "--out", &sample, "--count", "200", &desk.text("live")], |_| ());
    assert!(said.code == 0 && said.text.contains("200 files"), "{}", said.text);
    assert!(!said.text.contains("folder of its own"), "{}", said.text);
    let beside = desk.record(&["sample", "--out", &desk.text("password.json"), &desk.text("live/few")], |_| ());
    assert!(beside.code == 0 && beside.text.contains("give --out a folder of its own"), "{}", beside.text);
    desk.restic_does(&["init"]);
    desk.restic_does(&["backup", "--host", "front-desk", "--tag", "user", &desk.text("live")]);
    desk
}

#[test]
fn a_repository_is_looked_at() {
    let desk = backed_up();
    desk.restic_does(&["backup", "--host", "elsewhere", "--tag", "user", &desk.text("live/few")]);
    let host = ["--host", "front-desk"];
    let said = desk.restic_job(&["restic"], &host);
    assert_eq!(said.code, 0, "{}", said.text);
    let seen = desk.restic_seen(Some("user"));
    assert_eq!((seen.get("reachable"), seen.get("locked")), (Some(&true.into()), Some(&false.into())));
    assert_eq!(int(&seen, "snapshot_count"), 1, "what another machine backed up is not ours");
    assert!((0..300).contains(&int(&seen, "age_seconds")), "{seen:?}");
    let size: u64 = fs::read_dir(desk.path("live"))
        .unwrap()
        .flatten()
        .map(|e| e.metadata().unwrap())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .sum();
    assert!(int(&seen, "size_bytes") >= i64::try_from(size).unwrap(), "{seen:?}");
    assert_eq!(int(&desk.restic_seen(Some("system")), "snapshot_count"), 0);
    assert_eq!(seen.get("check_ok"), None, "nobody has verified it");

    // A backup that is killed leaves its lock behind.
    let mut backup = desk.restic().args(["backup", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    backup.stdin.as_mut().unwrap().write_all(b"half a file").unwrap();
    let locks = desk.path("repository/locks");
    while fs::read_dir(&locks).unwrap().next().is_none() {
        assert!(backup.try_wait().unwrap().is_none(), "it ended without a lock");
        std::thread::yield_now();
    }
    assert_eq!(desk.restic_job(&["restic"], &host).code, 0);
    assert_eq!(desk.restic_seen(None).get("locked"), Some(&false.into()), "whoever holds it is at work");
    backup.kill().unwrap();
    backup.wait().unwrap();
    assert_eq!(desk.restic_job(&["restic"], &host).code, 0);
    assert_eq!(desk.restic_seen(None).get("locked"), Some(&true.into()));
    desk.restic_does(&["unlock"]);
    assert_eq!(desk.restic_job(&["restic"], &host).code, 0);
    assert_eq!(desk.restic_seen(None).get("locked"), Some(&false.into()));

    // What cannot be opened is told, without its password.
    fs::write(desk.path("password"), format!("not {PASSWORD}\n")).unwrap();
    let said = desk.restic_job(&["restic"], &host);
    assert!(said.code == 1 && said.text.contains("wrong password"), "{}", said.text);
    let seen = desk.restic_seen(Some("user"));
    assert_eq!((seen.get("reachable"), seen.get("age_seconds")), (Some(&false.into()), None));
    assert!(seen.get("last_error").unwrap().to_string().contains("wrong password"), "{seen:?}");
    fs::remove_file(desk.path("password")).unwrap();
    let said = desk.restic_job(&["restic"], &host);
    assert!(said.code == 1 && said.text.contains("the password in "), "{}", said.text);
}

#[test]
fn a_restore_is_tried_and_a_damaged_repository_is_found_out() {
    let desk = backed_up();
    let sample = desk.text("live/sample/files.json");
    let test = |more: &[&str]| {
        let mut all = vec!["--sample-file", sample.as_str()];
        all.extend(more);
        desk.restic_job(&["restore-test", "records"], &all)
    };
    let said = test(&["--sample", "50"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let seen = desk.probed("restore_test", json!({ "name": "records" }));
    assert_eq!((seen.get("succeeded"), int(&seen, "compared_count")), (Some(&true.into()), 50));
    assert_eq!((int(&seen, "mismatch_count"), int(&seen, "consecutive_failure_count")), (0, 0));

    // The address and the password by the environment, as a unit has them; borg takes neither for its own.
    let by_environment = |arguments: &[&str]| {
        desk.record(arguments, |command| {
            command
                .env("RESTIC_REPOSITORY", desk.path("repository"))
                .env("RESTIC_PASSWORD_FILE", desk.path("password"));
            command.env("RESTIC_CACHE_DIR", desk.path("cache")).env_remove("BORG_REPO");
        })
    };
    let program = peers::program("restic", "usr/bin/restic").display().to_string();
    assert_eq!(by_environment(&["restic", "--program", &program]).code, 0);
    let said = by_environment(&["borg", "--program", "/bin/true", "--password-file", &desk.text("password")]);
    assert!(said.code == 2 && said.text.contains("BORG_REPO"), "{}", said.text);

    // One of four files is not what was backed up, and says that it was not changed; another was changed as people do.
    rot(&desk.path("live/few/2"), 3);
    fs::write(desk.path("live/few/3"), "a new letter").unwrap();
    let few = desk.text("live/few");
    let said = test(&["--path", &few]);
    assert_eq!(said.code, 1, "{}", said.text);
    let seen = desk.probed("restore_test", json!({ "name": "records" }));
    assert_eq!((seen.get("succeeded"), int(&seen, "compared_count")), (Some(&false.into()), 4));
    assert_eq!((int(&seen, "mismatch_count"), int(&seen, "consecutive_failure_count")), (1, 1));
    assert_eq!(desk.read("restore-test")["facts"]["restore-test"]["files"], json!([desk.text("live/few/2")]));

    assert_eq!(desk.restic_job(&["restic-check"], &["--", "--read-data"]).code, 0);
    assert_eq!(desk.restic_job(&["restic"], &[]).code, 0);
    assert_eq!(desk.restic_seen(None).get("check_ok"), Some(&true.into()));
    rot(&largest(&desk.path("repository/data")), 100);
    let said = desk.restic_job(&["restic-check"], &["--", "--read-data"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let seen = desk.restic_seen(None);
    assert_eq!(seen.get("check_ok"), Some(&false.into()));
    assert!(seen.get("last_error").unwrap().to_string().contains("repository contains errors"), "{seen:?}");
    // A verification that cannot begin says nothing of the repository: what the last one found stands.
    fs::rename(desk.path("repository"), desk.path("away")).unwrap();
    assert_eq!(desk.restic_job(&["restic-check"], &["--", "--read-data"]).code, 1);
    assert_eq!(desk.restic_seen(None).get("check_ok"), Some(&false.into()));
}
