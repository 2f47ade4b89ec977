//! `GET /site/{site}/controls/{control}`: a verdict, and the arithmetic behind it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use writ_audit::compare::model::{CheckFinding, ControlFinding};
use writ_audit::story::values;
use writ_audit::words::{lasting, of, thousands, when};

use super::controls::coverage;
use super::shape::{Answer, at, links, page_of, verdict};
use super::site::{short, verified};
use crate::access::users::User;
use crate::address;
use crate::fault::Fault;
use crate::html::{Block, Line, Page, Shown};
use crate::portal::Portal;

/// How many checks one part shows.
const EACH: usize = 12;
/// How many reasons are told of one control or check.
const REASONS: usize = 12;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, id)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let c = &detail.comparison;
    let control = c.controls.iter().find(|control| control.control == id).ok_or(Fault::NotFound)?;
    let checks: Vec<&CheckFinding> = control.checks.iter().filter_map(|at| c.checks.get(*at)).collect();
    let shown = Shown::of(address::part(&uri)?, checks.len(), EACH)?;
    let matrix = format!("{}/controls", address::site(&detail.site));
    let mut page = page_of(&detail, format!("{} {}", control.control, control.title)).below(matrix, "Control matrix");
    verified(&mut page, &detail);
    about(&mut page, control);
    page.heading(format!("Its checks, over {}", of(c.appliances.len() as u64, "appliance")));
    if checks.is_empty() {
        page.say("No check of a machine belongs to it.");
    }
    for check in shown.slice(&checks) {
        tell(&mut page, check);
    }
    page.parts(&address::control(&detail.site, &control.control), &shown);
    page.answer(Some(&who))
}

fn about(page: &mut Page, control: &ControlFinding) {
    let maps: Vec<String> =
        control.maps.iter().map(|(framework, ids)| format!("{framework} {}", ids.join(", "))).collect();
    let exceptions = match control.exceptions.is_empty() {
        true => Line::of("none"),
        false => Line::default().link("/exceptions", control.exceptions.join(", ")),
    };
    page.heading("What it comes to").add(Block::Facts(vec![
        ("Verdict".to_owned(), verdict(control.verdict)),
        ("Without exceptions".to_owned(), verdict(control.verdict_without_exceptions)),
        ("Coverage".to_owned(), Line::of(coverage(control.coverage))),
        ("Severity".to_owned(), Line::of(control.severity)),
        ("Also known as".to_owned(), Line::of(maps.join("; "))),
        ("Exceptions".to_owned(), exceptions),
        ("Asked for at".to_owned(), Line::default().code(&control.declared_at)),
    ]));
    if !control.reasons.is_empty() {
        page.minor("Why")
            .add(Block::List(control.reasons.iter().take(REASONS).map(|why| Line::of(short(why))).collect()));
    }
    if let Some(left_out) = &control.not_assessed {
        page.minor("What its checks leave out").say(left_out);
    }
    if let Some(procedure) = &control.procedure {
        page.minor("What people do").say(procedure);
    }
    if !control.duties.is_empty() {
        let duty = |duty: &writ_audit::compare::model::DutyFinding| {
            Line::of(format!("{}: {}, by {}; attached: {}", duty.title, duty.cadence, duty.by, duty.attach))
        };
        page.minor("Duties").add(Block::List(control.duties.iter().map(duty).collect()));
    }
}

fn tell(page: &mut Page, check: &CheckFinding) {
    let a = &check.arithmetic;
    page.minor(format!("{} on {}: {}", check.check, check.appliance, check.title));
    let healed: Vec<String> = a.healed_by.iter().map(|(tier, n)| format!("{tier}: {n}")).collect();
    let sla = a.sla_seconds.map_or_else(|| "not said".to_owned(), lasting);
    let seen = check.observed.as_ref().map_or_else(
        || Line::of("nothing"),
        |seen| {
            let link = std::slice::from_ref(&seen.link);
            Line::of(format!("{} at {} in ", short(&values(&seen.values)), when(seen.at))).and(links(link))
        },
    );
    let fact = |name: &str, text: String| (name.to_owned(), Line::of(text));
    page.add(Block::Facts(vec![
        ("Verdict".to_owned(), verdict(check.verdict)),
        ("Without exceptions".to_owned(), verdict(check.verdict_without_exceptions)),
        fact("Expects", short(&check.expects)),
        fact("Machine", check.target.clone()),
        ("Last seen".to_owned(), seen),
        fact("Asked for, every", format!("{}, {}", lasting(a.asked_for_seconds), check.every)),
        fact("Runs / scheduled", format!("{} / {}", thousands(a.runs), thousands(a.scheduled))),
        fact(
            "Longest gap / allowed",
            format!("{} / {}", lasting(a.longest_gap_seconds), lasting(a.allowed_gap_seconds)),
        ),
        fact("First and last run", format!("{}; {}", at(a.first_at), at(a.last_at))),
        fact("Failures / time in failure", format!("{} / {}", thousands(a.failures), lasting(a.seconds_in_failure))),
        fact("Longest failure / allowed", format!("{} / {sla}", lasting(a.longest_failure_seconds))),
        fact("Could not be assessed", lasting(a.seconds_not_assessed)),
        fact("Healed by", if healed.is_empty() { "nobody had to".to_owned() } else { healed.join(", ") }),
        ("Asked for at".to_owned(), Line::default().code(&check.declared_at)),
    ]));
    if !check.reasons.is_empty() {
        page.add(Block::List(check.reasons.iter().take(REASONS).map(|why| Line::of(short(why))).collect()));
    }
    if !check.numbers.is_empty() {
        let numbers = check
            .numbers
            .iter()
            .map(|(name, range)| format!("{name} {} to {}, last {}", range.min, range.max, range.last));
        page.say(format!("Numbers seen: {}.", numbers.collect::<Vec<_>>().join("; ")));
    }
    let evidence = Line::of(format!("Evidence ({}): ", of(check.bundles, "bundle"))).and(links(&check.evidence));
    page.add(Block::Paragraph(evidence));
}
