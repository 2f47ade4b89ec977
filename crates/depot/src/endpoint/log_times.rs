//! `GET /log/{site}/timestamps` and `/log/{site}/{number}/timestamps`: which timestamps and cosignatures there are of a log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::log_times::{LogTimes, LogTimesSchema, MOST_LISTED};

use super::shape::{caller, json, part};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::{Head, TimeFiles};

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.current(&site).ok_or(Fault::NotFound)?;
    list(&depot, site, head).await
}

pub async fn get_number(
    State(depot): State<Arc<Depot>>,
    Path((site, number)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let head = depot.heads.number(&site, part(&number)?).ok_or(Fault::NotFound)?;
    list(&depot, site, head).await
}

async fn list(depot: &Arc<Depot>, site: SiteId, head: Arc<Head>) -> Result<Response<Body>, Fault> {
    let listed = depot.blocking(move |depot| {
        let files = TimeFiles::new(depot.folders.log(&site, head.number));
        let mut cosigned = files.cosignatures()?;
        cosigned.sort_by_key(|name| name.seconds);
        Ok(LogTimes {
            schema: LogTimesSchema::V1,
            log: head.number,
            timestamps: newest(&files.timestamps()?),
            cosignatures: newest(&cosigned),
        })
    });
    Ok(json(listed.await?.canonical()))
}

fn newest<N: ToString>(names: &[N]) -> Vec<String> {
    names[names.len().saturating_sub(MOST_LISTED)..].iter().map(N::to_string).collect()
}
