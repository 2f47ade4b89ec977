//! `GET /log/{site}/tile/…` and `/log/{site}/{number}/tile/…`: tiles and bundles of entries, in C2SP's layout.
//!
//! A partial tile of any width up to the newest is served, though only the newest is kept: each is the beginning of every
//! wider one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Response, header};
use writ_trust::ids::SiteId;
use writ_trust::log::tile::{EntryBundle, Tile};

use super::shape::{bytes, caller, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::{Head, LogFiles};

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path((site, tile)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.current(&site).ok_or(Fault::NotFound)?;
    serve(&depot, site, head, tile).await
}

pub async fn get_number(
    State(depot): State<Arc<Depot>>,
    Path((site, number, tile)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.number(&site, part(&number)?).ok_or(Fault::NotFound)?;
    serve(&depot, site, head, tile).await
}

enum Which {
    Hashes(Tile),
    Entries(EntryBundle),
}

async fn serve(depot: &Arc<Depot>, site: SiteId, head: Arc<Head>, tile: String) -> Result<Response<Body>, Fault> {
    let path = format!("tile/{tile}");
    let hashes = Tile::parse(&path).map(Which::Hashes);
    let which = hashes.or_else(|| EntryBundle::parse(&path).map(Which::Entries)).ok_or(Fault::NotFound)?;
    let read = move |depot: &Arc<Depot>| {
        let files = LogFiles::new(depot.folders.log(&site, head.number));
        let found = match which {
            Which::Hashes(tile) => files.read_tile(&tile)?,
            Which::Entries(bundle) => files.read_bundle(&bundle)?,
        };
        found.ok_or(Fault::NotFound)
    };
    let mut response = bytes(depot.blocking(read).await?.into(), "application/octet-stream");
    let immutable = HeaderValue::from_static("private, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, immutable);
    Ok(response)
}
