//! The trust roots: those that were seen before, and what the depot has after them.

use writ_client::Client;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;
use writ_wire::{MAX_ENVELOPE, paths};

use super::Limits;
use super::findings::{Code, Findings};
use super::state::State;
use crate::depot::if_there;
use crate::depot::roots::{self, Stopped};
use crate::failure::{Failure, Outcome};

/// Walks the chain as far as it holds. The newest root that was seen must still be there.
pub fn walk(
    client: &Client,
    pinned: &[u8],
    state: &State,
    limits: Limits,
    now: Time,
    findings: &mut Findings,
) -> Outcome<TrustChain> {
    let mut chain = TrustChain::pinned(pinned).map_err(|e| Failure::refused("not a usable trust root").because(e))?;
    while let Some(kept) = state.root(chain.newest().version.get() + 1)? {
        chain.extend(&kept.document.0, &kept.signatures).map_err(|e| {
            Failure::could_not("the trust roots of the state do not follow the one that was given")
                .because(e)
                .next("give the root that this state was begun with, or begin a new one with --state")
        })?;
    }
    let version = chain.newest().version;
    match if_there(client.unsigned().get(&paths::trust_document(version), MAX_ENVELOPE as u64)) {
        Ok(Some(bytes)) if Some(writ_trust::digest::Digest::of(&bytes)) == chain.digest_at(version) => {
            let before = chain.newest().version.get();
            let mut added = Vec::new();
            let ended = roots::extend(client, &mut chain, &mut added);
            for (version, root) in (before + 1..).zip(&added) {
                state.keep_root(version, root)?;
            }
            match ended {
                Ok(()) => {}
                Err(Stopped::Unasked(failure)) => findings.add(Code::Unreachable, "depot", failure),
                Err(Stopped::Broken(failure)) => findings.add(Code::TrustBroken, "trust", failure),
            }
        }
        Ok(Some(_)) => {
            findings.add(Code::TrustBroken, "trust", format!("the depot shows another trust root {version}"))
        }
        Ok(None) => {
            let what = format!("trust root {version} was seen before, and the depot does not show it");
            findings.add(Code::TrustBroken, "trust", what);
        }
        Err(error) => findings.add(Code::Unreachable, "depot", error),
    }
    let newest = chain.newest();
    if now >= newest.expires_at {
        let what = format!(
            "trust root {} has expired at {}: appliances accept nothing new",
            newest.version, newest.expires_at
        );
        findings.add(Code::TrustExpires, "trust", what);
    } else if now.plus(limits.expires_within) >= newest.expires_at {
        let what = format!("trust root {} expires at {}: writ trust next", newest.version, newest.expires_at);
        findings.add(Code::TrustExpires, "trust", what);
    }
    Ok(chain)
}
