//! Appliances whose incidents plans answer: really signed, in an audit folder.

use std::collections::BTreeMap;

use serde_json::json;
use writ_evidence::chain::ChainState;
use writ_evidence::id::Date;
use writ_evidence::incident::*;
use writ_evidence::records::*;
use writ_evidence::{Draft, IncidentId, Kind, seal};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::ids::ApplianceId;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use crate::world::*;

/// Who ended an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nobody yet.
    No,
    /// The runbook of a plan that ran last.
    ByPlan,
    /// People.
    ByPeople,
    /// A rule, the one that a test names.
    ByRule(&'static str),
}

/// One incident.
#[derive(Debug, Clone)]
pub struct Told<'t> {
    /// On which appliance.
    pub on: &'t str,
    /// Which check failed.
    pub check: &'t str,
    /// What was seen.
    pub seen: Observation,
    /// When, in minutes from the beginning.
    pub at: i64,
    /// The runbooks that plans had run, and what each came to.
    pub ran: &'t [(&'t str, &'t str)],
    /// Who ended it, two minutes later.
    pub ended: Ended,
}

struct Speaker {
    key: SecretKey,
    state: ChainState,
    policy: Policy,
    incidents: u64,
}

/// Some appliances of one site.
pub struct Fleet {
    pub world: World,
    speakers: BTreeMap<String, Speaker>,
    releases: u64,
    in_vain: bool,
    /// Runbooks of rules that were run for the next incident before anything else, in vain.
    before: Vec<String>,
}

impl Fleet {
    /// Appliances with their policies, under release 1.
    pub fn new(policies: &[(&str, Vec<u8>)]) -> Self {
        let mut fleet =
            Self { world: World::empty(), speakers: BTreeMap::new(), releases: 0, in_vain: false, before: Vec::new() };
        for (n, (name, policy)) in (70..).zip(policies) {
            let (key, state) = (key(n), ChainState::new());
            let speaker = Speaker { key, state, policy: Policy::parse(policy).unwrap(), incidents: 0 };
            fleet.speakers.insert((*name).to_owned(), speaker);
        }
        fleet.release(policies);
        let names: Vec<String> = fleet.speakers.keys().cloned().collect();
        for name in names {
            let enforcing = fleet.world.release;
            fleet.say(&name, Kind::Started, morning(), |draft| {
                draft.started = Some(
                    serde_json::from_value(json!({ "why": "boot", "previous_chain": null, "reimaged": false,
                        "enforcing": enforcing, "agent_version": "0", "recovered": [] }))
                    .unwrap(),
                );
            });
        }
        fleet
    }

    /// One more release, with these policies.
    pub fn release(&mut self, policies: &[(&str, Vec<u8>)]) {
        self.releases += 1;
        for (name, policy) in policies {
            self.world.write(&format!("documents/{}.json", Digest::of(policy).hex()), policy);
            self.speakers.get_mut(*name).unwrap().policy = Policy::parse(policy).unwrap();
        }
        let speakers = &self.speakers;
        self.world.release(self.releases, &policies[0].1, |release| {
            let pattern = release["generations"]["front-desk"].clone();
            release["generations"] = json!({});
            for (name, policy) in policies {
                let mut generation = pattern.clone();
                generation["public_key"] = speakers[*name].key.public_key().line().into();
                let schema: serde_json::Value = serde_json::from_slice(policy).unwrap();
                generation["policy"] =
                    json!({ "schema": schema["schema"], "digest": Digest::of(policy), "size": policy.len() });
                release["generations"][*name] = generation;
            }
        });
    }

    fn say(&mut self, name: &str, kind: Kind, at: Time, fill: impl FnOnce(&mut Draft)) -> writ_evidence::BundleId {
        let appliance: ApplianceId = name.parse().unwrap();
        let mut draft = Draft::new(kind, &site(), &appliance);
        draft.release = self.world.release;
        fill(&mut draft);
        let speaker = self.speakers.get_mut(name).unwrap();
        let sealed = seal(draft, &speaker.state, &speaker.key, at).unwrap();
        speaker.state = sealed.next;
        let path = format!("evidence/clinic-001/{}/{}", speaker.key.public_key().fingerprint(), sealed.file_name());
        self.world.write(&path, &sealed.bytes);
        self.world.write(&format!("{path}.minisig"), sealed.signature_text.as_bytes());
        sealed.bundle.bundle_id
    }

    /// The folder of an appliance's evidence.
    pub fn folder(&self, name: &str) -> std::path::PathBuf {
        let fingerprint = self.speakers[name].key.public_key().fingerprint();
        self.world.path().join("evidence/clinic-001").join(fingerprint)
    }

    /// Tells of an incident for which a rule ran last, and which people ended.
    pub fn ran_in_vain(&mut self, told: &Told<'_>) {
        self.in_vain = true;
        self.tell(told);
        self.in_vain = false;
    }

    /// Tells of an incident for which rules had these runbooks run before, in vain.
    pub fn after_rules(&mut self, runbooks: &[&str], told: &Told<'_>) {
        self.before = runbooks.iter().map(|name| (*name).to_owned()).collect();
        self.tell(told);
        self.before.clear();
    }

    /// Tells of an incident from its beginning to its end.
    pub fn tell(&mut self, told: &Told<'_>) {
        let from = morning().plus_millis(told.at * MINUTE);
        let minutes = |n: i64| from.plus_millis(n * MINUTE);
        let speaker = self.speakers.get_mut(told.on).unwrap();
        speaker.incidents += 1;
        let policy = speaker.policy.clone();
        let part = Incident {
            incident_id: IncidentId { date: Date::of(from), number: speaker.incidents },
            event_type: "file_drift".into(),
            severity: policy.checks[told.check].severity,
            detected_at: from,
            hostname: told.on.into(),
            check: told.check.into(),
            details: BTreeMap::new(),
            hipaa_controls: vec!["164.312(c)(1)".into()],
            opened_by: None,
        };
        let seen = told.seen.clone();
        let opened = self.say(told.on, Kind::IncidentOpened, from, |draft| {
            draft.incident = Some(part.clone());
            draft.affected.systems = vec![told.on.into()];
            draft.drift = Some(Drift { before: Some(seen.clone()), after: None });
        });
        if !told.ran.is_empty() {
            self.say(told.on, Kind::Plan, minutes(1), |draft| {
                let came_to: Vec<String> = told.ran.iter().map(|(name, word)| format!("{name}: {word}")).collect();
                let helped = told.ran.iter().any(|(_, word)| *word == "helped");
                let result = if helped { "helped" } else { "failed" };
                let said = [("check", told.check), ("result", result), ("came_to", &came_to.join(", "))];
                draft.artifacts.outputs.extend(said.map(|(name, text)| (name.to_owned(), text.to_owned())));
                draft.plan = Some(PlanRecord {
                    incident_id: part.incident_id,
                    planner: "writ-planner/0.1.0".into(),
                    runbooks: told.ran.iter().map(|(name, _)| (*name).to_owned()).collect(),
                    allowed: true,
                    reason: "it helped before".into(),
                    transcript: Some(Transcript {
                        model: "m".into(),
                        prompt: Digest::of(&told.at.to_be_bytes()),
                        asked: "?".into(),
                        answered: "!".into(),
                        outcome: if helped { "chosen" } else { "timeout" }.into(),
                        input_tokens: Some(100),
                        output_tokens: Some(10),
                        cost_microdollars: 1200,
                        took_ms: 40,
                    }),
                });
            });
        }
        if told.ended != Ended::No {
            self.close(told, &policy, part, opened);
        }
    }

    fn close(&mut self, told: &Told<'_>, policy: &Policy, mut part: Incident, opened: writ_evidence::BundleId) {
        let (from, end) = (part.detected_at, part.detected_at.plus_millis(2 * MINUTE));
        let (tier, rule) = match told.ended {
            Ended::ByRule(rule) if self.in_vain => (Tier::L3, Some(rule.to_owned())),
            Ended::ByRule(rule) => (Tier::L1, Some(rule.to_owned())),
            Ended::ByPlan => (Tier::L2, None),
            Ended::ByPeople | Ended::No => (Tier::L3, None),
        };
        let last = match &rule {
            Some(rule) => policy.rules[rule].run.clone(),
            None => told.ran.iter().rev().find(|(_, word)| *word != "not-run").map(|(name, _)| (*name).to_owned()),
        };
        part.opened_by = Some(opened);
        let (check, seen) = (part.check.clone(), told.seen.clone());
        let before = self.before.clone();
        self.say(told.on, Kind::IncidentClosed, end, |draft| {
            draft.incident = Some(part);
            draft.change = Some(Change::Corrective);
            draft.drift = Some(Drift { before: Some(seen), after: Some(good()) });
            if let Some(name) = last {
                let runbook = &policy.runbooks[&name];
                draft.runbook = Some(RunbookRef {
                    runbook_id: name,
                    runbook_version: runbook.version.clone(),
                    runbook_hash: runbook.digest(),
                    steps_total: runbook.steps.len() as u64,
                    steps_executed: runbook.steps.len() as u64,
                });
                let earlier = before.iter().flat_map(|name| &policy.runbooks[name].steps);
                let actions = (1..).zip(earlier.chain(&runbook.steps)).map(|(n, step)| Action {
                    step: n,
                    action: format!("{}: {}", step.id, step.step),
                    script_hash: step_hash(step),
                    result: ActionResult::Ok,
                    exit_code: None,
                    timestamp: from,
                    duration_ms: 3,
                    undo: false,
                    stdout_excerpt: String::new(),
                    stderr_excerpt: String::new(),
                    error_message: None,
                });
                draft.actions_taken = actions.collect();
            }
            let mttr_seconds = Execution::mttr(from, end);
            draft.execution = Some(Execution {
                timestamp_start: from,
                timestamp_end: end,
                operator: "service:writ-enforce".into(),
                mttr_seconds,
                sla_target_seconds: 3600,
                sla_met: true,
                resolution_type: if tier == Tier::L3 { ResolutionType::Manual } else { ResolutionType::Auto },
                tier: Some(tier),
                attempts: u64::from(rule.is_some()).max(told.ran.len() as u64),
                rule,
                escalations: vec![],
            });
            draft.verification = vec![Verification {
                check,
                at: end,
                outcome: Outcome::Pass,
                observation: Some(good().digest()),
                reasons: vec![],
            }];
            draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
        });
    }
}
