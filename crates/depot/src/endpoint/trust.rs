//! `GET /trust/{version}.json`: the exact bytes of a trust root. `GET /trust/{version}`: with its signatures.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use writ_trust::numbers::TrustVersion;

use super::shape::{bytes, json, part};
use crate::depot::Depot;
use crate::fault::Fault;

pub async fn get(State(depot): State<Arc<Depot>>, Path(name): Path<String>) -> Result<Response<Body>, Fault> {
    let (version, bare) = match name.strip_suffix(".json") {
        Some(version) => (version, true),
        None => (name.as_str(), false),
    };
    let version: TrustVersion = part(version)?;
    let directory = depot.directory();
    let oldest = directory.chain.roots().next().map_or(1, |root| root.version.get());
    let position = version.get().checked_sub(oldest).and_then(|position| usize::try_from(position).ok());
    let root = position.and_then(|position| directory.roots.get(position)).ok_or(Fault::NotFound)?;
    Ok(if bare { bytes(root.document.0.clone().into(), "application/json") } else { json(root.canonical()) })
}
