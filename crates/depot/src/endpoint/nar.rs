//! `GET /nar/{file}`: a NAR, as it was uploaded.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_wire::paths;

use crate::depot::Depot;
use crate::fault::Fault;
use crate::static_files::{Kind, StaticFile, serve};

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let url = format!("nar/{file}");
    let name = paths::nar_file(&url).ok_or(Fault::NotFound)?;
    let path = depot.folders.nars().join(name);
    let (parts, _) = request.into_parts();
    serve(&depot, &parts, StaticFile { path, kind: Kind::Nar }).await
}
