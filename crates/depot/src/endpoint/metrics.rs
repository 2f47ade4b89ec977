//! `GET /metrics`: counts and times in the OpenMetrics text format.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use super::shape::bytes;
use crate::clock;
use crate::depot::Depot;

pub async fn get(State(depot): State<Arc<Depot>>) -> Response<Body> {
    let now = clock::now();
    depot.metrics.log_delay.set(depot.ingestion.delay(&depot.directory(), now));
    depot.metrics.disk_full.set(depot.space.left(now).map_or(f64::INFINITY, |seconds| seconds as f64));
    bytes(depot.metrics.text().into(), "application/openmetrics-text; version=1.0.0; charset=utf-8")
}
