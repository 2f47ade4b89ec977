//! `GET /api/releases/{site}`: the releases that are or were active.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::releases::{ReleaseRef, Releases, ReleasesSchema};

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
    let releases = published.releases.iter().map(|stored| {
        let (epoch, serial) = stored.release.point();
        ReleaseRef { epoch, serial, digest: stored.digest }
    });
    Ok(json(Releases { schema: ReleasesSchema::V1, releases: releases.collect() }.canonical()))
}
