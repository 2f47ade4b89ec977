//! `PUT /publish/timestamps/{site}`: what an authority of time answered for a checkpoint of one of the site's logs.
//!
//! The answer says `stored`, or `held` where there is one already of that day by that authority.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::timestamp::{MAX_TIMESTAMP, Timestamp};

use super::shape::{open_body, parsed, part, text};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::judge::times::{self, JudgedTimestamp};
use crate::sitelog::{Kept, TimeFiles};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let body = open_body(&depot, request, MAX_TIMESTAMP as u64).await?;
    let (came, _share) = parsed(&depot, body, Timestamp::parse).await?;
    let answer = depot.blocking(move |depot| {
        let JudgedTimestamp { number, name, authority, size } = times::timestamp(depot, &site, &came, clock::now())?;
        let files = TimeFiles::new(depot.folders.log(&site, number));
        let _changing = depot.cosigned.change();
        match files.keep_timestamp(&name, &came.checkpoint.0, &came.response.0)? {
            Kept::Held => Ok(format!("held {name}\n")),
            Kept::Stored => {
                tracing::info!(%site, number, size, authority, "a timestamp of the log");
                Ok(format!("stored {name}\n"))
            }
        }
    });
    Ok(text(answer.await?))
}
