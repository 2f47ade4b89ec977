//! Tickets for people: one file per escalated incident in `tickets/`, rewritten when it closes.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use writ_evidence::id::IncidentId;
use writ_policy::declared::Severity;
use writ_policy::settings::Escalation;
use writ_trust::time::Time;

use super::engine::Engine;
use super::hostile;
use super::incident::{Account, Closing, Incident, L2_SAYS, TO_PEOPLE};

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
    /// What became of the tier before people.
    l2: String,
    /// What was planned, and what each plan and each of its runbooks came to, the newest last.
    plans: &'a [Account],
    /// How often a language model was asked, and what that cost in millionths of a US dollar, as planners told.
    model_calls: u64,
    model_microdollars: u64,
    attempts: u64,
    last_rule: Option<&'a str>,
    contacts: Vec<&'a str>,
    /// How many of them were called, the first before the second.
    called: u32,
    /// When the next is called, or those who were hear how it stands.
    next_word_at: Option<Time>,
    acknowledged_at: Option<Time>,
    controls: Vec<&'a str>,
}

/// Whom an incident of this severity reaches, one line each in the order in which they are called: those of the site's
/// route, or else everybody.
pub fn contacts(escalation: &Escalation, severity: Severity) -> Vec<&str> {
    let all = || escalation.contacts.iter().map(String::as_str);
    let route = escalation.route.get(&severity).map(Vec::as_slice).unwrap_or_default();
    if route.is_empty() {
        return all().collect();
    }
    // A contact's line is `role name: person, …`; a name that has none is all that is known.
    let is_of = |line: &&str, name: &str| {
        line.split_once(": ").and_then(|(head, _)| head.split_once(' ')).is_some_and(|(_, named)| named == name)
    };
    route.iter().map(|name| all().find(|line| is_of(line, name)).unwrap_or(name)).collect()
}

impl Engine {
    /// Writes the ticket of an incident. The incident itself is in the state: a ticket that cannot be written is written
    /// when the disk takes writes again.
    pub(super) fn write_ticket(&mut self, incident: &Incident) {
        let written = self.ticket(incident);
        self.note_ticket(written);
    }

    fn note_ticket(&mut self, written: io::Result<()>) {
        if let Err(e) = written {
            self.tickets_behind = true;
            self.say_once(format!("tickets cannot be written: {e}; the incidents are kept, and their tickets follow"));
        }
    }

    fn ticket(&self, incident: &Incident) -> io::Result<()> {
        let Some(policy) = self.policy() else { return Ok(()) };
        let escalation = &policy.settings.escalation;
        let contacts = contacts(escalation, incident.severity);
        let people = incident.people.as_ref();
        let most = u32::try_from(contacts.len()).unwrap_or(u32::MAX);
        let next = people.and_then(|people| people.next(incident.severity, most, escalation));
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
            l2: l2(incident),
            plans: incident.plan.as_ref().map_or(&[], |plan| &plan.accounts),
            model_calls: incident.plan.as_ref().map_or(0, |plan| plan.calls),
            model_microdollars: incident.plan.as_ref().map_or(0, |plan| plan.cost_microdollars),
            attempts: incident.attempts,
            last_rule: incident.rule.as_deref(),
            contacts,
            called: people.map_or(0, |people| people.called),
            next_word_at: next.map(|(at, _)| at),
            acknowledged_at: people.and_then(|people| people.acknowledged.as_ref()).map(|answer| answer.at),
            controls: policy.controls_of(&incident.check),
        };
        let ticket = serde_json::to_value(&ticket).unwrap_or_default();
        write(&self.config.tickets_dir(), &incident.id.to_string(), &ticket)
    }

    /// Closes the ticket of an incident that ended.
    pub(super) fn close_ticket(&mut self, closing: &Closing) {
        let how = json!({ "closed_at": closing.at, "resolution": closing.resolution });
        let written = close_file(&self.config.tickets_dir(), &closing.incident.id.to_string(), &how);
        self.note_ticket(written);
    }

    /// Writes tickets that a full disk did not take.
    pub(super) fn catch_up_tickets(&mut self) {
        if self.tickets_behind && self.writer.is_written() {
            self.reconcile_tickets();
        }
    }

    /// Makes the tickets agree with the incidents.
    pub fn reconcile_tickets(&mut self) {
        self.tickets_behind = false;
        let written = self.try_reconcile();
        self.note_ticket(written);
    }

    fn try_reconcile(&self) -> io::Result<()> {
        let escalated = || self.state.incidents.values().filter(|incident| incident.is_with_people());
        let directory = self.config.tickets_dir();
        for incident in escalated() {
            if !directory.join(format!("{}.json", incident.id)).exists() {
                self.ticket(incident)?;
            }
        }
        for name in hostile::names(&directory) {
            let Some(id) = name.strip_suffix(".json") else { continue };
            if !escalated().any(|incident| incident.id.to_string() == id) {
                close_file(&directory, id, &json!({ "resolution": "see the closing bundle of this incident" }))?;
            }
        }
        Ok(())
    }
}

/// What became of the tier between rules and people, in words.
fn l2(incident: &Incident) -> String {
    let reason = incident.escalations.last().map(|last| last.reason.as_str()).unwrap_or_default();
    let said = reason.rsplit_once(L2_SAYS).map(|(_, said)| said.strip_suffix(TO_PEOPLE).unwrap_or(said));
    match (said, &incident.plan) {
        (Some(said), _) => said.to_owned(),
        (None, Some(_)) => "a planner is asked".to_owned(),
        (None, None) => "not asked yet".to_owned(),
    }
}

/// Marks a ticket as closed.
fn close_file(directory: &Path, id: &str, how: &Value) -> io::Result<()> {
    let read = writ_durable::read_bounded(&directory.join(format!("{id}.json")), MAX_TICKET).ok();
    let Some(Value::Object(mut ticket)) = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
        return Ok(());
    };
    if ticket.get("status").is_none_or(|status| status != "open") {
        return Ok(());
    }
    ticket.insert("status".to_owned(), "closed".into());
    ticket.extend(how.as_object().cloned().unwrap_or_default());
    write(directory, id, &Value::Object(ticket))
}

fn write(directory: &Path, id: &str, ticket: &Value) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(ticket).unwrap_or_default();
    bytes.push(b'\n');
    writ_durable::create_directories(directory)?;
    writ_durable::replace(&directory.join(format!("{id}.json")), &bytes, 0o640)
}
