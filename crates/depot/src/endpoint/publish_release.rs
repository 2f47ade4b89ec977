//! `PUT /publish/releases/{site}`: a signed release, pending until everything that it names is here.
//! `GET` the same: how far the newest publication has come.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use super::shape::{Envelope, envelope, json, part, unless_stale};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::judge;
use crate::publication::{activate_complete, follow_pending, state};
use crate::writer::{Job, PutPending};

pub async fn get(State(depot): State<Arc<Depot>>, Path(site): Path<String>) -> Result<Response<Body>, Fault> {
    answer(&depot, &part(&site)?)
}

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let envelope = envelope(&depot, request).await?;
    unless_stale(|| publish(&depot, site.clone(), envelope.clone())).await?;
    activate_complete(&depot, Some(&site)).await?;
    answer(&depot, &site)
}

async fn publish(depot: &Arc<Depot>, site: SiteId, came: Arc<Envelope>) -> Result<(), Fault> {
    let of = site.clone();
    let judged = depot
        .blocking(move |depot| {
            let (directory, signed) = (depot.directory(), &came.signed);
            let digest = Digest::of(&signed.document.0);
            let published = directory.site(&of);
            let known = published.active().into_iter().chain(&published.pending);
            if known.into_iter().any(|known| known.digest == digest) {
                return Ok(None);
            }
            let release = judge::release(&directory, &of, signed, clock::now())?;
            Ok(Some((directory.generation, release, signed.clone())))
        })
        .await?;
    if let Some((before, release, signed)) = judged {
        let digest = depot.writer.write(|reply| Job::Pending(PutPending { before, release, signed, reply })).await?;
        tracing::info!(%site, %digest, "release is pending");
    }
    // Also what is pending already: whoever sent it may have gone away before it was followed.
    depot.blocking(follow_pending).await
}

/// How far the newest publication of a site has come; 404 when there was none.
pub(super) fn answer(depot: &Depot, site: &SiteId) -> Result<Response<Body>, Fault> {
    let publication = state(depot, site).ok_or(Fault::NotFound)?;
    Ok(json(publication.canonical()))
}
