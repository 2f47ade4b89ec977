//! One machine of a test: three generations of a system, a policy with one check, and what happened.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use writ_agent::config::Boot;
use writ_agent::switch::request::{Document, Launch, SwitchRequest};
use writ_agent::switch::{Journal, read_journal};
use writ_nix::closure::closure_of;
use writ_nix::profile::{read_profile, set_profile};
use writ_nix::tool::Nix;
use writ_trust::digest::Digest;
use writ_trust::json::canonical;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

/// A machine that runs generation one.
pub struct World {
    pub dir: TempDir,
    pub one: String,
    pub two: String,
    /// How it is booted.
    pub boot: Boot,
}

fn build(dir: &Path, generation: &str, kernel: &str) -> String {
    let out = Command::new("nix-build")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/switch_system.nix"))
        .args(["--argstr", "generation", generation, "--argstr", "kernel", kernel, "--argstr", "world"])
        .arg(dir)
        .args(["--argstr", "busybox"])
        .arg(dir.join("tools"))
        .args(["--option", "substituters", "", "--option", "build-users-group", "", "--option", "sandbox", "false"])
        .arg("-o")
        .arg(dir.join(format!("result-{generation}")))
        .stdin(Stdio::null())
        .output()
        .expect("nix-build is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

pub fn now() -> Time {
    "2026-11-23T14:40:56Z".parse().unwrap()
}

impl World {
    pub fn new() -> Self {
        Self::of_kernels("", "")
    }

    /// A machine whose generations have these kernels.
    pub fn of_kernels(old: &str, new: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tools = dir.path().join("tools/bin");
        fs::create_dir_all(&tools).unwrap();
        fs::copy("/bin/busybox", tools.join("busybox")).expect("busybox-static is needed");
        let (one, two) = (build(dir.path(), "one", old), build(dir.path(), "two", new));
        let world = Self { dir, one, two, boot: Boot::default() };
        world.reset();
        world
    }

    /// Back to a machine that runs generation one and was never switched.
    pub fn reset(&self) {
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !["tools", "result-one", "result-two"].contains(&name.as_str()) {
                let path = entry.path();
                if path.is_dir() && !path.is_symlink() {
                    fs::remove_dir_all(path).unwrap();
                } else {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        self.write("state", "ok\n");
        self.write("running", "one\n");
        self.write("boot", "one\n");
        set_profile(&Nix::default(), &self.profile(), &self.one).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn state_dir(&self) -> PathBuf {
        self.path("enforce")
    }

    pub fn profile(&self) -> PathBuf {
        self.path("profiles/system")
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default().trim().to_owned()
    }

    pub fn profile_target(&self) -> Option<String> {
        read_profile(&self.profile()).unwrap()
    }

    fn document(&self, name: &str, bytes: &[u8]) -> Document {
        let path = self.state_dir().join("next").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        Document { path, digest: Digest::of(bytes) }
    }

    /// A request for generation two, with this policy.
    pub fn request(&self, policy: &Value) -> SwitchRequest {
        let closure = closure_of(&Nix::default(), Path::new(&self.two)).unwrap();
        SwitchRequest {
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            epoch: Epoch::FIRST,
            serial: Serial::new(2).unwrap(),
            release: Digest::of(b"release"),
            toplevel: self.two.clone(),
            policy: self.document("policy.json", &canonical(policy)),
            closure: self.document("closure.json", &canonical(&closure)),
            cache_dir: self.path("cache"),
            cache_keys: vec![],
            state_dir: self.state_dir(),
            profile: self.profile(),
            activation: "bin/switch-to-configuration".into(),
            activation_timeout: "20s".parse().unwrap(),
            fallback_window: "10ms".parse().unwrap(),
            gc_roots: self.path("roots"),
            launch: Launch::Process,
            switch_binary: Some(env!("CARGO_BIN_EXE_writ-switch").into()),
            boot: self.boot.clone(),
            at_once: false,
        }
    }

    /// The policy of the tests: the file `state` must say ok.
    pub fn policy(&self) -> Value {
        let at = json!({ "file": "hosts/clinic-001/site.nix", "line": 1 });
        let levels = |value: &str| json!({ "critical": value, "high": value, "medium": value, "low": value });
        let check = |path: PathBuf, expect: Value| {
            json!({ "title": "t", "probe": { "file": { "path": path } }, "expect": expect, "prefer": null, "every": "5m",
                "target": "self", "severity": "high", "declared_at": at })
        };
        let ok = Digest::of(b"ok\n");
        json!({
            "schema": "writ.policy.v1", "site": "clinic-001", "appliance": "front-desk", "baselines": { "hipaa": "2026.1" },
            "controls": {}, "rules": {}, "runbooks": {}, "exceptions": {},
            "checks": {
                "state.ok": check(self.path("state"), json!({ "sha256": { "eq": ok } })),
                "never.holds": check(self.path("missing"), json!({ "exists": { "eq": true } })),
            },
            "settings": {
                "title": "Clinic", "time_zone": "UTC", "approvers": [], "sla": levels("1h"),
                "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 }, "contacts": [] },
                "circuit_breaker": { "fires": 5, "within": "1h" }, "posture": { "vector": "1h", "snapshot": "24h" },
                "retention": { "evidence": "6y", "logs": "365d" }, "probation": { "window": "20ms", "checks": null },
                "evidence_budget_mb": 512
            },
            "rules_version": Digest::of(&canonical(&json!({ "rules": {}, "runbooks": {} }))),
        })
    }

    /// Writes the journal of a switch that was just asked for, as `start` does, but starts nothing.
    pub fn ask(&self, policy: &Value) -> Journal {
        Journal::begin_in_writing(self.request(policy), self.profile_target(), None, now()).unwrap()
    }

    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-switch"));
        command.arg(verb).arg("--state-dir").arg(self.state_dir()).stdin(Stdio::null()).stderr(Stdio::piped());
        command.env_remove("WRIT_CRASH_AT");
        command
    }

    /// Drives to the end in a process of its own.
    pub fn run(&self) -> Journal {
        let out = self.command("run").output().unwrap();
        assert!(matches!(out.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&out.stderr));
        self.journal()
    }

    /// Drives until the given passage of a crash point; tells whether it was killed there.
    pub fn run_killed_at(&self, passage: u64) -> bool {
        let status = self.command("run").env("WRIT_CRASH_AT", passage.to_string()).status().unwrap();
        was_killed(status)
    }

    pub fn journal(&self) -> Journal {
        read_journal(&self.state_dir()).unwrap().expect("a journal")
    }

    /// What a machine must be like after a switch that was kept.
    pub fn assert_on_two(&self) {
        assert_eq!(self.profile_target().as_ref(), Some(&self.two));
        assert_eq!((self.read("running").as_str(), self.read("boot").as_str()), ("two", "two"));
        assert!(!self.path("roots/candidate").is_symlink() && !self.path("roots/previous").is_symlink());
    }

    /// What a machine must be like after a switch that was not.
    pub fn assert_on_one(&self) {
        assert_eq!(self.profile_target().as_ref(), Some(&self.one));
        assert_eq!(self.read("running"), "one");
        assert_eq!(self.read("state"), "ok");
        assert!(!self.path("roots/candidate").is_symlink() && !self.path("roots/previous").is_symlink());
    }
}

fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// Waits until something holds. The limit only ends a test that hangs.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !holds() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
