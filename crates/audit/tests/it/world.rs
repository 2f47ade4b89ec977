//! A site that exists only in a temporary folder: keys, trust roots, releases, policies and a day of evidence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::log_world::Log;

use writ_audit::verify::{VerifyReport, verify};
use writ_audit::{Archive, Folder, Options, Trust};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::{ChainState, Sealed};
use writ_evidence::id::Date;
use writ_evidence::incident::*;
use writ_evidence::posture::{OutcomeChange, Posture, Range, Seen, Snapshot, Vector, VectorEntry};
use writ_evidence::records::*;
use writ_evidence::{Draft, IncidentId, Kind, seal};
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json as strict;
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

pub const DAY: i64 = 86_400_000;
pub const HOUR: i64 = 3_600_000;
pub const MINUTE: i64 = 60_000;

pub fn site() -> SiteId {
    "clinic-001".parse().unwrap()
}

pub fn front_desk() -> ApplianceId {
    "front-desk".parse().unwrap()
}

pub fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// When the world begins.
pub fn morning() -> Time {
    at("2026-11-23T06:00:00Z")
}

pub fn key(n: u8) -> SecretKey {
    SecretKey::generate(&[n; 40])
}

/// The signer of roots and releases.
pub fn signer() -> SecretKey {
    key(1)
}

/// The appliance's key.
pub fn device() -> SecretKey {
    key(2)
}

fn declared(line: u32) -> Json {
    json!({ "file": "baselines/hipaa/technical.nix", "line": line })
}

/// A policy with one control of each sort that a test may want.
pub fn policy_json(edit: impl FnOnce(&mut Json)) -> Vec<u8> {
    let check = |title: &str, path: &str, severity: &str, line: u32| {
        json!({ "title": title, "probe": { "file": { "path": path } }, "expect": { "mode": { "eq": "0644" } }, "prefer": null,
            "every": "5m", "target": "self", "severity": severity, "declared_at": declared(line) })
    };
    let control = |title: &str, coverage: &str, checks: &[&str], line: u32| {
        json!({ "title": title, "coverage": coverage, "severity": "high", "maps": { "soc2": ["CC6.1"] }, "checks": checks,
            "procedure": (coverage == "procedural").then_some("The owner reviews the list every quarter."),
            "not_assessed": (coverage == "partial").then_some("Machines other than this one."),
            "declared_at": declared(line) })
    };
    let mut policy = json!({
        "schema": "writ.policy.v1", "site": "clinic-001", "appliance": "front-desk", "baselines": { "hipaa": "2026.1" },
        "controls": {
            "164.312(c)(1)": control("Integrity", "automated", &["file.motd"], 10),
            "164.312(b)": control("Audit controls", "partial", &["file.audit"], 20),
            "164.310(a)(1)": control("Facility access controls", "procedural", &[], 30),
            "164.310(d)(1)": control("Device and media controls", "inherited", &[], 40),
            "164.312(e)(1)": control("Transmission security", "automated", &["file.motd", "file.tls"], 50),
        },
        "checks": {
            "file.motd": check("The banner is as released", "/etc/motd", "high", 60),
            "file.audit": check("The audit rules are as released", "/etc/audit.rules", "high", 70),
            "file.tls": check("The key is private", "/etc/tls.key", "critical", 80),
        },
        "rules": { "L1-FILE-001": { "title": "Restore a file", "when": { "check": "file.motd", "observation": null },
            "run": "RB-FILE-001", "priority": 100, "attempts": 3, "cooldown": "1h", "controls": ["164.312(c)(1)"],
            "declared_at": declared(90) } },
        "runbooks": { "RB-FILE-001": { "title": "Restore a file", "version": "1.0", "steps": [ { "id": "restore",
            "step": "file.restore", "parameters": { "path": "/etc/motd", "mode": "0644" }, "timeout": "10s", "undo": null } ],
            "verify": ["file.motd"], "declared_at": declared(100) } },
        "exceptions": {},
        "settings": { "title": "Lakeside Family Practice", "time_zone": "America/New_York",
            "approvers": ["Dr. Ruth Alvarez"], "sla": { "critical": "15m", "high": "1h", "medium": "4h", "low": "24h" },
            "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 }, "contacts": ["on-call"] },
            "circuit_breaker": { "fires": 5, "within": "1h" }, "posture": { "vector": "1h", "snapshot": "24h" },
            "retention": { "evidence": "6y", "logs": "365d" }, "probation": { "window": "5s", "checks": null },
            "evidence_budget_mb": 512 },
    });
    edit(&mut policy);
    let rules = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
    policy["rules_version"] = Digest::of(&strict::canonical(&rules)).to_string().into();
    strict::canonical(&policy)
}

pub fn exception(check: &str, expires: &str) -> Json {
    json!({ "control": null, "check": check, "reason": "The vendor's update is late.", "risk": "The banner may be wrong.",
        "compensating": "A printed sign.", "owner": "Sam Okafor", "approved_by": "Dr. Ruth Alvarez",
        "approval": Digest::of(b"approval").to_string(), "approved_at": "2026-09-01T00:00:00Z", "expires": expires,
        "declared_at": declared(110) })
}

/// A folder under construction.
pub struct World {
    pub temp: TempDir,
    pub state: ChainState,
    pub release: Option<ReleaseRef>,
    pub policy: Option<Policy>,
    pub sealed: Vec<Sealed>,
    pub incidents: u64,
    /// The first trust root.
    pub root: Json,
    /// The site's log, if it has one: everything written is taken in by it, and acknowledged.
    pub log: Option<Log>,
}

impl World {
    /// A folder with one trust root and nothing else.
    pub fn empty() -> Self {
        Self::under(root_json(1, &[&signer()]))
    }

    /// A folder with this trust root and nothing else.
    pub fn under(root: Json) -> Self {
        let (temp, state) = (tempfile::tempdir().unwrap(), ChainState::new());
        let world = Self {
            temp,
            state,
            release: None,
            policy: None,
            sealed: vec![],
            incidents: 0,
            root: root.clone(),
            log: None,
        };
        world.write_root(&root, 1, &[&signer()]);
        world
    }

    /// A folder with a root and one release of the usual policy.
    pub fn new() -> Self {
        let mut world = Self::empty();
        world.release(1, &policy_json(|_| {}), |_| {});
        world
    }

    /// A day of quiet evidence with one incident, healed.
    pub fn day() -> Self {
        let mut world = Self::new();
        world.live();
        world
    }

    /// Lives through that day.
    pub fn live(&mut self) {
        let world = self;
        world.started(morning());
        let drift = morning().plus_millis(90 * MINUTE);
        for hour in 0..24 {
            let from = morning().plus_millis(hour * HOUR);
            if hour == 1 {
                let opened = world.open("file.motd", drift);
                world.close("file.motd", opened, drift, drift.plus_millis(42_500));
            }
            world.vector(from, from.plus_millis(HOUR), |_, _| {});
        }
        world.snapshot(morning().plus_millis(DAY));
    }

    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    pub fn write(&self, relative: &str, bytes: &[u8]) {
        let path = self.path().join(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn write_root(&self, root: &Json, version: u64, signers: &[&SecretKey]) {
        let bytes = strict::canonical(root);
        self.write(&format!("trust/{version}.json"), &bytes);
        for key in signers {
            let name = signature_file_name(&format!("{version}.json"), key.key_id());
            self.write(&format!("trust/{name}"), key.sign(&bytes, "root", "x").unwrap().to_string().as_bytes());
        }
    }

    /// Writes a release with this policy for the appliance and makes it the one that is obeyed.
    pub fn release(&mut self, serial: u64, policy: &[u8], edit: impl FnOnce(&mut Json)) {
        let previous = self.release.map(|r| r.digest.to_string());
        self.write(&format!("documents/{}.json", Digest::of(policy).hex()), policy);
        let mut release = json!({
            "schema": "writ.release.v1", "site": "clinic-001", "epoch": 1, "serial": serial,
            "issued_at": morning().plus_millis(-DAY + serial as i64), "expires_at": "2027-05-01T00:00:00Z", "previous": previous,
            "source": { "revision": null, "nar_hash": Digest::of(b"source").to_string(), "dirty": false }, "trust_version": 1,
            "generations": { "front-desk": { "public_key": device().public_key().line(), "system_type": "x86_64-linux",
                "policy": { "schema": "writ.policy.v1", "digest": Digest::of(policy).to_string(), "size": policy.len() },
                "closure": null, "not_before": morning().plus_millis(-DAY) } },
            "revoked_appliance_keys": [],
        });
        edit(&mut release);
        let bytes = strict::canonical(&release);
        let folder = format!("releases/clinic-001/1-{serial}");
        self.write(&format!("{folder}/release.json"), &bytes);
        let name = signature_file_name("release.json", signer().key_id());
        let signature = signer().sign(&bytes, "release", "x").unwrap().to_string();
        self.write(&format!("{folder}/{name}"), signature.as_bytes());
        self.release =
            Some(ReleaseRef { epoch: Epoch::FIRST, serial: Serial::new(serial).unwrap(), digest: Digest::of(&bytes) });
        self.policy = Policy::parse(policy).ok();
        if let Some(log) = &mut self.log {
            let receipt = log.release(&bytes);
            self.write(&format!("{folder}/release.receipt.json"), &receipt);
        }
    }

    pub fn draft(&self, kind: Kind) -> Draft {
        let mut draft = Draft::new(kind, &site(), &front_desk());
        draft.release = self.release;
        draft.last_checkpoint = self.log.as_ref().map(|log| log.signed().note);
        draft
    }

    /// Seals a draft and writes it where it belongs.
    pub fn seal(&mut self, draft: Draft, now: Time) -> usize {
        let sealed = seal(draft, &self.state, &device(), now).unwrap();
        self.state = sealed.next;
        let path = self.place(&sealed);
        self.write(&path, &sealed.bytes);
        self.write(&format!("{path}.minisig"), sealed.signature_text.as_bytes());
        if let Some(log) = &mut self.log {
            log.now = log.now.max(now);
            let receipt = log.evidence(&sealed);
            self.write(&path.replace(".json", ".receipt.json"), &receipt);
        }
        self.sealed.push(sealed);
        self.sealed.len() - 1
    }

    pub fn place(&self, sealed: &Sealed) -> String {
        format!("evidence/clinic-001/{}/{}", device().public_key().fingerprint(), sealed.file_name())
    }

    /// The file of the bundle with this sequence.
    pub fn file(&self, sequence: usize) -> PathBuf {
        self.path().join(self.place(&self.sealed[sequence - 1]))
    }

    pub fn signature(&self, sequence: usize) -> PathBuf {
        self.path().join(format!("{}.minisig", self.place(&self.sealed[sequence - 1])))
    }

    pub fn started(&mut self, now: Time) {
        let mut draft = self.draft(Kind::Started);
        draft.started = Some(Started {
            why: StartReason::FirstStart,
            previous_chain: None,
            reimaged: false,
            enforcing: self.release,
            agent_version: "0.1.0".into(),
            recovered: vec![],
        });
        self.seal(draft, now);
    }

    /// An hour in which every check ran every five minutes and passed, unless `edit` says otherwise.
    pub fn vector(&mut self, from: Time, to: Time, edit: impl Fn(&str, &mut VectorEntry)) {
        let checks: Vec<String> = self.policy.as_ref().unwrap().checks.keys().cloned().collect();
        let mut entries = BTreeMap::new();
        for check in checks {
            let mut entry = VectorEntry {
                outcome: Outcome::Pass,
                reasons: vec![],
                observation: Some(good().digest()),
                runs: 12,
                failed: 0,
                not_assessed: 0,
                first_at: Some(from.plus_millis(MINUTE)),
                last_at: Some(to.plus_millis(-4 * MINUTE)),
                longest_gap_seconds: 300,
                numbers: BTreeMap::from([("size_bytes".to_owned(), Range::of(120))]),
            };
            edit(&check, &mut entry);
            entries.insert(check, entry);
        }
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Vector(Vector { from, to, checks: entries }));
        self.seal(draft, to);
    }

    pub fn snapshot(&mut self, now: Time) {
        let checks: Vec<String> = self.policy.as_ref().unwrap().checks.keys().cloned().collect();
        let seen = |_: &String| Seen {
            at: Some(now.plus_millis(-MINUTE)),
            outcome: Outcome::Pass,
            reasons: vec![],
            observation: good(),
        };
        let mut draft = self.draft(Kind::Posture);
        draft.posture =
            Some(Posture::Snapshot(Snapshot { checks: checks.iter().map(|c| (c.clone(), seen(c))).collect() }));
        self.seal(draft, now);
    }

    pub fn change(&mut self, check: &str, to: Outcome, reasons: &[&str], now: Time) {
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Change(OutcomeChange {
            check: check.into(),
            from: Some(Outcome::Pass),
            to,
            at: now,
            reasons: reasons.iter().map(|r| (*r).to_owned()).collect(),
            observation: if to == Outcome::Fail { wrong() } else { Observation::new() },
        }));
        self.seal(draft, now);
    }

    fn incident(&self, check: &str, number: u64, detected_at: Time) -> Incident {
        Incident {
            incident_id: IncidentId { date: Date::of(detected_at), number },
            event_type: "file_drift".into(),
            severity: self.policy.as_ref().unwrap().checks[check].severity,
            detected_at,
            hostname: "front-desk".into(),
            check: check.into(),
            details: BTreeMap::from([("reasons".into(), Value::List(vec!["mode eq \"0644\", seen \"0666\"".into()]))]),
            hipaa_controls: vec!["164.312(c)(1)".into()],
            opened_by: None,
        }
    }

    /// Opens an incident; gives its number and the bundle that opened it.
    pub fn open(&mut self, check: &str, now: Time) -> (u64, usize) {
        self.incidents += 1;
        let mut draft = self.draft(Kind::IncidentOpened);
        draft.incident = Some(self.incident(check, self.incidents, now));
        draft.affected.systems = vec!["front-desk".into()];
        draft.drift = Some(Drift { before: Some(wrong()), after: None });
        (self.incidents, self.seal(draft, now))
    }

    pub fn close(&mut self, check: &str, opened: (u64, usize), detected: Time, end: Time) -> usize {
        let draft = self.closing(check, opened, detected, end);
        self.seal(draft, end)
    }

    pub fn closing(&self, check: &str, (number, opened): (u64, usize), detected: Time, end: Time) -> Draft {
        let policy = self.policy.as_ref().unwrap();
        let runbook = &policy.runbooks["RB-FILE-001"];
        let mut draft = self.draft(Kind::IncidentClosed);
        let mut incident = self.incident(check, number, detected);
        incident.opened_by = Some(self.sealed[opened].bundle_id);
        let target = u64::try_from(policy.settings.sla[&incident.severity].seconds()).unwrap();
        let mttr = Execution::mttr(detected, end);
        draft.incident = Some(incident);
        draft.change = Some(Change::Corrective);
        draft.drift = Some(Drift { before: Some(wrong()), after: Some(good()) });
        draft.runbook = Some(RunbookRef {
            runbook_id: "RB-FILE-001".into(),
            runbook_version: "1.0".into(),
            runbook_hash: runbook.digest(),
            steps_total: 1,
            steps_executed: 1,
        });
        draft.actions_taken = vec![Action {
            step: 1,
            action: "restore: file.restore".into(),
            script_hash: step_hash(&runbook.steps[0]),
            result: ActionResult::Ok,
            exit_code: None,
            timestamp: detected,
            duration_ms: 3,
            undo: false,
            stdout_excerpt: String::new(),
            stderr_excerpt: String::new(),
            error_message: None,
        }];
        draft.execution = Some(Execution {
            timestamp_start: detected,
            timestamp_end: end,
            operator: "service:writ-enforce".into(),
            mttr_seconds: mttr,
            sla_target_seconds: target,
            sla_met: mttr <= target,
            resolution_type: ResolutionType::Auto,
            tier: Some(Tier::L1),
            rule: Some("L1-FILE-001".into()),
            attempts: 1,
            escalations: vec![],
        });
        draft.verification = vec![Verification {
            check: check.into(),
            at: end,
            outcome: Outcome::Pass,
            observation: Some(good().digest()),
            reasons: vec![],
        }];
        draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
        draft
    }

    pub fn switched(&mut self, to: u64, outcome: SwitchOutcome, asked_by: ReleaseRef, now: Time) {
        let mut draft = self.draft(Kind::Switch);
        draft.change = Some(Change::Intended);
        draft.switch = Some(Switch {
            from: Some(GenerationRef { epoch: Epoch::FIRST, serial: Serial::FIRST, toplevel: None }),
            to: GenerationRef { epoch: Epoch::FIRST, serial: Serial::new(to).unwrap(), toplevel: None },
            release: asked_by,
            states: vec![StateAt { state: SwitchState::Testing, at: now }],
            outcome,
            reason: (!outcome.adopted()).then(|| "file.motd failed in probation".into()),
            attempts: 1,
            probation: vec![],
        });
        self.seal(draft, now);
    }

    pub fn trust(&self) -> Trust {
        Trust::Root(strict::canonical(&self.root))
    }

    pub fn verify(&self) -> VerifyReport {
        let options = Options { trust: self.trust(), site: None, without_entries: false, now: None };
        verify(Folder::open(self.path()).unwrap(), &options)
    }

    pub fn verify_at(&self, now: Time) -> VerifyReport {
        let options = Options { trust: self.trust(), site: None, without_entries: false, now: Some(now) };
        verify(Folder::open(self.path()).unwrap(), &options)
    }

    pub fn archive(&self) -> Archive {
        Archive::open(
            Folder::open(self.path()).unwrap(),
            &Options { trust: self.trust(), site: None, without_entries: false, now: None },
        )
    }
}

pub fn good() -> Observation {
    Observation::new().with("mode", "0644").with("exists", true).with("size_bytes", 120)
}

pub fn wrong() -> Observation {
    Observation::new().with("mode", "0666").with("exists", true).with("size_bytes", 120)
}

pub fn root_json(version: u64, keys: &[&SecretKey]) -> Json {
    let key = |n: usize, key: &SecretKey| {
        json!({ "public_key": key.public_key().line(), "name": format!("signer-{n}"), "roles": ["trust", "release"], "sites": [],
            "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z", "revoked_at": null })
    };
    json!({ "schema": "writ.trust.v1", "version": version, "epoch": 1,
        "keys": keys.iter().enumerate().map(|(n, k)| key(n, k)).collect::<Vec<_>>(),
        "thresholds": { "trust": 1, "release": 1 }, "log_origins": {}, "witnesses": [], "timestamp_authorities": [],
        "expires_at": "2028-01-01T00:00:00Z" })
}
