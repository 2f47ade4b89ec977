//! `GET /log/{site}/{number}/cosignatures/{name}`: a checkpoint with the cosignature of one witness.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_trust::log::witness::CosignatureName;

use super::shape::{caller, part, text};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::TimeFiles;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path((site, number, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.number(&site, part(&number)?).ok_or(Fault::NotFound)?;
    let name: CosignatureName = part(&name)?;
    let stored = depot.blocking(move |depot| {
        let files = TimeFiles::new(depot.folders.log(&site, head.number));
        files.read_cosignature(&name)?.ok_or(Fault::NotFound)
    });
    Ok(text(stored.await?))
}
