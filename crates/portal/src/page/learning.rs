//! `GET /learning`: what healed what, how often, and how well.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use writ_audit::words::{lasting_millis, thousands};

use super::shape::{Answer, basis_of_all};
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Page, Shown, Table, cell, number};
use crate::portal::Portal;
use crate::read::summary::Pattern;

/// How many patterns one part shows.
const EACH: usize = 60;
/// From when on a pattern is a candidate for a rule: so often, and so many of a hundred.
const OCCURRENCES: u64 = 5;
const PERCENT: u64 = 90;

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    let fleet = portal.held.fleet();
    let sites = fleet.worst_first(&who);
    let mut patterns: BTreeMap<&(String, String), (Pattern, u64)> = BTreeMap::new();
    for (key, of_site) in sites.iter().flat_map(|summary| &summary.patterns) {
        let (pattern, sites) = patterns.entry(key).or_default();
        pattern.occurrences += of_site.occurrences;
        pattern.resolved += of_site.resolved;
        pattern.millis = pattern.millis.saturating_add(of_site.millis);
        *sites += 1;
    }
    let mut all: Vec<_> = patterns.into_iter().collect();
    all.sort_by_key(|(key, (pattern, _))| (std::cmp::Reverse(pattern.occurrences), *key));
    let shown = Shown::of(address::part(&uri)?, all.len(), EACH)?;
    let mut page = Page::new("Learning").resting_on(basis_of_all(sites.iter().map(|one| &***one)));
    page.say(format!(
        "How incidents of one kind went after one runbook ran, of all that ended within the period. One that was seen {OCCURRENCES} \
         times or more, and was resolved in {PERCENT} % or more, is a candidate for a rule; a rule counts when its Nix was merged and \
         signed."
    ));
    if all.is_empty() {
        page.say("No incident was healed by a runbook in the period.");
        return page.answer(Some(&who));
    }
    let columns =
        ["Kind of event", "Runbook", "#Occurrences", "#Resolved", "Share", "Mean time", "#Sites", "Candidate"];
    let mut table = Table::new("Patterns, the most frequent first", &columns);
    for ((event, runbook), (pattern, sites)) in shown.slice(&all) {
        let percent = (pattern.resolved * 100).checked_div(pattern.occurrences).unwrap_or(0);
        let mean = pattern.millis.checked_div(pattern.resolved).map_or_else(|| "–".to_owned(), lasting_millis);
        let candidate = match pattern.occurrences >= OCCURRENCES && percent >= PERCENT {
            true => Line::default().pill("good", "candidate"),
            false => Line::of("no"),
        };
        table.row(vec![
            cell(event),
            cell(runbook),
            number(thousands(pattern.occurrences)),
            number(thousands(pattern.resolved)),
            cell(format!("{percent}\u{a0}%")),
            cell(mean),
            number(thousands(*sites)),
            candidate.into(),
        ]);
    }
    page.add(Block::Table(table)).parts("/learning", &shown);
    page.answer(Some(&who))
}
