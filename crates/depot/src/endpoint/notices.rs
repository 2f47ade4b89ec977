//! `POST /api/notices/{site}`: a notice of an appliance; `GET`: the newest notices of a site. Nobody is told of them by that.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_wire::Signed;
use writ_wire::notice::{MAX_NOTICE, Notice};
use writ_wire::notices::{NoticeReceipt, NoticeReceiptSchema, Notices, NoticesSchema};

use super::shape::{caller, caller_and_body, json, part, unordered};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::store::notices::{self, Row};
use crate::writer::{Job, PutNotice};

/// The largest body: a notice and its signature in base64, and room.
const MAX_BODY: usize = 2 * MAX_NOTICE;
/// The most bytes of notices in an answer.
const MOST: u64 = 3 * 1024 * 1024;

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
        depot.rates.notice(appliance.key.ed25519(), clock::now())
    };
    let (caller, body) = caller_and_body(&depot, request, MAX_BODY, may).await?;
    let appliance = caller.appliance()?;
    let signed = Signed::parse(&body.bytes).map_err(|e| Fault::Malformed(e.to_string()))?;
    let notice = Notice::verify(&signed, &appliance.key).map_err(|e| Fault::Refused(e.to_string()))?;
    if notice.site != appliance.site || !appliance.appliances.contains(&notice.appliance) {
        return Err(Fault::Refused("the notice speaks for another site or appliance".to_owned()));
    }
    let digest = Digest::of(&signed.document.0);
    let row = Row { site, key: *appliance.key.ed25519(), number: notice.number, signed };
    depot.writer.write(|reply| Job::Notice(PutNotice { row, reply })).await?;
    Ok(json(NoticeReceipt { schema: NoticeReceiptSchema::V1, digest }.canonical()))
}

pub async fn get(
    State(depot): State<Arc<Depot>>,
    Path(site): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let site: SiteId = part(&site)?;
    caller(&depot, &request)?.may_read(&depot, &site)?;
    let answer = depot.blocking(move |depot| {
        let notices = depot.readers.read(|connection| notices::newest(connection, &site, MOST))?;
        unordered(&Notices { schema: NoticesSchema::V1, notices })
    });
    Ok(json(answer.await?))
}
