//! `GET /site/{site}/bundles/{fingerprint}/{name}`: one bundle in plain words, with what proves it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use writ_audit::log_summary::VERIFIED;
use writ_audit::story;
use writ_audit::words::{of, thousands, when};

use super::shape::{Answer, page_of};
use super::site::verified;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Page};
use crate::portal::Portal;
use crate::read::detail::{Detail, Held, Raw};

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, fingerprint, name)): Path<(String, String, String)>,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let held = detail.held(&fingerprint, &name)?.clone();
    let raw = {
        let (detail, held) = (detail.clone(), held.clone());
        portal.blocking(&detail.site.clone(), move || detail.raw(&held)).await?
    };
    let list = format!("{}/bundles", address::site(&detail.site));
    let mut page = page_of(&detail, held.id).below(list, "Bundles");
    verified(&mut page, &detail);
    let sentences = story::tell(&raw.bundle);
    page.heading("What it tells").story(&sentences);
    proof(&mut page, &detail, &held, &raw, &fingerprint);
    page.answer(Some(&who))
}

/// Whether the site's log holds what is here.
fn logged(detail: &Detail, held: &Held) -> String {
    if !held.path.starts_with("evidence/") {
        return "no: no log holds what people attach".to_owned();
    }
    let log = detail.comparison.verification.logs.iter().find(|log| log.site == detail.site);
    match log.map(|log| (log.state, log.unlogged)) {
        Some((VERIFIED, Some(0))) => "yes: it holds every bundle that is here".to_owned(),
        Some((state, Some(n))) => format!("the log is {state}, and {} here are in none", of(n, "bundle")),
        Some((state, None)) => format!("not known: the log is {state}"),
        None => "not known: there is none".to_owned(),
    }
}

fn proof(page: &mut Page, detail: &Detail, held: &Held, raw: &Raw, fingerprint: &str) {
    let bundle = &raw.bundle;
    let here = address::bundle(&held.path);
    let code = |name: &str, text: String| (name.to_owned(), Line::default().code(text));
    let fact = |name: &str, text: String| (name.to_owned(), Line::of(text));
    let release = bundle.release.as_ref().map_or_else(
        || Line::of("none was accepted yet"),
        |release| {
            let name = format!("{}-{}", release.epoch, release.serial);
            Line::default().link(address::release(&detail.site, &name), &name).text(", ").code(release.digest)
        },
    );
    let incident = bundle.incident.as_ref().map(|incident| {
        let link = address::incident(&detail.site, &bundle.appliance, incident.incident_id);
        ("Incident".to_owned(), Line::default().link(link, incident.incident_id))
    });
    let clock = match (bundle.clock.sources.is_empty(), bundle.clock.quorum) {
        (true, _) => "nobody vouched for it".to_owned(),
        (false, true) => format!("enough sources agreed: {}", bundle.clock.sources.join(", ")),
        (false, false) => format!("its sources did not agree enough: {}", bundle.clock.sources.join(", ")),
    };
    page.heading("Proof");
    let mut facts = vec![
        fact("Kind", bundle.kind.to_string()),
        fact("Appliance, machine", format!("{}, {}", bundle.appliance, bundle.target)),
        fact("Written", format!("{} by its own clock", when(bundle.generated_at))),
        fact("Clock", clock),
        fact("Number in its chain", thousands(bundle.chain.sequence)),
        code(
            "Bundle before it",
            bundle.chain.previous.map_or_else(|| "none: the first".to_owned(), |digest| digest.to_string()),
        ),
        code("Its own digest", held.digest.to_string()),
        ("Release that it obeyed".to_owned(), release),
        fact("In the site's log", logged(detail, held)),
        code("File in the audit folder", held.path.clone()),
    ];
    facts.extend(incident);
    page.add(Block::Facts(facts));
    let mut files = vec![
        Line::default()
            .link(format!("{here}/raw"), format!("The signed bytes ({} bytes)", thousands(raw.bytes.len() as u64))),
        Line::default().link(format!("{here}/signature"), "Their signature (minisign)"),
    ];
    if let Some(receipt) = &raw.receipt {
        let text = format!(
            "The log's receipt ({} bytes): leaf, proof of inclusion, checkpoint",
            thousands(receipt.len() as u64)
        );
        files.push(Line::default().link(format!("{here}/receipt"), text));
    }
    page.minor("Files").add(Block::List(files));
    let chain = detail.comparison.verification.chains.iter().find(|chain| chain.fingerprint == fingerprint);
    if let Some(chain) = chain {
        let file = held.path.rsplit('/').next().unwrap_or_default();
        page.minor("Verify it yourself");
        page.say("With these two files and minisign alone. Take the key from a signed release of your own copy, and not from this page:");
        page.add(Block::Commands(format!("minisign -Vm {file} -x {file}.minisig -P {}", chain.public_key)));
    }
}
