//! A copy of the small tree in `tests/trees/clinic` with this repository's policy library, to be broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The instant at which the tree has no mistakes.
pub const NOW: &str = "2026-11-23T00:00:00Z";

/// A tree in a folder of its own.
pub struct Tree {
    _folder: Option<tempfile::TempDir>,
    root: PathBuf,
}

impl Tree {
    pub fn new() -> Self {
        Self::within("tree")
    }

    /// In a folder of this name.
    pub fn within(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(name);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&here.join("tests/trees/clinic"), &root);
        copy(&here.join("../../modules/policy"), &root.join("modules/policy"));
        Self { _folder: Some(folder), root }
    }

    /// The policy that this repository comes with, without the rest of it.
    pub fn of_this_repository() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        for name in ["modules/policy", "baselines", "rules", "hosts"] {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name), &root.join(name));
        }
        Self { _folder: Some(folder), root }
    }

    /// The tree in which the cases of `checks/mistakes` make their mistakes.
    pub fn of_cases() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        copy(&repository.join("checks/mistakes/tree"), &root);
        copy(&repository.join("modules/policy"), &root.join("modules/policy"));
        Self { _folder: Some(folder), root }
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap()
    }

    /// Replaces the first occurrence.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, &text.replacen(from, to, 1));
    }

    pub fn git(&self, arguments: &[&str]) {
        assert!(Command::new("git").args(arguments).current_dir(&self.root).status().unwrap().success());
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

/// What the program answered.
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn findings(&self) -> Vec<serde_json::Value> {
        let document: serde_json::Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr));
        document["findings"].as_array().unwrap().clone()
    }
}

/// Runs `writ check` on a tree.
pub fn run(tree: &Tree, arguments: &[&str]) -> Output {
    run_in(tree.path(), arguments, None)
}

/// Runs `writ check` on a folder, with a PATH of its own if one is given. What it keeps of a run lies beside the folder.
pub fn run_in(root: &Path, arguments: &[&str], path: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.arg("check").arg(root).args(arguments);
    command.env("XDG_CACHE_HOME", root.parent().unwrap().canonicalize().unwrap_or_default().join("cache"));
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW]);
    }
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = command.output().unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
