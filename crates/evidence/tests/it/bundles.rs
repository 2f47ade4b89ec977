//! Bundles to test with.

use std::collections::BTreeMap;

use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::Speaker;
use writ_evidence::id::Date;
use writ_evidence::incident::*;
use writ_evidence::posture::{OutcomeChange, Posture};
use writ_evidence::records::{StartReason, Started};
use writ_evidence::{Bundle, Draft, IncidentId, Kind};
use writ_policy::declared::Severity;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

pub fn site() -> SiteId {
    "clinic-001".parse().unwrap()
}

pub fn appliance() -> ApplianceId {
    "front-desk".parse().unwrap()
}

pub fn key(n: u8) -> SecretKey {
    SecretKey::generate(&[n; 40])
}

pub fn at(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn noon() -> Time {
    at("2026-11-23T12:00:00Z")
}

pub fn release() -> ReleaseRef {
    ReleaseRef { epoch: Epoch::FIRST, serial: Serial::FIRST, digest: Digest::of(b"release") }
}

pub fn started() -> Draft {
    let mut draft = Draft::new(Kind::Started, &site(), &appliance());
    draft.started = Some(Started {
        why: StartReason::FirstStart,
        previous_chain: None,
        reimaged: false,
        enforcing: Some(release()),
        agent_version: "0.1.0".into(),
        recovered: vec![],
    });
    draft
}

pub fn change(to: Outcome, when: Time) -> Draft {
    let mut draft = Draft::new(Kind::Posture, &site(), &appliance());
    draft.release = Some(release());
    draft.posture = Some(Posture::Change(OutcomeChange {
        check: "file.motd".into(),
        from: Some(Outcome::Pass),
        to,
        at: when,
        reasons: vec![],
        observation: Observation::new().with("mode", "0666"),
    }));
    draft
}

pub fn incident() -> Incident {
    Incident {
        incident_id: IncidentId { date: Date::of(noon()), number: 7 },
        event_type: "file_drift".into(),
        severity: Severity::High,
        detected_at: noon(),
        hostname: "front-desk".into(),
        check: "file.motd".into(),
        details: BTreeMap::from([("reasons".into(), Value::List(vec!["mode is \"0666\"".into()]))]),
        hipaa_controls: vec!["164.312(c)(1)".into()],
        opened_by: None,
    }
}

pub fn opened() -> Draft {
    let mut draft = Draft::new(Kind::IncidentOpened, &site(), &appliance());
    draft.release = Some(release());
    draft.incident = Some(incident());
    draft.affected.systems = vec!["front-desk".into()];
    draft.drift = Some(Drift { before: Some(Observation::new().with("mode", "0666")), after: None });
    draft
}

pub fn closed() -> Draft {
    let mut draft = opened();
    draft.kind = Kind::IncidentClosed;
    draft.incident.as_mut().unwrap().opened_by = Some("EB-20261123-0002".parse().unwrap());
    draft.drift.as_mut().unwrap().after = Some(Observation::new().with("mode", "0644"));
    draft.change = Some(Change::Corrective);
    draft.runbook = Some(RunbookRef {
        runbook_id: "RB-FILE-001".into(),
        runbook_version: "1.0".into(),
        runbook_hash: Digest::of(b"runbook"),
        steps_total: 1,
        steps_executed: 1,
    });
    draft.execution = Some(Execution {
        timestamp_start: noon(),
        timestamp_end: noon().plus_millis(40),
        operator: "service:writ-enforce".into(),
        mttr_seconds: 1,
        sla_target_seconds: 3600,
        sla_met: true,
        resolution_type: ResolutionType::Auto,
        tier: Some(Tier::L1),
        rule: Some("L1-FILE-001".into()),
        attempts: 1,
        escalations: vec![],
    });
    draft.actions_taken = vec![Action {
        step: 1,
        action: "restore: file.restore".into(),
        script_hash: Digest::of(b"step"),
        result: ActionResult::Ok,
        exit_code: None,
        timestamp: noon(),
        duration_ms: 3,
        undo: false,
        stdout_excerpt: "restored for patient: Jane Doe".into(),
        stderr_excerpt: String::new(),
        error_message: None,
    }];
    draft.verification = vec![Verification {
        check: "file.motd".into(),
        at: noon().plus_millis(39),
        outcome: Outcome::Pass,
        observation: Some(Digest::of(b"observation")),
        reasons: vec![],
    }];
    draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
    draft
}

/// The parts of a [`Speaker`], which borrows.
pub struct Who {
    site: SiteId,
    appliance: ApplianceId,
    key: PublicKey,
}

pub fn who(key: &SecretKey) -> Who {
    Who { site: site(), appliance: appliance(), key: key.public_key() }
}

impl Who {
    pub fn speaker(&self) -> Speaker<'_> {
        Speaker { site: &self.site, appliance: &self.appliance, public_key: &self.key }
    }
}

/// Signs what a hostile or broken appliance might: a bundle that `seal` would not make.
pub fn sign_anyway(bundle: &Bundle, key: &SecretKey) -> (Vec<u8>, String) {
    let bytes = writ_trust::json::canonical(bundle);
    let signature = key.sign(&bytes, "x", "y").unwrap().to_string();
    (bytes, signature)
}
