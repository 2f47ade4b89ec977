//! `GET /api/releases/{site}/{epoch}-{serial}`: a release that is or was active, and the log's proof of it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_trust::log::proof;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::TileNodes;
use writ_wire::Blob;
use writ_wire::releases::LoggedRelease;

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::LogFiles;
use crate::store::releases::{self, StoredRelease};

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path((site, release)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let (epoch, serial) = release.split_once('-').ok_or(Fault::NotFound)?;
    let stored = depot.directory().site(&site).release(part(epoch)?, part(serial)?).cloned().ok_or(Fault::NotFound)?;
    let logged = depot.blocking(move |depot| logged(depot, &site, &stored)).await?;
    Ok(json(logged.canonical()))
}

/// A release with its proof under the newest checkpoint of the log that has it. Blocks.
pub(super) fn logged(depot: &Depot, site: &SiteId, stored: &StoredRelease) -> Result<LoggedRelease, Fault> {
    let (epoch, serial) = stored.release.point();
    let found = depot.readers.read(|connection| releases::logged(connection, site, epoch, serial))?;
    let receipt = match found {
        None => None,
        Some((log, index, entry)) => {
            let head = depot.heads.row(site, log).ok_or(Fault::NotFound)?;
            let files = LogFiles::new(depot.folders.log(site, head.number));
            let proof = proof::inclusion(&mut TileNodes::new(files, head.size), index, head.size)?;
            let checkpoint = String::from_utf8_lossy(&head.note).into_owned();
            Some(Blob(Receipt { entry, index, proof, checkpoint }.canonical()))
        }
    };
    Ok(LoggedRelease { release: stored.signed.clone(), receipt })
}
