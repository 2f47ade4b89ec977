//! The release that appliances are given: the newest, never an older one than before, and not at its end.

use writ_client::Client;
use writ_trust::history::Standing;
use writ_trust::ids::SiteId;
use writ_trust::release::Release;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::Limits;
use super::findings::{Code, Findings};
use super::log::found;
use super::state::{ReleaseKept, State};
use crate::depot::head::{self, Active, Head, HeadError, Scanned};
use crate::depot::log::Bounds;
use crate::failure::Outcome;

/// The most entries of the log that one look searches for newer releases; what is left is for the next.
const MOST: u64 = 1 << 16;

/// Asks for the newest release and judges it. `None` where there is none that counts.
#[allow(clippy::too_many_arguments, reason = "what one look knows")]
pub fn judge(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    state: &State,
    head: Option<&Head>,
    limits: Limits,
    now: Time,
    findings: &mut Findings,
) -> Outcome<Option<Active>> {
    let kept = state.release()?;
    let log = chain.newest().origins(site).len() as u64;
    let scanned = kept.filter(|kept| kept.log == log).map(|kept| Scanned { release: kept.digest, size: kept.size });
    let answer = head::active(client, chain, site, head, scanned, Bounds::of(MOST), now);
    // Up to where the log was searched: the next look goes on from there.
    let mut searched = None;
    let active = match answer {
        Ok(active) => active,
        Err(error) => {
            let subject = match &error {
                HeadError::Client(_) => "depot",
                HeadError::TooMuch { .. } => "log",
                _ => "release",
            };
            findings.add(found(&error), subject, &error);
            match error {
                HeadError::TooMuch { searched: upto, active: Some(active), .. } => {
                    searched = Some(upto);
                    Some(*active)
                }
                _ => return Ok(None),
            }
        }
    };
    let Some(active) = active else {
        match kept {
            Some(kept) => {
                let what = format!("{}-{} was shown before, and none is now", kept.epoch, kept.serial);
                findings.add(Code::ReleaseBack, "release", what);
            }
            None => findings.add(Code::ReleaseMissing, "release", "none was published yet"),
        }
        return Ok(None);
    };
    let release = &active.past.release;
    if let Standing::Unproven { revoked } = &active.past.standing {
        let names: Vec<&str> = revoked.iter().map(|(signer, _)| signer.name.as_str()).collect();
        let what = format!(
            "{}-{} counts only with keys that were revoked since ({}): no appliance newly accepts it, release anew",
            release.epoch,
            release.serial,
            names.join(", ")
        );
        findings.add(Code::ReleaseBroken, "release", what);
    }
    if let Some(kept) = kept {
        let (before, now) = ((kept.epoch, kept.serial), release.point());
        if now < before || (now == before && kept.digest != active.past.digest) {
            let what = format!("{}-{} was shown before, and {}-{} is now", before.0, before.1, now.0, now.1);
            findings.add(Code::ReleaseBack, "release", what);
            return Ok(None);
        }
    }
    let size = searched.unwrap_or_else(|| active.head.as_ref().map_or(0, |head| head.signed.checkpoint.size));
    let (epoch, serial) = release.point();
    state.keep_release(&ReleaseKept { epoch, serial, digest: active.past.digest, log, size })?;
    expiry(release, limits, now, findings);
    Ok(Some(active))
}

fn expiry(release: &Release, limits: Limits, now: Time, findings: &mut Findings) {
    let (epoch, serial) = release.point();
    let expires_at = release.expires_at;
    if now >= expires_at {
        let what = format!("{epoch}-{serial} has expired at {expires_at}: no appliance newly accepts it");
        findings.add(Code::ReleaseExpires, "release", what);
    } else if now.plus(limits.expires_within) >= expires_at {
        findings.add(
            Code::ReleaseExpires,
            "release",
            format!("{epoch}-{serial} expires at {expires_at}: release anew"),
        );
    }
}
