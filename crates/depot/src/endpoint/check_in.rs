//! `POST /agent/checkin`: an appliance's heartbeat; the answer says what is new and which evidence is held.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::Signed;
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInReplySchema, MAX_CHECK_IN};
use writ_wire::courier::SKEW_MILLIS;
use writ_wire::heartbeat::Heartbeat;
use writ_wire::orders::tag;

use super::shape::{json, open_body, unordered};
use crate::beats::Beat;
use crate::clock;
use crate::depot::Depot;
use crate::directory::ApplianceKey;
use crate::fault::Fault;
use crate::identity::standing;

/// The heartbeat alone says who checks in: it is signed by the appliance's own key and of one instant, so it does not matter who
/// carries it, and once more is the same as once. A signature of the request would be a second proof of less.
pub async fn post(State(depot): State<Arc<Depot>>, request: Request) -> Result<Response<Body>, Fault> {
    let body = open_body(&depot, request, MAX_CHECK_IN as u64).await?;
    let check_in = CheckIn::parse(&body.bytes).map_err(|e| Fault::Malformed(e.to_string()))?;
    let now = clock::now();
    let appliance = take(&depot, &check_in.heartbeat, now)?;
    let (site, key) = (&appliance.site, appliance.key.ed25519());
    let directory = depot.directory();
    let published = directory.site(site);
    let active = published.active().map(|active| active.release.point());
    let (held, newest) = depot.held.of(site, key);
    let orders = depot.orders.of(site, Some(appliance.appliances.as_slice()), now);
    let reply = CheckInReply {
        schema: CheckInReplySchema::V1,
        epoch: active.map(|(epoch, _)| epoch),
        serial: active.map(|(_, serial)| serial),
        trust_version: directory.chain.newest().version,
        log_size: depot.heads.current(site).map_or(0, |head| head.size),
        held,
        newest,
        orders: tag(orders.iter().map(|held| held.digest)),
        now,
    };
    Ok(json(unordered(&reply)?))
}

/// Takes a heartbeat if it is an appliance's and not older than what that has said; returns whose it is.
fn take(depot: &Depot, signed: &Signed, now: Time) -> Result<Arc<ApplianceKey>, Fault> {
    let refused = |reason: &dyn std::fmt::Display| Fault::Refused(one_line(reason));
    signed.check_bounds().map_err(|e| refused(&e))?;
    // Nothing is proven yet: this only says which key to prove it by.
    let claimed = Heartbeat::parse(&signed.document.0).map_err(|e| refused(&e))?;
    let appliance = standing(&depot.directory(), &claimed.site, &claimed.appliance, &claimed.public_key)?;
    let (site, key, at) = (&appliance.site, appliance.key.ed25519(), claimed.at);
    let older = || Fault::Conflict("the appliance has said something newer".to_owned());
    match depot.beats.compare(site, key, at, signed) {
        // Verified when it came first. Whoever repeats it uses up nothing of the appliance's allowance.
        Some(Beat::Newest) => return Ok(appliance),
        Some(Beat::Older) => return Err(older()),
        None => {}
    }
    Heartbeat::verify_document(signed, &appliance.key).map_err(|e| refused(&e))?;
    // One of the future would stand until then, however old the appliance's next ones are.
    if at.millis_since(now) > SKEW_MILLIS {
        return Err(refused(&format!("the heartbeat is of {at} and it is {now}")));
    }
    depot.rates.check_in(key, now)?;
    match depot.beats.put(site, key, at, signed) {
        Beat::Newest => Ok(appliance),
        Beat::Older => Err(older()),
    }
}
