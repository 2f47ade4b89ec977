//! `GET /site/{site}`: what a site comes to.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use writ_audit::compare::Comparison;
use writ_audit::compare::model::{ApplianceFinding, ControlFinding, IncidentFinding, IncidentStatus, Verdict};
use writ_audit::words::{lasting_millis, of, thousands, when};

use super::shape::{Answer, at, basis, page_of, score, verdict};
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Card, Line, Page, Table, cell, number};
use crate::portal::Portal;
use crate::read::detail::Detail;
use crate::read::summary::Summary;

/// How many rows the shorter tables have at most; all are on pages of their own.
const SOME: usize = 20;
/// The most appliances that are listed.
const APPLIANCES: usize = 100;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path(site): Path<String>,
) -> Answer {
    let summary = portal.summary(&who, &site)?;
    if let Some(why) = &summary.not_judged {
        return unjudged(&summary, why).answer(Some(&who));
    }
    let detail = portal.detail(&who, &site).await?;
    let c = &detail.comparison;
    let mut page = page_of(&detail, &c.title);
    verified(&mut page, &detail);
    places(&mut page, &detail);
    let open = c.incidents.iter().filter(|incident| incident.status == IncidentStatus::Open).count() as u64;
    let mean = c.incident_summary.mean_millis.map_or_else(|| "–".to_owned(), lasting_millis);
    let card = |figure: String, what: &str| Card { figure, what: what.to_owned() };
    page.add(Block::Cards(vec![
        card(score(&c.score), "controls that machines decide are shown or excepted"),
        card(score(&c.score_without_exceptions), "without counting exceptions"),
        card(thousands(open), "incidents are open"),
        card(mean, "mean time until resolved"),
    ]));
    let baselines: Vec<String> = c.baselines.iter().map(|(name, version)| format!("{name} {version}")).collect();
    page.add(Block::Facts(vec![
        ("Site".to_owned(), Line::of(&detail.site)),
        ("Baselines".to_owned(), Line::of(baselines.join(", "))),
        ("From".to_owned(), Line::of(when(c.period.from))),
        ("To".to_owned(), Line::of(when(c.period.to))),
    ]));
    attention(&mut page, &detail);
    incidents(&mut page, &detail);
    verdicts(&mut page, &detail);
    appliances(&mut page, &detail);
    page.answer(Some(&who))
}

fn unjudged(summary: &Summary, why: &str) -> Page {
    let site = &summary.site;
    let mut page = Page::new(site).below("/", "Fleet").resting_on(basis(site, summary.read_at, false, &summary.log));
    page.add(Block::Banner("bad", Line::default().strong("This site is not judged. ").text(format!("{why}."))));
    page.add(Block::Paragraph(
        Line::default().link(format!("/site/{site}/verification"), "What does not verify, and what follows"),
    ));
    page
}

/// Whether the evidence verified, and all of it was judged; the pages of a site say so first.
pub(super) fn verified(page: &mut Page, detail: &Detail) {
    let report = &detail.comparison.verification;
    let more = format!("/site/{}/verification", detail.site);
    if report.ok {
        let words = format!(
            "{} bundles: every signature, chain, number and digest is right.",
            thousands(report.bundles as u64)
        );
        page.add(Block::Banner("good", Line::default().strong("Verified. ").text(words)));
    } else {
        let words = match report.problems.bad {
            1 => "One thing is wrong with this evidence; what did not verify was not counted. ".to_owned(),
            n => format!(
                "{} things are wrong with this evidence; what did not verify was not counted. ",
                thousands(n as u64)
            ),
        };
        page.add(Block::Banner(
            "bad",
            Line::default().strong("Not verified. ").text(words).link(&more, "What, and what follows"),
        ));
    }
    if let Some((first, n)) = not_judged(&detail.comparison) {
        let all = of(detail.comparison.appliances.len() as u64, "appliance");
        let words = format!(
            "{} of {all} could not be judged, or not all the time: verdicts and figures say nothing of that. {}: {}. ",
            thousands(n),
            first.appliance,
            first.not_assessable.as_deref().unwrap_or_default()
        );
        page.add(Block::Banner(
            "bad",
            Line::default().strong("In part not judged. ").text(words).link(more, "What must be known"),
        ));
    }
}

/// The first appliance that could not be judged all the time, and how many there are.
fn not_judged(c: &Comparison) -> Option<(&ApplianceFinding, u64)> {
    let mut all = c.appliances.iter().filter(|appliance| appliance.not_assessable.is_some());
    all.next().map(|first| (first, 1 + all.count() as u64))
}

fn places(page: &mut Page, detail: &Detail) {
    let site = &detail.site;
    let pages = [
        ("controls", "Control matrix"),
        ("incidents", "Incidents"),
        ("releases", "Releases and what they changed"),
        ("bundles", "Bundles"),
        ("verification", "Verification"),
    ];
    page.add(Block::List(
        pages.iter().map(|(path, text)| Line::default().link(format!("/site/{site}/{path}"), text)).collect(),
    ));
}

fn attention(page: &mut Page, detail: &Detail) {
    let c = &detail.comparison;
    let bad = |control: &&ControlFinding| {
        matches!(control.verdict, Verdict::Failed | Verdict::NoEvidence | Verdict::NotAssessable)
    };
    let mut all: Vec<&ControlFinding> = c.controls.iter().filter(bad).collect();
    all.sort_by_key(|control| control.verdict);
    page.heading("What needs attention");
    if all.is_empty() {
        let none = "o control that machines decide is failed, without evidence, or not assessable.";
        page.say(if c.is_fine() {
            format!("N{none}")
        } else if c.controls.is_empty() {
            "Nothing was asked for, or nothing could be judged.".to_owned()
        } else {
            format!("Of what verified and was judged, n{none} That is not everything: see above.")
        });
        return;
    }
    let mut table =
        Table::new(format!("{} of {} controls", all.len(), c.controls.len()), &["Control", "Title", "Verdict", "Why"]);
    for control in all.iter().take(SOME) {
        let link = Line::default().link(address::control(&detail.site, &control.control), &control.control);
        let why = control.reasons.first().cloned().unwrap_or_default();
        table.row(vec![link.into(), cell(&control.title), verdict(control.verdict).into(), cell(short(&why))]);
    }
    page.add(Block::Table(table));
}

/// The beginning of a sentence.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn incidents(page: &mut Page, detail: &Detail) {
    let open: Vec<&IncidentFinding> =
        detail.comparison.incidents.iter().filter(|incident| incident.status == IncidentStatus::Open).collect();
    page.heading("Open incidents");
    if open.is_empty() {
        page.say("None is open.");
        return;
    }
    let mut table =
        Table::new("Open incidents, the newest first", &["Incident", "Check", "Appliance", "Severity", "Detected"]);
    for incident in open.iter().rev().take(SOME) {
        let link = address::incident(&detail.site, &incident.appliance, incident.incident_id);
        table.row(vec![
            Line::default().link(link, incident.incident_id).into(),
            cell(&incident.check),
            cell(&incident.appliance),
            cell(incident.severity),
            cell(when(incident.detected_at)),
        ]);
    }
    page.add(Block::Table(table));
}

fn verdicts(page: &mut Page, detail: &Detail) {
    page.heading("Verdicts");
    let mut table = Table::new(
        "Controls by verdict; not run, not applicable and not assessable never count as passed",
        &["Verdict", "#Controls"],
    );
    for one in Verdict::ALL {
        let n = detail.comparison.verdicts.get(one.as_str()).copied().unwrap_or(0);
        table.row(vec![verdict(one).into(), number(thousands(n))]);
    }
    page.add(Block::Table(table));
}

fn appliances(page: &mut Page, detail: &Detail) {
    page.heading("Appliances");
    let columns = ["Appliance", "Obeys release", "Newest release", "#Bundles", "Last heard", "Not assessable"];
    let mut table = Table::new("Appliances of the site", &columns);
    for appliance in detail.comparison.appliances.iter().take(APPLIANCES) {
        let release = |name: &Option<String>, more: &str| match name {
            Some(name) => Line::default().link(address::release(&detail.site, name), name).text(more).into(),
            None => cell("–"),
        };
        let given = if appliance.obeyed { "" } else { " (given; nothing tells whether it obeys it)" };
        table.row(vec![
            cell(&appliance.appliance),
            release(&appliance.release, given),
            release(&appliance.newest_release, ""),
            number(thousands(appliance.bundles)),
            cell(at(appliance.last_heard)),
            cell(appliance.not_assessable.as_deref().unwrap_or("–")),
        ]);
    }
    page.add(Block::Table(table));
}
