//! The bytes themselves, as they were verified: bundles, signatures, receipts, releases.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};

use super::release::release_of;
use super::shape::{Answer, download};
use crate::access::users::User;
use crate::fault::Fault;
use crate::portal::Portal;
use crate::read::detail::Raw;

type Named = Path<(String, String, String)>;

async fn read(portal: &Arc<Portal>, who: &User, site: &str, fingerprint: &str, name: &str) -> Result<Raw, Fault> {
    let detail = portal.detail(who, site).await?;
    let held = detail.held(fingerprint, name)?.clone();
    let reading = detail.clone();
    portal.blocking(&detail.site, move || reading.raw(&held)).await
}

pub async fn bundle(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, fingerprint, name)): Named,
) -> Answer {
    let raw = read(&portal, &who, &site, &fingerprint, &name).await?;
    download(raw.bytes, &format!("{name}.json"))
}

pub async fn signature(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, fingerprint, name)): Named,
) -> Answer {
    let raw = read(&portal, &who, &site, &fingerprint, &name).await?;
    download(raw.signature, &format!("{name}.json.minisig"))
}

pub async fn receipt(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, fingerprint, name)): Named,
) -> Answer {
    let raw = read(&portal, &who, &site, &fingerprint, &name).await?;
    download(raw.receipt.ok_or(Fault::NotFound)?, &format!("{name}.receipt.json"))
}

pub async fn release(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, name)): Path<(String, String)>,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let digest = release_of(&detail, &name)?.1.digest;
    let (reading, file) = (detail.clone(), name.clone());
    let bytes = portal.blocking(&detail.site, move || reading.release(&file, &digest)).await?;
    download(bytes, &format!("{}-{name}-release.json", detail.site))
}
