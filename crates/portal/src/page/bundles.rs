//! `GET /site/{site}/bundles`: every bundle that verified, the newest first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use writ_audit::words::{of, when};

use super::shape::{Answer, page_of};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Shown, Table, cell};
use crate::portal::Portal;

/// How many bundles one part shows.
const EACH: usize = 100;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path(site): Path<String>,
    uri: Uri,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let shown = Shown::of(address::part(&uri)?, detail.newest.len(), EACH)?;
    let mut page = page_of(&detail, "Bundles");
    verified(&mut page, &detail);
    page.say(format!("{} verified, of all time.", of(detail.newest.len() as u64, "bundle")));
    let mut table =
        Table::new("Bundles that verified, the newest first", &["Bundle", "Kind", "Appliance", "About", "Written"]);
    for held in shown.slice(&detail.newest).iter().filter_map(|name| detail.bundles.get(name)) {
        table.row(vec![
            Line::default().link(address::bundle(&held.path), held.id).into(),
            cell(held.kind),
            cell(&held.appliance),
            cell(&held.about),
            cell(when(held.at)),
        ]);
    }
    page.add(Block::Table(table)).parts(&format!("{}/bundles", address::site(&detail.site)), &shown);
    page.answer(Some(&who))
}
