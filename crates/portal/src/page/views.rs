//! `GET /views`: who looked at what; for operators.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use writ_audit::words::when;

use super::shape::Answer;
use crate::access::users::{Role, User};
use crate::address;
use crate::fault::Fault;
use crate::html::{Block, Line, Page, Shown, Table, cell};
use crate::portal::Portal;
use crate::views::RECENT;

/// How many views one part shows.
const EACH: usize = 100;

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    if who.role != Role::Operator {
        return Err(Fault::Forbidden);
    }
    let all = portal.trail.recent();
    let shown = Shown::of(address::part(&uri)?, all.len(), EACH)?;
    let mut page = Page::new("Views");
    page.say(format!(
        "Who looked at what. The newest {RECENT} are here; all of them are in the files views-*.jsonl of the state directory, each on \
         the disk before its page left."
    ));
    let mut table =
        Table::new("Views, the newest first", &["When", "Who", "Role", "What", "Page", "Status", "From", "Request"]);
    for view in shown.slice(&all) {
        table.row(vec![
            cell(when(view.at)),
            cell(&view.user),
            cell(view.role.as_str()),
            cell(view.what.as_str()),
            cell(&view.page),
            cell(view.status),
            cell(&view.source),
            Line::default().code(&view.request).into(),
        ]);
    }
    page.add(Block::Table(table)).parts("/views", &shown);
    page.answer(Some(&who))
}
