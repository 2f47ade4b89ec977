//! A repository of a small policy with a history, one commit for each kind of change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::check::tree::Tree;

/// The instant at which exceptions are judged.
pub const NOW: &str = "2026-11-23T00:00:00Z";

/// A clone to work in.
pub struct Repo {
    tree: Tree,
}

/// What the program answered.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Repo {
    /// One commit, tagged `start`: the small tree, with a figure that a check follows and a system of the front desk.
    pub fn new() -> Self {
        let repo = Self { tree: Tree::new() };
        let minimal = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../modules/minimal-system");
        let to = repo.tree.path().join("modules/minimal-system");
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(minimal).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        repo.tree.edit("baselines/small/default.nix", "[ ./files.nix", "[ ./figures.nix ./files.nix");
        repo.write("baselines/small/figures.nix", FIGURES);
        repo.tree.edit(
            "baselines/small/files.nix",
            "{ writ, ... }: {",
            "{ writ, ... }:\nlet f = writ.valuesOf ./figures.nix; in {",
        );
        repo.tree.edit(
            "baselines/small/files.nix",
            "\"file.motd\" \"file.shadow\"",
            "\"malware.scan\" \"file.motd\" \"file.shadow\"",
        );
        repo.tree.edit("baselines/small/files.nix", "  checks.\"file.motd\"", SCAN);
        repo.write("hosts/clinic-001/front-desk/system.nix", SYSTEM);
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo.commit("start");
        repo
    }

    pub fn path(&self) -> &Path {
        self.tree.path()
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn edit(&self, file: &str, from: &str, to: &str) {
        self.tree.edit(file, from, to);
    }

    pub fn git(&self, arguments: &[&str]) {
        let who = ["-c", "user.name=desk", "-c", "user.email=desk@example", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").args(who).args(arguments).current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Commits everything, and tags it.
    pub fn commit(&self, tag: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", tag]);
        self.git(&["tag", "--force", tag]);
    }

    pub fn diff(&self, arguments: &[&str]) -> Ran {
        diff_in(self.path(), arguments)
    }

    /// The same as JSON; expects an exit code.
    pub fn json(&self, code: i32, arguments: &[&str]) -> serde_json::Value {
        let ran = self.diff(&[arguments, &["--format", "json"]].concat());
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

/// Runs `writ diff` in a folder.
pub fn diff_in(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.arg("diff").args(arguments).current_dir(folder);
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW]);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// Compares a text with the one that is kept in `checks/diffs`, or keeps it when `WRIT_UPDATE_DIFFS` is set.
pub fn expect(name: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../checks/diffs").join(name);
    let text = without_digests(text);
    if std::env::var_os("WRIT_UPDATE_DIFFS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, kept, "checks/diffs/{name} says otherwise; WRIT_UPDATE_DIFFS=1 rewrites it, and git shows how");
}

/// Commits and store paths are digests of the policy library too, which changes for other reasons.
fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            word.push(c);
            continue;
        }
        let is_commit = word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit());
        out.push_str(if is_commit || word.len() == 32 { "<digest>" } else { &word });
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

const FIGURES: &str = r#"{ writ, ... }: {
  figures."scan.age-most" = writ.figure {
    value = "26h";
    unit = "span";
    about = "The last scan is at most this old";
    source = [ "B-1" ];
  };
}
"#;

const SCAN: &str = r#"  checks."malware.scan" = writ.check {
    title = "A scan ran lately";
    probe.clamav = { };
    expect.quick_scan_age_seconds.le = writ.inSeconds f."scan.age-most";
    every = "5m";
  };

  checks."file.motd""#;

const SYSTEM: &str = r#"{ busybox, minimalSystem, site, appliance, ... }:
if busybox == null then null
else minimalSystem.system {
  name = "${site}-${appliance}";
  files."/etc/motd" = { text = "Welcome\n"; };
}
"#;
