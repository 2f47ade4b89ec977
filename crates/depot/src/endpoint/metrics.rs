//! `GET /metrics`: counts and times in the OpenMetrics text format.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use writ_trust::root::TrustRoot;
use writ_trust::rotation::KeyAge;
use writ_trust::time::Time;

use super::shape::bytes;
use crate::clock;
use crate::depot::Depot;

pub async fn get(State(depot): State<Arc<Depot>>) -> Response<Body> {
    let now = clock::now();
    depot.metrics.log_delay.set(depot.ingestion.delay(&depot.directory(), now));
    depot.metrics.key_age.set(oldest(depot.directory().chain.newest(), now));
    depot.metrics.disk_full.set(depot.space.left(now).map_or(f64::INFINITY, |seconds| seconds as f64));
    let (claims, contested) = depot.claims.counts(now);
    depot.metrics.claims.set(i64::try_from(claims).unwrap_or(i64::MAX));
    depot.metrics.claims_contested.set(i64::try_from(contested).unwrap_or(i64::MAX));
    bytes(depot.metrics.text().into(), "application/openmetrics-text; version=1.0.0; charset=utf-8")
}

/// The age of the oldest key that counts, in seconds: since when it does is what the trust root says.
fn oldest(root: &TrustRoot, now: Time) -> i64 {
    let counting = root.keys.iter().filter(|key| KeyAge::of(key, now).counts);
    counting.map(|key| now.millis_since(key.valid_from) / 1000).max().unwrap_or(0)
}
