//! `GET /log/{site}/timestamps/{name}` and `/log/{site}/{number}/timestamps/{name}`: a checkpoint and what an authority of time
//! answered for it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_trust::timestamp::TimestampName;

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::{Head, TimeFiles};

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path((site, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.current(&site).ok_or(Fault::NotFound)?;
    serve(&depot, site, head, part(&name)?).await
}

pub async fn get_number(
    State(depot): State<Arc<Depot>>,
    Path((site, number, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.number(&site, part(&number)?).ok_or(Fault::NotFound)?;
    serve(&depot, site, head, part(&name)?).await
}

async fn serve(
    depot: &Arc<Depot>,
    site: SiteId,
    head: Arc<Head>,
    name: TimestampName,
) -> Result<Response<Body>, Fault> {
    let stored = depot.blocking(move |depot| {
        let files = TimeFiles::new(depot.folders.log(&site, head.number));
        files.read_timestamp(&name)?.ok_or(Fault::NotFound)
    });
    Ok(json(stored.await?.canonical()))
}
