//! A tree without sites, and `writ` with a temporary folder of its own, so that whatever it leaves behind is seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub struct World {
    directory: TempDir,
}

/// What a run gave.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Everything that a site needs, as options and their values.
pub const NEEDED: [(&str, &str); 6] = [
    ("--title", "Riverside Clinic"),
    ("--time-zone", "America/Denver"),
    ("--appliance", "front"),
    ("--approver", "Dr. Ellen Ortiz, owner"),
    ("--contact", "primary=Sam Reed,sam@msp.example,+1 555 0150"),
    ("--baseline", "hipaa"),
];

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl World {
    /// An empty folder called `tree`.
    pub fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["tree", "tmp"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    /// A tree with one family of rules and one small baseline, known by the names of this repository's, and no site: for what
    /// does not depend on what they say.
    pub fn small() -> Self {
        let world = Self::empty();
        copy(&repository().join("modules/policy"), &world.tree().join("modules/policy"));
        for name in ["baselines", "rules"] {
            copy(&repository().join("crates/cli/tests/trees/clinic").join(name), &world.tree().join(name));
        }
        let baselines = "{ hardening = ./small; hipaa = ./small; }\n";
        fs::write(world.tree().join("baselines/default.nix"), baselines).unwrap();
        world
    }

    /// The library, baselines and rules of this repository, and no site.
    pub fn new() -> Self {
        let world = Self::empty();
        for name in ["modules/policy", "baselines", "rules"] {
            copy(&repository().join(name), &world.tree().join(name));
        }
        world
    }

    pub fn tree(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    /// The folder that TMPDIR names.
    pub fn temporary(&self) -> PathBuf {
        self.directory.path().join("tmp")
    }

    /// `writ` in the tree, without a terminal.
    pub fn writ(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(arguments).current_dir(self.tree()).env("TMPDIR", self.temporary()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.writ(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
        ran
    }

    /// What is typed for a site with all that is needed, some of it changed or added.
    pub fn arguments<'a>(&self, name: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<&'a str> {
        let kept = NEEDED.iter().filter(|(option, _)| changes.iter().all(|(changed, _)| changed != option));
        let options = kept.chain(changes).flat_map(|(option, value)| [*option, *value]);
        ["site", "new", name].into_iter().chain(options).collect()
    }

    /// `writ site new` with all that is needed, some of it changed or added.
    pub fn new_site(&self, name: &str, changes: &[(&str, &str)]) -> Ran {
        self.run(&self.arguments(name, changes))
    }

    /// What `writ check` says of the tree.
    pub fn check(&self) -> Value {
        let ran = self.run(&["check", "--format", "json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr))
    }

    #[track_caller]
    pub fn is_clean(&self) {
        let ran = self.run(&["check", "--deny-warnings"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    }

    pub fn git(&self, arguments: &[&str]) {
        let output = Command::new("git").arg("-C").arg(self.tree()).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Every path below the tree and the temporary folder, sorted.
    pub fn paths(&self) -> Vec<String> {
        fn walk(root: &Path, path: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(root).unwrap().display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    walk(root, &path, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.directory.path(), self.directory.path(), &mut found);
        found.sort();
        found
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.tree().join(file)).unwrap()
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
