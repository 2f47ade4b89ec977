//! The head of the site's log: signed, fresh, and the continuation of what was seen.

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::proof::ProofError;
use writ_trust::log::restart::LogRestart;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;
use writ_wire::{MAX_ENVELOPE, Signed, paths};

use super::findings::{Code, Findings};
use super::state::State;
use super::{Limits, ago};
use crate::depot::head::{self, Head, HeadError};
use crate::depot::if_there;
use crate::failure::{Failure, Outcome};

/// What a head, or what was asked for on the way, is worth as a finding.
pub fn found(error: &HeadError) -> Code {
    match error {
        HeadError::Client(_) => Code::Unreachable,
        HeadError::Checkpoint(_) | HeadError::Log(_) => Code::LogBroken,
        HeadError::Fork(_) => Code::LogForked,
        HeadError::Hidden { .. } => Code::ReleaseHidden,
        HeadError::Receipt(..) | HeadError::Malformed(_) | HeadError::Release { .. } => Code::ReleaseBroken,
    }
}

/// Asks for the head and judges it. `None` where there is none that counts.
pub fn judge(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    state: &State,
    limits: Limits,
    now: Time,
    findings: &mut Findings,
) -> Outcome<Option<Head>> {
    let origins = chain.newest().origins(site);
    let Some(origin) = origins.last() else { return Ok(None) };
    let head = match head::head(client, chain, site, now) {
        Ok(Some(head)) => head,
        Ok(None) => {
            findings.add(Code::LogMissing, "log", format!("the depot does not have the log {origin}"));
            return Ok(None);
        }
        Err(error) => {
            findings.add(found(&error), "log", &error);
            return Ok(None);
        }
    };
    if !continues(client, chain, site, state, &head, findings)? {
        return Ok(None);
    }
    fresh(&head, limits, now, findings);
    Ok(Some(head))
}

fn fresh(head: &Head, limits: Limits, now: Time, findings: &mut Findings) {
    match head.signed.fresh_at {
        None => findings.add(Code::LogStale, "log", "nothing says when this was the log's head"),
        Some(at) if now.millis_since(at) > limits.max_log_age.millis() => {
            let what = format!("its key last said {} ago, at {at}, that this is its head", ago(now, at));
            findings.add(Code::LogStale, "log", what);
        }
        Some(_) => {}
    }
}

/// Whether the head goes on from what was seen; if so, it is what was seen from now on.
fn continues(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    state: &State,
    head: &Head,
    findings: &mut Findings,
) -> Outcome<bool> {
    if let Some(kept) = kept(chain, site, state, head.number)? {
        if let Err(error) = head::continues(client, site, head.number, &kept.checkpoint, &head.signed.checkpoint) {
            if let HeadError::Fork(_) = &error {
                state.keep_contradiction(head.number, head.signed.checkpoint.size, &head.signed.note)?;
            }
            findings.add(found(&error), "log", &error);
            return Ok(false);
        }
        let same = kept.checkpoint == head.signed.checkpoint && kept.fresh_at >= head.signed.fresh_at;
        if !same {
            state.keep_checkpoint(head.number, &head.signed.note)?;
        }
        return Ok(true);
    }
    if let Some(before) = head.number.checked_sub(1).filter(|number| *number > 0)
        && let Some(seen) = kept(chain, site, state, before)?
        && let Err(why) = took_over(client, chain, site, head.number, &seen)
    {
        match why {
            Why::Client(error) => findings.add(Code::Unreachable, "depot", error),
            Why::Order(why) => {
                findings.add(Code::LogForked, "log", format!("log {} has taken over, and {why}", head.number));
            }
        }
        return Ok(false);
    }
    state.keep_checkpoint(head.number, &head.signed.note)?;
    Ok(true)
}

enum Why {
    Client(writ_client::Error),
    Order(String),
}

/// Whether the trust keys ordered that a log follows the one that was seen.
fn took_over(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    number: u64,
    seen: &SignedCheckpoint,
) -> Result<(), Why> {
    let answer = if_there(client.get(&paths::log_restart(site, number), MAX_ENVELOPE as u64)).map_err(Why::Client)?;
    let bytes = answer.ok_or_else(|| Why::Order("the depot does not show the order for it".to_owned()))?;
    let signed = Signed::parse(&bytes).map_err(|e| Why::Order(format!("the order for it cannot be read: {e}")))?;
    let restart = LogRestart::verify(&signed.document.0, &signed.signatures, chain, site)
        .map_err(|e| Why::Order(format!("the order for it does not count: {e}")))?;
    let known = restart.last_known();
    if known.size == seen.checkpoint.size && known.root != seen.checkpoint.root {
        let why = format!("the order for it names another history of the log before: {}", ProofError::Root);
        return Err(Why::Order(why));
    }
    Ok(())
}

fn kept(chain: &TrustChain, site: &SiteId, state: &State, number: u64) -> Outcome<Option<SignedCheckpoint>> {
    let Some(note) = state.checkpoint(number)? else { return Ok(None) };
    let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
    let origin = chain.newest().origins(site).get(index).map_or("", String::as_str);
    SignedCheckpoint::verify(&note, origin, &log_keys_ever(chain, site)).map(Some).map_err(|e| {
        Failure::could_not("the checkpoint in the state does not hold")
            .because(e)
            .next("restore the state from a backup; without it, what went back in between is not noticed")
    })
}
