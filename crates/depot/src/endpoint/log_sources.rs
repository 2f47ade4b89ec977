//! `GET /api/logs/sites/{site}`: how far the logs of its appliances have come.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::log_sources::{LogSourceState, LogSources, LogSourcesSchema};

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let published = depot.directory().site(&site);
    let state = |((key, source), newest): (([u8; 32], _), crate::store::log_batches::Newest)| {
        let public_key = published.key(&key)?.key.clone();
        let (number, digest, to, received_at) = (newest.number, newest.digest, newest.ends, newest.received_at);
        Some(LogSourceState { public_key, source, number, digest, to, received_at })
    };
    let sources = depot.ingestion.of(&site).into_iter().filter_map(state).collect();
    Ok(json(LogSources { schema: LogSourcesSchema::V1, sources }.canonical()))
}
