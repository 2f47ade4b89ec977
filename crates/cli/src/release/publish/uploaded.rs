//! Asking a depot for what was published, as an appliance will: what it gives must be what was meant.

use std::path::Path;

use writ_client::Client;
use writ_nix::cache::{self, Entry, MAX_NARINFO};
use writ_trust::digest::Digest;
use writ_trust::history::Standing;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_wire::paths;
use writ_wire::publication::HashPart;

use super::depot::MOST;
use super::fit::Fit;
use crate::clock;
use crate::depot::failed;
use crate::depot::head::{self, Active, Head};
use crate::depot::log::Bounds;
use crate::failure::{Failure, Outcome};
use crate::screen::Meter;

/// Compares what a depot gives of a release with what was published, and its place in the log with the head before.
pub fn check(client: &Client, chain: &TrustChain, fit: &Fit, before: Option<&Head>) -> Outcome<Active> {
    let bad = |what: String, why: String| {
        Failure::refused(what)
            .at(client.depot())
            .because(why)
            .next("appliances refuse it too; do not trust this depot until it is known why")
    };
    let release = &fit.release;
    let paths_of = || fit.closures.iter().flat_map(|closure| &closure.paths);
    let mut meter = Meter::new("verifying");
    meter.expect((fit.documents.len() + paths_of().count() + 1) as u64);
    let mut done = 0;
    for (digest, expected) in &fit.documents {
        let found = client.get(&paths::document(digest), MAX_DOCUMENT as u64);
        let found = found.map_err(|e| failed(format!("the depot does not give document {digest}"), client, &e))?;
        if found != *expected {
            let why = format!("it has digest {}", Digest::of(&found));
            return Err(bad(format!("the depot gives other bytes for document {digest}"), why));
        }
        done += 1;
        meter.step(done);
    }
    let open = client.unsigned();
    for path in paths_of() {
        let no = |e: &dyn std::fmt::Display| {
            bad(format!("the depot does not give {} as the release names it", path.path), e.to_string())
        };
        let part: HashPart = cache::hash_part(&path.path).parse().map_err(|e| no(&e))?;
        let bytes = open.get(&paths::narinfo(&part), MAX_NARINFO);
        let bytes =
            bytes.map_err(|e| failed(format!("the depot does not give the narinfo of {}", path.path), client, &e))?;
        let entry = Entry::parse(bytes, path, Path::new(&format!("{part}.narinfo"))).map_err(|e| no(&e))?;
        let nar = format!("nar/{}", entry.nar_file().map_err(|e| no(&e))?);
        let target = paths::nar(&nar).ok_or_else(|| no(&"its file has an odd name"))?;
        if !open.exists(&target).map_err(|e| failed(format!("cannot ask for {nar}"), client, &e))? {
            return Err(no(&format!("{nar} is not there")));
        }
        done += 1;
        meter.step(done);
    }
    let active =
        head::active(client, chain, &release.site, before, None, Bounds::of(MOST), clock::now()).map_err(|error| {
            match &error {
                head::HeadError::Client(error) => {
                    failed("cannot ask for the release that was published", client, error)
                }
                error => bad(
                    "the release was published, and what the depot shows of it does not hold".to_owned(),
                    error.to_string(),
                ),
            }
        })?;
    match active {
        Some(active) if active.past.digest == fit.files.digest() => sound(client, active),
        other => {
            let shown = other.map_or("none".to_owned(), |other| {
                format!("{}-{}", other.past.release.epoch, other.past.release.serial)
            });
            Err(bad("the depot took the release and shows another".to_owned(), format!("it shows {shown}")))
        }
    }
}

/// A depot that knew the release may have kept the signatures with which it first came, and none of those that came later.
fn sound(client: &Client, active: Active) -> Outcome<Active> {
    let Standing::Unproven { revoked } = &active.past.standing else { return Ok(active) };
    let names: Vec<&str> = revoked.iter().map(|(signer, _)| signer.name.as_str()).collect();
    let release = &active.past.release;
    let shown = format!("{}-{} of {}", release.epoch, release.serial, release.site);
    Err(Failure::refused(format!(
        "the depot shows {shown} with signatures that count only with keys that were revoked since"
    ))
    .at(client.depot())
    .because(format!("revoked: {}", one_line(names.join(", "))))
    .next("it knew this release already; draft a new serial, have keys that count sign it, and publish that"))
}
