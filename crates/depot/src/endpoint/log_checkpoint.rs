//! `GET /log/{site}/checkpoint` and `/log/{site}/{number}/checkpoint`: the newest signed checkpoint, with the cosignatures of
//! witnesses who saw that very one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;

use super::shape::{caller, part, text};
use crate::depot::Depot;
use crate::fault::Fault;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.current(&site).ok_or(Fault::NotFound)?;
    Ok(text(depot.cosigned.beside(&site, &head)))
}

pub async fn get_number(
    State(depot): State<Arc<Depot>>,
    Path((site, number)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.number(&site, part(&number)?).ok_or(Fault::NotFound)?;
    Ok(text(depot.cosigned.beside(&site, &head)))
}
