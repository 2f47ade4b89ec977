//! One bundle of every kind that this release emits, as one chain of one appliance.

use std::collections::BTreeMap;

use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::{ChainState, Sealed, Speaker, authenticate};
use writ_evidence::id::IncidentId;
use writ_evidence::incident::*;
use writ_evidence::posture::{
    Differing, OutcomeChange, Posture, Range, Seen, Snapshot, Steady, Summary, TellingRef, Vector, VectorEntry,
};
use writ_evidence::records::*;
use writ_evidence::{Bundle, Draft, Kind, seal};
use writ_policy::declared::Severity;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::json;
use writ_trust::time::Time;

use super::Golden;
use super::documents::{TOPLEVEL, release};
use super::keys::*;

const CHECK: &str = "ehr.connector-config";

/// The whole chain; the names say what each bundle tells.
pub fn chain() -> Vec<(&'static str, Sealed)> {
    let drafts = [
        ("started", started()),
        ("switch", switch()),
        ("posture-snapshot", snapshot()),
        ("incident-opened", opened()),
        ("plan", plan()),
        ("incident-closed", closed()),
        ("posture-change", change()),
        ("posture-vector", vector()),
        ("pause", pause()),
        ("refused", refused()),
        ("posture-summary", summary()),
        ("plan-chosen", chosen()),
    ];
    let mut state = ChainState::new();
    let mut sealed = Vec::new();
    for (second, (name, draft)) in drafts.into_iter().enumerate() {
        let now = noon().plus_millis(i64::try_from(second).unwrap() * 1000);
        let one = seal(draft, &state, &secret(FRONT_DESK), now).unwrap();
        state = one.next;
        sealed.push((name, one));
    }
    sealed
}

pub fn all() -> Vec<Golden> {
    let mut golden = Vec::new();
    for (name, sealed) in chain() {
        if name == "started" {
            let signature = sealed.signature_text.clone().into_bytes();
            golden.push(Golden::new("bundle-started.json.minisig", signature, authentic));
        }
        golden.push(Golden::new(format!("bundle-{name}.json"), sealed.bytes, |b| {
            let bundle: Bundle = json::parse(b, writ_evidence::bundle::MAX_BUNDLE).map_err(|e| e.to_string())?;
            bundle.validate().map_err(|e| e.to_string())?;
            Ok(json::canonical(&bundle))
        }));
    }
    golden
}

/// The signature in the folder is that of the bundle in the folder.
fn authentic(signature: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(super::folder().join("bundle-started.json")).map_err(|e| e.to_string())?;
    let (site, appliance, public_key) = (as_("clinic-001"), as_("front-desk"), public(FRONT_DESK));
    let speaker = Speaker { site: &site, appliance: &appliance, public_key: &public_key };
    authenticate(&bytes, signature, &speaker).map_err(|e| e.to_string())?;
    let text = writ_trust::minisign::Signature::parse(signature).map_err(|e| e.to_string())?.to_string();
    Ok(text.into_bytes())
}

fn release_ref() -> ReleaseRef {
    ReleaseRef { epoch: as_("1"), serial: as_("5"), digest: Digest::of(&release().canonical()) }
}

fn draft(kind: Kind) -> Draft {
    let mut draft = Draft::new(kind, &as_("clinic-001"), &as_("front-desk"));
    draft.release = Some(release_ref());
    draft
}

fn seen(mode: &str) -> Observation {
    Observation::new().with("exists", true).with("mode", mode).with("size_bytes", 77)
}

fn at(seconds: i64) -> Time {
    noon().plus_millis(seconds * 1000)
}

fn id() -> IncidentId {
    as_("INC-20261123-0007")
}

fn started() -> Draft {
    let mut draft = draft(Kind::Started);
    draft.release = None;
    draft.started = Some(Started {
        why: StartReason::FirstStart,
        previous_chain: Some(ChainEnd {
            public_key: public(STOLEN),
            sequence: 41,
            digest: Digest::of(b"the last one"),
        }),
        reimaged: true,
        enforcing: None,
        agent_version: "0.1.0".into(),
        recovered: vec!["2 bundles were committed and not yet in the outbox: put there".into()],
    });
    draft
}

fn switch() -> Draft {
    let mut draft = draft(Kind::Switch);
    draft.change = Some(Change::Intended);
    let generation = |serial: &str, toplevel: Option<&str>| GenerationRef {
        epoch: as_("1"),
        serial: as_(serial),
        toplevel: toplevel.map(as_),
    };
    let states = [
        SwitchState::Fetched,
        SwitchState::Verified,
        SwitchState::Imported,
        SwitchState::Testing,
        SwitchState::Probation,
        SwitchState::Committed,
        SwitchState::RolledBack,
    ];
    draft.switch = Some(Switch {
        from: Some(generation("4", None)),
        to: generation("5", Some(TOPLEVEL)),
        release: release_ref(),
        states: states.into_iter().map(|state| StateAt { state, at: at(0) }).collect(),
        outcome: SwitchOutcome::RolledBack,
        reason: Some("ehr.connector-service held before and fails now".into()),
        attempts: 2,
        probation: vec![verification(Outcome::Fail, &["active_state is \"failed\", expected eq \"active\""])],
    });
    draft
}

fn verification(outcome: Outcome, reasons: &[&str]) -> Verification {
    Verification {
        check: CHECK.into(),
        at: at(1),
        outcome,
        observation: Some(seen("0640").digest()),
        reasons: reasons.iter().map(|&r| r.to_owned()).collect(),
    }
}

fn snapshot() -> Draft {
    let mut draft = draft(Kind::Posture);
    let entry = |outcome, reason: &str, observation| Seen {
        at: Some(at(1)),
        outcome,
        reasons: (!reason.is_empty()).then(|| reason.to_owned()).into_iter().collect(),
        observation,
    };
    let none = Observation::new;
    draft.posture = Some(Posture::Snapshot(Snapshot {
        checks: BTreeMap::from([
            (CHECK.into(), entry(Outcome::Pass, "", seen("0640"))),
            ("capacity.disk".into(), entry(Outcome::Warn, "available_percent is 18, preferred ge 20", none())),
            ("access.firewall".into(), entry(Outcome::Fail, "present is false, expected eq true", none())),
            ("access.sshd".into(), entry(Outcome::NotApplicable, "sshd is not installed", none())),
            ("capacity.cpu".into(), entry(Outcome::NotAssessable, "the window is not full yet", none())),
        ]),
    }));
    draft
}

fn incident() -> Incident {
    Incident {
        incident_id: id(),
        event_type: "file".into(),
        severity: Severity::High,
        detected_at: at(2),
        hostname: "front-desk".into(),
        check: CHECK.into(),
        details: BTreeMap::from([
            ("reasons".into(), Value::List(vec!["mode is \"0666\", expected eq \"0640\"".into()])),
            ("interrupted_attempts".into(), Value::Int(1)),
            ("ticket".into(), Value::Text(id().to_string())),
        ]),
        hipaa_controls: vec!["164.312(a)(1)".into(), "164.312(c)(1)".into()],
        opened_by: None,
    }
}

fn opened() -> Draft {
    let mut draft = draft(Kind::IncidentOpened);
    draft.incident = Some(incident());
    draft.affected.systems = vec!["front-desk".into()];
    draft.drift = Some(Drift { before: Some(seen("0666")), after: None });
    draft
}

fn plan() -> Draft {
    let mut draft = draft(Kind::Plan);
    draft.plan = Some(PlanRecord {
        transcript: None,
        incident_id: id(),
        planner: "none".into(),
        runbooks: vec![],
        allowed: false,
        reason: "2 failed attempts; L2: not in this release, so it goes to people (L3); ticket INC-20261123-0007"
            .into(),
    });
    draft
}

/// A plan of two runbooks, for which a language model was asked.
fn chosen() -> Draft {
    let mut draft = draft(Kind::Plan);
    let digests = ["request", "plan"].map(|name| (name.to_owned(), Digest::of(name.as_bytes())));
    draft.artifacts.checksums.extend(digests);
    let said =
        [("check", CHECK), ("request", "INC-20261123-0007-1"), ("offered", "RB-EHR-001, RB-EHR-002, RB-EHR-003")];
    draft.artifacts.outputs.extend(said.map(|(name, text)| (name.to_owned(), text.to_owned())));
    draft.plan = Some(PlanRecord {
        incident_id: id(),
        planner: "writ-planner/0.1.0".into(),
        runbooks: vec!["RB-EHR-001".into(), "RB-EHR-002".into()],
        allowed: true,
        reason: "RB-EHR-001, then RB-EHR-002 are run, one after the other until the check holds (the connector lost its file)"
            .into(),
        transcript: Some(Transcript {
            model: "small:8b".into(),
            prompt: Digest::of(b"what was sent"),
            asked: "{\"check\":\"ehr.connector-config\"}".into(),
            answered: "{\"runbooks\":[\"RB-EHR-001\",\"RB-EHR-002\"]}".into(),
            outcome: "chosen".into(),
            input_tokens: Some(1_812),
            output_tokens: Some(64),
            cost_microdollars: 310,
            took_ms: 842,
        }),
    });
    draft
}

fn closed() -> Draft {
    let mut draft = opened();
    draft.kind = Kind::IncidentClosed;
    draft.incident.as_mut().unwrap().opened_by = Some(as_("EB-20261123-0004"));
    draft.drift = Some(Drift { before: Some(seen("0666")), after: Some(seen("0640")) });
    draft.change = Some(Change::Corrective);
    draft.runbook = Some(RunbookRef {
        runbook_id: "RB-EHR-001".into(),
        runbook_version: "1.0".into(),
        runbook_hash: Digest::of(b"the runbook"),
        steps_total: 1,
        steps_executed: 1,
    });
    draft.execution = Some(Execution {
        timestamp_start: at(2),
        timestamp_end: at(4),
        operator: "service:writ-enforce".into(),
        mttr_seconds: 2,
        sla_target_seconds: 3600,
        sla_met: true,
        resolution_type: ResolutionType::Auto,
        tier: Some(Tier::L1),
        rule: Some("L1-EHR-001".into()),
        attempts: 2,
        escalations: vec![Escalation {
            to: Tier::L3,
            at: at(3),
            reason: "2 failed attempts".into(),
            notified: vec!["on-call@msp.example".into()],
        }],
    });
    draft.actions_taken = vec![Action {
        step: 1,
        action: "restore: file.restore".into(),
        script_hash: Digest::of(b"the step"),
        result: ActionResult::Ok,
        exit_code: Some(0),
        timestamp: at(3),
        duration_ms: 3,
        undo: false,
        stdout_excerpt: "restored".into(),
        stderr_excerpt: String::new(),
        error_message: None,
    }];
    draft.verification = vec![verification(Outcome::Pass, &[])];
    draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
    draft
}

fn change() -> Draft {
    let mut draft = draft(Kind::Posture);
    draft.posture = Some(Posture::Change(OutcomeChange {
        check: "capacity.disk".into(),
        from: Some(Outcome::Pass),
        to: Outcome::Warn,
        at: at(6),
        reasons: vec!["available_percent is 18, preferred ge 20".into()],
        observation: Observation::new().with("available_percent", 18),
    }));
    draft
}

fn summary() -> Draft {
    let Some(Posture::Vector(vector)) = vector().posture else { unreachable!("a vector is a vector") };
    let changed = vector.checks.into_iter().map(|(id, runs)| {
        let seen = Some(Observation::new().with("mode", "0640").with("size_bytes", 220));
        (id, Differing { runs, seen })
    });
    let mut draft = draft(Kind::Posture);
    draft.posture = Some(Posture::Summary(Summary {
        from: noon().plus_millis(3_600_000),
        to: noon().plus_millis(7_200_000),
        after: TellingRef { sequence: 2, digest: Digest::of(b"the snapshot") },
        steady: Steady::of([("ehr.connector-service", 120), ("firewall.ruleset", 720)]),
        changed: changed.collect(),
    }));
    draft
}

fn vector() -> Draft {
    let mut draft = draft(Kind::Posture);
    let mut range = Range::of(45);
    range.take(40);
    range.take(42);
    draft.posture = Some(Posture::Vector(Vector {
        from: time("2026-11-23T11:00:00Z"),
        to: noon(),
        checks: BTreeMap::from([(
            "capacity.disk".into(),
            VectorEntry {
                outcome: Outcome::Pass,
                reasons: vec![],
                observation: Some(Observation::new().with("available_percent", 42).digest()),
                runs: 60,
                failed: 1,
                not_assessed: 2,
                first_at: Some(time("2026-11-23T11:00:30.25Z")),
                last_at: Some(time("2026-11-23T11:59:30Z")),
                longest_gap_seconds: 61,
                numbers: BTreeMap::from([("available_percent".into(), range)]),
            },
        )]),
    }));
    draft
}

fn pause() -> Draft {
    let mut draft = draft(Kind::Pause);
    draft.pause = Some(Pause {
        phase: PausePhase::Begun,
        means: PauseMeans::BreakGlass,
        reference: "break-glass code".into(),
        by: "local".into(),
        reason: "the connector's vendor works on it".into(),
        checks: vec![CHECK.into()],
        from: at(8),
        until: at(3608),
    });
    draft
}

fn refused() -> Draft {
    let mut draft = draft(Kind::Refused);
    draft.refused = Some(Refused {
        rule: "floor".into(),
        message: "release 1-3: rule floor: the release is 1-3, expected above 1-5 which was accepted before".into(),
        what: "release".into(),
        digest: Some(Digest::of(b"an old release")),
        count: 1,
    });
    draft
}
