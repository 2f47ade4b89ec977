//! A site for tests: real keys, a trust root, a folder of signed releases, one appliance with its configuration.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use writ_evidence::chain::{self, ChainState, Speaker};
use writ_evidence::{Bundle, Kind};
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::time::Time;

pub const SITE: &str = "clinic-001";
pub const APPLIANCE: &str = "front-desk";

/// Who signs orders, two of three.
pub const ORDER_KEYS: [u8; 3] = [5, 6, 7];

/// A key that is the same for the same number, in every run.
pub fn key(number: u8) -> SecretKey {
    let mut random = [number; 40];
    random[39] = number ^ 0x5a;
    SecretKey::generate(&random)
}

pub fn now() -> Time {
    writ_agent::clock::now()
}

pub struct Site {
    pub dir: tempfile::TempDir,
    pub trust_key: SecretKey,
    pub release_key: SecretKey,
    pub appliance_key: SecretKey,
}

/// What may differ from a good release.
pub struct Release {
    pub site: &'static str,
    pub appliance: &'static str,
    pub serial: u64,
    pub epoch: u64,
    pub trust_version: u64,
    pub issued_at: Time,
    pub expires_at: Time,
    pub not_before: Time,
    pub public_key: String,
    pub closure: Option<Value>,
    pub policy_schema: &'static str,
}

impl Site {
    pub fn new() -> Self {
        Self::logged_by(&[])
    }

    /// A site whose first trust root lists these logs; key 4 is theirs.
    pub fn logged_by(origins: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Self { dir, trust_key: key(1), release_key: key(2), appliance_key: key(3) };
        for folder in ["etc", "target", "releases/documents", "releases/trust"] {
            fs::create_dir_all(site.path(folder)).unwrap();
        }
        fs::write(site.path("etc/trust.json"), site.root_bytes(1, origins)).unwrap();
        fs::write(site.path("etc/key"), site.appliance_key.to_open_file().as_bytes()).unwrap();
        fs::set_permissions(site.path("etc/key"), fs::Permissions::from_mode(0o600)).unwrap();
        site.configure("");
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn state(&self, name: &str) -> PathBuf {
        self.path("state").join(name)
    }

    pub fn configure(&self, more: &str) {
        self.configure_profile(&self.path("profile"), more);
    }

    /// Writes the configuration with this profile and further lines.
    pub fn configure_profile(&self, profile: &Path, more: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "site = {SITE:?}\nappliance = {APPLIANCE:?}\nreleases = {:?}\ntrust = {:?}\nkey = {:?}\nstate_dir = {:?}\n\
             outbox_dir = {:?}\nprofile = {:?}\nswitch_command = \"process\"\npoll_releases = \"200ms\"\n{more}",
            at("releases"),
            at("etc/trust.json"),
            at("etc/key"),
            at("state"),
            at("outbox"),
            profile.display().to_string(),
        );
        fs::write(self.path("etc/enforce.toml"), text).unwrap();
    }

    /// The bytes of a trust root of this version that lists these logs.
    pub fn root_bytes(&self, version: u64, origins: &[&str]) -> Vec<u8> {
        let from = now().plus_millis(-86_400_000);
        let entry = |key: &SecretKey, name: &str, role: &str| {
            json!({ "public_key": key.public_key().line(), "name": name, "roles": [role], "sites": [],
                    "valid_from": from, "valid_until": from.plus_millis(86_400_000 * 3650), "revoked_at": null })
        };
        let mut keys =
            vec![entry(&self.trust_key, "trust-1", "trust"), entry(&self.release_key, "release-1", "release")];
        keys.extend(ORDER_KEYS.map(|n| entry(&key(n), &format!("order-{n}"), "order")));
        let mut logs = json!({});
        if !origins.is_empty() {
            keys.push(entry(&key(4), "log-1", "log"));
            logs = json!({ SITE: origins });
        }
        let root = json!({
            "schema": "writ.trust.v1", "version": version, "epoch": 1, "keys": keys,
            "thresholds": { "trust": 1, "release": 1, "order": 2 }, "log_origins": logs, "witnesses": [],
            "timestamp_authorities": [], "expires_at": now().plus_millis(86_400_000 * 365),
        });
        strict::canonical(&root)
    }

    /// Puts a signed document into the folder of releases, its signature first.
    pub fn put_signed(&self, name: &str, bytes: &[u8], signer: &SecretKey) {
        let path = self.path("releases").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let signature = signer.sign(bytes, "test", "test").unwrap().to_string();
        let file = path.file_name().unwrap().to_str().unwrap();
        fs::write(path.with_file_name(signature_file_name(file, signer.key_id())), signature).unwrap();
        writ_durable::replace(&path, bytes, 0o644).unwrap();
    }

    /// A policy without checks.
    pub fn policy(&self) -> Value {
        json!({
            "schema": "writ.policy.v1", "site": SITE, "appliance": APPLIANCE, "baselines": { "hipaa": "2026.1" },
            "controls": {}, "checks": {}, "rules": {}, "runbooks": {}, "exceptions": {},
            "settings": {
                "title": "A clinic", "time_zone": "UTC", "approvers": ["owner"],
                "sla": { "critical": "15m", "high": "1h", "medium": "4h", "low": "24h" },
                "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 }, "contacts": ["people@example.org"] },
                "circuit_breaker": { "fires": 1000, "within": "1h" },
                "posture": { "vector": "1h", "snapshot": "24h" },
                "retention": { "evidence": "6y", "logs": "365d" },
                "probation": { "window": "1s", "checks": null },
                "evidence_budget_mb": 512,
            },
            "rules_version": "",
        })
    }

    /// A check that a file has mode 0644, a rule and a runbook that give it back. Makes the file.
    pub fn file_check(&self, policy: &mut Value, name: &str) -> PathBuf {
        let path = self.path("target").join(name);
        fs::write(&path, format!("{name}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let declared_at = json!({ "file": "baselines/test.nix", "line": 1 });
        let check = format!("file.{name}");
        policy["controls"][format!("164.312({name})")] = json!({
            "title": name, "coverage": "automated", "severity": "high", "maps": {}, "checks": [check],
            "procedure": null, "not_assessed": null, "declared_at": declared_at,
        });
        policy["checks"][&check] = json!({
            "title": format!("Mode of {name}"), "probe": { "file": { "path": path } }, "expect": { "exists": { "eq": true }, "mode": { "eq": "0644" } },
            "prefer": null, "every": "1h", "target": "self", "severity": "high", "declared_at": declared_at,
        });
        policy["rules"][format!("L1-{name}")] = json!({
            "title": name, "when": { "check": check, "observation": null }, "run": format!("RB-{name}"), "priority": 100,
            "attempts": 3, "cooldown": "1s", "controls": [], "declared_at": declared_at,
        });
        policy["runbooks"][format!("RB-{name}")] = json!({
            "title": name, "version": "1.0", "verify": [check], "declared_at": declared_at,
            "steps": [{ "id": "restore", "step": "file.restore", "parameters": { "path": path, "mode": "0644" },
                        "timeout": "10s", "undo": null }],
        });
        path
    }

    /// The bytes of a policy with its `rules_version` set right.
    pub fn policy_bytes(policy: &Value) -> Vec<u8> {
        let mut policy = policy.clone();
        let rules = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
        policy["rules_version"] = json!(Digest::of(&strict::canonical(&rules)));
        strict::canonical(&policy)
    }

    /// A good release of this serial, to be changed by tests.
    pub fn release(&self, serial: u64) -> Release {
        Release {
            site: SITE,
            appliance: APPLIANCE,
            serial,
            epoch: 1,
            trust_version: 1,
            issued_at: now().plus_millis(-60_000),
            expires_at: now().plus_millis(86_400_000 * 180),
            not_before: now().plus_millis(-60_000),
            public_key: self.appliance_key.public_key().line(),
            closure: None,
            policy_schema: "writ.policy.v1",
        }
    }

    /// The bytes of a release that names these documents, which are put into the folder.
    pub fn release_bytes(&self, release: &Release, policy: &[u8]) -> Vec<u8> {
        let document = |bytes: &[u8]| {
            let digest = Digest::of(bytes);
            fs::write(self.path("releases/documents").join(format!("{}.json", digest.hex())), bytes).unwrap();
            digest
        };
        let policy_digest = document(policy);
        let closure = release.closure.as_ref().map(|closure| {
            let bytes = strict::canonical(closure);
            json!({ "toplevel": closure["toplevel"], "digest": document(&bytes), "size": bytes.len() })
        });
        strict::canonical(&json!({
            "schema": "writ.release.v1", "site": release.site, "epoch": release.epoch, "serial": release.serial,
            "issued_at": release.issued_at, "expires_at": release.expires_at, "previous": null,
            "source": { "revision": null, "nar_hash": Digest::of(b"source"), "dirty": true },
            "trust_version": release.trust_version,
            "generations": { release.appliance: {
                "public_key": release.public_key, "system_type": "x86_64-linux",
                "policy": { "schema": release.policy_schema, "digest": policy_digest, "size": policy.len() },
                "closure": closure, "not_before": release.not_before,
            } },
            "revoked_appliance_keys": [],
        }))
    }

    /// Where a release is.
    pub fn release_dir(&self, name: &str) -> PathBuf {
        self.path("releases/releases").join(SITE).join(name)
    }

    /// Puts signed bytes where the appliance looks for releases.
    pub fn put(&self, name: &str, bytes: &[u8], signer: &SecretKey) {
        self.put_signed(&format!("releases/{SITE}/{name}/release.json"), bytes, signer);
    }

    /// Publishes a policy as this serial.
    pub fn publish(&self, serial: u64, policy: &Value) {
        let mut release = self.release(serial);
        if policy["schema"] == writ_policy::policy::SCHEMA {
            release.policy_schema = writ_policy::policy::SCHEMA;
        }
        let bytes = self.release_bytes(&release, &Self::policy_bytes(policy));
        self.put(&format!("1-{serial}"), &bytes, &self.release_key);
    }

    /// Publishes a policy as this serial, with a system that brings these programs: shell scripts by symbol. It runs already.
    pub fn publish_with_programs(&self, serial: u64, policy: &Value, programs: &[(&str, &str)]) {
        let store = fs::canonicalize(self.dir.path()).unwrap().join("store");
        let toplevel = store.join("0123456789abcdfghijklmnpqrsvwxyz-system");
        fs::create_dir_all(&toplevel).unwrap();
        let mut named = serde_json::Map::new();
        for (symbol, script) in programs {
            let path = toplevel.join(symbol);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            chmod(&path, 0o755);
            named.insert((*symbol).to_owned(), json!(path));
        }
        let profile = self.path("profile");
        if !profile.is_symlink() {
            symlink(&toplevel, profile).unwrap();
        }
        let mut release = self.release(serial);
        if policy["schema"] == writ_policy::policy::SCHEMA {
            release.policy_schema = writ_policy::policy::SCHEMA;
        }
        release.closure = Some(json!({
            "schema": "writ.closure.v1", "toplevel": toplevel, "store_dir": store, "programs": named,
            "paths": [{ "path": toplevel, "nar_hash": Digest::of(b""), "nar_size": 0, "references": [] }],
        }));
        let bytes = self.release_bytes(&release, &Self::policy_bytes(policy));
        self.put(&format!("1-{serial}"), &bytes, &self.release_key);
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-enforce"));
        command.arg("--config").arg(self.path("etc/enforce.toml")).env_remove("NOTIFY_SOCKET").env("WRIT_LOG", "debug");
        command
    }

    pub fn once(&self) -> Output {
        self.command().arg("--once").output().unwrap()
    }

    /// Runs `--once` and expects this exit code.
    pub fn once_is(&self, code: i32) -> String {
        let output = self.once();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "signal {:?}: {said}", output.status.signal());
        said
    }

    pub fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    pub fn daemon_with(&self, environment: &[(&str, String)]) -> Daemon {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.command();
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Daemon { child: command.stdout(Stdio::null()).stderr(log).spawn().unwrap() }
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&fs::read(self.state("status.json")).unwrap()).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The appliance's bundles in order; fails unless every one is signed, and they are one chain.
    pub fn bundles(&self) -> Vec<Bundle> {
        self.bundles_of(&self.path("outbox"))
    }

    pub fn bundles_of(&self, outbox: &Path) -> Vec<Bundle> {
        let (site, appliance) = (SITE.parse().unwrap(), APPLIANCE.parse().unwrap());
        let public_key = self.appliance_key.public_key();
        let speaker = Speaker { site: &site, appliance: &appliance, public_key: &public_key };
        // A folder that is written to while it is read may show a file and not one that came before it: look again.
        let whole = |list: &[(u64, String)]| list.iter().map(|(n, _)| *n).eq(1..=list.len() as u64);
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut numbered = listed(outbox);
        while !whole(&numbered) && Instant::now() < deadline {
            numbered = listed(outbox);
        }
        let mut state = ChainState::new();
        numbered
            .into_iter()
            .map(|(_, name)| {
                let bytes = fs::read(outbox.join(&name)).unwrap();
                let signature =
                    fs::read(outbox.join(format!("{name}.minisig"))).unwrap_or_else(|e| panic!("{name}: {e}"));
                let authentic =
                    chain::authenticate(&bytes, &signature, &speaker).unwrap_or_else(|e| panic!("{name}: {e}"));
                state = chain::follow(&state, &authentic).unwrap_or_else(|e| panic!("{name}: {e}"));
                authentic.bundle
            })
            .collect()
    }

    /// Bundles of one kind.
    pub fn of_kind(&self, kind: Kind) -> Vec<Bundle> {
        self.bundles().into_iter().filter(|bundle| bundle.kind == kind).collect()
    }

    /// What of the evidence concerns incidents: each opened once, closed at most once, by the bundle that says so.
    pub fn incidents(&self) -> Incidents {
        let bundles = self.bundles();
        let mut incidents = Incidents::default();
        for bundle in &bundles {
            let Some(incident) = &bundle.incident else { continue };
            let id = incident.incident_id.to_string();
            match bundle.kind {
                Kind::IncidentOpened => {
                    assert!(incidents.opened.insert(id.clone(), incident.check.clone()).is_none(), "{id} opened twice");
                }
                Kind::IncidentClosed => {
                    assert!(incidents.opened.contains_key(&id), "{id} closed, never opened");
                    assert!(incidents.closed.insert(id.clone(), bundle.clone()).is_none(), "{id} closed twice");
                    let by = incident.opened_by.expect("names the opening bundle");
                    let opening = bundles.iter().find(|b| b.bundle_id == by).expect("the opening bundle is there");
                    assert_eq!(opening.incident.as_ref().unwrap().incident_id, incident.incident_id);
                }
                _ => {}
            }
        }
        incidents
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("the daemon's errors and last words:");
            log.lines().filter(|line| line.contains(" ERROR ")).for_each(|line| eprintln!("  {line}"));
            last.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// The bundles in an outbox by their numbers.
fn listed(outbox: &Path) -> Vec<(u64, String)> {
    let Ok(entries) = fs::read_dir(outbox) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let bundles = names.filter(|name| name.ends_with(".json") && !name.starts_with('.'));
    let mut numbered: Vec<_> = bundles.map(|name| (chain::parse_file_name(&name).expect(&name).0, name)).collect();
    numbered.sort();
    numbered
}

#[derive(Debug, Default)]
pub struct Incidents {
    pub opened: std::collections::BTreeMap<String, String>,
    pub closed: std::collections::BTreeMap<String, Bundle>,
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    pub child: Child,
}

impl Daemon {
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it with SIGTERM and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so. The limit only ends a test that hangs: a busy machine may take its time.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let asked = Instant::now();
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within 180 s: {what}");
        // Where it takes long to look, it is looked less often: what is waited for needs the processor.
        std::thread::sleep((asked.elapsed() * 4).clamp(Duration::from_millis(5), Duration::from_millis(250)));
    }
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |m| m.permissions().mode() & 0o7777)
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
