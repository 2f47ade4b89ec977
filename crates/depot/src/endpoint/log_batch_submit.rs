//! `POST /api/logs/sites/{site}/{source}/{number}`: a batch of logs, packed; stored and fsynced before the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_durable::crash_point;
use writ_trust::digest::Digest;
use writ_trust::ids::{LogSourceId, SiteId};
use writ_wire::log_batch::{LogBatch, MAX_BATCH};
use writ_wire::log_receipt::{LogReceipt, LogReceiptSchema};

use super::shape::{caller_and_body, json, part};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::limits::body::WholeBody;
use crate::store::log_batches::Row;
use crate::writer::{Job, PutLogBatch};

pub async fn post(
    State(depot): State<Arc<Depot>>,
    Path((site, source, number)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let (site, source, number): (SiteId, LogSourceId, u64) = (part(&site)?, part(&source)?, part(&number)?);
    let may = |caller: &Identity| {
        let appliance = caller.appliance()?;
        if appliance.site != site {
            return Err(Fault::Forbidden(format!("the caller is not of site {site}")));
        }
        depot.rates.log_batch(appliance.key.ed25519(), clock::now())
    };
    let (caller, body) = caller_and_body(&depot, request, MAX_BATCH, may).await?;
    let key = *caller.appliance()?.key.ed25519();
    if !depot.ingestion.takes(&site, &key, &source) {
        return Err(Fault::Refused("the appliance has as many sources as one may have".to_owned()));
    }
    let of = (site, key, source);
    let row = depot.blocking(move |depot| store(depot, of, number, body)).await?;
    let (batch, digest) = (row.batch.clone(), row.digest);
    let received_at = depot.writer.write(|reply| Job::LogBatch(PutLogBatch { row, reply })).await?;
    let delay_seconds = u64::try_from(received_at.millis_since(batch.to) / 1000).unwrap_or(0);
    let LogBatch { source, number, .. } = batch;
    let schema = LogReceiptSchema::V1;
    Ok(json(LogReceipt { schema, source, number, digest, received_at, delay_seconds }.canonical()))
}

/// Judges a batch and stores its bytes.
fn store(
    depot: &Depot,
    (site, key, source): (SiteId, [u8; 32], LogSourceId),
    number: u64,
    body: WholeBody,
) -> Result<Row, Fault> {
    let WholeBody { bytes, share: _share } = body;
    let batch = LogBatch::judge(&bytes).map_err(|e| Fault::Refused(format!("not a batch of logs: {e}")))?;
    if (&batch.source, batch.number) != (&source, number) {
        return Err(Fault::Refused(format!(
            "it is batch {} of {}, not {number} of {source}",
            batch.number, batch.source
        )));
    }
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let path = depot.folders.log_batch(&site, &digest);
    if path.exists() {
        depot.metrics.logs("known", size);
    } else {
        let taken = depot.rates.log_bytes(&key, size, clock::now());
        taken.inspect_err(|_| depot.metrics.logs("beyond-allowance", size))?;
        depot.metrics.logs("new", size);
    }
    if let Some(folder) = path.parent() {
        writ_durable::create_directories(folder).map_err(Fault::io(folder))?;
    }
    writ_durable::create(&path, &bytes, 0o644).map_err(Fault::io(&path))?;
    crash_point!("log-batch-stored");
    Ok(Row { of: (site, key, source), batch, digest, bytes: size })
}
