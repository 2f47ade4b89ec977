//! `PUT /publish/narinfo/{hash}`: what the binary cache is to say of a store path of a pending closure. Comes before its NAR.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_durable::crash_point;
use writ_nix::cache::MAX_NARINFO;
use writ_wire::publication::HashPart;

use super::publish_release::answer;
use super::shape::{open_body, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::publication::{activate_complete, nar, narinfo};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let path: HashPart = part(&path)?;
    let site = depot.publications.naming_path(&path).ok_or(Fault::NotFound)?;
    if depot.publications.missing_path(&path).is_empty() {
        // What is served satisfies every pending closure. Nobody who has no key replaces it.
        return answer(&depot, &site);
    }
    let body = open_body(&depot, request, MAX_NARINFO).await?;
    let part = path.clone();
    let here = depot
        .blocking(move |depot| {
            let (expected, waiting) = narinfo::judge(depot, &part, &body.bytes)?;
            if nar::is_here(depot, &waiting) {
                return Ok(Some((expected, waiting, body)));
            }
            let file = narinfo::waiting_file(&depot.folders, &part);
            writ_durable::replace(&file, &body.bytes, 0o644).map_err(Fault::io(&file))?;
            crash_point!("narinfo-waits");
            depot.publications.wait(part, waiting);
            Ok(None)
        })
        .await?;
    if let Some((expected, waiting, body)) = here {
        let turn = depot.publications.uploads.examination().await;
        depot
            .blocking(move |depot| {
                let _turn = turn;
                let file = depot.folders.nars().join(&waiting.file);
                let examined = nar::examine_file(&file, waiting.file.ends_with(".zst"), expected)?;
                nar::publish(depot, &path, &body.bytes, examined)
            })
            .await?;
    }
    activate_complete(&depot, Some(&site)).await?;
    answer(&depot, &site)
}
