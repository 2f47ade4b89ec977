//! Judging what is offered of a site's log by what was seen of it before.

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::entry::LogEntry;
use super::proof::ProofError;
use super::receipt::{Receipt, ReceiptError};
use super::restart::{LogRestart, RestartError};
use super::tree::Hash;
use crate::digest::{Digest, hex};
use crate::ids::SiteId;
use crate::numbers::TrustVersion;
use crate::release::Release;
use crate::root_chain::TrustChain;
use crate::text::one_line;
use crate::time::Time;

/// What is known of a site's log before something of it is judged, and what was offered to continue from there. All of
/// it but `seen` may be hostile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Continuity<'a> {
    /// The newest checkpoint verified before; `None` before the first.
    pub seen: Option<&'a Checkpoint>,
    /// The consistency proof between the checkpoint seen and the one offered, from the smaller to the larger.
    pub consistency: &'a [Hash],
    /// The log restarts that lead from the log seen to the newest, in order: exact bytes and signature files.
    pub restarts: &'a [(Vec<u8>, Vec<Vec<u8>>)],
}

/// Why what is offered of a site's log does not count. One variant, one rule, one line.
#[derive(Debug, thiserror::Error)]
pub enum LogProblem {
    /// Nothing shows that the release is in the log.
    #[error(
        "rule log-inclusion: trust root {version} names the log {} for this site and no proof of inclusion came with the \
         release: expected release.receipt.json beside it; fetch it again", one_line(.origin)
    )]
    NoReceipt {
        /// The newest root.
        version: TrustVersion,
        /// The origin of the site's newest log.
        origin: String,
    },
    /// What came proves nothing.
    #[error("rule log-inclusion: {}: expected a receipt by the log {}; fetch it again", one_line(.problem), one_line(.origin))]
    Receipt {
        /// The origin of the site's newest log.
        origin: String,
        /// What is wrong.
        problem: ReceiptError,
    },
    /// The receipt is for something else.
    #[error(
        "rule log-inclusion: the receipt is for {}, expected the release {digest}: it belongs to another document",
        one_line(.found)
    )]
    OtherEntry {
        /// What it is for.
        found: String,
        /// The release's digest.
        digest: Digest,
    },
    /// The checkpoint is not one of the site's log.
    #[error("rule log-checkpoint: {}, expected one that the site's log signed: {}", one_line(.0), what_to_do(.0))]
    Checkpoint(CheckpointError),
    /// The checkpoint contradicts the one that was seen before.
    #[error(
        "rule log-consistency: the log {} had {} entries with root {} and is now shown with {} entries and root {}: {problem}, expected a \
         continuation; two histories of one log exist, keep both and tell the holders of the trust keys",
        one_line(&.seen.origin), .seen.size, short(&.seen.root), .offered.size, short(&.offered.root)
    )]
    Fork {
        /// What was seen before.
        seen: Box<Checkpoint>,
        /// What is offered.
        offered: Box<Checkpoint>,
        /// Why the one does not continue the other.
        problem: ProofError,
    },
    /// The log is another one, and no restart leads to it.
    #[error(
        "rule log-restart: the log seen here is {}, the newest is {}, expected a restart by the trust keys that leads from \
         the one to the other: fetch it", one_line(.from), one_line(.to)
    )]
    NoRestart {
        /// The log that was seen.
        from: String,
        /// The newest log.
        to: String,
    },
    /// A restart does not count.
    #[error("rule log-restart: the restart of the log is not as expected: {}; fetch it again", one_line(.0))]
    Restart(RestartError),
}

/// The release's place in the site's log, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The entry's number.
    pub index: u64,
    /// The checkpoint that includes it.
    pub checkpoint: SignedCheckpoint,
    /// Whether a restart was walked to come to this log.
    pub restarted: bool,
}

/// Whether the site's log includes a release, under a checkpoint that continues what was seen. `Ok(None)` when the newest
/// trust root names no log for the site: that is not a pass, and is said as "not configured".
pub fn inclusion(
    chain: &TrustChain,
    release: &Release,
    digest: Digest,
    receipt: Option<&[u8]>,
    continuity: &Continuity,
    now: Time,
) -> Result<Option<Inclusion>, LogProblem> {
    let Some(origin) = chain.newest().origins(&release.site).last() else { return Ok(None) };
    let Some(receipt) = receipt else {
        return Err(LogProblem::NoReceipt { version: chain.newest().version, origin: origin.clone() });
    };
    let verified = Receipt::parse(receipt)
        .and_then(|receipt| receipt.verify_now(origin, chain.newest(), &release.site, now))
        .map_err(|problem| match problem {
            ReceiptError::Checkpoint(problem) => LogProblem::Checkpoint(problem),
            problem => LogProblem::Receipt { origin: origin.clone(), problem },
        })?;
    match &verified.entry {
        LogEntry::Release { site, epoch, serial, digest: logged, .. }
            if (site, *epoch, *serial, *logged) == (&release.site, release.epoch, release.serial, digest) => {}
        other => return Err(LogProblem::OtherEntry { found: described(other), digest }),
    }
    let restarted = continues(chain, &release.site, &verified.checkpoint.checkpoint, continuity)?;
    Ok(Some(Inclusion { index: verified.index, checkpoint: verified.checkpoint, restarted }))
}

/// Judges a note as a newer head of the site's log. Answers with what is to be kept as seen: the head offered, or `None`
/// when it is no newer than what was seen (an older one is not a lie by itself).
pub fn head(
    chain: &TrustChain,
    site: &SiteId,
    note: &[u8],
    continuity: &Continuity,
    now: Time,
) -> Result<Option<SignedCheckpoint>, LogProblem> {
    let Some(origin) = chain.newest().origins(site).last() else { return Ok(None) };
    let offered =
        SignedCheckpoint::verify_now(note, origin, chain.newest(), site, now).map_err(LogProblem::Checkpoint)?;
    continues(chain, site, &offered.checkpoint, continuity)?;
    let older = continuity.seen.is_some_and(|seen| seen.origin == *origin && seen.size > offered.checkpoint.size);
    Ok((!older).then_some(offered))
}

/// Whether a checkpoint of the newest log continues what was seen; says whether a restart was walked for that.
fn continues(
    chain: &TrustChain,
    site: &SiteId,
    offered: &Checkpoint,
    continuity: &Continuity,
) -> Result<bool, LogProblem> {
    let Some(seen) = continuity.seen else { return Ok(false) };
    if seen.origin == offered.origin {
        let (older, newer) = if seen.size <= offered.size { (seen, offered) } else { (offered, seen) };
        return older
            .precedes(newer, continuity.consistency)
            .map(|()| false)
            .map_err(|problem| fork(seen, offered, problem));
    }
    let origins = chain.newest().origins(site);
    let no_restart = || LogProblem::NoRestart { from: seen.origin.clone(), to: offered.origin.clone() };
    let from = origins.iter().position(|origin| *origin == seen.origin).ok_or_else(no_restart)?;
    for (step, pair) in origins[from..].windows(2).enumerate() {
        let (bytes, signatures) = continuity.restarts.get(step).ok_or_else(no_restart)?;
        let restart = LogRestart::verify(bytes, signatures, chain, site).map_err(LogProblem::Restart)?;
        if restart.previous.origin != pair[0] {
            return Err(no_restart());
        }
        let known = restart.last_known();
        if step == 0 && known.size == seen.size && known.root != seen.root {
            return Err(fork(seen, &known, ProofError::Root));
        }
    }
    Ok(true)
}

fn fork(seen: &Checkpoint, offered: &Checkpoint, problem: ProofError) -> LogProblem {
    LogProblem::Fork { seen: Box::new(seen.clone()), offered: Box::new(offered.clone()), problem }
}

fn what_to_do(problem: &CheckpointError) -> &'static str {
    match problem {
        CheckpointError::Unfit { .. } => {
            "nothing was altered; run the depot with a log key that counts, which a trust root must list, and compare the clocks"
        }
        _ => "do not trust where it came from",
    }
}

fn described(entry: &LogEntry) -> String {
    match entry {
        LogEntry::Release { epoch, serial, digest, .. } => format!("release {epoch}-{serial} ({digest})"),
        LogEntry::Evidence { id, appliance, .. } => format!("bundle {id} of {appliance}"),
        LogEntry::Trust { version, .. } => format!("trust root {version}"),
        LogEntry::Order { id, digest, .. } => format!("order {id} ({digest})"),
        LogEntry::Restart { .. } => "a log restart".to_owned(),
    }
}

fn short(root: &Hash) -> String {
    hex(&root[..8])
}
