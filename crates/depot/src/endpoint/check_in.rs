//! `POST /agent/checkin`: an appliance's heartbeat; the answer says what is new and which evidence is held.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInReplySchema, MAX_CHECK_IN};
use writ_wire::courier::SKEW_MILLIS;
use writ_wire::heartbeat::Heartbeat;
use writ_wire::orders::tag;

use super::shape::{caller_and_body, json, unordered};
use crate::beats::Beat;
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::Identity;

pub async fn post(State(depot): State<Arc<Depot>>, request: Request) -> Result<Response<Body>, Fault> {
    let only_appliances = |caller: &Identity| caller.appliance().map(drop);
    let (caller, body) = caller_and_body(&depot, request, MAX_CHECK_IN, only_appliances).await?;
    let (appliance, now) = (caller.appliance()?, clock::now());
    depot.rates.check_in(appliance.key.ed25519(), now)?;
    let check_in = CheckIn::parse(&body.bytes).map_err(|e| Fault::Malformed(e.to_string()))?;
    let heartbeat =
        Heartbeat::verify(&check_in.heartbeat, &appliance.key).map_err(|e| Fault::Refused(e.to_string()))?;
    if heartbeat.site != appliance.site || !appliance.appliances.contains(&heartbeat.appliance) {
        return Err(Fault::Refused("the heartbeat speaks for another site or appliance".to_owned()));
    }
    // One of the future would stand until then, however old the appliance's next ones are.
    if heartbeat.at.millis_since(now) > SKEW_MILLIS {
        return Err(Fault::Refused(format!("the heartbeat is of {} and it is {now}", heartbeat.at)));
    }
    let (site, key) = (&appliance.site, appliance.key.ed25519());
    if depot.beats.put(site, key, heartbeat.at, &check_in.heartbeat) == Beat::Older {
        return Err(Fault::Conflict("the appliance has said something newer".to_owned()));
    }
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
