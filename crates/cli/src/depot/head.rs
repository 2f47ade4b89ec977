//! Where a site stands at a depot: the head of its log, and the release that appliances are given.

use writ_client::{Client, Error};
use writ_trust::digest::{Digest, hex};
use writ_trust::history::{PastRelease, verify_release_for_audit};
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, log_keys};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::receipt::{Receipt, ReceiptError};
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;
use writ_wire::MAX_ENVELOPE;
use writ_wire::paths::{self, Log};
use writ_wire::releases::{LoggedRelease, Releases};

use super::if_there;
use super::log::{Bounds, LogError, RemoteLog};

/// The head of a site's newest log, signed by a key that counts now.
#[derive(Debug, Clone)]
pub struct Head {
    /// Which of the site's logs, from 1.
    pub number: u64,
    /// What was signed.
    pub signed: SignedCheckpoint,
}

/// The release that a depot gives appliances, verified.
#[derive(Debug)]
pub struct Active {
    /// What it says.
    pub past: PastRelease,
    /// The exact bytes of the log's receipt; null where the site has no log.
    pub receipt: Option<Vec<u8>>,
    /// The largest checkpoint that was verified on the way.
    pub head: Option<Head>,
}

/// Why what a depot shows does not count. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The depot could not be asked.
    #[error(transparent)]
    Client(#[from] Error),
    /// The log's checkpoint does not count.
    #[error("the head of the log: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The log does not hold together.
    #[error("the log: {0}")]
    Log(#[from] LogError),
    /// The receipt of the release does not count.
    #[error("the receipt of release {0}: {1}")]
    Receipt(String, ReceiptError),
    /// An answer is not what it should be.
    #[error("{0}")]
    Malformed(String),
    /// The release is not one that the site's signers made.
    #[error("release {point}: {why}")]
    Release {
        /// Its number.
        point: String,
        /// Why it does not count.
        why: String,
    },
    /// The log has a newer release than the depot shows.
    #[error("entry {index} of the log is release {point}, and the depot does not show it")]
    Hidden {
        /// The entry.
        index: u64,
        /// The release's number.
        point: String,
    },
    /// There is more in the log than is gone through at once.
    #[error(
        "the log has {size} entries and was searched for newer releases up to {searched}: too much at once, and a newer one may \
         be in the rest"
    )]
    TooMuch {
        /// How many entries it has.
        size: u64,
        /// Up to which it was searched.
        searched: u64,
        /// The release that is shown, if that holds.
        active: Option<Box<Active>>,
    },
    /// The log has gone from one history to another, or back.
    #[error("{0}")]
    Fork(String),
}

/// Asks for the head of a site's newest log. `None` where the trust root names no log, and where the depot has none yet.
pub fn head(client: &Client, chain: &TrustChain, site: &SiteId, now: Time) -> Result<Option<Head>, HeadError> {
    let origins = chain.newest().origins(site);
    let Some(origin) = origins.last() else { return Ok(None) };
    let number = origins.len() as u64;
    let target = paths::log_checkpoint(site, Log::Number(number));
    let Some(note) = if_there(client.get(&target, MAX_NOTE as u64))? else { return Ok(None) };
    let signed = SignedCheckpoint::verify(&note, origin, &log_keys(chain.newest(), site, now))?;
    Ok(Some(Head { number, signed }))
}

/// Of two heads of one log the larger, if it continues the smaller.
pub fn later(client: &Client, site: &SiteId, one: Head, other: Head) -> Result<Head, HeadError> {
    let (older, newer) =
        if one.signed.checkpoint.size <= other.signed.checkpoint.size { (one, other) } else { (other, one) };
    continues(client, site, newer.number, &older.signed.checkpoint, &newer.signed.checkpoint)?;
    Ok(newer)
}

/// Whether a checkpoint of a log continues an older one; if not, both are named.
pub fn continues(
    client: &Client,
    site: &SiteId,
    number: u64,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<(), HeadError> {
    let short = |checkpoint: &Checkpoint| hex(&checkpoint.root[..8]);
    let fork = |why: String| {
        HeadError::Fork(format!(
            "rule log-consistency: the log {} had {} entries with root {} and is shown with {} entries and root {}: {why}; \
             two histories of one log exist, keep both and tell the holders of the trust keys",
            older.origin,
            older.size,
            short(older),
            newer.size,
            short(newer)
        ))
    };
    if newer.size < older.size {
        return Err(fork("it became shorter".to_owned()));
    }
    match (RemoteLog { client, site, number }).continues(older, newer) {
        Ok(true) => Ok(()),
        Ok(false) => Err(fork("it does not begin with the one seen".to_owned())),
        Err(LogError::Client(error)) if error.status() != Some(404) => Err(HeadError::Client(error)),
        Err(error) => Err(HeadError::Log(error)),
    }
}

/// What is known of the log from before, so that it need not be read again: the newest release, and up to which size
/// nothing newer is in the log.
#[derive(Debug, Clone, Copy)]
pub struct Scanned {
    /// The digest of the release.
    pub release: Digest,
    /// The size.
    pub size: u64,
}

/// The newest release that the depot shows, held against the site's log: it must be in it, under a checkpoint that goes
/// together with `head`, and nothing newer may be. Its [`Standing`](writ_trust::history::Standing) is for whoever asks to
/// judge: of a release whose signers were revoked since, appliances still obey it, and the next one follows it.
pub fn active(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    head: Option<&Head>,
    scanned: Option<Scanned>,
    bounds: Bounds,
    now: Time,
) -> Result<Option<Active>, HeadError> {
    match shown(client, chain, site, head.cloned(), scanned, bounds, now) {
        // Published between two questions: then the next answer shows it.
        Err(HeadError::Hidden { .. }) => shown(client, chain, site, head.cloned(), scanned, bounds, now),
        answer => answer,
    }
}

fn shown(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    head: Option<Head>,
    scanned: Option<Scanned>,
    bounds: Bounds,
    now: Time,
) -> Result<Option<Active>, HeadError> {
    let logged = !chain.newest().origins(site).is_empty();
    let answer = client.get(&paths::releases(site), MAX_ENVELOPE as u64)?;
    let list = Releases::parse(&answer).map_err(|e| HeadError::Malformed(format!("the list of releases: {e}")))?;
    let newest = list.releases.iter().max_by_key(|release| (release.epoch, release.serial)).copied();
    let Some(newest) = newest else {
        return match head {
            Some(head) => no_release_after(client, site, &head, 0, bounds, None),
            None => Ok(None),
        };
    };
    let point = format!("{}-{}", newest.epoch, newest.serial);
    let unfit = |why: String| HeadError::Release { point: point.clone(), why };
    let answer = client.get(&paths::release(site, newest.epoch, newest.serial), MAX_ENVELOPE as u64)?;
    let LoggedRelease { release: signed, receipt } = LoggedRelease::parse(&answer).map_err(|e| unfit(e.to_string()))?;
    signed.check_bounds().map_err(|e| unfit(e.to_string()))?;
    let past = verify_release_for_audit(&signed.document.0, &signed.signatures, chain, site, None)
        .map_err(|e| unfit(e.to_string()))?;
    if (past.release.epoch, past.release.serial, past.digest) != (newest.epoch, newest.serial, newest.digest) {
        return Err(unfit("the list names another one of this number".to_owned()));
    }
    if !logged {
        return Ok(Some(Active { past, receipt: None, head: None }));
    }
    let Some(receipt) = receipt else { return Err(unfit("it came without the log's receipt".to_owned())) };
    let bad = |error| HeadError::Receipt(point.clone(), error);
    let origin = chain.newest().origins(site).last().cloned().unwrap_or_default();
    let verified = Receipt::parse(&receipt.0)
        .and_then(|receipt| receipt.verify(&origin, &log_keys(chain.newest(), site, now)))
        .map_err(bad)?;
    if !matches!(&verified.entry, LogEntry::Release { digest, .. } if *digest == past.digest) {
        return Err(unfit("its receipt is for something else".to_owned()));
    }
    let shown = Head { number: chain.newest().origins(site).len() as u64, signed: verified.checkpoint };
    let head = match head {
        Some(head) => later(client, site, head, shown)?,
        None => shown,
    };
    let known = scanned.filter(|known| known.release == past.digest).map_or(0, |known| known.size);
    let from = known.max(verified.index + 1);
    no_release_after(
        client,
        site,
        &head.clone(),
        from,
        bounds,
        Some(Active { past, receipt: Some(receipt.0), head: Some(head) }),
    )
}

/// What is shown, if no entry of the log from an index on is a release.
fn no_release_after(
    client: &Client,
    site: &SiteId,
    head: &Head,
    from: u64,
    bounds: Bounds,
    active: Option<Active>,
) -> Result<Option<Active>, HeadError> {
    let mut hidden = None;
    let checkpoint = &head.signed.checkpoint;
    let log = RemoteLog { client, site, number: head.number };
    let searched = log.entries(checkpoint, from, bounds, &mut |index, entry| {
        if let LogEntry::Release { epoch, serial, .. } = entry {
            hidden = Some(HeadError::Hidden { index, point: format!("{epoch}-{serial}") });
        }
        hidden.is_none()
    })?;
    match hidden {
        Some(hidden) => Err(hidden),
        None if searched < checkpoint.size => {
            Err(HeadError::TooMuch { size: checkpoint.size, searched, active: active.map(Box::new) })
        }
        None => Ok(active),
    }
}
