//! `PUT /publish/documents/{digest}`: a policy or a closure that a pending release names.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_durable::crash_point;
use writ_trust::digest::Digest;

use super::publish_release::answer;
use super::shape::{open_body, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::limits::body::WholeBody;
use crate::publication::activate_complete;

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(digest): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let digest: Digest = part(&digest)?;
    let naming = depot.publications.naming(&digest);
    let (site, named) = naming.first().cloned().ok_or(Fault::NotFound)?;
    let body = open_body(&depot, request, named.size).await?;
    depot
        .blocking(move |depot| {
            let WholeBody { bytes, share: _share } = body;
            if bytes.len() as u64 != named.size || Digest::of(&bytes) != digest {
                return Err(Fault::Refused("the bytes are not those that the release names".to_owned()));
            }
            // What it names is judged before it is stored.
            depot.publications.judge_document(&digest, &bytes)?;
            let path = depot.folders.document(&digest);
            writ_durable::create(&path, &bytes, 0o644).map_err(Fault::io(&path))?;
            crash_point!("document-stored");
            depot.publications.document_came(depot, &digest, &bytes)
        })
        .await?;
    activate_complete(&depot, Some(&site)).await?;
    answer(&depot, &site)
}
