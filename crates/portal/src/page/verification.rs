//! `GET /site/{site}/verification`: from what a site was read, and everything that does not verify.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use writ_audit::problem::{Problem, Weight};
use writ_audit::verify::VerifyReport;
use writ_audit::words::{thousands, when};

use super::shape::{Answer, at, basis, page_of};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Page, Shown, Table, cell, number};
use crate::portal::Portal;
use crate::read::detail::Detail;

/// How many problems one part shows.
const EACH: usize = 60;
/// The most chains and roots that are listed.
const MOST: usize = 100;

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Answer {
    let summary = portal.summary(&who, &name)?;
    let part = address::part(&uri)?;
    if summary.not_judged.is_some() {
        let found = portal.report(&summary).await?;
        let at = found.as_ref().map_or(summary.read_at, |found| found.at);
        let mut page = Page::new(format!("Verification of {}", summary.site)).below("/", "Fleet");
        page = page.resting_on(basis(&summary.site, at, false, &summary.log));
        match found {
            Ok(found) => tell(&mut page, &summary.site, &found.report, part)?,
            Err(why) => {
                page.say(why);
            }
        }
        return page.answer(Some(&who));
    }
    let detail = portal.detail(&who, &name).await?;
    let mut page = page_of(&detail, format!("Verification of {}", detail.site));
    verified(&mut page, &detail);
    tell(&mut page, &detail.site, &detail.comparison.verification, part)?;
    by_yourself(&mut page, &detail);
    page.answer(Some(&who))
}

fn tell(
    page: &mut Page,
    site: &writ_trust::ids::SiteId,
    report: &VerifyReport,
    part: usize,
) -> Result<(), crate::fault::Fault> {
    page.heading("What does not verify, and what must be known");
    let all: Vec<&Problem> = report.problems.list.iter().collect();
    let shown = Shown::of(part, all.len(), EACH)?;
    if all.is_empty() {
        page.say("Nothing.");
    } else {
        let mut table = Table::new("Problems", &["Weight", "Code", "Where", "What", "So"]);
        for problem in shown.slice(&all) {
            let weight = match problem.weight {
                Weight::Bad => Line::default().pill("bad", "bad"),
                Weight::Note => Line::default().pill("note", "note"),
            };
            table.row(vec![
                weight.into(),
                Line::default().code(problem.code).into(),
                Line::default().code(&problem.path).into(),
                cell(&problem.what),
                cell(&problem.consequence),
            ]);
        }
        page.add(Block::Table(table)).parts(&format!("/site/{site}/verification"), &shown);
    }
    let mut roots = Table::new(
        "Trust roots that counted; compare the digest with the one that you were given",
        &["Version", "Digest"],
    );
    for root in report.roots.iter().take(MOST) {
        let digest = root.digest.map(|digest| digest.to_string()).unwrap_or_default();
        roots.row(vec![cell(root.version), Line::default().code(digest).into()]);
    }
    page.heading("From what").add(Block::Table(roots));
    if let Some(log) = report.logs.iter().find(|log| log.site == *site) {
        let mut table =
            Table::new(format!("Logs of the site: {}", log.state), &["Log", "#Entries", "Root", "Newest by its key"]);
        for one in log.logs.iter().take(MOST) {
            table.row(vec![
                Line::default().code(&one.origin).into(),
                number(one.size.map_or_else(|| "–".to_owned(), thousands)),
                Line::default().code(one.root.as_deref().unwrap_or("–")).into(),
                cell(at(one.fresh_at)),
            ]);
            for outside in one.external.iter().take(MOST) {
                let said = format!("{} by {}, not the log itself", outside.kind, outside.by);
                table.row(vec![cell(said), number(thousands(outside.size)), cell("–"), cell(when(outside.at))]);
            }
        }
        page.add(Block::Table(table));
    }
    let mut chains = Table::new(
        "Chains of evidence, one for each key",
        &["Appliance", "Key", "Fingerprint", "#Bundles", "Numbers", "Last"],
    );
    for chain in report.chains.iter().filter(|chain| chain.site == *site).take(MOST) {
        let numbers =
            chain.first.zip(chain.last).map_or_else(|| "–".to_owned(), |(first, last)| format!("{first} to {last}"));
        chains.row(vec![
            cell(&chain.appliance),
            Line::default().code(&chain.key_id).into(),
            Line::default().code(&chain.fingerprint).into(),
            number(thousands(chain.bundles as u64)),
            cell(numbers),
            cell(at(chain.last_at)),
        ]);
    }
    page.add(Block::Table(chains));
    Ok(())
}

fn by_yourself(page: &mut Page, detail: &Detail) {
    page.heading("Verify this yourself");
    page.say("Nothing here asks for trust in this portal. With your own copy of the folder, and the trust root that you were given:");
    let site = &detail.site;
    page.add(Block::Commands(format!(
        "writ audit verify audit --trust root-you-were-given.json --site {site}\n\
         writ audit compare audit --trust root-you-were-given.json --site {site}"
    )));
}
