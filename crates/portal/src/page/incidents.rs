//! `GET /site/{site}/incidents`: every incident of the period, the newest first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use writ_audit::compare::model::{IncidentFinding, IncidentStatus};
use writ_audit::words::{lasting, lasting_millis, of, thousands, when};

use super::shape::{Answer, page_of};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Shown, Table, cell};
use crate::portal::Portal;

/// How many incidents one part shows.
const EACH: usize = 60;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path(site): Path<String>,
    uri: Uri,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let c = &detail.comparison;
    let newest: Vec<&IncidentFinding> = c.incidents.iter().rev().collect();
    let shown = Shown::of(address::part(&uri)?, newest.len(), EACH)?;
    let mut page = page_of(&detail, "Incidents");
    verified(&mut page, &detail);
    let summary = &c.incident_summary;
    page.say(format!(
        "{} detected, {} resolved, {} open; {} missed the time that the site allows itself.",
        of(summary.detected, "incident"),
        thousands(summary.resolved),
        thousands(summary.open),
        thousands(summary.sla_missed)
    ));
    let columns = ["Incident", "Check", "Appliance", "Severity", "Detected", "Outcome", "Took / allowed"];
    let mut table = Table::new("Incidents, the newest first", &columns);
    for incident in shown.slice(&newest) {
        let link = address::incident(&detail.site, &incident.appliance, incident.incident_id);
        let took = incident.took_millis.map_or_else(|| "–".to_owned(), lasting_millis);
        let allowed = incident.sla_target_seconds.map_or_else(|| "–".to_owned(), lasting);
        let mut time = Line::of(format!("{took} / {allowed}"));
        if incident.sla_met == Some(false) {
            time = time.text(" ").pill("bad", "too long");
        }
        table.row(vec![
            Line::default().link(link, incident.incident_id).into(),
            cell(&incident.check),
            cell(&incident.appliance),
            cell(incident.severity),
            cell(when(incident.detected_at)),
            outcome(incident).into(),
            time.into(),
        ]);
    }
    page.add(Block::Table(table)).parts(&format!("{}/incidents", address::site(&detail.site)), &shown);
    page.answer(Some(&who))
}

/// How an incident stands, and by whom.
pub(super) fn outcome(incident: &IncidentFinding) -> Line {
    let class = match incident.status {
        IncidentStatus::Resolved => "good",
        IncidentStatus::PartlyResolved => "note",
        IncidentStatus::Open | IncidentStatus::Unresolved => "bad",
    };
    let by = incident.tier.map(|tier| format!(" by {tier}")).unwrap_or_default();
    Line::default().pill(class, incident.status.as_str()).text(by)
}
