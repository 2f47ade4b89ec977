//! What is done to a data directory beside serving it: the real binary on the folder of a depot that was used.

mod archiving;
mod backing_up;
mod checking;
mod clearing;
mod mending;
mod migrating;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use writ_trust::digest::Digest;
use writ_wire::paths;

use crate::daemon::{Daemon, Start};
use crate::logs::{batch, packed};
use crate::world::*;

/// What a command came to.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }
}

pub fn command(what: &str, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-depot"));
    command.arg(what).arg("--data").arg(data).args(crate::server::arguments(data));
    command
}

pub fn ran(command: &mut Command) -> Ran {
    let out = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: out.status.code(), stdout: text(&out.stdout), stderr: text(&out.stderr) }
}

/// The result of `fsck --json`.
#[track_caller]
pub fn fsck(data: &Path, code: i32) -> Value {
    ran(command("fsck", data).arg("--json")).expect(code).json()
}

/// The codes of what was found.
pub fn codes(report: &Value) -> Vec<&str> {
    report["problems"]["list"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

/// A depot that took in a release, bundles and a batch of logs.
pub fn used() -> (TempDir, Daemon) {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    publish(depot.address, &release(1, None));
    let bundles: Vec<_> = (1..=5).map(bundle).collect();
    receipts(front_desk().submit(depot.address, bundles.clone()), &bundles);
    let sent = batch("audit", 1, 600_000);
    let target = paths::log_batch_submit(&site(), &sent.source, 1).to_string();
    front_desk().request(depot.address, "POST", &target, &packed(&sent)).expect(200);
    (dir, depot)
}

/// The same, stopped.
pub fn stopped() -> (TempDir, PathBuf) {
    let (dir, depot) = used();
    assert!(depot.stop().success());
    let data = dir.path().join("data");
    (dir, data)
}

pub fn document(data: &Path) -> PathBuf {
    data.join(format!("documents/{}.json", Digest::of(POLICY).hex()))
}

/// The one file of a folder below which there is only one.
pub fn only_file(folder: &Path) -> PathBuf {
    let mut path = folder.to_owned();
    while path.is_dir() {
        path = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    path
}

/// Changes a database as somebody may who has the disk: triggers do not hold them off.
pub fn tamper(data: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(data.join("depot.sqlite")).unwrap();
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    connection.execute_batch(sql).unwrap();
    for (_, sql) in &triggers {
        connection.execute_batch(sql).unwrap();
    }
}

/// Runs a command that is killed at its first crash point, then at its second, and so on, each time on what `prepare` makes, and
/// looks at what is left. Returns how many kills there were.
pub fn killed_everywhere<T>(prepare: impl Fn() -> T, run: impl Fn(&T) -> Command, check: impl Fn(&T)) -> usize {
    for at in 1.. {
        let made = prepare();
        let ran = ran(run(&made).env("WRIT_CRASH_AT", at.to_string()));
        check(&made);
        if ran.code == Some(0) {
            return at - 1;
        }
        assert_eq!(ran.code, None, "{}{}", ran.stdout, ran.stderr);
    }
    unreachable!("it ends")
}
