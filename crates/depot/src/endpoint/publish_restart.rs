//! `PUT /publish/restart/{site}`: that a site's log was lost and begins anew, by order of the holders of the trust keys.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::Signed;

use super::shape::{envelope, part, text, unless_stale};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::publication::judge;
use crate::writer::{Job, PutRestart};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let signed = envelope(&depot, request).await?;
    unless_stale(|| publish(&depot, site.clone(), signed.clone())).await?;
    Ok(text("ok\n"))
}

async fn publish(depot: &Arc<Depot>, site: SiteId, signed: Signed) -> Result<(), Fault> {
    let of = site.clone();
    let judged = depot
        .blocking(move |depot| {
            let directory = depot.directory();
            let (number, restart) = judge::restart(&directory, &of, &signed)?;
            if let Some(head) = depot.heads.number(&of, number) {
                return match head.restart.as_ref().is_some_and(|known| known.document == signed.document) {
                    true => Ok(None),
                    false => Err(Fault::Conflict(format!("log {number} has begun already"))),
                };
            }
            Ok(Some((directory.generation, number, restart, signed)))
        })
        .await?;
    if let Some((before, number, restart, signed)) = judged {
        let origin = restart.origin;
        tracing::info!(%site, number, origin, "log restart");
        let job = |reply| Job::Restart(PutRestart { before, site, number, origin, signed, reply });
        depot.writer.write(job).await?;
    }
    Ok(())
}
