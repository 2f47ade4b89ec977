//! The head of the site's log: signed, fresh, and the continuation of what was seen.

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::freshness;
use writ_trust::log::judge::{self, Continuity};
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
        HeadError::TooMuch { .. } => Code::LogUnread,
        HeadError::Receipt(..) | HeadError::Malformed(_) | HeadError::Release { .. } => Code::ReleaseBroken,
    }
}

/// Asks for the head and judges it. `None` where there is none that counts.
pub fn look(
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
    if !continues(client, chain, site, state, &head, now, findings)? {
        return Ok(None);
    }
    fresh(&head, limits, now, findings);
    Ok(Some(head))
}

fn fresh(head: &Head, limits: Limits, now: Time, findings: &mut Findings) {
    match head.signed.fresh_at {
        None => findings.add(Code::LogStale, "log", "nothing says when this was the log's head"),
        Some(at) if freshness::is_future(at, now) => {
            let what = format!("its key says that this is its head at {at}, which has not come: here it is {now}");
            findings.add(Code::LogStale, "log", what);
        }
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
    now: Time,
    findings: &mut Findings,
) -> Outcome<bool> {
    let mut newest = None;
    for number in (1..=head.number).rev() {
        newest = kept(chain, site, state, number)?.map(|kept| (number, kept));
        if newest.is_some() {
            break;
        }
    }
    let Some((number, kept)) = newest else {
        state.keep_checkpoint(head.number, &head.signed.note)?;
        return Ok(true);
    };
    if number < head.number {
        if let Err((code, what)) = took_over(client, chain, site, (number, &kept), head, now) {
            findings.add(code, if code == Code::Unreachable { "depot" } else { "log" }, what);
            return Ok(false);
        }
        state.keep_checkpoint(head.number, &head.signed.note)?;
        return Ok(true);
    }
    if let Err(error) = head::continues(client, site, number, &kept.checkpoint, &head.signed.checkpoint) {
        if let HeadError::Fork(_) = &error {
            state.keep_contradiction(number, head.signed.checkpoint.size, &head.signed.note)?;
        }
        findings.add(found(&error), "log", &error);
        return Ok(false);
    }
    // A time that has not come would pass for the freshest until it has.
    let at = |signed: &SignedCheckpoint| freshness::believed(signed.fresh_at, now);
    if kept.checkpoint != head.signed.checkpoint || at(&kept) < at(&head.signed) {
        state.keep_checkpoint(number, &head.signed.note)?;
    }
    Ok(true)
}

/// Whether the trust keys ordered each step from the log that was seen to the one that is shown.
fn took_over(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    (number, seen): (u64, &SignedCheckpoint),
    head: &Head,
    now: Time,
) -> Result<(), (Code, String)> {
    let forked = |next: u64, why: String| (Code::LogForked, format!("log {next} has taken over, and {why}"));
    let mut restarts = Vec::new();
    for next in number + 1..=head.number {
        let answer = if_there(client.get(&paths::log_restart(site, next), MAX_ENVELOPE as u64));
        let answer = answer.map_err(|error| (Code::Unreachable, error.to_string()))?;
        let bytes = answer.ok_or_else(|| forked(next, "the depot does not show the order for it".to_owned()))?;
        let signed =
            Signed::parse(&bytes).map_err(|e| forked(next, format!("the order for it cannot be read: {e}")))?;
        restarts.push((signed.document.0, signed.signatures.into_iter().map(|signature| signature.0).collect()));
    }
    let continuity = Continuity { seen: Some(&seen.checkpoint), consistency: &[], restarts: &restarts };
    let judged = judge::head(chain, site, head.signed.note.as_bytes(), &continuity, now);
    judged.map(drop).map_err(|problem| forked(head.number, problem.to_string()))
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
