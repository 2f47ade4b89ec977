//! `GET /site/{site}/controls`: the control matrix.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use writ_audit::compare::model::ControlFinding;
use writ_policy::control::Coverage;

use super::shape::{Answer, page_of, verdict};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Shown, Table, cell};
use crate::portal::Portal;

/// How many controls one part shows.
const EACH: usize = 60;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path(site): Path<String>,
    uri: Uri,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let controls = &detail.comparison.controls;
    let shown = Shown::of(address::part(&uri)?, controls.len(), EACH)?;
    let mut page = page_of(&detail, "Control matrix");
    verified(&mut page, &detail);
    page.say("The verdict on a control is the worst of its checks, over all appliances of the site.");
    let columns =
        ["Control", "Title", "Verdict", "Without exceptions", "Coverage", "Severity", "SOC 2", "NIST 800-53", "Other"];
    let mut table = Table::new("Each control, its verdict, and what it is called elsewhere", &columns);
    for control in shown.slice(controls) {
        table.row(vec![
            Line::default().link(address::control(&detail.site, &control.control), &control.control).into(),
            cell(&control.title),
            verdict(control.verdict).into(),
            verdict(control.verdict_without_exceptions).into(),
            cell(coverage(control.coverage)),
            cell(control.severity),
            cell(named(control, "soc2")),
            cell(named(control, "nist-800-53")),
            cell(others(control)),
        ]);
    }
    page.add(Block::Table(table)).parts(&format!("{}/controls", address::site(&detail.site)), &shown);
    page.answer(Some(&who))
}

fn named(control: &ControlFinding, framework: &str) -> String {
    control.maps.get(framework).map(|ids| ids.join(", ")).unwrap_or_default()
}

fn others(control: &ControlFinding) -> String {
    let others = control.maps.iter().filter(|(framework, _)| !["soc2", "nist-800-53"].contains(&framework.as_str()));
    others.map(|(framework, ids)| format!("{framework} {}", ids.join(", "))).collect::<Vec<_>>().join("; ")
}

pub(super) fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Automated => "automated",
        Coverage::Partial => "partial",
        Coverage::Procedural => "procedural",
        Coverage::Inherited => "inherited",
    }
}
