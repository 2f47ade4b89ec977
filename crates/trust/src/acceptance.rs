//! The rules by which an appliance accepts its generation.
//!
//! Signatures are judged on the exact bytes before anything of them is parsed. No comment decides anything.

use crate::digest::Digest;
use crate::floor::{Floor, FloorRelease};
use crate::ids::{ApplianceId, SiteId};
use crate::json::MAX_DOCUMENT;
use crate::log::judge::{self, Continuity, Inclusion};
use crate::minisign::PublicKey;
use crate::refusal::Refusal;
use crate::release::{Generation, Release};
use crate::role::Role;
use crate::root_chain::TrustChain;
use crate::threshold::{MAX_SIGNATURES, Signer, Tally};
use crate::time::Time;

/// Who is asked to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The appliance's site.
    pub site: SiteId,
    /// The appliance's name there.
    pub appliance: ApplianceId,
    /// The public half of the key that was born on this machine.
    pub public_key: PublicKey,
}

/// What came with a release from the site's log, and what was seen of that log before.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogProof<'a> {
    /// The exact bytes of the receipt beside the release, if there is one.
    pub receipt: Option<&'a [u8]>,
    /// From what was seen before to the receipt's checkpoint.
    pub continuity: Continuity<'a>,
}

/// What is known of the release in the site's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogInclusion {
    /// The trust root names no log for the site, so nothing was checked. This is not a pass.
    NotConfigured,
    /// It was judged before it was published. This is not a pass.
    NotChecked,
    /// The log includes it, under a checkpoint that continues what was seen before.
    Included(Inclusion),
}

impl std::fmt::Display for LogInclusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("not configured"),
            Self::NotChecked => f.write_str("not checked"),
            Self::Included(Inclusion { index, checkpoint, .. }) => {
                write!(f, "entry {index} of {}", checkpoint.checkpoint.size)
            }
        }
    }
}

/// An accepted release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The whole release.
    pub release: Release,
    /// The appliance's own entry in it.
    pub entry: Generation,
    /// The digest of the exact bytes.
    pub digest: Digest,
    /// The release keys that signed and count, each once.
    pub signers: Vec<Signer>,
    /// What is known of it in the log.
    pub log: LogInclusion,
    /// Whether these very bytes had been accepted before: then there is nothing to activate.
    pub again: bool,
    /// Whether it has expired by now; possible only when it had been accepted before.
    pub expired: bool,
    /// The floor to store, fsynced, before anything of the release is activated.
    pub floor: Floor,
}

/// A release that was accepted before and is read back from this machine's own disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The whole release.
    pub release: Release,
    /// The appliance's own entry in it.
    pub entry: Generation,
    /// The digest of the exact bytes.
    pub digest: Digest,
}

/// Judges a release: its exact bytes and its signature files, under a chain of trust roots, against what was accepted
/// before, for one appliance, at one instant. `log` holds what came from the site's log.
///
/// `now` is the machine's clock; the floor's signed time replaces it when the clock was set back before that.
/// Accepting the same bytes again succeeds (with `again` set) even when they have expired meanwhile.
pub fn accept<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    floor: &Floor,
    identity: &Identity,
    log: &LogProof,
    now: Time,
) -> Result<Accepted, Refusal> {
    judge_release(bytes, signatures, chain, floor, identity, Some(log), None, now)
}

/// As [`accept`], of an appliance that obeys a generation already. A release that has the very same for it changes nothing:
/// there is nothing to wait for, so its `not_before` is not asked, and what runs does not end for lack of a newer release.
#[allow(clippy::too_many_arguments, reason = "what a release is judged by, and what runs")]
pub fn accept_beside<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    floor: &Floor,
    identity: &Identity,
    log: &LogProof,
    running: Option<&Generation>,
    now: Time,
) -> Result<Accepted, Refusal> {
    judge_release(bytes, signatures, chain, floor, identity, Some(log), running, now)
}

/// As [`accept`], for whoever is about to publish a release: it cannot be in the log yet, and nothing is said of that.
pub fn accept_unlogged<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    floor: &Floor,
    identity: &Identity,
    now: Time,
) -> Result<Accepted, Refusal> {
    judge_release(bytes, signatures, chain, floor, identity, None, None, now)
}

#[allow(clippy::too_many_arguments, reason = "what a release is judged by, and what runs")]
fn judge_release<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    floor: &Floor,
    identity: &Identity,
    log: Option<&LogProof>,
    running: Option<&Generation>,
    now: Time,
) -> Result<Accepted, Refusal> {
    let instant = floor.instant(now);

    // §3.3 "only if: sizes and schema are right" (the schema follows once the bytes are known to be signed).
    if bytes.len() > MAX_DOCUMENT {
        return Err(Refusal::Size { size: bytes.len() });
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(Refusal::SignatureCount { found: signatures.len() });
    }
    check_roots(chain, floor, identity, instant)?;
    let signers = check_signatures(bytes, signatures, chain, &identity.site, instant)?;
    let release = Release::parse(bytes).map_err(Refusal::Document)?;
    let entry = own_entry(&release, identity)?.clone();
    check_epoch(&release, chain)?;
    let digest = Digest::of(bytes);
    let again = check_floor(&release, digest, floor)?;
    let log = match log {
        Some(log) => check_log(chain, &release, digest, log, instant)?,
        None => LogInclusion::NotChecked,
    };
    let expired = instant >= release.expires_at;
    if !again {
        check_issued_at(&release, chain, &signers)?;
        check_times(&release, &entry, &identity.appliance, running, instant)?;
    }
    let floor = raised(floor, chain, &release, digest);
    Ok(Accepted { release, entry, digest, signers, log, again, expired, floor })
}

/// Reads back the release that runs already, from this machine's own disk: its bytes must be those that the floor names.
///
/// Nothing else is judged again, because "when the running release has expired …: keep enforcing, say so loudly"; the
/// same holds when a key that signed it was retired or revoked since.
pub fn resume(bytes: &[u8], floor: &Floor, identity: &Identity) -> Result<Resumed, Refusal> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(Refusal::Size { size: bytes.len() });
    }
    if floor.site != identity.site {
        return Err(Refusal::FloorSite { floor: floor.site.clone(), own: identity.site.clone() });
    }
    let (found, accepted) = (Digest::of(bytes), floor.release.map(|r| r.digest));
    if accepted != Some(found) {
        return Err(Refusal::Resumed { found, accepted });
    }
    let release = Release::parse(bytes).map_err(Refusal::Document)?;
    let entry = own_entry(&release, identity)?.clone();
    Ok(Resumed { release, entry, digest: found })
}

fn check_roots(chain: &TrustChain, floor: &Floor, identity: &Identity, instant: Time) -> Result<(), Refusal> {
    check_chain(chain, floor, &identity.site)?;
    // §3.3 "a spare that slept for a year walks the chain, expiry counting only on the last."
    if chain.is_expired(instant) {
        let newest = chain.newest();
        return Err(Refusal::TrustExpiry { version: newest.version, expires_at: newest.expires_at, instant });
    }
    Ok(())
}

/// Whether a chain of roots is one that may follow what a site's appliance accepted before; expiry is another matter.
///
/// # Errors
/// [`Refusal::FloorSite`], [`Refusal::TrustFloor`] or [`Refusal::TrustFork`].
pub fn check_chain(chain: &TrustChain, floor: &Floor, site: &SiteId) -> Result<(), Refusal> {
    if floor.site != *site {
        return Err(Refusal::FloorSite { floor: floor.site.clone(), own: site.clone() });
    }
    // §3.3 "the newest accepted root": one that was accepted cannot be forgotten again, nor exchanged.
    let newest = chain.newest();
    if newest.version < floor.trust.version {
        return Err(Refusal::TrustFloor { newest: newest.version, floor: floor.trust.version });
    }
    let (version, accepted) = (floor.trust.version, floor.trust.digest);
    match chain.digest_at(version) {
        Some(found) if found != accepted => Err(Refusal::TrustFork { version, found, accepted }),
        // None: the chain begins above the floor, as after a newer image was installed.
        _ => Ok(()),
    }
}

/// §3.3 "the signatures meet the threshold of `release` keys valid now"; §3.2 "each *public key* counted once (key ids
/// are arbitrary)".
fn check_signatures<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    site: &SiteId,
    instant: Time,
) -> Result<Vec<Signer>, Refusal> {
    let root = chain.newest();
    let tally = Tally::of_release(root, site, bytes, signatures, instant);
    if tally.meets(root, Role::Release) {
        return Ok(tally.signers);
    }
    let (found, needed) = (tally.signers.len(), root.threshold(Role::Release));
    Err(Refusal::Threshold { version: root.version, found, needed, tally })
}

/// §3.3 "the site is its own and the entry names **its own public key**".
fn own_entry<'r>(release: &'r Release, identity: &Identity) -> Result<&'r Generation, Refusal> {
    let Identity { site, appliance, public_key } = identity;
    if release.site != *site {
        return Err(Refusal::Site { found: release.site.clone(), own: site.clone() });
    }
    // Before the entry: a machine whose key was revoked must hear that, not that it is missing.
    if let Some(revoked) = release.revocation(public_key) {
        return Err(Refusal::OwnKeyRevoked {
            own: public_key.fingerprint(),
            revoked_at: revoked.revoked_at,
            reason: revoked.reason.clone(),
        });
    }
    let entry = release.generations.get(appliance).ok_or_else(|| Refusal::Entry {
        site: site.clone(),
        appliance: appliance.clone(),
        epoch: release.epoch,
        serial: release.serial,
    })?;
    if entry.public_key != *public_key {
        let (found, own) = (entry.public_key.fingerprint(), public_key.fingerprint());
        return Err(Refusal::OwnKey { appliance: appliance.clone(), found, own });
    }
    Ok(entry)
}

/// §3.3 "`epoch` equals that of the newest accepted root (only a root raises it: the recovery from a run-up serial) and
/// `trust_version` is not above it (walk the chain first)".
fn check_epoch(release: &Release, chain: &TrustChain) -> Result<(), Refusal> {
    let newest = chain.newest();
    if release.trust_version > newest.version {
        return Err(Refusal::TrustVersion { found: release.trust_version, newest: newest.version });
    }
    if release.epoch != newest.epoch {
        return Err(Refusal::Epoch { found: release.epoch, expected: newest.epoch, version: newest.version });
    }
    Ok(())
}

/// §3.3 "(`epoch`, `serial`) is above the floor, or equal with identical bytes". Says whether it was equal.
fn check_floor(release: &Release, digest: Digest, floor: &Floor) -> Result<bool, Refusal> {
    let Some(accepted) = floor.release else { return Ok(false) };
    let (found, at) = (release.point(), (accepted.epoch, accepted.serial));
    if found < at {
        return Err(Refusal::Floor { found, floor: at });
    }
    if found == at && digest != accepted.digest {
        return Err(Refusal::FloorBytes { at, found: digest, accepted: accepted.digest });
    }
    Ok(found == at)
}

/// §3.3 "the release is included in the site's log under a checkpoint consistent with the last one seen". Without a log in
/// the trust root the answer is "not configured", never "passed" (§8).
fn check_log(
    chain: &TrustChain,
    release: &Release,
    digest: Digest,
    log: &LogProof,
    instant: Time,
) -> Result<LogInclusion, Refusal> {
    let found = judge::inclusion(chain, release, digest, log.receipt, &log.continuity, instant)?;
    Ok(found.map_or(LogInclusion::NotConfigured, LogInclusion::Included))
}

/// The release's time will raise the clock floor, and a root or a key that has expired then is of no use any more: one
/// wrong clock at a signer's desk must not end this appliance's updates.
fn check_issued_at(release: &Release, chain: &TrustChain, signers: &[Signer]) -> Result<(), Refusal> {
    let (root, issued_at) = (chain.newest(), release.issued_at);
    if issued_at >= root.expires_at {
        return Err(Refusal::IssuedAt { issued_at, version: root.version, expires_at: root.expires_at });
    }
    let ends = |signer: &Signer| root.key(signer.public_key.key_id()).map(|key| key.valid_until);
    let (found, needed) = (
        signers.iter().filter_map(ends).filter(|valid_until| issued_at < *valid_until).count(),
        root.threshold(Role::Release),
    );
    if found < needed as usize {
        return Err(Refusal::IssuedAtKeys { issued_at, version: root.version, found, needed });
    }
    Ok(())
}

fn check_times(
    release: &Release,
    entry: &Generation,
    appliance: &ApplianceId,
    running: Option<&Generation>,
    instant: Time,
) -> Result<(), Refusal> {
    // §3.3 "A release past `expires_at` is never newly accepted."
    let expires_at = release.expires_at;
    if instant >= expires_at {
        return Err(Refusal::Expiry { expires_at, instant });
    }
    // §3.3 "`not_before` has passed." `issued_at` is a signed time by now, so a clock that lags behind it is corrected.
    let (not_before, instant) = (entry.not_before, instant.max(release.issued_at));
    if instant < not_before && !running.is_some_and(|running| running.brings_the_same_as(entry)) {
        return Err(Refusal::NotBefore { appliance: appliance.clone(), not_before, instant });
    }
    Ok(())
}

/// §3.3 "The clock floor comes only from signed times." Nothing in a floor ever falls.
fn raised(floor: &Floor, chain: &TrustChain, release: &Release, digest: Digest) -> Floor {
    let mut next = floor.clone().with_trust(chain).with_signed_time(release.issued_at);
    next.release = Some(FloorRelease { epoch: release.epoch, serial: release.serial, digest });
    next
}
