//! `GET /api/evidence/sites/{site}/summary`: how much evidence is held of each key (`writ.evidence-summary.v1`).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::store::evidence;

/// What is held of a site.
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    site: SiteId,
    /// How many bundles.
    bundles: u64,
    keys: Vec<OfKey>,
}

/// What is held of one key.
#[derive(Debug, Serialize)]
struct OfKey {
    /// The appliance that the newest release gives the key to; null if none does.
    appliance: Option<ApplianceId>,
    /// Its fingerprint.
    key: String,
    bundles: u64,
    /// The lowest sequence held.
    first: u64,
    /// The last sequence up to which all are held.
    held: u64,
    /// The highest sequence held.
    newest: u64,
    /// Bytes of the bundles.
    bytes: u64,
}

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let summary = depot
        .blocking(move |depot| {
            let published = depot.directory().site(&site);
            let keys = depot.readers.read(|connection| evidence::summary(connection, &site))?;
            let keys: Vec<OfKey> = keys
                .into_iter()
                .map(|held| {
                    let bytes: Option<[u8; 32]> = held.public_key.as_slice().try_into().ok();
                    let (all, newest) = bytes.map_or((0, held.last), |key| depot.held.of(&site, &key));
                    OfKey {
                        appliance: bytes.and_then(|key| published.key(&key).map(|known| known.appliance.clone())),
                        key: Digest::of(&held.public_key).hex(),
                        bundles: held.bundles,
                        first: held.first,
                        held: all,
                        newest,
                        bytes: held.bytes,
                    }
                })
                .collect();
            let bundles = keys.iter().map(|key| key.bundles).sum();
            Ok(writ_trust::json::canonical(&Summary { schema: "writ.evidence-summary.v1", site, bundles, keys }))
        })
        .await?;
    Ok(json(summary))
}
