//! `audit` beside auditctl, on this machine's own kernel. Its rules are one list for all: a lock file keeps out whoever else
//! runs this.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::peers;
use crate::probes::{list, seen};
use serde_json::json;

use super::checked;

/// Rules in the kernel until dropped.
struct Auditctl {
    _lock: File,
}

impl Auditctl {
    fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test loads audit rules: run the suite as root");
        let lock = File::create(std::env::temp_dir().join("writ-test-audit.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let auditctl = Self { _lock: lock };
        assert_eq!(
            auditctl.lines(),
            Vec::<String>::new(),
            "this machine has audit rules of its own, which are left alone"
        );
        auditctl
    }

    fn run(&self, arguments: &[&str]) -> String {
        checked(peers::command("audit", "sbin/auditctl").args(arguments))
    }

    fn lines(&self) -> Vec<String> {
        self.run(&["-l"]).lines().filter(|line| *line != "No rules").map(str::to_owned).collect()
    }

    /// Loads what can be loaded; rules that this kernel does not take are passed over.
    fn load(&self, rules: &[String]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("-i\n{}\n", rules.join("\n"))).unwrap();
        let mut load = peers::command("audit", "sbin/auditctl");
        drop(load.arg("-R").arg(file.path()).output().unwrap());
    }
}

impl Drop for Auditctl {
    fn drop(&mut self) {
        self.run(&["-D"]);
    }
}

fn rules() -> Vec<String> {
    list(&seen("audit", json!({})), "rules").to_vec()
}

/// The rules that the baselines ask for. A watch wants a folder that exists: `state` stands for that of an appliance.
fn of_the_baselines(state: &Path) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../baselines/audit-rules.nix").canonicalize().unwrap();
    let expression = format!("(import {}).rules", file.display());
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--store", "dummy://", "--eval", "--strict", "--json", "-E", &expression]);
    let rules: Vec<String> = serde_json::from_str(&checked(&mut nix)).unwrap();
    rules.iter().map(|rule| rule.replace("/var/lib/writ", &state.display().to_string())).collect()
}

/// Examples of the package: what STIG, PCI DSS, NISPOM and OSPP ask for.
fn examples() -> Vec<String> {
    let folder = peers::folder("audit").join("usr/share/doc/auditd/examples/rules");
    let mut rules = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        rules.extend(text.lines().filter(|line| line.starts_with("-a") || line.starts_with("-w")).map(str::to_owned));
    }
    rules
}

#[test]
fn rules_are_printed_as_auditctl_prints_them() {
    let auditctl = Auditctl::new();
    assert_eq!(rules(), Vec::<String>::new());
    let state = tempfile::tempdir().unwrap();
    let wanted = of_the_baselines(state.path());
    auditctl.load(&wanted);
    let printed = auditctl.lines();
    assert_eq!(printed.len(), wanted.len());
    assert_eq!(rules(), printed);
    // What watches a file is written in the baselines as it is printed; the checks compare it.
    for watch in wanted.iter().filter(|rule| rule.starts_with("-w")) {
        assert!(printed.contains(watch), "{watch}");
    }
    let told = seen("audit", json!({}));
    assert_eq!(
        list(&told, "keys"),
        ["elevation", "identity", "logins", "modules", "mounts", "secrets", "signing-key-access", "time-change"]
    );
    auditctl.run(&["-D"]);
    auditctl.load(&examples());
    let printed = auditctl.lines();
    assert!(printed.len() > 150, "only {} rules were loaded", printed.len());
    assert_eq!(rules(), printed);
}

#[test]
fn the_status_is_that_of_auditctl() {
    let auditctl = Auditctl::new();
    let said = auditctl.run(&["-s"]);
    let told = seen("audit", json!({}));
    for (field, name) in [
        ("enabled", "enabled"),
        ("failure_mode", "failure"),
        ("backlog_limit", "backlog_limit"),
        ("lost_count", "lost"),
    ] {
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        assert_eq!(told.get(field).unwrap().to_string(), line, "{field}");
    }
    assert_eq!(told.get("daemon_active"), Some(&false.into()));
}
