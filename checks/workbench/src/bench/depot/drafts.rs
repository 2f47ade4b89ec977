//! What appliances say in a measurement: the first bundle of a key, then an incident opened, the same closed, and a change
//! of posture, over and over, as long as real ones are.

use std::collections::BTreeMap;

use writ_evidence::bundle::ReleaseRef;
use writ_evidence::id::{BundleId, Date, IncidentId};
use writ_evidence::incident::{
    Action, ActionResult, Change, Drift, Execution, Incident, Outputs, ResolutionStatus, ResolutionType, RunbookRef,
    Tier, Verification,
};
use writ_evidence::posture::{OutcomeChange, Posture};
use writ_evidence::records::{StartReason, Started};
use writ_evidence::{Draft, Kind};
use writ_policy::declared::Severity;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

/// Who speaks, and of what.
pub struct Story<'a> {
    pub site: &'a SiteId,
    pub appliance: &'a ApplianceId,
    pub release: ReleaseRef,
    /// The last checkpoint of the site's log that the appliance saw.
    pub checkpoint: Option<&'a str>,
}

impl Story<'_> {
    /// What the bundle with this sequence says.
    pub fn tell(&self, sequence: u64, now: Time) -> Draft {
        match sequence {
            1 => self.started(),
            _ if sequence % 3 == 2 => self.opened(sequence, now),
            _ if sequence.is_multiple_of(3) => self.closed(sequence, now),
            _ => self.posture(now),
        }
    }

    fn draft(&self, kind: Kind) -> Draft {
        let mut draft = Draft::new(kind, self.site, self.appliance);
        draft.release = Some(self.release);
        draft.last_checkpoint = self.checkpoint.map(str::to_owned);
        draft.clock.sources = vec!["ntp1.example.org".into(), "ntp2.example.org".into(), "ntp3.example.org".into()];
        draft.clock.offset_ms = Some(3);
        draft.clock.quorum = true;
        draft
    }

    fn started(&self) -> Draft {
        let mut draft = self.draft(Kind::Started);
        draft.started = Some(Started {
            why: StartReason::FirstStart,
            previous_chain: None,
            reimaged: false,
            enforcing: Some(self.release),
            agent_version: env!("CARGO_PKG_VERSION").into(),
            recovered: vec![],
        });
        draft
    }

    fn opened(&self, sequence: u64, now: Time) -> Draft {
        let mut draft = self.draft(Kind::IncidentOpened);
        draft.incident = Some(Incident {
            incident_id: IncidentId { date: Date::of(now), number: sequence },
            event_type: "file_drift".into(),
            severity: Severity::High,
            detected_at: now,
            hostname: self.appliance.to_string(),
            check: "file.motd".into(),
            details: BTreeMap::from([("reasons".into(), Value::List(vec!["mode is \"0666\"".into()]))]),
            hipaa_controls: vec!["164.312(c)(1)".into(), "164.308(a)(1)(ii)(D)".into()],
            opened_by: None,
        });
        draft.affected.systems = vec![self.appliance.to_string()];
        let seen = Observation::new().with("path", "/etc/motd").with("mode", "0666").with("owner", "root");
        draft.drift = Some(Drift { before: Some(seen), after: None });
        draft
    }

    fn closed(&self, sequence: u64, now: Time) -> Draft {
        let mut draft = self.opened(sequence - 1, now);
        draft.kind = Kind::IncidentClosed;
        if let (Some(incident), Some(drift)) = (&mut draft.incident, &mut draft.drift) {
            incident.opened_by = Some(BundleId { date: Date::of(now), number: sequence - 1 });
            drift.after = Some(Observation::new().with("path", "/etc/motd").with("mode", "0644").with("owner", "root"));
        }
        draft.change = Some(Change::Corrective);
        draft.runbook = Some(RunbookRef {
            runbook_id: "RB-FILE-001".into(),
            runbook_version: "1.0".into(),
            runbook_hash: Digest::of(b"runbook"),
            steps_total: 1,
            steps_executed: 1,
        });
        draft.execution = Some(Execution {
            timestamp_start: now,
            timestamp_end: now.plus_millis(40),
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
            timestamp: now,
            duration_ms: 3,
            undo: false,
            stdout_excerpt: "restored /etc/motd".into(),
            stderr_excerpt: String::new(),
            error_message: None,
        }];
        draft.verification = vec![Verification {
            check: "file.motd".into(),
            at: now.plus_millis(39),
            outcome: Outcome::Pass,
            observation: Some(Digest::of(b"observation")),
            reasons: vec![],
        }];
        draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Success });
        draft
    }

    fn posture(&self, now: Time) -> Draft {
        let mut draft = self.draft(Kind::Posture);
        draft.posture = Some(Posture::Change(OutcomeChange {
            check: "backup.recent".into(),
            from: Some(Outcome::Fail),
            to: Outcome::Pass,
            at: now,
            reasons: vec![],
            observation: Observation::new().with("age_seconds", 81_000).with("repository", "/var/backup/ehr"),
        }));
        draft
    }
}
