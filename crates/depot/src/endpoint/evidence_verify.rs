//! `GET /api/evidence/sites/{site}/verify`: what the depot says of its own logs and evidence
//! (`writ.evidence-verify.v1`). Nobody relies on it: `writ audit verify` asks the evidence itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use serde::Serialize;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::note::Note;

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::{Head, LogFiles, tiles_lead_to_root};
use crate::store::evidence;

/// The most entries of a log whose tiles are looked at: 8 MiB of them, and about a tenth of a second.
const LOOKED_AT: u64 = 256 * 1024;

/// What the depot says of a site.
#[derive(Debug, Serialize)]
struct Verify {
    schema: &'static str,
    site: SiteId,
    logs: Vec<OfLog>,
    /// How many bundles.
    bundles: u64,
    /// How many sequences are missing below the highest one of each key, in all.
    missing: u64,
}

/// What the depot says of a log.
#[derive(Debug, Serialize)]
struct OfLog {
    number: u64,
    origin: String,
    size: u64,
    /// Whether all of its tiles come to the root of its checkpoint; null for a log of more than [`LOOKED_AT`] entries.
    tiles_lead_to_root: Option<bool>,
}

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let verify = depot
        .blocking(move |depot| {
            let keys = depot.readers.read(|connection| evidence::summary(connection, &site))?;
            let logs = depot.heads.of(&site).iter().map(|head| log(depot, &site, head)).collect();
            let bundles = keys.iter().map(|key| key.bundles).sum();
            let missing = keys.iter().map(|key| key.last - key.bundles).sum();
            let verify = Verify { schema: "writ.evidence-verify.v1", site, logs, bundles, missing };
            Ok(writ_trust::json::canonical(&verify))
        })
        .await?;
    Ok(json(verify))
}

fn log(depot: &Depot, site: &SiteId, head: &Head) -> OfLog {
    let files = LogFiles::new(depot.folders.log(site, head.number));
    let signed = Note::parse(&head.note).ok().and_then(|note| Checkpoint::parse(&note.text).ok());
    let leads = |signed: Checkpoint| tiles_lead_to_root(&files, head.size, &signed.root).unwrap_or(false);
    let tiles_lead_to_root = (head.size <= LOOKED_AT).then(|| signed.is_some_and(leads));
    OfLog { number: head.number, origin: head.origin.clone(), size: head.size, tiles_lead_to_root }
}
