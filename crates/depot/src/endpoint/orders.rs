//! `GET /api/orders/{site}`: the orders of a site that have not expired; an appliance is given those that it is meant by.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::ids::SiteId;
use writ_wire::orders::{Orders, OrdersSchema};

use super::shape::{caller, json, part, unordered};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::Identity;

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let caller = caller(&depot, &request)?;
    caller.may_read(&depot, &site)?;
    let only = match &caller {
        Identity::Appliance(appliance) => Some(appliance.appliances.as_slice()),
        Identity::Reader(_) => None,
    };
    let held = depot.orders.of(&site, only, clock::now());
    let orders = held.iter().map(|held| held.signed.clone()).collect();
    Ok(json(unordered(&Orders { schema: OrdersSchema::V1, orders })?))
}
