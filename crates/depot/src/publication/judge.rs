//! Judging what is published: by signatures, and by what it must follow.

use writ_trust::history::dropped_revocations;
use writ_trust::ids::SiteId;
use writ_trust::log::restart::{LogRestart, RestartError};
use writ_trust::numbers::TrustVersion;
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_trust::root_chain::ChainError;
use writ_trust::text::one_line;
use writ_trust::threshold::Tally;
use writ_trust::time::Time;
use writ_wire::Signed;

use crate::directory::Directory;
use crate::fault::Fault;

fn refused(reason: impl std::fmt::Display) -> Fault {
    Fault::Refused(one_line(reason))
}

/// Judges a release of a site as its appliances will, as far as the depot can, and whether it follows the active one.
pub fn release(directory: &Directory, site: &SiteId, signed: &Signed, now: Time) -> Result<Release, Fault> {
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
    if let Some(active) = active {
        if release.point() <= active.release.point() {
            return Err(Fault::Conflict("its serial is not above that of the active release".to_owned()));
        }
        if let Some(dropped) = dropped_revocations(&active.release, release).next() {
            let key = dropped.public_key.fingerprint();
            return Err(refused(format!("it drops or delays the revocation of appliance key {key}")));
        }
    }
    match &published.pending {
        Some(pending) if release.point() <= pending.release.point() => {
            Err(Fault::Conflict("another release of that serial, or a higher one, is pending".to_owned()))
        }
        _ => Ok(()),
    }
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

/// Judges a restart of a site's log; says which log begins, from 1.
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
        Some(position) if position + 1 == origins.len() => Ok((position as u64 + 1, restart)),
        _ => Err(Fault::Conflict("the log that it begins is not the newest of the trust root".to_owned())),
    }
}
