//! Tickets for people: one file per escalated incident in `tickets/`, rewritten when it closes.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use tracing::error;
use writ_evidence::id::IncidentId;
use writ_policy::declared::Severity;
use writ_trust::time::Time;

use super::engine::Engine;
use super::hostile;
use super::incident::{Closing, Incident, NO_L2};

/// The schema of a ticket.
pub const SCHEMA: &str = "writ.ticket.v1";
/// The largest ticket, in bytes.
const MAX_TICKET: usize = 1024 * 1024;

/// What people need to know of an incident that is theirs.
#[derive(Debug, Serialize)]
struct Ticket<'a> {
    schema: &'static str,
    incident_id: IncidentId,
    status: &'static str,
    check: &'a str,
    title: &'a str,
    target: &'a str,
    severity: Severity,
    opened_at: Time,
    /// When the site's SLA wants it resolved.
    due_at: Option<Time>,
    reasons: &'a [String],
    escalations: &'a [writ_evidence::incident::Escalation],
    l2: &'static str,
    attempts: u64,
    last_rule: Option<&'a str>,
    contacts: &'a [String],
    controls: Vec<&'a str>,
}

impl Engine {
    /// Writes the ticket of an incident. The incident itself is in the state: a ticket that cannot be written is written
    /// at the next start.
    pub(super) fn write_ticket(&self, incident: &Incident) {
        let Some(policy) = self.policy() else { return };
        let ticket = Ticket {
            schema: SCHEMA,
            incident_id: incident.id,
            status: "open",
            check: &incident.check,
            title: policy.checks.get(&incident.check).map_or("", |check| check.title.as_str()),
            target: &incident.target,
            severity: incident.severity,
            opened_at: incident.detected_at,
            due_at: policy.settings.sla.get(&incident.severity).map(|span| incident.detected_at.plus(span)),
            reasons: &incident.reasons,
            escalations: &incident.escalations,
            l2: NO_L2,
            attempts: incident.attempts,
            last_rule: incident.rule.as_deref(),
            contacts: &policy.settings.escalation.contacts,
            controls: policy.controls_of(&incident.check),
        };
        let ticket = serde_json::to_value(&ticket).unwrap_or_default();
        write(&self.config.tickets_dir(), &incident.id.to_string(), &ticket);
    }

    /// Makes the tickets agree with the incidents, after a restart.
    pub fn reconcile_tickets(&self) {
        let escalated = || self.state.incidents.values().filter(|incident| !incident.escalations.is_empty());
        let directory = self.config.tickets_dir();
        for incident in escalated() {
            if !directory.join(format!("{}.json", incident.id)).exists() {
                self.write_ticket(incident);
            }
        }
        for name in hostile::names(&directory) {
            let Some(id) = name.strip_suffix(".json") else { continue };
            if !escalated().any(|incident| incident.id.to_string() == id) {
                close_file(&directory, id, &json!({ "resolution": "see the closing bundle of this incident" }));
            }
        }
    }
}

/// Marks a ticket as closed.
pub fn close(directory: &Path, closing: &Closing) {
    let how = json!({ "closed_at": closing.at, "resolution": closing.resolution });
    close_file(directory, &closing.incident.id.to_string(), &how);
}

fn close_file(directory: &Path, id: &str, how: &Value) {
    let read = writ_durable::read_bounded(&directory.join(format!("{id}.json")), MAX_TICKET).ok();
    let Some(Value::Object(mut ticket)) = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) else { return };
    if ticket.get("status").is_some_and(|status| status == "open") {
        ticket.insert("status".to_owned(), "closed".into());
        ticket.extend(how.as_object().cloned().unwrap_or_default());
        write(directory, id, &Value::Object(ticket));
    }
}

fn write(directory: &Path, id: &str, ticket: &Value) {
    let mut bytes = serde_json::to_vec_pretty(ticket).unwrap_or_default();
    bytes.push(b'\n');
    let written = writ_durable::create_directories(directory)
        .and_then(|()| writ_durable::replace(&directory.join(format!("{id}.json")), &bytes, 0o640));
    if let Err(e) = written {
        error!(incident = id, "its ticket cannot be written: {e}");
    }
}
