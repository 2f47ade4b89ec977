//! `GET /site/{site}/releases/{release}`: what a release changed, and who signed it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde_json::Value as Json;
use writ_audit::words::{thousands, when};
use writ_policy::diff::{Change, Effect, diff};
use writ_trust::history::PastRelease;
use writ_trust::ids::ApplianceId;

use super::releases::{signers, standing};
use super::shape::{Answer, page_of};
use super::site::{short, verified};
use crate::access::users::User;
use crate::address;
use crate::fault::Fault;
use crate::html::{Block, Line, Page, Shown, Table, cell};
use crate::portal::Portal;
use crate::read::detail::Detail;

/// How many changes one part shows.
const EACH: usize = 50;
/// The most changes that are told of.
const MOST: usize = 5000;

/// One line of what a release changed.
struct Told {
    appliance: String,
    what: String,
    before: String,
    after: String,
    effect: Effect,
    why: String,
}

/// A release that verified, and the one before it.
pub(super) fn release_of<'d>(
    detail: &'d Detail,
    name: &str,
) -> Result<(Option<&'d PastRelease>, &'d PastRelease), Fault> {
    let releases = &detail.archive.sites.get(&detail.site).ok_or(Fault::NotFound)?.releases;
    let at = releases.iter().position(|past| super::releases::name_of(past) == name).ok_or(Fault::NotFound)?;
    Ok((at.checked_sub(1).map(|before| &releases[before]), &releases[at]))
}

pub async fn get(
    State(portal): State<Arc<Portal>>,
    Extension(who): Extension<Arc<User>>,
    Path((site, name)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let detail = portal.detail(&who, &site).await?;
    let part = address::part(&uri)?;
    let (before, past) = release_of(&detail, &name)?;
    let list = format!("{}/releases", address::site(&detail.site));
    let mut page = page_of(&detail, format!("Release {name}")).below(list, "Releases");
    verified(&mut page, &detail);
    about(&mut page, &detail, before, past);
    let told = {
        let (detail, name) = (detail.clone(), name.clone());
        portal.blocking(&detail.site.clone(), move || changes(&detail, &name)).await?
    };
    let shown = Shown::of(part, told.len(), EACH)?;
    page.heading("What it changed");
    let weaker = told.iter().filter(|told| told.effect == Effect::Weaker).count() as u64;
    if weaker > 0 {
        let words = format!("{} weaken protection.", thousands(weaker));
        page.add(Block::Banner("bad", Line::default().strong("Of these changes, ").text(words)));
    }
    if told.is_empty() {
        page.say("Nothing of what is asked of any appliance.");
    } else {
        let columns = ["Appliance", "What", "Before", "After", "Effect", "Why"];
        let mut table = Table::new("Changes beside the release before it, in the order of the policy", &columns);
        for one in shown.slice(&told) {
            table.row(vec![
                cell(&one.appliance),
                Line::default().code(&one.what).into(),
                Line::default().code(&one.before).into(),
                Line::default().code(&one.after).into(),
                effect(one.effect).into(),
                cell(&one.why),
            ]);
        }
        page.add(Block::Table(table)).parts(&address::release(&detail.site, &name), &shown);
    }
    page.answer(Some(&who))
}

fn effect(effect: Effect) -> Line {
    let (class, word) = match effect {
        Effect::Weaker => ("bad", "weaker"),
        Effect::Unclear => ("note", "unclear"),
        Effect::Stronger => ("good", "stronger"),
        Effect::Same => ("plain", "same"),
    };
    Line::default().pill(class, word)
}

fn about(page: &mut Page, detail: &Detail, before: Option<&PastRelease>, past: &PastRelease) {
    let release = &past.release;
    let dirty = if release.source.dirty { ", with changes that the commit does not have" } else { "" };
    let commit = release.source.revision.as_ref().map_or_else(|| "no commit".to_owned(), ToString::to_string);
    let name = super::releases::name_of;
    let link = |past: &PastRelease| Line::default().link(address::release(&detail.site, &name(past)), name(past));
    let raw = format!("{}/raw", address::release(&detail.site, &name(past)));
    page.add(Block::Facts(vec![
        ("Signed by".to_owned(), Line::of(signers(past))),
        ("Signatures".to_owned(), standing(past)),
        ("Made".to_owned(), Line::of(format!("{}, as its signers say", when(release.issued_at)))),
        ("No longer accepted from".to_owned(), Line::of(when(release.expires_at))),
        ("Before it".to_owned(), before.map_or_else(|| Line::of("none"), link)),
        ("Under trust root".to_owned(), Line::of(release.trust_version)),
        ("Source".to_owned(), Line::default().code(commit).text(dirty)),
        ("Digest".to_owned(), Line::default().code(past.digest)),
        ("Bytes".to_owned(), Line::default().link(raw, "release.json, as it was signed")),
    ]));
    if !release.revoked_appliance_keys.is_empty() {
        let revoked = release.revoked_appliance_keys.iter().take(EACH).map(|key| {
            let id = key.public_key.key_id();
            Line::of("Key ").code(id).text(format!(" counts no longer, as of {}: {}", when(key.revoked_at), key.reason))
        });
        page.minor("Keys of appliances that count no longer").add(Block::List(revoked.collect()));
    }
}

/// What a release changed beside the one before it, for each appliance.
fn changes(detail: &Detail, name: &str) -> Result<Vec<Told>, Fault> {
    let (before, past) = release_of(detail, name)?;
    let mut told = Vec::new();
    let of = |past: &PastRelease, appliance: &ApplianceId| past.release.generations.get(appliance).cloned();
    let mut names: Vec<_> = past.release.generations.keys().cloned().collect();
    names.extend(before.into_iter().flat_map(|before| before.release.generations.keys().cloned()));
    names.sort();
    names.dedup();
    for appliance in &names {
        let (was, is) = (before.and_then(|before| of(before, appliance)), of(past, appliance));
        let mut tell = |what: &str, before: String, after: String, effect, why: &str| {
            let (appliance, what, why) = (appliance.to_string(), what.to_owned(), why.to_owned());
            told.push(Told { appliance, what, before, after, effect, why });
        };
        let (was, is) = match (was, is) {
            (Some(was), Some(is)) => (was, is),
            (None, Some(is)) => {
                tell("appliance", String::new(), is.public_key.key_id().to_string(), Effect::Unclear, "it is new");
                continue;
            }
            (Some(was), None) => {
                tell(
                    "appliance",
                    was.public_key.key_id().to_string(),
                    String::new(),
                    Effect::Weaker,
                    "nothing is asked of it any more",
                );
                continue;
            }
            (None, None) => continue,
        };
        if was.public_key != is.public_key {
            let ids = [&was, &is].map(|generation| generation.public_key.key_id().to_string());
            let [before, after] = ids;
            tell("public_key", before, after, Effect::Unclear, "it speaks with another key");
        }
        let system = |generation: &writ_trust::release::Generation| {
            generation.closure.as_ref().map(|closure| closure.toplevel.to_string()).unwrap_or_default()
        };
        if system(&was) != system(&is) {
            tell("system", system(&was), system(&is), Effect::Unclear, "another system runs");
        }
        if was.policy.digest == is.policy.digest {
            continue;
        }
        let policies =
            (detail.archive.policies.get(&was.policy.digest), detail.archive.policies.get(&is.policy.digest));
        let (Some(was), Some(is)) = policies else {
            tell(
                "policy",
                was.policy.digest.to_string(),
                is.policy.digest.to_string(),
                Effect::Unclear,
                "one of them cannot be read here",
            );
            continue;
        };
        for change in diff(was, is).changes {
            tell(&change.path.join("."), value(&change.before), value(&change.after), change.effect, &why(&change));
        }
        if told.len() > MOST {
            break;
        }
    }
    told.truncate(MOST);
    Ok(told)
}

fn why(change: &Change) -> String {
    change.why.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn value(value: &Option<Json>) -> String {
    match value {
        None => String::new(),
        Some(Json::String(text)) => short(text),
        Some(other) => short(&other.to_string()),
    }
}
