//! `GET /`: all sites, those first that need somebody most.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use writ_audit::compare::Verdict;
use writ_audit::compare::model::Score;
use writ_audit::words::{lasting, of, thousands, when};

use super::shape::{Answer, at, basis_of_all, score};
use crate::access::users::{Role, User};
use crate::address;
use crate::html::{Block, Card, Cell, Line, Page, Shown, Table, cell, number};
use crate::portal::Portal;
use crate::read::fleet::Fleet;
use crate::read::summary::Summary;

/// How many sites one part shows.
const EACH: usize = 60;

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    let fleet = portal.held.fleet();
    let sites = fleet.worst_first(&who);
    let shown = Shown::of(address::part(&uri)?, sites.len(), EACH)?;
    let mut page = Page::new("Fleet").resting_on(basis_of_all(sites.iter().map(|summary| &***summary)));
    tell_reading(&mut page, &fleet, &who, sites.len());
    cards(&mut page, &sites);
    let columns = [
        "Site",
        "State",
        "Controls shown",
        "Without exceptions",
        "#Failed",
        "#No evidence",
        "#Open incidents",
        "Appliances",
        "Last heard",
        "Read",
    ];
    let mut table = Table::new("Sites, the worst first", &columns);
    for summary in shown.slice(&sites) {
        table.row(row(summary));
    }
    page.add(Block::Table(table)).parts("/", &shown);
    page.answer(Some(&who))
}

/// How far the folder is read, and whether it can be. Whoever sees some sites only is told of no others, so not how many there are.
fn tell_reading(page: &mut Page, fleet: &Fleet, who: &User, seen: usize) {
    if let Some(trouble) = &fleet.trouble {
        let since = fleet.looked_at.map(|at| format!(" (at {})", when(at))).unwrap_or_default();
        page.add(Block::Banner(
            "bad",
            Line::default()
                .strong("The folder cannot be read now. ")
                .text(format!("{trouble}{since}. What stands here was read before.")),
        ));
    } else if fleet.sites.len() < fleet.there || fleet.looked_at.is_none() {
        let words = match who.role {
            Role::Operator => {
                let there = of(fleet.there as u64, "site");
                format!("{} of {there} were read so far.", thousands(fleet.sites.len() as u64))
            }
            Role::Auditor if seen == who.sites.len() => return,
            Role::Auditor => "Not every site that you may see was read so far.".to_owned(),
        };
        page.add(Block::Banner("note", Line::default().strong("Being read. ").text(words)));
    }
}

fn cards(page: &mut Page, sites: &[&Arc<Summary>]) {
    let count = |is: &dyn Fn(&Summary) -> bool| sites.iter().filter(|summary| is(summary)).count() as u64;
    let open: u64 = sites.iter().map(|summary| summary.open.0).sum();
    let card = |figure: u64, what: &str| Card { figure: thousands(figure), what: what.to_owned() };
    page.add(Block::Cards(vec![
        card(sites.len() as u64, "sites"),
        card(
            count(&|summary| !summary.verified || summary.unjudged > 0),
            "with evidence that does not verify, or that cannot be judged, in part or at all",
        ),
        card(count(&|summary| summary.with(Verdict::Failed) > 0), "with a control that failed"),
        card(open, "open incidents"),
    ]));
}

/// In a word, what state a site is in, and its class.
fn state(summary: &Summary) -> (&'static str, &'static str) {
    let any = |verdict| summary.with(verdict) > 0;
    if summary.not_judged.is_some() {
        ("bad", "not judged")
    } else if !summary.verified {
        ("bad", "not verified")
    } else if summary.unjudged > 0 {
        ("bad", "in part not judged")
    } else if summary.asked == 0 {
        ("bad", "nothing asked")
    } else if any(Verdict::Failed) {
        ("failed", "failed")
    } else if any(Verdict::NoEvidence) {
        ("no-evidence", "no evidence")
    } else if any(Verdict::NotAssessable) {
        ("not-assessable", "not assessable")
    } else if any(Verdict::Excepted) {
        ("excepted", "with exceptions")
    } else if any(Verdict::PartlyDemonstrated) {
        ("partly-demonstrated", "shown in part")
    } else if summary.fine {
        ("good", "shown")
    } else {
        ("not-assessable", "not assessable")
    }
}

fn row(summary: &Summary) -> Vec<Cell> {
    let (class, word) = state(summary);
    let name = Line::default().link(address::site(&summary.site), &summary.site);
    let name = if summary.title == summary.site.as_str() { name } else { name.then_below().text(&summary.title) };
    let mut appliances = summary.appliances.to_string();
    for (n, what) in [(summary.silent, "silent"), (summary.unjudged, "not judged")] {
        if n > 0 {
            appliances += &format!(", {n} {what}");
        }
    }
    let judged = if summary.unjudged > 0 { ", of what was judged" } else { "" };
    let met = |one: &Score| cell(format!("{}{judged}", score(one)));
    let heard = summary.last_heard.map(|heard| {
        let seconds = u64::try_from(summary.read_at.millis_since(heard) / 1000).unwrap_or(0);
        format!("{} before that", lasting(seconds))
    });
    let open = match summary.open {
        (open, 0) => thousands(open),
        (open, critical) => format!("{}, {} critical", thousands(open), thousands(critical)),
    };
    let mut cells = vec![name.into(), Line::default().pill(class, word).into()];
    if summary.not_judged.is_some() {
        cells.extend(["–"; 7].map(cell));
    } else {
        cells.push(met(&summary.score));
        cells.push(met(&summary.score_without));
        cells.push(number(summary.with(Verdict::Failed)));
        cells.push(number(summary.with(Verdict::NoEvidence)));
        cells.push(number(open));
        cells.push(cell(appliances));
        cells.push(cell(heard.unwrap_or_else(|| at(None))));
    }
    cells.push(cell(when(summary.read_at)));
    cells
}

#[cfg(test)]
mod tests {
    use writ_trust::time::Time;

    use super::*;

    #[test]
    fn green_is_what_was_judged_and_shown_wholly() {
        let site = "clinic-001".parse().unwrap();
        let mut summary = Summary::not_judged(&site, String::new(), None, Time::from_unix_millis(0));
        assert_eq!(state(&summary), ("bad", "not judged"));
        summary.not_judged = None;
        assert_eq!(state(&summary), ("bad", "not verified"));
        summary.verified = true;
        assert_eq!(state(&summary), ("bad", "nothing asked"));
        (summary.asked, summary.appliances) = (2, 2);
        summary.verdicts = [(Verdict::Demonstrated, 2)].into();
        assert_eq!(state(&summary), ("not-assessable", "not assessable"), "whatever else is not fine");
        summary.fine = true;
        assert_eq!(state(&summary), ("good", "shown"));
        let shown = summary.rank();
        summary.verdicts = [(Verdict::Demonstrated, 1), (Verdict::PartlyDemonstrated, 1)].into();
        assert_eq!(state(&summary), ("partly-demonstrated", "shown in part"));
        (summary.unjudged, summary.fine) = (1, false);
        assert_eq!(state(&summary), ("bad", "in part not judged"));
        assert!(summary.rank() < shown, "it comes before those that were judged");
    }
}
