//! `PUT /publish/cosignatures/{site}`: a checkpoint of one of the site's logs with the cosignature of a witness.
//!
//! The answer says `stored` for each witness whose newest it is, and `held` where one is here that is as new.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_trust::log::note::MAX_NOTE;

use super::shape::{open_body, part, text};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::judge::times::{self, JudgedCosignature};
use crate::limits::body::WholeBody;
use crate::sitelog::{Kept, TimeFiles};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let body = open_body(&depot, request, MAX_NOTE as u64).await?;
    let answer = depot.blocking(move |depot| {
        let WholeBody { bytes, share: _share } = body;
        let judged = times::cosignatures(depot, &site, &bytes, clock::now())?;
        let _changing = depot.cosigned.change();
        let mut answer = String::new();
        for JudgedCosignature { number, name, witness, note } in judged {
            let files = TimeFiles::new(depot.folders.log(&site, number));
            let word = match files.keep_cosignature(&name, note.as_bytes())? {
                Kept::Held => "held",
                Kept::Stored => {
                    depot.cosigned.put(&site, number, &name, note.as_bytes());
                    tracing::debug!(%site, number, witness, "a cosignature of the log");
                    "stored"
                }
            };
            answer += &format!("{word} {name}\n");
        }
        Ok(answer)
    });
    Ok(text(answer.await?))
}
