//! `GET /{hash}.narinfo` and `GET /{hash}.ls`: what the binary cache says of a store path, and what is in it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_wire::publication::HashPart;

use super::shape::part;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::static_files::{Kind, StaticFile, serve};

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let (hash, extension) = file.split_once('.').ok_or(Fault::NotFound)?;
    let kind = match extension {
        "narinfo" => Kind::Narinfo,
        "ls" => Kind::Listing,
        _ => return Err(Fault::NotFound),
    };
    let hash: HashPart = part(hash)?;
    let path = depot.folders.cache().join(format!("{hash}.{extension}"));
    let (parts, _) = request.into_parts();
    serve(&depot, &parts, StaticFile { path, kind }).await
}
