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
    let (heard, longest) = heard(&depot, now);
    depot.metrics.appliances.set(heard);
    depot.metrics.check_in_age.set(longest);
    depot.metrics.as_of(now);
    depot.metrics.disk_full.set(depot.space.left(now).map_or(f64::INFINITY, |seconds| seconds as f64));
    let (claims, contested) = depot.claims.counts(now);
    depot.metrics.claims.set(i64::try_from(claims).unwrap_or(i64::MAX));
    depot.metrics.claims_contested.set(i64::try_from(contested).unwrap_or(i64::MAX));
    bytes(depot.metrics.text().into(), "application/openmetrics-text; version=1.0.0; charset=utf-8")
}

/// How many appliances have orders, and for how many seconds that one was not heard of which was silent for longest. One that
/// never was is silent since its release was issued.
fn heard(depot: &Depot, now: Time) -> (i64, i64) {
    let directory = depot.directory();
    let (mut appliances, mut longest) = (0, 0);
    for (site, published) in directory.sites() {
        let Some(active) = published.active() else { continue };
        let beats = depot.beats.times(site);
        for generation in active.release.generations.values() {
            let since = beats.get(generation.public_key.ed25519()).copied().unwrap_or(active.release.issued_at);
            appliances += 1;
            longest = longest.max(now.millis_since(since) / 1000);
        }
    }
    (appliances, longest)
}

/// The age of the oldest key that counts, in seconds: since when it does is what the trust root says.
fn oldest(root: &TrustRoot, now: Time) -> i64 {
    let counting = root.keys.iter().filter(|key| KeyAge::of(key, now).counts);
    counting.map(|key| now.millis_since(key.valid_from) / 1000).max().unwrap_or(0)
}
