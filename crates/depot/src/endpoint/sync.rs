//! `GET /agent/sync?trust=N&log=SIZE`: what is new for an appliance.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use writ_trust::digest::Digest;
use writ_wire::Blob;
use writ_wire::sync::{LogHead, MAX_ROOTS, Sync, SyncSchema};

use super::release::logged;
use super::shape::{caller, json, number, tagged};
use crate::depot::Depot;
use crate::fault::Fault;

pub async fn get(State(depot): State<Arc<Depot>>, request: Request) -> Result<Response<Body>, Fault> {
    let caller = caller(&depot, &request)?;
    let appliance = caller.appliance()?;
    let (parts, _) = request.into_parts();
    let known = number(&parts, "trust")?.unwrap_or(0);
    // What the appliance knows of the log is for its own use: it takes the tiles that it lacks.
    number(&parts, "log")?;
    let (site, directory) = (appliance.site.clone(), depot.directory());
    let newer = directory.chain.roots().zip(&directory.roots).filter(|(root, _)| root.version.get() > known);
    let roots = newer.take(MAX_ROOTS).map(|(_, signed)| (**signed).clone()).collect();
    let active = directory.site(&site).active().cloned();
    let of = site.clone();
    let (release, head) = depot
        .blocking(move |depot| {
            let release = active.map(|active| logged(depot, &of, &active)).transpose()?;
            Ok((release, depot.heads.current(&of)))
        })
        .await?;
    let log = head.map(|head| LogHead {
        number: head.number,
        checkpoint: Blob(head.note.to_vec()),
        restart: head.restart.as_deref().cloned(),
    });
    let (held, newest) = depot.held.of(&site, appliance.key.ed25519());
    let sync = Sync { schema: SyncSchema::V1, site, roots, release, log, held, newest }.canonical();
    let tag = Digest::of(&sync).hex();
    tagged(&parts, json(sync), &tag)
}
