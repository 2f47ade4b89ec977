//! `GET /site/{site}/incidents/{appliance}/{incident}`: the story of an incident in plain words, with its proof.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use writ_audit::words::{lasting, lasting_millis, when};
use writ_evidence::IncidentId;

use super::incidents::outcome;
use super::shape::{Answer, links, page_of};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::fault::Fault;
use crate::html::{Block, Line};
use crate::portal::Portal;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, appliance, id)): Path<(String, String, String)>,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let id: IncidentId = id.parse().map_err(|_| Fault::NotFound)?;
    let mut all = detail.comparison.incidents.iter();
    let incident =
        all.find(|one| one.incident_id == id && one.appliance.as_str() == appliance).ok_or(Fault::NotFound)?;
    let list = format!("{}/incidents", address::site(&detail.site));
    let mut page = page_of(&detail, format!("{id}: {} on {appliance}", incident.check)).below(list, "Incidents");
    verified(&mut page, &detail);
    page.heading("What happened").story(&incident.story);
    if incident.closed_at.is_none() {
        page.add(Block::Banner("bad", Line::default().strong("It is still open.")));
    }
    let mut controls = Line::default();
    for control in &incident.controls {
        controls = controls.link(address::control(&detail.site, control), control).text(" ");
    }
    let or = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let fact = |name: &str, text: String| (name.to_owned(), Line::of(text));
    page.heading("In figures").add(Block::Facts(vec![
        ("Outcome".to_owned(), outcome(incident)),
        fact("Severity", incident.severity.to_string()),
        fact("Kind of event", incident.event_type.clone()),
        fact("Detected", when(incident.detected_at)),
        fact("Closed", or(incident.closed_at.map(when))),
        fact("Took", or(incident.took_millis.map(lasting_millis))),
        fact("Allowed", or(incident.sla_target_seconds.map(lasting))),
        fact("Rule", or(incident.rule.clone())),
        fact("Runbook, attempts", format!("{}, {}", or(incident.runbook.clone()), incident.attempts)),
        ("Controls".to_owned(), controls),
        fact("Check asked for at", or(incident.check_declared_at.as_ref().map(ToString::to_string))),
        fact("Rule asked for at", or(incident.rule_declared_at.as_ref().map(ToString::to_string))),
    ]));
    page.heading("Proof").add(Block::Paragraph(Line::of("Signed by the appliance: ").and(links(&incident.evidence))));
    page.answer(Some(&who))
}
