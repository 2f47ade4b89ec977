//! A year of one appliance held against its baseline, beside verifying the same folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::ChainState;
use writ_evidence::id::Date;
use writ_evidence::incident::{
    Action, ActionResult, Change, Drift, Execution, Incident, Outputs, ResolutionStatus, ResolutionType, RunbookRef,
    Tier, Verification, step_hash,
};
use writ_evidence::posture::{Differing, Posture, Range, Seen, Snapshot, Steady, Summary, TellingRef, VectorEntry};
use writ_evidence::{BundleId, Draft, IncidentId, Kind, seal};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_policy::rule::Rule;
use writ_scenarios::{Time, binaries, run};
use writ_trust::digest::Digest;
use writ_trust::json::canonical;
use writ_trust::minisign::{SecretKey, signature_file_name};

use super::figure;
use super::posture::{Chance, HOUR, Thing, policy_document};
use super::process::{cost, peak_pss_mb};

const SITE: &str = "northfield-surgery";
const APPLIANCE: &str = "ward";
/// Hours of a year: each has a summary, and each week a snapshot. Together about nine thousand bundles.
const HOURS: i64 = 365 * 24;
/// Hours between two snapshots.
const SNAPSHOT_EVERY: i64 = 7 * 24;
/// Incidents, each opened and closed.
const INCIDENTS: i64 = 2_000;
/// Checks of which a summary says more than how often they ran.
const DIFFERING: usize = 8;
/// How often each is measured: the least counts.
const TIMES: usize = 3;

/// Prints the figures.
pub fn run() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("audit");
    let mut year = Year::begin(&folder)?;
    year.live()?;
    let (postures, bundles) = (year.postures, year.bundles);
    println!(
        "Comparing: a year of {} checks, {INCIDENTS} incidents, {postures} posture bundles",
        year.policy.checks.len()
    );
    let end = began()?.plus_millis(HOURS * HOUR).to_string();
    let writ = binaries::folder()?.join("writ");
    let command = |verb: &str, more: &[&str]| {
        let mut command = Command::new(&writ);
        command.args(["audit", verb]).arg(&folder).arg("--trust").arg(folder.join("trust/1.json")).args(more);
        command
    };
    let compare = || command("compare", &["--now", &end, "--json"]);
    let found: Value = serde_json::from_slice(&run::any(&mut compare())?.stdout)?;
    ensure!(found["verification"]["ok"] == true, "the folder does not verify: {}", found["verification"]["problems"]);
    ensure!(found["incidents"].as_array().map(Vec::len) == Some(usize::try_from(INCIDENTS)?), "incidents are missing");
    let shown =
        found["checks"].as_array().context("no checks")?.iter().filter(|c| c["verdict"] == "demonstrated").count();
    ensure!(shown * 10 > year.policy.checks.len() * 9, "of {} checks only {shown} are shown", year.policy.checks.len());

    let least = |make: &dyn Fn() -> Command| -> Result<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..TIMES {
            least = least.min(cost(&mut make())?.wall_ms / 1e3);
        }
        Ok(least)
    };
    let compared = least(&compare)?;
    let verified = least(&|| command("verify", &["--json"]))?;
    let at = began()?.plus_millis(HOURS / 2 * HOUR).to_string();
    let then = least(&|| command("compare", &["--now", &end, "--at", &at, "--json"]))?;
    let memory = peak_pss_mb(&mut compare())?;
    figure("bundles in the folder", &bundles.to_string(), None);
    figure("writ audit compare, the whole year", &format!("{compared:.2} s"), Some(("under 2 s", compared < 2.0)));
    figure("writ audit compare --at, an instant of it", &format!("{then:.2} s"), None);
    figure("writ audit verify, the same folder", &format!("{verified:.2} s"), None);
    figure("the first beside the third", &format!("{:.2}", compared / verified), None);
    figure("memory of the first, peak", &format!("{memory:.0} MB"), None);
    Ok(())
}

fn began() -> Result<Time> {
    Ok("2025-11-23T00:00:00Z".parse()?)
}

/// An audit folder under construction.
struct Year<'f> {
    folder: &'f Path,
    policy: Policy,
    release: ReleaseRef,
    key: SecretKey,
    chain: ChainState,
    last: Option<BundleId>,
    postures: u64,
    bundles: u64,
}

impl<'f> Year<'f> {
    /// A trust root and a release of this repository's largest policy.
    fn begin(folder: &'f Path) -> Result<Self> {
        let (signer, key) = (SecretKey::generate(&[1; 40]), SecretKey::generate(&[2; 40]));
        let document = policy_document()?;
        let policy = Policy::parse(&document)?;
        let put = |path: &str, bytes: &[u8]| -> Result<()> {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().context("no folder")?)?;
            Ok(fs::write(path, bytes)?)
        };
        let signed = |folder: &str, name: &str, bytes: &[u8]| -> Result<()> {
            put(&format!("{folder}/{name}"), bytes)?;
            let signature = signer.sign(bytes, "bench", "bench")?.to_string();
            put(&format!("{folder}/{}", signature_file_name(name, signer.key_id())), signature.as_bytes())
        };
        let root = json!({ "schema": "writ.trust.v1", "version": 1, "epoch": 1, "keys": [{
            "public_key": signer.public_key().line(), "name": "signer", "roles": ["trust", "release"], "sites": [],
            "valid_from": "2025-01-01T00:00:00Z", "valid_until": "2035-01-01T00:00:00Z", "revoked_at": null }],
            "thresholds": { "trust": 1, "release": 1 }, "log_origins": {}, "witnesses": [], "timestamp_authorities": [],
            "expires_at": "2035-01-01T00:00:00Z" });
        signed("trust", "1.json", &canonical(&root))?;
        let digest = Digest::of(&document);
        put(&format!("documents/{}.json", digest.hex()), &document)?;
        let schema: Value = serde_json::from_slice(&document)?;
        let release = canonical(&json!({
            "schema": "writ.release.v1", "site": SITE, "epoch": 1, "serial": 1, "issued_at": began()?,
            "expires_at": "2026-05-22T00:00:00Z", "previous": null, "trust_version": 1,
            "source": { "revision": null, "nar_hash": Digest::of(b"source"), "dirty": false },
            "generations": { APPLIANCE: { "public_key": key.public_key().line(), "system_type": "x86_64-linux",
                "policy": { "schema": schema["schema"], "digest": digest, "size": document.len() }, "closure": null,
                "not_before": began()? } },
            "revoked_appliance_keys": [],
        }));
        signed(&format!("releases/{SITE}/1-1"), "release.json", &release)?;
        let release = ReleaseRef { epoch: "1".parse()?, serial: "1".parse()?, digest: Digest::of(&release) };
        Ok(Self { folder, policy, release, key, chain: ChainState::new(), last: None, postures: 0, bundles: 0 })
    }

    /// A year goes by.
    fn live(&mut self) -> Result<()> {
        let policy = self.policy.clone();
        let (mut chance, began) = (Chance(0x9e37_79b9_7f4a_7c15), began()?);
        let mut things: BTreeMap<&str, Thing> = policy
            .checks
            .iter()
            .filter_map(|(id, check)| Some((id.as_str(), Thing::new(check, &mut chance)?)))
            .collect();
        let healing: Vec<(&Rule, &str)> = policy.rules.values().filter_map(|r| Some((r, r.run.as_deref()?))).collect();
        self.started(began)?;
        let mut last = self.snapshot(&mut things, &mut chance, began)?;
        let mut opened = 0;
        for hour in 0..HOURS {
            let (from, to) = (began.plus_millis(hour * HOUR), began.plus_millis((hour + 1) * HOUR));
            // As many by then as the year is old.
            while opened < INCIDENTS * (hour + 1) / HOURS {
                opened += 1;
                let (rule, run) = healing[usize::try_from(opened)? % healing.len()];
                self.incident(opened, rule, run, from.plus_millis(20 * 60_000))?;
            }
            last = self.summary(&mut things, &mut chance, last, (from, to))?;
            if (hour + 1) % SNAPSHOT_EVERY == 0 {
                last = self.snapshot(&mut things, &mut chance, to)?;
            }
        }
        Ok(())
    }

    fn say(&mut self, kind: Kind, at: Time, fill: impl FnOnce(&mut Draft)) -> Result<TellingRef> {
        let mut draft = Draft::new(kind, &SITE.parse()?, &APPLIANCE.parse()?);
        draft.release = Some(self.release);
        fill(&mut draft);
        let sealed = seal(draft, &self.chain, &self.key, at)?;
        self.chain = sealed.next;
        let folder = self.folder.join(format!("evidence/{SITE}/{}", self.key.public_key().fingerprint()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(sealed.file_name()), &sealed.bytes)?;
        fs::write(folder.join(format!("{}.minisig", sealed.file_name())), &sealed.signature_text)?;
        self.last = Some(sealed.bundle_id);
        self.bundles += 1;
        self.postures += u64::from(kind == Kind::Posture);
        Ok(TellingRef { sequence: sealed.sequence, digest: sealed.digest })
    }

    fn started(&mut self, at: Time) -> Result<()> {
        let started = serde_json::from_value(json!({ "why": "boot", "previous_chain": null, "reimaged": false,
            "enforcing": self.release, "agent_version": "0", "recovered": [] }))?;
        self.say(Kind::Started, at, |draft| draft.started = Some(started))?;
        Ok(())
    }

    fn snapshot(&mut self, things: &mut BTreeMap<&str, Thing>, chance: &mut Chance, at: Time) -> Result<TellingRef> {
        let ids: Vec<String> = self.policy.checks.keys().cloned().collect();
        let seen = ids.into_iter().map(|id| {
            let observation = things.get_mut(id.as_str()).map_or_else(Observation::new, |thing| thing.see(60, chance));
            (id, Seen { at: Some(at), outcome: Outcome::Pass, reasons: Vec::new(), observation })
        });
        let checks = seen.collect();
        self.say(Kind::Posture, at, |draft| draft.posture = Some(Posture::Snapshot(Snapshot { checks })))
    }

    fn summary(
        &mut self,
        things: &mut BTreeMap<&str, Thing>,
        chance: &mut Chance,
        after: TellingRef,
        (from, to): (Time, Time),
    ) -> Result<TellingRef> {
        let runs = |id: &str| u64::try_from(HOUR / self.policy.checks[id].every.millis().max(1)).unwrap_or(1).max(1);
        let names: Vec<&str> = things.keys().copied().collect();
        let mut changed = BTreeMap::new();
        for _ in 0..DIFFERING {
            let id = names[usize::try_from(chance.next(names.len() as u64))?];
            let seen = things.get_mut(id).map(|thing| thing.see(3600, chance)).unwrap_or_default();
            let entry = VectorEntry {
                outcome: Outcome::Pass,
                reasons: Vec::new(),
                observation: Some(seen.digest()),
                runs: runs(id),
                failed: 0,
                not_assessed: 0,
                first_at: Some(from),
                last_at: Some(to.plus_millis(-1)),
                longest_gap_seconds: self.policy.checks[id].every.seconds().unsigned_abs(),
                numbers: BTreeMap::from([("age_seconds".to_owned(), Range::of(60))]),
            };
            changed.insert(id.to_owned(), Differing { runs: entry, seen: Some(seen) });
        }
        let steady = self.policy.checks.keys().filter(|id| !changed.contains_key(*id));
        let steady = Steady::of(steady.map(|id| (id.as_str(), runs(id))));
        let summary = Summary { from, to, after, steady, changed };
        self.say(Kind::Posture, to, |draft| draft.posture = Some(Posture::Summary(summary)))
    }

    /// One that is opened, healed by its rule within a minute, and closed.
    fn incident(&mut self, number: i64, rule: &Rule, run: &str, at: Time) -> Result<()> {
        let (runbook, check) = (self.policy.runbooks[run].clone(), rule.when.check.clone());
        let severity = self.policy.checks[&check].severity;
        let rule_id = self.policy.rules.iter().find(|(_, r)| *r == rule).map(|(id, _)| id.clone());
        let end = at.plus_millis(42_000);
        let mut incident = Incident {
            incident_id: IncidentId { date: Date::of(at), number: number.unsigned_abs() },
            event_type: "drift".to_owned(),
            severity,
            detected_at: at,
            hostname: APPLIANCE.to_owned(),
            check: check.clone(),
            details: BTreeMap::new(),
            hipaa_controls: rule.controls.clone(),
            opened_by: None,
        };
        let begun = incident.clone();
        self.say(Kind::IncidentOpened, at, |draft| {
            draft.incident = Some(begun);
            draft.drift = Some(Drift { before: Some(Observation::new().with("exists", false)), after: None });
        })?;
        incident.opened_by = self.last;
        let target = self.policy.settings.sla[&severity].seconds().unsigned_abs();
        let action = |(i, step): (usize, &writ_policy::runbook::Step)| Action {
            step: i as u64 + 1,
            action: step.id.clone(),
            script_hash: step_hash(step),
            result: ActionResult::Ok,
            exit_code: None,
            timestamp: at,
            duration_ms: 30,
            undo: false,
            stdout_excerpt: String::new(),
            stderr_excerpt: String::new(),
            error_message: None,
        };
        let actions = runbook.steps.iter().enumerate().map(action).collect();
        let steps = runbook.steps.len() as u64;
        self.say(Kind::IncidentClosed, end, |draft| {
            draft.incident = Some(incident);
            let seen = |exists: bool| Some(Observation::new().with("exists", exists));
            draft.drift = Some(Drift { before: seen(false), after: seen(true) });
            draft.change = Some(Change::Corrective);
            draft.runbook = Some(RunbookRef {
                runbook_id: run.to_owned(),
                runbook_version: runbook.version.clone(),
                runbook_hash: runbook.digest(),
                steps_total: steps,
                steps_executed: steps,
            });
            draft.actions_taken = actions;
            draft.execution = Some(Execution {
                timestamp_start: at,
                timestamp_end: end,
                operator: "service:writ-enforce".to_owned(),
                mttr_seconds: 42,
                sla_target_seconds: target,
                sla_met: 42 <= target,
                resolution_type: ResolutionType::Auto,
                tier: Some(Tier::L1),
                rule: rule_id,
                attempts: 1,
                escalations: Vec::new(),
            });
            draft.verification =
                vec![Verification { check, at: end, outcome: Outcome::Pass, observation: None, reasons: Vec::new() }];
            draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
        })?;
        Ok(())
    }
}
