//! `GET /api/logs/batches/{site}/{digest}`: the exact bytes of a batch of logs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_wire::log_batch::MAX_BATCH;

use super::shape::{bytes, caller, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::store::log_batches;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path((site, digest)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let (site, digest): (SiteId, Digest) = (part(&site)?, part(&digest)?);
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let batch = depot.blocking(move |depot| {
        if !depot.readers.read(|connection| log_batches::has(connection, &site, &digest))? {
            return Err(Fault::NotFound);
        }
        let path = depot.folders.log_batch(&site, &digest);
        writ_durable::read_bounded(&path, MAX_BATCH).map_err(Fault::io(&path))
    });
    Ok(bytes(batch.await?.into(), "application/gzip"))
}
