//! `GET /exceptions`: what sites live without for a while, the next to end first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use writ_audit::words::{of, when};
use writ_trust::time::Time;

use super::shape::{Answer, basis_of_all};
use super::site::short;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Page, Shown, Table, cell};
use crate::portal::Portal;

/// How many exceptions one part shows.
const EACH: usize = 60;
/// When an end is near, in days.
const SOON: i64 = 30;
const DAY: i64 = 86_400_000;

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    let fleet = portal.held.fleet();
    let all = fleet.exceptions(&who);
    let shown = Shown::of(address::part(&uri)?, all.len(), EACH)?;
    let now = portal.now();
    let mut page =
        Page::new("Exceptions").resting_on(basis_of_all(fleet.worst_first(&who).into_iter().map(|one| &**one)));
    page.say("Something that does not hold, and that somebody of the site accepted until a date. Past that, it counts again.");
    if all.is_empty() {
        page.say("There are none.");
        return page.answer(Some(&who));
    }
    let columns = ["Exception", "Site", "Ends", "Lifts", "Reason", "Owner", "Approved by", "Changes"];
    let mut table = Table::new("Exceptions, the next to end first", &columns);
    for (summary, row) in shown.slice(&all) {
        table.row(vec![
            cell(&row.id),
            Line::default().link(address::site(&summary.site), &summary.site).into(),
            ends(row.expires, now).into(),
            cell(&row.lifts),
            cell(short(&row.reason)),
            cell(&row.owner),
            cell(&row.approved_by),
            cell(of(row.changes as u64, "verdict")),
        ]);
    }
    page.add(Block::Table(table)).parts("/exceptions", &shown);
    page.answer(Some(&who))
}

fn ends(expires: Time, now: Time) -> Line {
    let days = expires.millis_since(now).div_euclid(DAY);
    let line = Line::of(format!("{} ", when(expires)));
    match days {
        ..0 => line.pill("bad", "ended"),
        0..SOON => line.pill("note", format!("in {}", of(days.unsigned_abs(), "day"))),
        _ => line.text(format!("(in {})", of(days.unsigned_abs(), "day"))),
    }
}
