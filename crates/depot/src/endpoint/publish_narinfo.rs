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
    let expecting = depot.publications.expecting(&path);
    let site = expecting.first().map(|(site, _)| site.clone()).ok_or(Fault::NotFound)?;
    let body = open_body(&depot, request, MAX_NARINFO).await?;
    depot
        .blocking(move |depot| {
            let (expected, waiting) = narinfo::judge(depot, &path, &body.bytes)?;
            let nar_here = nar::is_here(depot, &waiting);
            if nar_here {
                let file = depot.folders.nars().join(&waiting.file);
                let examined = nar::examine_file(&file, waiting.file.ends_with(".zst"), expected)?;
                return nar::publish(depot, &path, &body.bytes, examined);
            }
            let file = narinfo::waiting_file(&depot.folders, &path);
            writ_durable::replace(&file, &body.bytes, 0o644).map_err(Fault::io(&file))?;
            crash_point!("narinfo-waits");
            depot.publications.wait(path, waiting);
            Ok(())
        })
        .await?;
    activate_complete(&depot).await?;
    answer(&depot, &site)
}
