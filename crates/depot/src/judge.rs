//! Judging what is published: by signatures, and by what it must follow.

pub mod times;

use std::collections::BTreeSet;

use writ_trust::history::dropped_revocations;
use writ_trust::ids::SiteId;
use writ_trust::log::restart::{LogRestart, RestartError};
use writ_trust::minisign::{KeyId, Signature};
use writ_trust::numbers::TrustVersion;
use writ_trust::order::judge::{self, OrderRefusal, SignedOrder};
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_trust::root::{KeyProblem, TrustKey};
use writ_trust::root_chain::ChainError;
use writ_trust::text::one_line;
use writ_trust::threshold::{MAX_SIGNATURES, Tally};
use writ_trust::time::Time;
use writ_wire::orders::MOST_ORDERS;
use writ_wire::{Blob, MAX_ENVELOPE, Signed};

use crate::directory::Directory;
use crate::fault::Fault;
use crate::store::orders::StoredOrder;

fn refused(reason: impl std::fmt::Display) -> Fault {
    Fault::Refused(one_line(reason))
}

/// Judges a release of a site as its appliances will, as far as the depot can, whether it follows the active one, and whether
/// it may take the place of one that is pending.
pub fn release(directory: &Directory, site: &SiteId, signed: &Signed, now: Time) -> Result<Release, Fault> {
    let release = holds(directory, site, signed, now)?;
    match &directory.site(site).pending {
        Some(pending) if release.point() <= pending.release.point() => {
            Err(Fault::Conflict("another release of that serial, or a higher one, is pending".to_owned()))
        }
        _ => Ok(release),
    }
}

/// Judges whether a release of a site is one that may become active: by the keys that count and the root that is the newest
/// now. What held when it was published may hold no more when it is complete.
pub fn holds(directory: &Directory, site: &SiteId, signed: &Signed, now: Time) -> Result<Release, Fault> {
    signed.check_bounds().map_err(refused)?;
    let (root, bytes) = (directory.chain.newest(), &signed.document.0);
    let tally = Tally::of_release(root, site, bytes, &signed.signatures, now);
    if !tally.meets(root, Role::Release) {
        let (found, needed) = (tally.signers.len(), root.threshold(Role::Release));
        return Err(Fault::Forbidden(one_line(format!("{found} of {needed} release keys signed ({tally})"))));
    }
    let release = Release::parse(bytes).map_err(refused)?;
    if release.site != *site {
        return Err(refused(format!("the release is for site {}", release.site)));
    }
    if release.epoch != root.epoch || release.trust_version > root.version {
        let reason = format!(
            "the release is of epoch {} under trust root {}; the newest root here is {} of epoch {}",
            release.epoch, release.trust_version, root.version, root.epoch
        );
        return Err(Fault::Conflict(reason));
    }
    if now >= release.expires_at {
        return Err(refused(format!("the release expired at {}", release.expires_at)));
    }
    follows(directory, site, &release)?;
    Ok(release)
}

fn follows(directory: &Directory, site: &SiteId, release: &Release) -> Result<(), Fault> {
    let published = directory.site(site);
    let active = published.active();
    if release.previous != active.map(|active| active.digest) {
        return Err(Fault::Conflict("it does not name the active release as the one before it".to_owned()));
    }
    let Some(active) = active else { return Ok(()) };
    if release.point() <= active.release.point() {
        return Err(Fault::Conflict("its serial is not above that of the active release".to_owned()));
    }
    if let Some(dropped) = dropped_revocations(&active.release, release).next() {
        let key = dropped.public_key.fingerprint();
        return Err(refused(format!("it drops or delays the revocation of appliance key {key}")));
    }
    Ok(())
}

/// Judges an order of a site as its appliances will, as far as the depot can. Only the signatures that count are kept.
pub fn order(directory: &Directory, site: &SiteId, signed: &Signed, now: Time) -> Result<StoredOrder, Fault> {
    signed.check_bounds().map_err(refused)?;
    let root = directory.chain.newest();
    let verified = judge::verify(&signed.document.0, &signed.signatures, root, site, now);
    let SignedOrder { order, digest, signers } = verified.map_err(|refusal| match refusal {
        OrderRefusal::Threshold { .. } => Fault::Forbidden(one_line(refusal)),
        OrderRefusal::TrustExpiry { .. } => Fault::Conflict(one_line(refusal)),
        other => refused(other),
    })?;
    let mut signatures: Vec<Blob> = Vec::new();
    for signer in &signers {
        let counts = |blob: &&Blob| {
            let signature = Signature::parse(&blob.0);
            signature.is_ok_and(|one| signer.public_key.verify_strict(&signed.document.0, &one).is_ok())
        };
        signatures.extend(signed.signatures.iter().find(counts).cloned());
    }
    let kept = Signed { document: signed.document.clone(), signatures };
    // All of a site's go into one answer.
    if kept.canonical().len() > MAX_ENVELOPE / (MOST_ORDERS + 1) {
        return Err(refused("the order and its signatures are too large"));
    }
    Ok(StoredOrder { order, digest, signed: kept })
}

/// Judges a trust root that should continue the chain.
pub fn root(directory: &Directory, version: TrustVersion, signed: &Signed) -> Result<Directory, Fault> {
    signed.check_bounds().map_err(refused)?;
    let next = directory.with_root(signed.clone()).map_err(|error| match error {
        ChainError::BelowPreviousThreshold { .. } | ChainError::BelowOwnThreshold { .. } => {
            Fault::Forbidden(one_line(error))
        }
        ChainError::NotNext { .. } => Fault::Conflict(one_line(error)),
        ChainError::TooManySignatures(_)
        | ChainError::Root(_)
        | ChainError::EpochFell { .. }
        | ChainError::KeyDropped { .. }
        | ChainError::RevocationUndone { .. }
        | ChainError::LogKeyNarrowed { .. }
        | ChainError::OriginsRewritten { .. } => refused(error),
    })?;
    if next.chain.newest().version != version {
        return Err(refused(format!("the root is version {}", next.chain.newest().version)));
    }
    Ok(next)
}

/// Judges a restart of a site's log by the newest root; says which of the logs that the root lists it begins, from 2.
pub fn restart(directory: &Directory, site: &SiteId, signed: &Signed) -> Result<(u64, LogRestart), Fault> {
    signed.check_bounds().map_err(refused)?;
    let verified = LogRestart::verify(&signed.document.0, &signed.signatures, &directory.chain, site);
    let restart = verified.map_err(|error| match error {
        RestartError::BelowThreshold { .. } => Fault::Forbidden(one_line(error)),
        RestartError::Origins { .. } => Fault::Conflict(one_line(error)),
        RestartError::TooManySignatures(_) | RestartError::Document(_) | RestartError::Site { .. } => refused(error),
    })?;
    let origins = directory.chain.newest().origins(site);
    match origins.iter().position(|origin| *origin == restart.origin) {
        Some(position) => Ok((position as u64 + 1, restart)),
        None => Err(Fault::Conflict("the trust root does not list the log that it begins".to_owned())),
    }
}

/// Whether signatures that came of a stored restart count by the newest root and are not stored.
pub fn adds(directory: &Directory, stored: &Signed, came: &Signed) -> bool {
    new_signatures(directory, stored, came).next().is_some()
}

/// A stored restart with the signatures that came of the same document and count by the newest root. Those come first, and
/// the last that does not count goes when they are too many.
pub fn merged(directory: &Directory, stored: &Signed, came: &Signed) -> Signed {
    let counts = |signature: &Blob| counts(directory, &stored.document.0, signature);
    let (mut signatures, others): (Vec<Blob>, Vec<Blob>) = stored.signatures.iter().cloned().partition(counts);
    signatures.extend(new_signatures(directory, stored, came).cloned());
    signatures.extend(others);
    signatures.truncate(MAX_SIGNATURES);
    Signed { document: stored.document.clone(), signatures }
}

fn new_signatures<'a>(
    directory: &'a Directory,
    stored: &'a Signed,
    came: &'a Signed,
) -> impl Iterator<Item = &'a Blob> {
    // One of each key: another one by a key that is stored says nothing new.
    let signer = |signature: &Blob| Signature::parse(&signature.0).ok().map(|signature| signature.key_id());
    let mut known: BTreeSet<Option<KeyId>> = stored.signatures.iter().map(signer).collect();
    let counting = came.signatures.iter().filter(|one| counts(directory, &came.document.0, one));
    counting.filter(move |signature| known.insert(signer(signature)))
}

/// Whether one signature over a restart is by a key that counts.
fn counts(directory: &Directory, document: &[u8], signature: &Blob) -> bool {
    let fit = |key: &TrustKey| {
        key.serves(Role::Trust, None)?;
        key.revoked_at.map_or(Ok(()), |at| Err(KeyProblem::Revoked(at)))
    };
    !Tally::count(directory.chain.newest(), document, &[signature], fit).signers.is_empty()
}
