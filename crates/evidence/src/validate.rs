//! What a bundle of each kind must and must not hold, and how large any part of it may be.

use serde_json::Value as Json;

use crate::bundle::{BUNDLE_VERSION, Bundle, Kind, schema_of};
use crate::incident::{Execution, ResolutionStatus};
use crate::posture::{Posture, Summary};

/// The longest text, in bytes.
pub const MAX_TEXT: usize = 8 * 1024;
/// The longest name (of a field, a check, a host, a rule …), in bytes.
pub const MAX_NAME: usize = 256;
/// The longest list, and the most keys of an object.
pub const MAX_ITEMS: usize = 4096;

/// Why a bundle is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidationError {
    /// The schema tag is not that of what it holds: a newer writer, or not a bundle.
    #[error("schema is {found:?}, what it holds is of {expected:?}")]
    Schema {
        /// The tag.
        found: String,
        /// That of what it holds.
        expected: &'static str,
    },
    /// The version is another one.
    #[error("bundle_version is {0:?}, this version knows {BUNDLE_VERSION:?}")]
    Version(String),
    /// The kind needs a part that is not there.
    #[error("a bundle of kind `{kind}` needs `{field}`, which is missing or empty")]
    Missing {
        /// The kind.
        kind: Kind,
        /// The part.
        field: &'static str,
    },
    /// The kind does not use a part that is there.
    #[error("a bundle of kind `{kind}` must leave `{field}` null or empty")]
    Unexpected {
        /// The kind.
        kind: Kind,
        /// The part.
        field: &'static str,
    },
    /// A part is longer than it may be.
    #[error("`{path}` is {size} long, at most {limit} allowed")]
    TooLong {
        /// Where in the bundle.
        path: String,
        /// Bytes of a text, or items of a list or object.
        size: usize,
        /// The bound.
        limit: usize,
    },
    /// Two parts contradict one another.
    #[error("`{field}`: {problem}")]
    Contradiction {
        /// Where in the bundle.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}

use ValidationError::{Contradiction, Missing, TooLong, Unexpected};

impl Bundle {
    /// Checks what the types cannot: schema and version, that its kind's parts are there and no other kind's, that
    /// numbers which follow from others do, and every length.
    pub fn validate(&self) -> Result<(), ValidationError> {
        let expected = schema_of(self.posture.as_ref());
        if self.schema != expected {
            return Err(ValidationError::Schema { found: self.schema.chars().take(60).collect(), expected });
        }
        if self.bundle_version != BUNDLE_VERSION {
            return Err(ValidationError::Version(self.bundle_version.chars().take(60).collect()));
        }
        self.validate_parts()?;
        if matches!(self.kind, Kind::IncidentOpened | Kind::IncidentClosed) {
            self.validate_incident()?;
        }
        if let Some(Posture::Summary(summary)) = &self.posture {
            self.validate_summary(summary)?;
        }
        if self.bundle_id.number != self.chain.sequence {
            let problem = format!("number {} is not the sequence {}", self.bundle_id.number, self.chain.sequence);
            return Err(Contradiction { field: "bundle_id", problem });
        }
        if (self.chain.sequence == 1) != self.chain.previous.is_none() {
            let problem = "the first bundle of a chain, and no other, has none".to_owned();
            return Err(Contradiction { field: "chain.previous", problem });
        }
        self.validate_lengths()
    }

    /// Each part that belongs to certain kinds: its name, whether it is there, who must have it, who may.
    fn validate_parts(&self) -> Result<(), ValidationError> {
        use Kind::{
            Attestation, Clock, IncidentClosed, IncidentOpened, Logs, Order, Pause, Plan, Refused, RestoreTest,
            Started, Switch, Thinned,
        };
        let rows: [(&'static str, bool, &[Kind], &[Kind]); 20] = [
            ("incident", self.incident.is_some(), &[IncidentOpened, IncidentClosed], &[]),
            ("execution", self.execution.is_some(), &[IncidentClosed], &[]),
            ("verification", !self.verification.is_empty(), &[IncidentClosed], &[Order]),
            ("outputs", self.outputs.is_some(), &[IncidentClosed], &[]),
            ("change", self.change.is_some(), &[IncidentClosed, Switch], &[Order, RestoreTest, Clock, Plan]),
            ("drift", self.drift.is_some(), &[IncidentOpened, IncidentClosed], &[]),
            ("runbook", self.runbook.is_some(), &[], &[IncidentClosed, Order]),
            ("actions_taken", !self.actions_taken.is_empty(), &[], &[IncidentClosed, Order]),
            ("posture", self.posture.is_some(), &[Kind::Posture], &[]),
            ("switch", self.switch.is_some(), &[Switch], &[]),
            ("pause", self.pause.is_some(), &[Pause], &[]),
            ("started", self.started.is_some(), &[Started], &[]),
            ("refused", self.refused.is_some(), &[Refused], &[]),
            ("thinned", self.thinned.is_some(), &[Thinned], &[]),
            ("order", self.order.is_some(), &[Order], &[]),
            ("restore_test", self.restore_test.is_some(), &[RestoreTest], &[]),
            ("clock_step", self.clock_step.is_some(), &[Clock], &[]),
            ("logs", self.logs.is_some(), &[Logs], &[]),
            ("plan", self.plan.is_some(), &[Plan], &[]),
            ("attestation", self.attestation.is_some(), &[Attestation], &[]),
        ];
        for (field, present, needed_by, allowed_for) in rows {
            let needed = needed_by.contains(&self.kind);
            if needed && !present {
                return Err(Missing { kind: self.kind, field });
            }
            if present && !needed && !allowed_for.contains(&self.kind) {
                return Err(Unexpected { kind: self.kind, field });
            }
        }
        Ok(())
    }

    fn validate_summary(&self, summary: &Summary) -> Result<(), ValidationError> {
        let (after, own) = (summary.after.sequence, self.chain.sequence);
        if after == 0 || after >= own {
            let problem = format!("bundle {own} cannot build on bundle {after}");
            return Err(Contradiction { field: "posture.summary.after", problem });
        }
        if summary.steady.runs.contains(&0) {
            let problem = "what did not run is not steady".to_owned();
            return Err(Contradiction { field: "posture.summary.steady.runs", problem });
        }
        Ok(())
    }

    fn validate_incident(&self) -> Result<(), ValidationError> {
        let Some(incident) = &self.incident else {
            return Err(Missing { kind: self.kind, field: "incident" });
        };
        if self.kind == Kind::IncidentOpened && incident.opened_by.is_some() {
            return Err(Unexpected { kind: self.kind, field: "incident.opened_by" });
        }
        if !self.actions_taken.is_empty() && self.runbook.is_none() {
            return Err(Missing { kind: self.kind, field: "runbook" });
        }
        if let Some(runbook) = &self.runbook
            && runbook.steps_executed > runbook.steps_total
        {
            let problem = format!("{} of {} steps", runbook.steps_executed, runbook.steps_total);
            return Err(Contradiction { field: "runbook.steps_executed", problem });
        }
        if let Some(outputs) = &self.outputs {
            let status = ResolutionStatus::of(&self.verification);
            if outputs.resolution_status != status {
                let problem = format!(
                    "says {}, but `verification` comes to {}",
                    outputs.resolution_status.as_str(),
                    status.as_str()
                );
                return Err(Contradiction { field: "outputs.resolution_status", problem });
            }
        }
        let Some(execution) = &self.execution else { return Ok(()) };
        let seconds = Execution::mttr(incident.detected_at, execution.timestamp_end);
        if execution.mttr_seconds != seconds {
            let problem = format!("says {}, but the times are {seconds} s apart", execution.mttr_seconds);
            return Err(Contradiction { field: "execution.mttr_seconds", problem });
        }
        if execution.sla_met != (execution.mttr_seconds <= execution.sla_target_seconds) {
            let problem = format!(
                "says {}, but it took {} s of {} s",
                execution.sla_met, execution.mttr_seconds, execution.sla_target_seconds
            );
            return Err(Contradiction { field: "execution.sla_met", problem });
        }
        Ok(())
    }

    fn validate_lengths(&self) -> Result<(), ValidationError> {
        let call = self.plan.as_ref().and_then(|plan| plan.transcript.as_ref());
        let names = [
            ("target", Some(&self.target)),
            ("incident.event_type", self.incident.as_ref().map(|i| &i.event_type)),
            ("incident.hostname", self.incident.as_ref().map(|i| &i.hostname)),
            ("incident.check", self.incident.as_ref().map(|i| &i.check)),
            ("runbook.runbook_id", self.runbook.as_ref().map(|r| &r.runbook_id)),
            ("runbook.runbook_version", self.runbook.as_ref().map(|r| &r.runbook_version)),
            ("execution.operator", self.execution.as_ref().map(|e| &e.operator)),
            ("execution.rule", self.execution.as_ref().and_then(|e| e.rule.as_ref())),
            ("pause.reference", self.pause.as_ref().map(|p| &p.reference)),
            ("pause.by", self.pause.as_ref().map(|p| &p.by)),
            ("refused.rule", self.refused.as_ref().map(|r| &r.rule)),
            ("refused.what", self.refused.as_ref().map(|r| &r.what)),
            ("started.agent_version", self.started.as_ref().map(|s| &s.agent_version)),
            ("plan.transcript.model", call.map(|call| &call.model)),
            ("plan.transcript.outcome", call.map(|call| &call.outcome)),
        ];
        for (path, name) in names {
            bound(path, name.map_or(0, |n| n.len()), MAX_NAME)?;
        }
        // Serialising plain structs with string keys cannot fail; were it to, the bundle would not be one.
        let whole = serde_json::to_value(self)
            .map_err(|e| Contradiction { field: "bundle", problem: format!("cannot be written: {e}") })?;
        walk("", &whole)
    }
}

impl Execution {
    /// Whole seconds from detection to end, rounded up; 0 when the clock went back in between.
    pub fn mttr(detected_at: writ_trust::time::Time, end: writ_trust::time::Time) -> u64 {
        u64::try_from(end.millis_since(detected_at)).unwrap_or(0).div_ceil(1000)
    }
}

fn bound(path: &str, size: usize, limit: usize) -> Result<(), ValidationError> {
    if size > limit { Err(TooLong { path: path.trim_start_matches('.').to_owned(), size, limit }) } else { Ok(()) }
}

fn walk(path: &str, value: &Json) -> Result<(), ValidationError> {
    match value {
        Json::String(text) => bound(path, text.len(), MAX_TEXT),
        Json::Array(items) => {
            bound(path, items.len(), MAX_ITEMS)?;
            items.iter().enumerate().try_for_each(|(i, item)| walk(&format!("{path}[{i}]"), item))
        }
        Json::Object(fields) => {
            bound(path, fields.len(), MAX_ITEMS)?;
            for (name, field) in fields {
                let shown: String = name.chars().take(60).collect();
                let path = format!("{path}.{shown}");
                bound(&path, name.len(), MAX_NAME)?;
                walk(&path, field)?;
            }
            Ok(())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}
