//! An appliance's folders, left by those who write them: the real enforcer's engine, the real courier's status, the real
//! journal of a switch.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use writ_agent::clock::now;
use writ_agent::config::Config;
use writ_agent::enforce::engine::{Engine, EngineError};
use writ_agent::sync::schedule::{Ending, Job};
use writ_agent::sync::status::Status;
use writ_agent::sync::trouble::Trouble;
use writ_trust::digest::Digest;
use writ_trust::json::canonical;
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::time::Time;

pub const SITE: &str = "clinic-001";
pub const DAY: i64 = 86_400_000;
const APPLIANCE: &str = "front-desk";
const ORIGIN: &str = "log.example/clinic-001";

fn key(n: u8) -> SecretKey {
    SecretKey::generate(&[n; 40])
}

/// The key that signs releases.
pub fn release_key() -> SecretKey {
    key(2)
}

/// The appliance.
pub struct House {
    dir: tempfile::TempDir,
    /// Processes that bear the courier's name.
    alive: Option<Child>,
}

/// What `writ doctor` answered.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }

    /// The findings of this code.
    pub fn of(&self, code: &str) -> Vec<Value> {
        let json = self.json();
        let found = json["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code);
        found.cloned().collect()
    }
}

impl House {
    /// Configuration, keys and a trust root; nobody has run, nothing is published.
    pub fn new() -> Self {
        Self::with(None)
    }

    /// The same, with a log that the trust root names.
    pub fn logged() -> Self {
        Self::with(Some(ORIGIN))
    }

    fn with(origin: Option<&str>) -> Self {
        // The enforcer's lock is held by this process: `writ doctor` believes one that bears the enforcer's name.
        fs::write(format!("/proc/self/task/{}/comm", std::process::id()), "writ-enforce").unwrap();
        let house = Self { dir: tempfile::tempdir().unwrap(), alive: None };
        for folder in ["etc", "target", "spool/inbox/trust", "spool/inbox/documents", "spool/outbox", "sync"] {
            fs::create_dir_all(house.path(folder)).unwrap();
        }
        fs::write(house.path("etc/trust.json"), root(1, now().plus_millis(365 * DAY), origin)).unwrap();
        fs::write(house.path("etc/key"), key(3).to_open_file().as_bytes()).unwrap();
        fs::set_permissions(house.path("etc/key"), fs::Permissions::from_mode(0o600)).unwrap();
        house.configure("");
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes the enforcer's configuration, with further lines.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "site = \"{SITE}\"\nappliance = \"{APPLIANCE}\"\nreleases = \"{}\"\ntrust = \"{}\"\nkey = \"{}\"\n\
             state_dir = \"{}\"\noutbox_dir = \"{}\"\nprofile = \"{}\"\nswitch_command = \"process\"\n{more}",
            self.at("spool/inbox"),
            self.at("etc/trust.json"),
            self.at("etc/key"),
            self.at("state"),
            self.at("spool/outbox"),
            self.at("profile"),
        );
        fs::write(self.path("etc/enforce.toml"), text).unwrap();
    }

    /// Writes the courier's configuration.
    pub fn furnish_courier(&self, site: &str, spool: &str) {
        let text = format!(
            "site = \"{site}\"\nappliance = \"{APPLIANCE}\"\ndepot = \"https://depot.example\"\ntrust = \"{}\"\n\
             spool = \"{}\"\nstate_dir = \"{}\"\n",
            self.at("etc/trust.json"),
            self.at(spool),
            self.at("sync"),
        );
        fs::write(self.path("etc/sync.toml"), text).unwrap();
    }

    /// A courier that runs, and the status it has written after its jobs ended like this.
    pub fn courier(&mut self, jobs: &[(Job, Result<Ending, Trouble>)], change: impl FnOnce(&mut Status)) {
        self.furnish_courier(SITE, "spool");
        let named = self.path("writ-sync");
        let _ = std::os::unix::fs::symlink("/bin/sleep", &named);
        self.silence();
        let child = Command::new(named).arg("600").stdin(Stdio::null()).spawn().unwrap();
        let mut status = Status::new("https://depot.example");
        status.pid = child.id();
        self.alive = Some(child);
        jobs.iter().for_each(|(job, ending)| status.ended(*job, ending, now()));
        change(&mut status);
        status.changed();
        status.write(&self.path("sync"), now());
    }

    /// The courier dies.
    pub fn silence(&mut self) {
        if let Some(mut child) = self.alive.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The enforcer comes up on what there is. It holds its lock until it is dropped.
    pub fn enforcer(&self) -> Engine {
        let mut tries = 0;
        let mut engine = loop {
            tries += 1;
            match Engine::open(Config::read(&self.path("etc/enforce.toml")).unwrap()) {
                // A process that another test starts shares the lock of an enforcer that ended, until it runs its program.
                Err(EngineError::Locked { .. }) if tries < 500 => std::thread::sleep(Duration::from_millis(10)),
                opened => break opened.unwrap(),
            }
        };
        engine.start(false);
        engine
    }

    /// An enforcer that obeys this policy, has run its checks, and has written down what it knows.
    pub fn enforcing(&self, policy: &Value) -> Engine {
        self.publish(7, policy);
        let mut engine = self.enforcer();
        assert!(engine.poll_releases(), "release 1-7 is obeyed");
        run(&mut engine, policy);
        engine
    }

    /// Publishes a policy as this serial.
    pub fn publish(&self, serial: u64, policy: &Value) {
        self.put(serial, &self.release(serial, policy, |_| {}), &release_key());
    }

    /// The bytes of a release of this policy, changed.
    pub fn release(&self, serial: u64, policy: &Value, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut policy = policy.clone();
        let rules = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
        policy["rules_version"] = json!(Digest::of(&canonical(&rules)));
        let bytes = canonical(&policy);
        let digest = Digest::of(&bytes);
        fs::write(self.path("spool/inbox/documents").join(format!("{}.json", digest.hex())), &bytes).unwrap();
        let mut release = json!({
            "schema": "writ.release.v1", "site": SITE, "epoch": 1, "serial": serial,
            "issued_at": now().plus_millis(-60_000), "expires_at": now().plus_millis(180 * DAY), "previous": null,
            "source": { "revision": null, "nar_hash": Digest::of(b"source"), "dirty": true }, "trust_version": 1,
            "generations": { APPLIANCE: {
                "public_key": key(3).public_key().line(), "system_type": "x86_64-linux",
                "policy": { "schema": policy["schema"], "digest": digest, "size": bytes.len() },
                "closure": null, "not_before": now().plus_millis(-60_000),
            } },
            "revoked_appliance_keys": [],
        });
        change(&mut release);
        canonical(&release)
    }

    /// Puts a release into the inbox, signed by somebody.
    pub fn put(&self, serial: u64, bytes: &[u8], signer: &SecretKey) {
        let folder = self.path(&format!("spool/inbox/releases/{SITE}/1-{serial}"));
        put_signed(&folder, "release.json", bytes, signer);
    }

    /// The same, signed by somebody whose key does not count.
    pub fn put_by_stranger(&self, serial: u64, bytes: &[u8]) {
        self.put(serial, bytes, &key(9));
    }

    /// Puts the second trust root into the inbox.
    pub fn put_root(&self, expires_at: Time) {
        put_signed(&self.path("spool/inbox/trust"), "2.json", &root(2, expires_at, None), &key(1));
    }

    /// A policy of one check that a file has mode 0644. Makes the file.
    pub fn policy(&self) -> Value {
        let file = self.file();
        fs::write(&file, "motd\n").unwrap();
        self.mend();
        let mut policy = writ_policy::policy::upgrade(without_checks());
        policy["controls"]["164.312(c)(1)"] = json!({
            "title": "Integrity", "coverage": "automated", "severity": "high", "maps": {}, "checks": ["file.motd"],
            "procedure": null, "not_assessed": null, "requirement": null, "duties": [], "declared_at": declared(),
        });
        let expect = json!({ "mode": { "eq": "0644" } });
        policy["checks"]["file.motd"] = check(json!({ "file": { "path": file } }), expect);
        policy
    }

    pub fn file(&self) -> PathBuf {
        self.path("target/motd")
    }

    pub fn break_it(&self) {
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o666)).unwrap();
    }

    pub fn mend(&self) {
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// A rule for the check, whose runbook does this; the file that it gives its mode back is that of the check, or another.
    pub fn add_rule(&self, policy: &mut Value, helps: bool, attempts: u32) {
        let other = self.path("target/other");
        fs::write(&other, "").unwrap();
        let path = if helps { self.file() } else { other };
        policy["rules"]["L1-FILE-001"] = json!({
            "title": "The file was opened", "when": { "check": "file.motd", "observation": null }, "run": "RB-FILE-001",
            "escalate": null, "priority": 100, "attempts": attempts, "cooldown": "1h", "controls": ["164.312(c)(1)"],
            "declared_at": declared(),
        });
        policy["runbooks"]["RB-FILE-001"] = json!({
            "title": "Restore", "version": "1.0", "verify": ["file.motd"], "declared_at": declared(),
            "steps": [{ "id": "restore", "step": "file.restore", "parameters": { "path": path, "mode": "0644" },
                        "timeout": "10s", "undo": null }],
        });
    }

    /// `writ doctor` as it is typed.
    pub fn doctor(&self, arguments: &[&str]) -> Said {
        self.writ("doctor", arguments)
    }

    /// `writ status` as it is typed.
    pub fn status(&self, arguments: &[&str]) -> Said {
        self.writ("status", arguments)
    }

    fn writ(&self, command: &str, arguments: &[&str]) -> Said {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.arg(command).arg("--config").arg(self.path("etc/enforce.toml")).args(arguments).env("NO_COLOR", "1");
        let output = writ.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The one finding of this code: asked for as JSON, and its words are those that people see.
    pub fn says(&self, code: i32, finding: &str) -> Value {
        let said = self.doctor(&["--format", "json"]);
        assert_eq!(said.code, Some(code), "{finding}: {}{}", said.stdout, said.stderr);
        let found = said.of(finding);
        assert_eq!(found.len(), 1, "{finding}: {}", said.stdout);
        let wrong = said.json()["findings"].as_array().unwrap().iter().any(|f| f["weight"] == "wrong");
        assert_eq!((wrong, said.json()["well"] == true), (code == 1, code == 0), "{}", said.stdout);
        let people = self.doctor(&[]);
        assert_eq!(people.code, Some(code), "{}", people.stdout);
        assert!(people.stdout.contains(&format!("[{finding}]")), "{}", people.stdout);
        found.into_iter().next().unwrap()
    }

    /// Takes a file of state as JSON, and puts it back changed.
    pub fn edit_state(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let path = self.path("state").join(name);
        let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.silence();
    }
}

/// Runs every check once, and has everything written down.
pub fn run(engine: &mut Engine, policy: &Value) {
    for id in policy["checks"].as_object().unwrap().keys() {
        engine.check(id);
    }
    engine.check_again();
    engine.tick();
    engine.write_status();
}

pub fn declared() -> Value {
    json!({ "file": "baselines/test.nix", "line": 1 })
}

/// A check with this probe.
pub fn check(probe: Value, expect: Value) -> Value {
    json!({
        "title": "A file stays as it is", "probe": probe, "expect": expect, "prefer": null, "every": "1h",
        "target": "self", "severity": "high", "cites": [], "declared_at": declared(),
    })
}

fn put_signed(folder: &std::path::Path, name: &str, bytes: &[u8], signer: &SecretKey) {
    fs::create_dir_all(folder).unwrap();
    let signature = signer.sign(bytes, "test", "test").unwrap().to_string();
    fs::write(folder.join(signature_file_name(name, signer.key_id())), signature).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn root(version: u64, expires_at: Time, origin: Option<&str>) -> Vec<u8> {
    let from = now().plus_millis(-DAY);
    let entry = |n: u8, name: &str, role: &str| {
        json!({ "public_key": key(n).public_key().line(), "name": name, "roles": [role], "sites": [],
                "valid_from": from, "valid_until": from.plus_millis(3650 * DAY), "revoked_at": null })
    };
    let mut keys = vec![entry(1, "trust-1", "trust"), entry(2, "release-1", "release")];
    let mut logs = json!({});
    if let Some(origin) = origin {
        keys.push(entry(4, "log-1", "log"));
        logs = json!({ SITE: [origin] });
    }
    canonical(&json!({
        "schema": "writ.trust.v1", "version": version, "epoch": 1, "keys": keys,
        "thresholds": { "trust": 1, "release": 1 }, "log_origins": logs, "witnesses": [], "timestamp_authorities": [],
        "expires_at": expires_at,
    }))
}

/// A policy of the older schema, which says less.
fn without_checks() -> Value {
    json!({
        "schema": "writ.policy.v1", "site": SITE, "appliance": APPLIANCE, "baselines": { "test": "1" },
        "controls": {}, "checks": {}, "rules": {}, "runbooks": {}, "exceptions": {},
        "settings": {
            "title": "A clinic", "time_zone": "UTC", "approvers": ["owner"],
            "sla": { "critical": "15m", "high": "1h", "medium": "4h", "low": "24h" },
            "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 },
                            "contacts": ["primary on-call: Kim Lee, +1 555 0100"] },
            "circuit_breaker": { "fires": 1, "within": "1h" },
            "posture": { "vector": "1h", "snapshot": "24h" }, "retention": { "evidence": "6y", "logs": "365d" },
            "probation": { "window": "1s", "checks": null }, "evidence_budget_mb": 512,
        },
        "rules_version": "",
    })
}
