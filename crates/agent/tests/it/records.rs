//! `writ-record` with the real programs: real repositories, real damage.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod borg;
mod restic;
mod scan;
mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use writ_agent::probes;
use writ_policy::observation::Observation;
use writ_policy::outcome::Probed;

use crate::probes::{call, check_schema, context};

/// What the repositories of these tests are locked with: to be found nowhere afterwards.
const PASSWORD: &str = "correct horse battery staple";

/// A folder with files to back up, a password, and records.
struct Desk {
    dir: tempfile::TempDir,
}

/// How `writ-record` ended, and what it said.
struct Said {
    code: i32,
    text: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(desk.path("password"), format!("{PASSWORD}\n")).unwrap();
        fs::create_dir_all(desk.path("live/few")).unwrap();
        for n in 0..200 {
            let folder = if n < 4 { "live/few" } else { "live" };
            fs::write(desk.path(&format!("{folder}/{n}")), format!("file {n} ").repeat(n * 7 + 1)).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs `writ-record`; whatever it says and leaves must not hold the password.
    fn record(&self, arguments: &[&str], prepare: impl Fn(&mut Command)) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-record"));
        command.arg("--records").arg(self.path("records")).args(arguments);
        prepare(&mut command);
        let output = command.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains(PASSWORD), "{text}");
        for entry in fs::read_dir(self.path("records")).into_iter().flatten().flatten() {
            let record = fs::read_to_string(entry.path()).unwrap();
            assert!(!record.contains(PASSWORD), "{record}");
        }
        Said { code: output.status.code().unwrap(), text }
    }

    /// What a probe sees in the records.
    fn probed(&self, probe: &str, parameters: Json) -> Observation {
        let mut context = context();
        context.records = self.path("records");
        let probed = probes::run(&call(probe, parameters), &mut context);
        let Probed::Seen(seen) = probed else { panic!("{probed:?}") };
        check_schema(probe, &seen);
        seen
    }

    /// The record of this kind, whichever its name.
    fn read(&self, kind: &str) -> Json {
        let begins = format!("{kind}-");
        let is_of = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.strip_prefix(&begins).is_some_and(|rest| !rest.starts_with("check-"))
        };
        let paths: Vec<PathBuf> = fs::read_dir(self.path("records")).unwrap().map(|e| e.unwrap().path()).collect();
        serde_json::from_slice(&fs::read(paths.iter().find(is_of).unwrap()).unwrap()).unwrap()
    }
}

/// Changes one byte of a file as a failing disk does: it says of itself that it was not changed.
fn rot(path: &Path, at: usize) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    let mut permissions = fs::metadata(path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(path, permissions).unwrap();
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// The largest file below a folder.
fn largest(folder: &Path) -> PathBuf {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.metadata().unwrap() {
                facts if facts.is_dir() => folders.push(entry.path()),
                facts => files.push((facts.len(), entry.path())),
            }
        }
    }
    files.into_iter().max().unwrap().1
}
