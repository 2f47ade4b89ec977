//! `POST /api/provision/{mac}`: the claim of a machine that belongs nowhere yet. `GET`: the claims of a card, for whoever gives
//! machines their place; `GET …?key=FINGERPRINT&trust=N`: where the machine with this key belongs, for itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use hyper::body::Body as _;
use writ_trust::digest::Digest;
use writ_trust::minisign::PublicKey;
use writ_wire::Signed;
use writ_wire::claim::{Claim, MAX_SIGNED_CLAIM};
use writ_wire::claims::{ClaimReceipt, ClaimReceiptSchema};
use writ_wire::http::verify::VerifyError;
use writ_wire::mac::MacAddress;
use writ_wire::placement::{MAX_ROOTS, Place, Placement, PlacementSchema};

use super::provision_all::for_readers;
use super::release::logged;
use super::shape::{anybody, json, number, part, unordered, word};
use crate::clock;
use crate::depot::Depot;
use crate::directory::Standing;
use crate::fault::Fault;
use crate::identity::{IdentityError, identify_claimant};
use crate::limits::body::read;

pub async fn post(
    State(depot): State<Arc<Depot>>,
    Path(mac): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let mac: MacAddress = part(&mac)?;
    let (parts, body) = request.into_parts();
    let sender = anybody(&parts);
    let limit = MAX_SIGNED_CLAIM as u64;
    let body = read(&depot.body_memory, &depot.options, sender.clone(), &parts.headers, body, limit).await?;
    let signed = Signed::parse(&body.bytes).map_err(|e| Fault::Malformed(e.to_string()))?;
    let now = clock::now();
    let claim = Claim::verify(&signed, now).map_err(|e| Fault::Refused(e.to_string()))?;
    if claim.mac != mac {
        return Err(Fault::Refused(format!("the claim is of {}", claim.mac)));
    }
    refuse_revoked(&depot, &claim.public_key)?;
    let digest = Digest::of(&signed.document.0);
    let (others, is_new) = depot.claims.put(claim, signed, sender, now)?;
    // Once for each key: a machine says its claim again every few minutes, and whoever likes can as often as he likes.
    if is_new && others > 0 {
        tracing::warn!(%mac, others, "several keys claim one card: one of them may have been exchanged on its way");
    }
    Ok(json(ClaimReceipt { schema: ClaimReceiptSchema::V1, digest, others }.canonical()))
}

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(mac): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let mac: MacAddress = part(&mac)?;
    let key = word(request.uri(), "key").map_err(|()| Fault::Malformed("key is there twice".to_owned()))?;
    let Some(fingerprint) = key else { return for_readers(&depot, &request, Some(&mac)) };
    let unknown = || IdentityError::from(VerifyError::UnknownKey(fingerprint.chars().take(64).collect()));
    let claim = depot.claims.by(&mac, fingerprint, clock::now()).ok_or_else(unknown)?;
    let verified = identify_claimant(&depot, request.method(), request.uri(), request.headers(), &claim)?;
    let body = (!request.body().is_end_stream()).then(|| Digest::of(b"not read"));
    verified.check_body(body).map_err(IdentityError::from)?;
    let (parts, _) = request.into_parts();
    let known = number(&parts, "trust")?.unwrap_or(0);
    refuse_revoked(&depot, &claim.public_key)?;
    let place = place(&depot, &claim.public_key, known).await?;
    Ok(json(unordered(&Placement { schema: PlacementSchema::V1, place })?))
}

/// A key that was revoked is some machine that was stolen, or somebody who has its key.
fn refuse_revoked(depot: &Depot, key: &PublicKey) -> Result<(), Fault> {
    match depot.directory().standing(key) {
        Standing::Revoked(site) => Err(Fault::Forbidden(format!("the newest release of site {site} revokes this key"))),
        Standing::Unknown | Standing::Named(..) => Ok(()),
    }
}

/// Where an active release puts a key, with all by which its machine can judge that.
async fn place(depot: &Arc<Depot>, key: &PublicKey, known: u64) -> Result<Option<Place>, Fault> {
    let directory = depot.directory();
    let Standing::Named(site, appliance) = directory.standing(key) else { return Ok(None) };
    let Some(active) = directory.site(&site).active().cloned() else { return Ok(None) };
    let newer = directory.chain.roots().zip(&directory.roots).filter(|(root, _)| root.version.get() > known);
    let roots = newer.take(MAX_ROOTS).map(|(_, signed)| (**signed).clone()).collect();
    let of = site.clone();
    let release = depot.blocking(move |depot| logged(depot, &of, &active)).await?;
    Ok(Some(Place { site, appliance, roots, release }))
}
