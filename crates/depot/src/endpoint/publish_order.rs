//! `PUT /publish/orders/{site}`: an order that enough keys signed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;

use super::shape::{envelope, part, text};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::judge;
use crate::writer::{Job, PutOrder};

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let came = envelope(&depot, request).await?;
    let stored =
        depot.blocking(move |depot| judge::order(&depot.directory(), &site, &came.signed, clock::now())).await?;
    tracing::info!(site = %stored.order.site, order = %stored.order.id, action = stored.order.action.name(), "order");
    depot.writer.write(|reply| Job::Order(PutOrder { stored, reply })).await?;
    Ok(text("ok\n"))
}
