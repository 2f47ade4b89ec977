//! `PUT /publish/trust/{version}`: a trust root that continues the chain.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::numbers::TrustVersion;

use super::shape::{Envelope, envelope, part, text, unless_stale};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::judge;
use crate::publication::follow_pending;
use crate::writer::{Job, PutRoot};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(version): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let version: TrustVersion = part(&version)?;
    let envelope = envelope(&depot, request).await?;
    unless_stale(|| publish(&depot, version, envelope.clone())).await?;
    // Pending releases that do not hold under it are none any more.
    depot.blocking(follow_pending).await?;
    Ok(text("ok\n"))
}

async fn publish(depot: &Arc<Depot>, version: TrustVersion, came: Arc<Envelope>) -> Result<(), Fault> {
    let judged = depot
        .blocking(move |depot| {
            let directory = depot.directory();
            let mut known = directory.chain.roots().zip(&directory.roots);
            if let Some((_, known)) = known.find(|(root, _)| root.version == version) {
                return match known.document == came.signed.document {
                    true => Ok(None),
                    false => Err(Fault::Conflict(format!("another trust root {version} is here"))),
                };
            }
            let after = judge::root(&directory, version, &came.signed)?;
            Ok(Some((directory.generation, after)))
        })
        .await?;
    if let Some((before, after)) = judged {
        depot.writer.write(|reply| Job::Root(PutRoot { before, after, reply })).await?;
        tracing::info!(%version, "trust root");
    }
    Ok(())
}
