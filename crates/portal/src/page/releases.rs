//! `GET /site/{site}/releases`: what the site was told to obey, the newest first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use writ_audit::words::when;
use writ_trust::history::{PastRelease, Standing};

use super::shape::{Answer, page_of};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Shown, Table, cell, number};
use crate::portal::Portal;

/// How many releases one part shows.
const EACH: usize = 60;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path(site): Path<String>,
    uri: Uri,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let record = detail.archive.sites.get(&detail.site);
    let newest: Vec<&PastRelease> = record.into_iter().flat_map(|record| record.releases.iter().rev()).collect();
    let shown = Shown::of(address::part(&uri)?, newest.len(), EACH)?;
    let mut page = page_of(&detail, "Releases");
    verified(&mut page, &detail);
    page.say("Each is signed by as many people as the trust root asks for. Its page says what it changed.");
    let columns = ["Release", "Made", "Signed by", "Trust root", "#Appliances", "Source", "Signatures"];
    let mut table = Table::new("Releases that verified, the newest first", &columns);
    for past in shown.slice(&newest) {
        let name = name_of(past);
        let source = past.release.source.revision.as_ref().map_or_else(|| "no commit".to_owned(), ToString::to_string);
        table.row(vec![
            Line::default().link(address::release(&detail.site, &name), &name).into(),
            cell(when(past.release.issued_at)),
            cell(signers(past)),
            cell(past.release.trust_version),
            number(past.release.generations.len()),
            Line::default().code(source).into(),
            standing(past).into(),
        ]);
    }
    page.add(Block::Table(table)).parts(&format!("{}/releases", address::site(&detail.site)), &shown);
    page.answer(Some(&who))
}

/// A release as addresses and tables name it.
pub(super) fn name_of(past: &PastRelease) -> String {
    format!("{}-{}", past.release.epoch, past.release.serial)
}

/// Who signed it.
pub(super) fn signers(past: &PastRelease) -> String {
    let all: Vec<String> =
        past.signers.iter().map(|signer| format!("{} ({})", signer.name, signer.public_key.key_id())).collect();
    all.join(", ")
}

/// What its signatures are worth by now.
pub(super) fn standing(past: &PastRelease) -> Line {
    match &past.standing {
        Standing::Sound => Line::default().pill("good", "sound"),
        Standing::Unproven { revoked } => {
            let keys: Vec<String> =
                revoked.iter().map(|(signer, at)| format!("{} as of {}", signer.name, when(*at))).collect();
            Line::default().pill("bad", "unproven").text(format!(" revoked since: {}", keys.join(", ")))
        }
    }
}
