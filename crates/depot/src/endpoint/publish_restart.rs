//! `PUT /publish/restart/{site}`: that a site's log was lost and begins anew, by order of the holders of the trust keys.
//!
//! Judged by the newest root, also long after: when a key that signed is revoked, the holders sign the same document again and
//! publish it again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_trust::log::restart::LogRestart;
use writ_wire::Signed;

use super::shape::{Envelope, envelope, part, text, unless_stale};
use crate::depot::Depot;
use crate::directory::Directory;
use crate::fault::Fault;
use crate::judge;
use crate::writer::{Job, MergeRestart, PutRestart};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let envelope = envelope(&depot, request).await?;
    unless_stale(|| publish(&depot, site.clone(), envelope.clone())).await?;
    Ok(text("ok\n"))
}

/// What is to be done with a restart.
enum Due {
    Nothing,
    /// The log begins.
    Begin(u64, LogRestart),
    /// The log began by this document; more keys have signed it.
    Merge(u64),
}

async fn publish(depot: &Arc<Depot>, site: SiteId, came: Arc<Envelope>) -> Result<(), Fault> {
    let (of, judged) = (site.clone(), came.clone());
    let judged = depot.blocking(move |depot| {
        let directory = depot.directory();
        Ok((directory.generation, due(depot, &directory, &of, &judged.signed)?))
    });
    let (before, due) = judged.await?;
    match due {
        Due::Nothing => {}
        Due::Begin(number, restart) => {
            let (origin, signed) = (restart.origin, came.signed.clone());
            tracing::info!(%site, number, origin, "log restart");
            let job = |reply| Job::Restart(PutRestart { before, site, number, origin, signed, reply });
            depot.writer.write(job).await?;
        }
        Due::Merge(number) => {
            tracing::info!(%site, number, "more signatures over a log restart");
            let signed = came.signed.clone();
            let job = |reply| Job::Merge(MergeRestart { before, site, number, signed, reply });
            depot.writer.write(job).await?;
        }
    }
    Ok(())
}

fn due(depot: &Depot, directory: &Directory, site: &SiteId, came: &Signed) -> Result<Due, Fault> {
    for head in depot.heads.of(site) {
        let Some(stored) = head.restart.as_ref().filter(|stored| stored.document == came.document) else { continue };
        came.check_bounds().map_err(|e| Fault::Refused(e.to_string()))?;
        if judge::adds(directory, stored, came) {
            return Ok(Due::Merge(head.number));
        }
        return judge::restart(directory, site, came).map(|_| Due::Nothing);
    }
    let (number, restart) = judge::restart(directory, site, came)?;
    if depot.heads.number(site, number).is_some() {
        return Err(Fault::Conflict(format!("log {number} has begun already, by another document")));
    }
    if directory.current_log(site).is_none_or(|(current, _)| current != number) {
        return Err(Fault::Conflict("the log that it begins is not the newest of the trust root".to_owned()));
    }
    Ok(Due::Begin(number, restart))
}
