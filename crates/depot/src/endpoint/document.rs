//! `GET /documents/{digest}`: the exact bytes of a policy or a closure that a release of the caller's site names.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::digest::Digest;
use writ_trust::json::MAX_DOCUMENT;

use super::shape::{bytes, caller, part, tagged};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::Identity;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(digest): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let digest: Digest = part(&digest)?;
    let (caller, directory) = (caller(&depot, &request)?, depot.directory());
    let named = match &caller {
        Identity::Appliance(appliance) => directory.site(&appliance.site).names(&digest),
        Identity::Reader(key) => {
            directory.sites().any(|(name, site)| site.names(&digest) && directory.may_read(key, name, clock::now()))
        }
    };
    if !named {
        return Err(Fault::NotFound);
    }
    let document = depot
        .blocking(move |depot| {
            let path = depot.folders.document(&digest);
            writ_durable::read_bounded(&path, MAX_DOCUMENT).map_err(Fault::io(&path))
        })
        .await?;
    let (parts, _) = request.into_parts();
    tagged(&parts, bytes(document.into(), "application/json"), &digest.to_string())
}
