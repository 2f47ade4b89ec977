//! Audit folders that are made up: trust root, releases, policies and evidence of as many sites as are wanted, all of it signed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value as Json, json};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::ChainState;
use writ_evidence::id::Date;
use writ_evidence::incident::{
    Action, ActionResult, Change, Drift, Execution, Incident, Outputs, ResolutionStatus, ResolutionType, RunbookRef,
    Tier, Verification, step_hash,
};
use writ_evidence::posture::{Posture, Vector, VectorEntry};
use writ_evidence::records::{Attestation, PlanRecord, StartReason, Started, Transcript};
use writ_evidence::{Draft, IncidentId, Kind, seal};
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_policy::rule::Rule;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json as strict;
use writ_trust::minisign::{SecretKey, signature_file_name};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

/// The policy of the example, with every control of its baseline.
const POLICY: &[u8] = include_bytes!("../../../../golden/policy.json");
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The one appliance of each site.
pub const DESK: &str = "front-desk";

/// What is made up of one site.
pub struct Plan<'a> {
    /// The site.
    pub site: &'a str,
    /// When its evidence ends.
    pub now: Time,
    /// How many releases it has.
    pub releases: u64,
    /// How many hours of posture there are.
    pub hours: i64,
    /// How many incidents were healed.
    pub healed: u64,
    /// How many more a planner healed, each by a runbook that a language model chose for a tenth of a cent.
    pub planned: u64,
    /// How many are open.
    pub open: u64,
    /// What is said to be the reason of each incident.
    pub words: &'a str,
    /// Changes the policy of a release, by its serial.
    pub edit: &'a dyn Fn(u64, &mut Json),
}

impl<'a> Plan<'a> {
    /// A quiet site with one release, and two hours of evidence.
    pub fn quiet(site: &'a str, now: Time) -> Self {
        Self {
            site,
            now,
            releases: 1,
            hours: 2,
            healed: 0,
            planned: 0,
            open: 0,
            words: "it is not active",
            edit: &|_, _| {},
        }
    }
}

/// An audit folder.
pub struct Laid {
    root: PathBuf,
    signer: SecretKey,
}

impl Laid {
    /// An empty one with a trust root.
    pub fn begin(root: &Path, now: Time) -> Result<Self> {
        let laid = Self { root: root.to_owned(), signer: SecretKey::generate(&[1; 40]) };
        let year = 365 * DAY;
        let key = json!({ "public_key": laid.signer.public_key().line(), "name": "signer", "roles": ["trust", "release"],
            "sites": [], "valid_from": now.plus_millis(-year), "valid_until": now.plus_millis(year), "revoked_at": null });
        let trust = json!({ "schema": "writ.trust.v1", "version": 1, "epoch": 1, "keys": [key],
            "thresholds": { "trust": 1, "release": 1 }, "log_origins": {}, "witnesses": [], "timestamp_authorities": [],
            "expires_at": now.plus_millis(year) });
        laid.signed("trust", "1.json", &strict::canonical(&trust))?;
        Ok(laid)
    }

    /// The first trust root.
    pub fn trust(&self) -> PathBuf {
        self.root.join("trust/1.json")
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
        let folder = self.root.join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes).with_context(|| format!("{} {name}", folder.display()))
    }

    fn signed(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
        self.write(folder, name, bytes)?;
        let signature = self.signer.sign(bytes, "made up", "made up")?.to_string();
        self.write(folder, &signature_file_name(name, self.signer.key_id()), signature.as_bytes())
    }

    /// Makes a site up; gives the files of its bundles, relative to the folder.
    pub fn site(&self, plan: &Plan<'_>) -> Result<Vec<String>> {
        let site: SiteId = plan.site.parse()?;
        let mut seed = [2; 40];
        seed[..32].copy_from_slice(Digest::of(plan.site.as_bytes()).as_bytes());
        let key = SecretKey::generate(&seed);
        let mut release = None;
        let mut policy = None;
        for serial in 1..=plan.releases {
            let (reference, of) = self.release(plan, serial, release, &key)?;
            (release, policy) = (Some(reference), Some(of));
        }
        let (release, policy) = (release.context("no release")?, policy.context("no release")?);
        let appliance = DESK.parse()?;
        let fingerprint = key.public_key().fingerprint();
        let folder = format!("evidence/{site}/{fingerprint}");
        let mut writer = Writer {
            laid: self,
            folder,
            key,
            release,
            policy,
            site,
            appliance,
            state: ChainState::new(),
            files: vec![],
        };
        writer.live(plan)?;
        Ok(writer.files)
    }

    fn release(
        &self,
        plan: &Plan<'_>,
        serial: u64,
        before: Option<ReleaseRef>,
        key: &SecretKey,
    ) -> Result<(ReleaseRef, Policy)> {
        let mut policy: Json = serde_json::from_slice(POLICY)?;
        policy["site"] = plan.site.into();
        policy["settings"]["title"] = format!("Practice {}", plan.site).into();
        (plan.edit)(serial, &mut policy);
        let rules = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
        policy["rules_version"] = Digest::of(&strict::canonical(&rules)).to_string().into();
        let policy = strict::canonical(&policy);
        let digest = Digest::of(&policy);
        self.write("documents", &format!("{}.json", digest.hex()), &policy)?;
        let read = Policy::parse(&policy)?;
        let begun = plan.now.plus_millis(-30 * DAY);
        let release = json!({ "schema": "writ.release.v1", "site": plan.site, "epoch": 1, "serial": serial,
            "issued_at": begun.plus_millis(i64::try_from(serial)?), "expires_at": plan.now.plus_millis(150 * DAY),
            "previous": before.map(|before| before.digest),
            "source": { "revision": null, "nar_hash": Digest::of(b"source"), "dirty": false }, "trust_version": 1,
            "generations": { DESK: { "public_key": key.public_key().line(), "system_type": "x86_64-linux",
                "policy": { "schema": read.schema, "digest": digest, "size": policy.len() }, "closure": null, "not_before": begun } },
            "revoked_appliance_keys": [] });
        let bytes = strict::canonical(&release);
        self.signed(&format!("releases/{}/1-{serial}", plan.site), "release.json", &bytes)?;
        let serial = Serial::new(serial).context("a serial")?;
        Ok((ReleaseRef { epoch: Epoch::FIRST, serial, digest: Digest::of(&bytes) }, read))
    }
}

/// What writes the evidence of one appliance.
struct Writer<'a> {
    laid: &'a Laid,
    folder: String,
    key: SecretKey,
    release: ReleaseRef,
    policy: Policy,
    site: SiteId,
    appliance: ApplianceId,
    state: ChainState,
    files: Vec<String>,
}

impl Writer<'_> {
    fn live(&mut self, plan: &Plan<'_>) -> Result<()> {
        let incidents = i64::try_from(plan.healed + plan.planned + plan.open)?;
        let begun = plan.now.plus_millis(-plan.hours * HOUR - (incidents + 2) * MINUTE);
        self.started(begun)?;
        self.attested(begun.plus_millis(MINUTE))?;
        for n in 0..plan.healed + plan.planned + plan.open {
            let at = begun.plus_millis((i64::try_from(n)? + 2) * MINUTE);
            let opened = self.opened(n + 1, at, plan.words)?;
            if n < plan.healed {
                self.closed(n + 1, opened, at, plan.words, Tier::L1)?;
            } else if n < plan.healed + plan.planned {
                self.asked(n + 1, at, plan.words)?;
                self.closed(n + 1, opened, at, plan.words, Tier::L2)?;
            }
        }
        let quiet = plan.now.plus_millis(-plan.hours * HOUR);
        for hour in 0..plan.hours {
            self.vector(quiet.plus_millis(hour * HOUR), quiet.plus_millis((hour + 1) * HOUR))?;
        }
        Ok(())
    }

    fn seal(&mut self, mut draft: Draft, now: Time) -> Result<writ_evidence::BundleId> {
        draft.release = Some(self.release);
        let sealed = seal(draft, &self.state, &self.key, now)?;
        let name = sealed.file_name();
        self.laid.write(&self.folder, &name, &sealed.bytes)?;
        self.laid.write(&self.folder, &format!("{name}.minisig"), sealed.signature_text.as_bytes())?;
        self.files.push(format!("{}/{name}", self.folder));
        self.state = sealed.next;
        Ok(sealed.bundle_id)
    }

    fn draft(&self, kind: Kind) -> Draft {
        Draft::new(kind, &self.site, &self.appliance)
    }

    fn started(&mut self, now: Time) -> Result<()> {
        let mut draft = self.draft(Kind::Started);
        draft.started = Some(Started {
            why: StartReason::FirstStart,
            previous_chain: None,
            reimaged: false,
            enforcing: Some(self.release),
            agent_version: "0.1.0".into(),
            recovered: vec![],
        });
        self.seal(draft, now).map(drop)
    }

    /// A statement on the first control that has a duty.
    fn attested(&mut self, now: Time) -> Result<()> {
        let control = self.policy.controls.iter().find(|(_, control)| !control.duties.is_empty());
        let Some((control, _)) = control else { return Ok(()) };
        let mut draft = self.draft(Kind::Attestation);
        draft.attestation = Some(Attestation {
            control: control.clone(),
            by: "Sam Okafor".into(),
            statement: "It was done.".into(),
            from: now,
            until: now.plus_millis(90 * DAY),
            attachments: vec![],
        });
        self.seal(draft, now).map(drop)
    }

    /// The first rule that runs something: its id, itself, and what it runs.
    fn rule(&self) -> Result<(&String, &Rule, &String)> {
        self.policy
            .rules
            .iter()
            .find_map(|(id, rule)| Some((id, rule, rule.run.as_ref()?)))
            .context("no rule runs anything")
    }

    /// What a planner chooses: the last runbook that no rule runs.
    fn other(&self) -> Result<&String> {
        let run = |id: &&String| self.policy.rules.values().any(|rule| rule.run.as_ref() == Some(*id));
        let others = self.policy.runbooks.iter().filter(|(_, runbook)| !runbook.steps.is_empty()).map(|(id, _)| id);
        let (used, unused): (Vec<_>, Vec<_>) = others.partition(run);
        unused.last().or(used.last()).copied().context("no other runbook")
    }

    /// A plan that a language model made.
    fn asked(&mut self, number: u64, at: Time, words: &str) -> Result<()> {
        let mut draft = self.draft(Kind::Plan);
        draft.plan = Some(PlanRecord {
            incident_id: IncidentId { date: Date::of(at), number },
            planner: "writ-planner".into(),
            runbooks: vec![self.other()?.clone()],
            allowed: true,
            reason: words.into(),
            transcript: Some(Transcript {
                model: "a-model".into(),
                prompt: Digest::of(format!("{number}").as_bytes()),
                asked: words.into(),
                answered: words.into(),
                outcome: "chosen".into(),
                input_tokens: Some(800),
                output_tokens: Some(40),
                cost_microdollars: 1000,
                took_ms: 900,
            }),
        });
        self.seal(draft, at.plus_millis(1000)).map(drop)
    }

    fn incident(&self, number: u64, at: Time, words: &str) -> Result<Incident> {
        let (_, rule, _) = self.rule()?;
        let check = rule.when.check.clone();
        Ok(Incident {
            incident_id: IncidentId { date: Date::of(at), number },
            event_type: "service_stopped".into(),
            severity: self.policy.checks.get(&check).context("no check")?.severity,
            detected_at: at,
            hostname: DESK.into(),
            check,
            details: BTreeMap::from([("reasons".into(), Value::List(vec![words.into()]))]),
            hipaa_controls: rule.controls.clone(),
            opened_by: None,
        })
    }

    fn opened(&mut self, number: u64, at: Time, words: &str) -> Result<writ_evidence::BundleId> {
        let mut draft = self.draft(Kind::IncidentOpened);
        draft.incident = Some(self.incident(number, at, words)?);
        draft.affected.systems = vec![DESK.into()];
        draft.drift = Some(Drift { before: Some(seen("failed")), after: None });
        self.seal(draft, at)
    }

    fn closed(
        &mut self,
        number: u64,
        opened: writ_evidence::BundleId,
        at: Time,
        words: &str,
        tier: Tier,
    ) -> Result<()> {
        let end = at.plus_millis(42_500);
        let (id, _, run) = self.rule()?;
        let run = if tier == Tier::L1 { run } else { self.other()? };
        let runbook = self.policy.runbooks.get(run).context("no runbook")?;
        let step = runbook.steps.first().context("no step")?;
        let mut incident = self.incident(number, at, words)?;
        incident.opened_by = Some(opened);
        let target = self.policy.settings.sla.get(&incident.severity).context("no time")?.seconds();
        let mut draft = self.draft(Kind::IncidentClosed);
        draft.change = Some(Change::Corrective);
        draft.drift = Some(Drift { before: Some(seen("failed")), after: Some(seen("active")) });
        draft.runbook = Some(RunbookRef {
            runbook_id: run.clone(),
            runbook_version: runbook.version.clone(),
            runbook_hash: runbook.digest(),
            steps_total: 1,
            steps_executed: 1,
        });
        draft.actions_taken = vec![Action {
            step: 1,
            action: format!("{}: systemd.start", step.id),
            script_hash: step_hash(step),
            result: ActionResult::Ok,
            exit_code: None,
            timestamp: at,
            duration_ms: 3,
            undo: false,
            stdout_excerpt: String::new(),
            stderr_excerpt: String::new(),
            error_message: None,
        }];
        draft.execution = Some(Execution {
            timestamp_start: at,
            timestamp_end: end,
            operator: "service:writ-enforce".into(),
            mttr_seconds: Execution::mttr(at, end),
            sla_target_seconds: u64::try_from(target)?,
            sla_met: true,
            resolution_type: ResolutionType::Auto,
            tier: Some(tier),
            rule: (tier == Tier::L1).then(|| id.clone()),
            attempts: 1,
            escalations: vec![],
        });
        draft.verification = vec![Verification {
            check: incident.check.clone(),
            at: end,
            outcome: Outcome::Pass,
            observation: Some(seen("active").digest()),
            reasons: vec![],
        }];
        draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
        draft.incident = Some(incident);
        self.seal(draft, end).map(drop)
    }

    /// An hour in which every check ran every five minutes, and passed.
    fn vector(&mut self, from: Time, to: Time) -> Result<()> {
        let entry = VectorEntry {
            outcome: Outcome::Pass,
            reasons: vec![],
            observation: Some(seen("active").digest()),
            runs: 12,
            failed: 0,
            not_assessed: 0,
            first_at: Some(from.plus_millis(MINUTE)),
            last_at: Some(to.plus_millis(-4 * MINUTE)),
            longest_gap_seconds: 300,
            numbers: BTreeMap::new(),
        };
        let checks = self.policy.checks.keys().map(|check| (check.clone(), entry.clone())).collect();
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Vector(Vector { from, to, checks }));
        self.seal(draft, to).map(drop)
    }
}

fn seen(state: &str) -> Observation {
    Observation::new().with("active_state", state)
}
