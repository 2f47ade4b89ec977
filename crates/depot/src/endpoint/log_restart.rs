//! `GET /log/{site}/{number}/restart`: the document by which a log began, with its signatures; the first log has none.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path((site, number)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.number(&site, part(&number)?).ok_or(Fault::NotFound)?;
    let restart = head.restart.as_ref().ok_or(Fault::NotFound)?;
    Ok(json(restart.canonical()))
}
