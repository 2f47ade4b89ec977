//! `GET /api/heartbeats/{site}`: the newest heartbeat of every appliance of the active release.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::heartbeats::{Heartbeats, HeartbeatsSchema};

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
    let mut by_key = depot.beats.of(&site);
    let generations = published.active().into_iter().flat_map(|active| active.release.generations.values());
    let heartbeats = generations.filter_map(|generation| by_key.remove(generation.public_key.ed25519())).collect();
    Ok(json(Heartbeats { schema: HeartbeatsSchema::V1, heartbeats }.canonical()))
}
