//! `GET /{hash}.narinfo` and `GET /{hash}.ls`: what the binary cache says of a store path, and what is in it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_wire::publication::HashPart;

use crate::depot::Depot;
use crate::fault::Fault;
use crate::static_files::{StaticFile, serve};

/// Where it answers.
pub const ADDRESS: &str = "/{file}";

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let file = file(&depot, &name).ok_or(Fault::NotFound)?;
    let (parts, _) = request.into_parts();
    serve(&depot, &parts, file).await
}

/// The file of this name, whether it is there or not; `None` when none can be.
pub fn file(depot: &Depot, name: &str) -> Option<StaticFile> {
    let (hash, extension) = name.split_once('.')?;
    let content_type = match extension {
        "narinfo" => "text/x-nix-narinfo",
        "ls" => "application/json",
        _ => return None,
    };
    hash.parse::<HashPart>().ok()?;
    // A narinfo may be signed anew, or be of another build.
    Some(StaticFile { path: depot.folders.cache().join(name), content_type, immutable: false })
}
