//! `GET /api/evidence/sites/{site}/bundles?log=N&from=INDEX`: bundles in the order of a log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::evidence_page::{EvidencePage, EvidencePageSchema, LoggedBundle};
use writ_wire::{Blob, Signed};

use super::shape::{caller, json, number, part, unordered};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::store::evidence;

/// The most bytes of bundles and signatures in a page; base64 makes a third more of them. One bundle always fits.
const MOST: usize = 3 * 1024 * 1024;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let (parts, _) = request.into_parts();
    let from = number(&parts, "from")?.unwrap_or(0);
    let head = match number(&parts, "log")? {
        Some(number) => depot.heads.number(&site, number),
        None => depot.heads.current(&site),
    };
    let head = head.ok_or(Fault::NotFound)?;
    let page = depot
        .blocking(move |depot| {
            let page =
                |connection: &dyn crate::store::Connection| evidence::page(connection, head.id, from, head.size, MOST);
            let (logged, next) = depot.readers.read(page)?;
            let bundles = logged.into_iter().map(|bundle| LoggedBundle {
                index: bundle.index,
                bundle: Signed { document: Blob(bundle.document), signatures: vec![Blob(bundle.signature)] },
            });
            unordered(&EvidencePage { schema: EvidencePageSchema::V1, bundles: bundles.collect(), next })
        })
        .await?;
    Ok(json(page))
}
