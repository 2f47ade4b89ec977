//! The head of a site's log as it goes on from what a state has seen: for whoever has it stamped, or cosigns it.

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::{Span, Time};

use super::findings::{Code, Finding, Findings};
use super::state::State;
use super::{Limits, log, roots};
use crate::depot::head::Head;
use crate::failure::{Failure, Outcome};

/// Walks the trust roots, asks for the head, and remembers both if they go on from what was seen. A head that does not is kept
/// beside the one seen before, and refused: the two together prove that the log was shown differently.
pub fn head(client: &Client, pinned: &[u8], site: &SiteId, state: &State, now: Time) -> Outcome<(TrustChain, Head)> {
    // What is told of as old is of no matter here.
    let span: Span = "1d".parse().map_err(|e| Failure::could_not("a span").because(e))?;
    let limits = Limits {
        max_age: &span,
        max_log_age: &span,
        max_timestamp_age: &span,
        max_witness_age: &span,
        expires_within: &span,
        remind_keys: &span,
    };
    let mut findings = Findings::default();
    let chain = roots::walk(client, pinned, state, limits, now, &mut findings)?;
    refuse(&findings, client, state, &chain, site)?;
    let head = log::look(client, &chain, site, state, limits, now, &mut findings)?;
    refuse(&findings, client, state, &chain, site)?;
    match head {
        Some(head) => Ok((chain, head)),
        None => Err(Failure::refused("this site has no log")
            .at(site)
            .because(format!("trust root {} names none for it", chain.newest().version))
            .next("writ trust next --log-origin SITE=ORIGIN")),
    }
}

/// What makes it wrong to vouch for the head. That something ends soon, or that the log's word is old, does not.
fn refuse(findings: &Findings, client: &Client, state: &State, chain: &TrustChain, site: &SiteId) -> Outcome<()> {
    let stops = |finding: &&Finding| {
        use Code::{LogBroken, LogForked, LogMissing, TrustBroken, Unreachable};
        matches!(finding.code, Unreachable | TrustBroken | LogMissing | LogBroken | LogForked)
    };
    let Some(Finding { code, what, .. }) = findings.0.iter().find(stops) else { return Ok(()) };
    let failure = match code {
        Code::Unreachable => Failure::could_not("the depot could not be asked for the log"),
        Code::LogForked => {
            Failure::refused("THE LOG WAS SHOWN DIFFERENTLY: its head does not continue the one seen before")
        }
        Code::TrustBroken => Failure::refused("the depot's trust roots do not continue those seen before"),
        _ => Failure::refused("the depot's head of the log does not hold"),
    };
    let failure = failure.at(client.depot()).because(what);
    Err(match code {
        Code::LogForked => {
            let number = chain.newest().origins(site).len() as u64;
            failure.next(format!(
                "keep {} and the contradiction beside it, signed by one key: they prove it; tell the holders of the trust keys",
                state.checkpoint_path(number).display()
            ))
        }
        Code::Unreachable => {
            failure.next("try again in a while: the next run covers everything that this one would have")
        }
        _ => failure.next("do not trust this depot until it is known why"),
    })
}
