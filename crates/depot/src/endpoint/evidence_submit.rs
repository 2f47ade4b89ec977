//! `POST /api/evidence/sites/{site}/submit`: bundles in, receipts out; stored and fsynced before the answer.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_INTEGER;
use writ_trust::minisign::{Prehash, Signature};
use writ_wire::evidence_batch::{EvidenceBatch, MAX_BUNDLES};
use writ_wire::receipts::{BundleReceipt, Reason, Receipts, ReceiptsSchema, RefusedBundle};
use writ_wire::{Blob, MAX_ENVELOPE, Signed};

use super::shape::{caller_and_body, json, parsed, part, unordered};
use crate::clock;
use crate::depot::Depot;
use crate::directory::{ApplianceKey, Site};
use crate::fault::Fault;
use crate::identity::Identity;
use crate::limits::body::Share;
use crate::writer::{Job, Prepared, Submit, Submitted};

/// The largest bundle, in bytes: that of the evidence format.
const MAX_BUNDLE: usize = 1024 * 1024;
/// Bundles that one thread verifies at a time: about two milliseconds.
const CHUNK: usize = 25;

/// What the depot reads of a bundle. Everything else in it is for whoever audits, and so are schemas not known here.
#[derive(Debug, Deserialize)]
struct Header<'a> {
    #[expect(dead_code, reason = "must be there")]
    #[serde(borrow)]
    schema: Cow<'a, str>,
    bundle_id: String,
    client_id: SiteId,
    appliance: ApplianceId,
    /// Compared as it is spelled: a key has one spelling in a document.
    #[serde(borrow)]
    public_key: Cow<'a, str>,
    chain: Chain,
}

/// A bundle's place in its chain.
#[derive(Debug, Deserialize)]
struct Chain {
    sequence: u64,
    previous: Option<Digest>,
}

pub async fn post(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    let may = |caller: &Identity| {
        let appliance = caller.appliance()?;
        if appliance.site != site {
            return Err(Fault::Forbidden(format!("the caller is not of site {site}")));
        }
        depot.rates.batch(appliance.key.ed25519(), clock::now())
    };
    let (caller, body) = caller_and_body(&depot, request, MAX_ENVELOPE, may).await?;
    let appliance = caller.appliance()?;
    let (batch, share) = parsed(&depot, body, EvidenceBatch::parse).await?;
    let share = Arc::new(share);
    if batch.bundles.is_empty() || batch.bundles.len() > MAX_BUNDLES {
        return Err(Fault::Malformed(format!("{} bundles: expected 1 to {MAX_BUNDLES}", batch.bundles.len())));
    }
    let (prepared, mut refused) = judge(&depot, appliance, batch.bundles, &share).await?;
    let answer = if prepared.is_empty() {
        None
    } else {
        depot.rates.evidence_bytes(appliance.key.ed25519(), not_held(&depot, &site, &prepared), clock::now())?;
        let job = |reply| Job::Submit(Submit { site: site.clone(), bundles: prepared, share, reply });
        Some(depot.writer.write(job).await?)
    };
    let conflicts = answer.iter().flat_map(|answer| &answer.conflicts);
    refused.extend(conflicts.map(|digest| RefusedBundle { digest: *digest, reason: Reason::Conflict }));
    count(&depot, answer.as_ref(), &refused);
    let anything_new = answer.as_ref().is_some_and(|answer| answer.new > 0);
    depot.rates.brought(appliance.key.ed25519(), clock::now(), anything_new);
    reply(&depot, &site, appliance, answer, refused)
}

/// The bytes of those bundles that are not known to be held. Sent again, a bundle takes nothing of the allowance.
fn not_held(depot: &Depot, site: &SiteId, bundles: &[Prepared]) -> u64 {
    let new = |bundle: &&Prepared| bundle.sequence > depot.held.of(site, bundle.key.ed25519()).0;
    bundles.iter().filter(new).map(|bundle| bundle.document.len() as u64).sum()
}

fn count(depot: &Depot, answer: Option<&Submitted>, refused: &[RefusedBundle]) {
    if let Some(answer) = answer {
        depot.metrics.bundles("new", answer.new);
        depot.metrics.bundles("known", answer.receipts.len() - answer.new);
    }
    for bundle in refused {
        depot.metrics.bundles(bundle.reason.name(), 1);
    }
}

fn reply(
    depot: &Depot,
    site: &SiteId,
    appliance: &ApplianceKey,
    answer: Option<Submitted>,
    refused: Vec<RefusedBundle>,
) -> Result<Response<Body>, Fault> {
    let (checkpoint, receipts) = match answer {
        Some(answer) => (answer.note, answer.receipts),
        None => (depot.heads.current(site).map(|head| head.note.clone()).unwrap_or_default(), Vec::new()),
    };
    let receipts: Vec<BundleReceipt> = receipts
        .into_iter()
        .map(|receipt| BundleReceipt {
            digest: receipt.digest,
            entry: Blob(receipt.entry),
            index: receipt.index,
            proof: receipt.proof.iter().map(|hash| Blob(hash.to_vec())).collect(),
        })
        .collect();
    let status = if receipts.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (held, newest) = depot.held.of(site, appliance.key.ed25519());
    let checkpoint = Blob(checkpoint.to_vec());
    let receipts = Receipts { schema: ReceiptsSchema::V1, checkpoint, receipts, refused, held, newest };
    let mut response = json(unordered(&receipts)?);
    *response.status_mut() = status;
    Ok(response)
}

/// Verifies every bundle, spread over the cores. Order is kept.
async fn judge(
    depot: &Arc<Depot>,
    appliance: &Arc<ApplianceKey>,
    mut bundles: Vec<Signed>,
    share: &Arc<Share>,
) -> Result<(Vec<Prepared>, Vec<RefusedBundle>), Fault> {
    let published = depot.directory().site(&appliance.site);
    let mut tasks = Vec::new();
    while !bundles.is_empty() {
        let rest = bundles.split_off(bundles.len().min(CHUNK));
        let chunk = std::mem::replace(&mut bundles, rest);
        let (published, appliance, share) = (published.clone(), appliance.clone(), share.clone());
        tasks.push(tokio::task::spawn_blocking(move || {
            // Until these are judged, also when nobody waits any more.
            let _share = share;
            let judged = chunk.into_iter().map(|bundle| judge_one(&published, &appliance, bundle));
            judged.collect::<Vec<Result<Prepared, RefusedBundle>>>()
        }));
    }
    let (mut prepared, mut refused) = (Vec::new(), Vec::new());
    for task in tasks {
        for judged in task.await.map_err(|_| Fault::Broken)? {
            match judged {
                Ok(bundle) => prepared.push(bundle),
                Err(bundle) => refused.push(bundle),
            }
        }
    }
    Ok((prepared, refused))
}

/// Judges a bundle: signature first, by a key that the site's releases name, then what it says of itself.
fn judge_one(published: &Site, appliance: &ApplianceKey, bundle: Signed) -> Result<Prepared, RefusedBundle> {
    let Signed { document: Blob(document), signatures } = bundle;
    let digest = Digest::of(&document);
    let refuse = |reason| RefusedBundle { digest, reason };
    if document.len() > MAX_BUNDLE {
        return Err(refuse(Reason::TooLarge));
    }
    let mut signatures = signatures.into_iter();
    let (Some(Blob(file)), None) = (signatures.next(), signatures.next()) else {
        return Err(refuse(Reason::Signature));
    };
    let signature = Signature::parse(&file).map_err(|_| refuse(Reason::Signature))?;
    let candidates = published.keys_with_id(signature.key_id());
    if candidates.is_empty() {
        return Err(refuse(Reason::UnknownKey));
    }
    let prehash = Prehash::of(&document);
    let signs = |known: &&Arc<ApplianceKey>| known.key.verify_prehashed(&prehash, &signature).is_ok();
    let known = candidates.iter().find(signs).ok_or(refuse(Reason::Signature))?;
    if known.revoked {
        return Err(refuse(Reason::RevokedKey));
    }
    let header: Header<'_> = serde_json::from_slice(&document).map_err(|_| refuse(Reason::Malformed))?;
    let Header { bundle_id, client_id, appliance: speaker, chain, public_key, .. } = header;
    let sound = is_id(&bundle_id) && (1..=MAX_INTEGER.unsigned_abs()).contains(&chain.sequence);
    if !sound || public_key != known.key.line() {
        return Err(refuse(Reason::Malformed));
    }
    // An appliance sends what it said itself: under this key, or under an earlier one of its own.
    let own = known.key == appliance.key || appliance.appliances.contains(&speaker);
    if client_id != appliance.site || !own || !known.appliances.contains(&speaker) {
        return Err(refuse(Reason::OtherSpeaker));
    }
    Ok(Prepared {
        signature: file,
        digest,
        key: known.key.clone(),
        id: bundle_id,
        appliance: speaker,
        sequence: chain.sequence,
        previous: chain.previous,
        document,
    })
}

/// Whether text can be a bundle's id: `EB-YYYYMMDD-NNNN`, the number as wide as it needs.
fn is_id(text: &str) -> bool {
    let Some((date, number)) = text.strip_prefix("EB-").and_then(|rest| rest.split_once('-')) else { return false };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    date.len() == 8 && digits(date) && (4..=16).contains(&number.len()) && digits(number)
}
