//! `GET /api/provision`: the claims of all machines that belong nowhere yet, for whoever gives them their place.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use writ_wire::claims::{Claims, ClaimsSchema};
use writ_wire::mac::MacAddress;

use super::shape::{caller, json, unordered};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::Identity;

pub async fn get(State(depot): State<Arc<Depot>>, request: Request) -> Result<Response<Body>, Fault> {
    for_readers(&depot, &request, None)
}

/// The claims of a card, or of all, for a key with the role `read`: a claim is of no site yet.
pub(super) fn for_readers(depot: &Depot, request: &Request, mac: Option<&MacAddress>) -> Result<Response<Body>, Fault> {
    match caller(depot, request)? {
        Identity::Reader(_) => {}
        Identity::Appliance(_) => return Err(Fault::Forbidden("only a key with the role read may do that".to_owned())),
    }
    let claims = depot.claims.of(mac, clock::now());
    Ok(json(unordered(&Claims { schema: ClaimsSchema::V1, claims })?))
}
