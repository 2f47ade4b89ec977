//! An audit folder of one appliance that has spoken very often: the trust root, one release with its policy, the evidence, and the
//! log if there is to be one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use writ_evidence::Draft;
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::{ChainState, Sealed, seal};
use writ_evidence::incident::{Escalation, Tier, step_hash};
use writ_policy::observation::Value;
use writ_policy::policy::Policy;
use writ_tools::phase::root as repository;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json as strict;
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::time::Time;

use super::super::depot::appliance::key;
use super::super::depot::drafts::Story;
use super::log::Log;

const SITE: &str = "clinic-001";
const APPLIANCE: &str = "front-desk";
const ORIGIN: &str = "log.example.org/clinic-001";
const RUNBOOK: &str = "RB-FILE-001";
/// How many bundles a log takes in before it signs its head anew.
const BATCH: usize = 10;

/// The folder; it goes with this.
pub struct Folder {
    temp: tempfile::TempDir,
    /// How many bundles there are.
    pub bundles: u64,
}

impl Folder {
    /// One with so many bundles, as long as real ones are. On the disk that holds `target/`.
    pub fn make(bundles: u64, logged: bool) -> Result<Self> {
        Self::told(bundles, logged, |_| ())
    }

    /// The same without a log, of which each incident was healed by a plan.
    pub fn healed_by_plans(bundles: u64) -> Result<Self> {
        Self::told(bundles, false, by_a_plan)
    }

    /// One whose bundles are changed so before they are signed.
    fn told(bundles: u64, logged: bool, change: fn(&mut Draft)) -> Result<Self> {
        let target = repository().join("target");
        fs::create_dir_all(&target)?;
        let temp = tempfile::Builder::new().prefix("writ-bench-").tempdir_in(target.canonicalize()?)?;
        let folder = Self { temp, bundles };
        let root = folder.write_root(logged)?;
        let policy = policy();
        let (release, bytes) = folder.write_release(&policy)?;
        let mut writer = Writer::new(&folder, Policy::parse(&policy)?, release)?;
        if logged {
            writer.begin_log(Digest::of(&root), Digest::of(&bytes));
        }
        for _ in 0..bundles {
            writer.say(change)?;
        }
        writer.finish()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    /// The first trust root.
    pub fn root(&self) -> PathBuf {
        self.path().join("trust/1.json")
    }

    fn write_root(&self, logged: bool) -> Result<Vec<u8>> {
        let entry = |name: &str, roles: &[&str]| {
            json!({ "public_key": key(name).public_key().line(), "name": name, "roles": roles, "sites": [],
                "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2040-01-01T00:00:00Z", "revoked_at": null })
        };
        let origins = if logged { json!({ SITE: [ORIGIN] }) } else { json!({}) };
        let root = json!({ "schema": "writ.trust.v1", "version": 1, "epoch": 1,
            "keys": [entry("alice", &["trust", "release"]), entry("log", &["log"])],
            "thresholds": { "trust": 1, "release": 1 }, "log_origins": origins, "witnesses": [],
            "timestamp_authorities": [], "expires_at": "2040-01-01T00:00:00Z" });
        let bytes = strict::canonical(&root);
        self.sign("trust", "1.json", &bytes)?;
        Ok(bytes)
    }

    fn write_release(&self, policy: &[u8]) -> Result<(ReleaseRef, Vec<u8>)> {
        write(&self.path().join(format!("documents/{}.json", Digest::of(policy).hex())), policy)?;
        let release = json!({
            "schema": "writ.release.v1", "site": SITE, "epoch": 1, "serial": 1, "issued_at": began().plus_millis(-1000),
            "expires_at": "2027-05-01T00:00:00Z", "previous": null,
            "source": { "revision": null, "nar_hash": Digest::of(b"source").to_string(), "dirty": false }, "trust_version": 1,
            "generations": { APPLIANCE: { "public_key": key(APPLIANCE).public_key().line(), "system_type": "x86_64-linux",
                "policy": { "schema": "writ.policy.v1", "digest": Digest::of(policy).to_string(), "size": policy.len() },
                "closure": null, "not_before": began() } },
            "revoked_appliance_keys": [],
        });
        let bytes = strict::canonical(&release);
        self.sign(&format!("releases/{SITE}/1-1"), "release.json", &bytes)?;
        Ok((ReleaseRef { epoch: Epoch::FIRST, serial: Serial::FIRST, digest: Digest::of(&bytes) }, bytes))
    }

    /// Writes a document and its signature.
    fn sign(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
        let (folder, alice) = (self.path().join(folder), key("alice"));
        write(&folder.join(name), bytes)?;
        let signature = alice.sign(bytes, "measured", "measured")?.to_string();
        write(&folder.join(signature_file_name(name, alice.key_id())), signature.as_bytes())
    }
}

/// Writes a file, and the folder that it is in where there is none.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::write(path, bytes).is_err() {
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// Makes the end of an incident one that a plan brought about.
fn by_a_plan(draft: &mut Draft) {
    let Some(execution) = &mut draft.execution else { return };
    let reason = "no rule answers it".to_owned();
    let escalation = Escalation { to: Tier::L2, at: execution.timestamp_start, reason, notified: Vec::new() };
    (execution.tier, execution.rule, execution.escalations) = (Some(Tier::L2), None, vec![escalation]);
    if let Some(incident) = &mut draft.incident {
        incident.details.insert("planner".to_owned(), Value::Text("writ-planner/1".to_owned()));
    }
}

/// When the appliance began to speak.
fn began() -> Time {
    Time::from_unix_millis(1_795_000_000_000)
}

/// The policy that the appliance obeys.
fn policy() -> Vec<u8> {
    let declared = json!({ "file": "baselines/hipaa/technical.nix", "line": 1 });
    let mut policy = json!({
        "schema": "writ.policy.v1", "site": SITE, "appliance": APPLIANCE, "baselines": { "hipaa": "2026.1" },
        "controls": { "164.312(c)(1)": { "title": "Integrity", "coverage": "automated", "severity": "high", "maps": {},
            "checks": ["file.motd"], "procedure": null, "not_assessed": null, "declared_at": declared } },
        "checks": { "file.motd": { "title": "The banner is as released", "probe": { "file": { "path": "/etc/motd" } },
            "expect": { "mode": { "eq": "0644" } }, "prefer": null, "every": "5m", "target": "self", "severity": "high",
            "declared_at": declared } },
        "rules": { "L1-FILE-001": { "title": "Restore a file", "when": { "check": "file.motd", "observation": null },
            "run": RUNBOOK, "priority": 100, "attempts": 3, "cooldown": "1h", "controls": ["164.312(c)(1)"],
            "declared_at": declared } },
        "runbooks": { RUNBOOK: { "title": "Restore a file", "version": "1.0", "steps": [ { "id": "restore",
            "step": "file.restore", "parameters": { "path": "/etc/motd", "mode": "0644" }, "timeout": "10s", "undo": null } ],
            "verify": ["file.motd"], "declared_at": declared } },
        "exceptions": {},
        "settings": { "title": "Lakeside Family Practice", "time_zone": "America/New_York",
            "approvers": ["Dr. Ruth Alvarez"], "sla": { "critical": "15m", "high": "1h", "medium": "4h", "low": "24h" },
            "escalation": { "l1_failures": { "critical": 3, "high": 2, "medium": 3, "low": 3 }, "contacts": ["on-call"] },
            "circuit_breaker": { "fires": 5, "within": "1h" }, "posture": { "vector": "1h", "snapshot": "24h" },
            "retention": { "evidence": "6y", "logs": "365d" }, "probation": { "window": "5s", "checks": null },
            "evidence_budget_mb": 512 },
    });
    let rules = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
    policy["rules_version"] = Digest::of(&strict::canonical(&rules)).to_string().into();
    strict::canonical(&policy)
}

/// Writes what the appliance says, and has the log acknowledge it.
struct Writer<'f> {
    folder: &'f Folder,
    policy: Policy,
    release: ReleaseRef,
    site: SiteId,
    appliance: ApplianceId,
    key: SecretKey,
    evidence: PathBuf,
    chain: ChainState,
    log: Option<Log>,
    head: Option<String>,
    /// What the log has taken in and not acknowledged: the number of its entry, and the file of its bundle.
    waiting: Vec<(u64, PathBuf)>,
    now: Time,
}

impl<'f> Writer<'f> {
    fn new(folder: &'f Folder, policy: Policy, release: ReleaseRef) -> Result<Self> {
        let key = key(APPLIANCE);
        let evidence = folder.path().join(format!("evidence/{SITE}/{}", key.public_key().fingerprint()));
        fs::create_dir_all(&evidence)?;
        let (site, appliance, chain) = (SITE.parse()?, APPLIANCE.parse()?, ChainState::new());
        let (log, head, waiting, now) = (None, None, Vec::new(), began());
        Ok(Self { folder, policy, release, site, appliance, key, evidence, chain, log, head, waiting, now })
    }

    fn begin_log(&mut self, root: Digest, release: Digest) {
        let (schema, site, time) = (EntrySchema::V1, self.site.clone(), self.now);
        let mut log = Log::new(ORIGIN, key("log"));
        let version = TrustVersion::FIRST;
        log.push(&LogEntry::Trust { schema, site: site.clone(), version, digest: root, time });
        let (epoch, serial) = (Epoch::FIRST, Serial::FIRST);
        log.push(&LogEntry::Release { schema, site, epoch, serial, previous: None, digest: release, time });
        self.head = Some(log.head(self.now));
        self.log = Some(log);
    }

    fn say(&mut self, change: fn(&mut Draft)) -> Result<()> {
        let sequence = self.chain.next_sequence;
        // An incident is opened and closed at one time: both are of one day.
        self.now = began().plus_millis(i64::try_from(sequence.div_ceil(3))? * 180_000);
        let (site, appliance) = (&self.site, &self.appliance);
        let story = Story { site, appliance, release: self.release, checkpoint: self.head.as_deref() };
        let mut draft = story.tell(sequence, self.now);
        let runbook = self.policy.runbooks.get(RUNBOOK).context("the runbook of the policy")?;
        if let Some(ran) = &mut draft.runbook {
            ran.runbook_hash = runbook.digest();
        }
        for (action, step) in draft.actions_taken.iter_mut().zip(&runbook.steps) {
            action.script_hash = step_hash(step);
        }
        change(&mut draft);
        let sealed = seal(draft, &self.chain, &self.key, self.now)?;
        let file = self.evidence.join(sealed.file_name());
        write(&file, &sealed.bytes)?;
        write(&self.evidence.join(format!("{}.minisig", sealed.file_name())), sealed.signature_text.as_bytes())?;
        if let Some(log) = &mut self.log {
            self.waiting.push((log.push(&entry(&sealed, self.now)), file));
            if self.waiting.len() == BATCH {
                self.acknowledge()?;
            }
        }
        self.chain = sealed.next;
        Ok(())
    }

    /// Signs the log's head, and gives out receipts under it.
    fn acknowledge(&mut self) -> Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let head = log.head(self.now);
        for (index, bundle) in self.waiting.drain(..) {
            write(&bundle.with_extension("receipt.json"), &log.receipt(index, &head)?)?;
        }
        self.head = Some(head);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.acknowledge()?;
        match &mut self.log {
            Some(log) => log.write(&self.folder.path().join(format!("log/{SITE}/1")), self.now),
            None => Ok(()),
        }
    }
}

fn entry(sealed: &Sealed, time: Time) -> LogEntry {
    LogEntry::Evidence {
        schema: EntrySchema::V1,
        site: sealed.bundle.client_id.clone(),
        id: sealed.bundle_id.to_string(),
        appliance: sealed.bundle.appliance.clone(),
        public_key: sealed.bundle.public_key.clone(),
        sequence: sealed.sequence,
        previous: sealed.bundle.chain.previous,
        digest: sealed.digest,
        time,
    }
}
